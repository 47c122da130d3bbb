//! What a committee still owes L1: evidence against its seats, and the records that pay them.

use redb::{ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _};

use crate::{
    EpochRewards, Error, Evidence, Store, codec,
    tables::{EVIDENCE, REWARDS},
};

/// Most pieces of evidence at a time. Every seat of several committees has room; more than a third of one ends the chain anyway.
pub const EVIDENCE_MAX: u64 = 1_024;

/// What a committee owes L1.
impl Store {
    /// Keeps the first piece of evidence against a seat in an epoch. False when there was one, or [`EVIDENCE_MAX`] of others.
    pub fn add_evidence(&self, evidence: &Evidence) -> Result<bool, Error> {
        let key = (evidence.epoch, evidence.seat);
        let mut added = false;
        self.engine().write_main(|txn| {
            let mut table = txn.open_table(EVIDENCE)?;
            if table.get(key)?.is_none() && table.len()? < EVIDENCE_MAX {
                table.insert(key, evidence.bytes.as_ref())?;
                added = true;
            }
            Ok(())
        })?;
        Ok(added)
    }

    /// Whether there is evidence against a seat in an epoch.
    pub fn has_evidence(&self, epoch: u64, seat: u32) -> Result<bool, Error> {
        Ok(self.engine().main.begin_read()?.open_table(EVIDENCE)?.get((epoch, seat))?.is_some())
    }

    /// All evidence, ascending by epoch and seat.
    pub fn evidence(&self) -> Result<Vec<Evidence>, Error> {
        let table = self.engine().main.begin_read()?.open_table(EVIDENCE)?;
        let row = |entry: (redb::AccessGuard<'_, (u64, u32)>, redb::AccessGuard<'_, &[u8]>)| {
            let (epoch, seat) = entry.0.value();
            Evidence { epoch, seat, bytes: entry.1.value().to_vec().into() }
        };
        table.iter()?.map(|entry| Ok(row(entry?))).collect()
    }

    /// Forgets the evidence against a seat in an epoch; nothing happens when there is none.
    pub fn remove_evidence(&self, epoch: u64, seat: u32) -> Result<(), Error> {
        self.engine().write_main(|txn| {
            txn.open_table(EVIDENCE)?.remove((epoch, seat))?;
            Ok(())
        })
    }

    /// Keeps what the seats of an epoch did. What is kept of an epoch never changes: its committee signs it once.
    pub fn add_rewards(&self, rewards: &EpochRewards) -> Result<(), Error> {
        self.engine().write_main(|txn| {
            let mut table = txn.open_table(REWARDS)?;
            if table.get(u64::from(rewards.epoch))?.is_none() {
                table.insert(u64::from(rewards.epoch), codec::encode(rewards).as_slice())?;
            }
            Ok(())
        })
    }

    /// What the seats of an epoch did, if it is over.
    pub fn rewards(&self, epoch: u64) -> Result<Option<EpochRewards>, Error> {
        let table = self.engine().main.begin_read()?.open_table(REWARDS)?;
        table.get(epoch)?.map(|bytes| codec::decode("an epoch's rewards", bytes.value())).transpose()
    }

    /// The newest epochs that are over, newest first, at most so many.
    pub fn last_rewards(&self, count: usize) -> Result<Vec<EpochRewards>, Error> {
        let table = self.engine().main.begin_read()?.open_table(REWARDS)?;
        let newest = table.iter()?.rev().take(count);
        newest.map(|entry| codec::decode("an epoch's rewards", entry?.1.value())).collect()
    }
}
