//! The L1 view: L1 blocks, inbox messages, committed batches, and what L1 says about the heads.

use alloy_primitives::B256;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use sluice_types::{BatchIndex, CommittedBatch, Heads, InboxMessage, L1Number, L2Number, MessageIndex};

use crate::{
    Error, L1Block, L1BlockData, L1Update,
    codec::{self, L1Claims, MessageRow},
    tables::{BATCH_ENDS, BATCHES, L1_BLOCKS, MESSAGES, META, META_L1},
};

/// The ends of the L1 view, kept in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct L1View {
    pub(crate) head: Option<L1Block>,
    /// Messages there are.
    pub(crate) message_count: MessageIndex,
    /// Rolling hash after the last one.
    pub(crate) inbox_hash: B256,
    /// Batches there are.
    pub(crate) batch_count: BatchIndex,
    /// Last block of the last one; 0 when there is none.
    pub(crate) batch_end: L2Number,
    pub(crate) claims: L1Claims,
}

impl L1View {
    /// Reads the ends from the tables.
    pub(crate) fn read(txn: &ReadTransaction) -> Result<Self, Error> {
        let claims = match txn.open_table(META)?.get(META_L1)? {
            Some(bytes) => codec::decode("the L1 claims", bytes.value())?,
            None => L1Claims::default(),
        };
        let mut view = Self { claims, ..Self::default() };
        view.read_ends(&txn.open_table(L1_BLOCKS)?, &txn.open_table(MESSAGES)?, &txn.open_table(BATCHES)?)?;
        Ok(view)
    }

    fn read_ends<T: ReadableTable<u64, &'static [u8]>>(
        &mut self,
        blocks: &T,
        messages: &T,
        batches: &T,
    ) -> Result<(), Error> {
        self.head = match blocks.last()? {
            Some((_, bytes)) => Some(codec::decode("an L1 block", bytes.value())?),
            None => None,
        };
        (self.message_count, self.inbox_hash) = match messages.last()? {
            Some((index, bytes)) => {
                let row: MessageRow = codec::decode("an inbox message", bytes.value())?;
                (MessageIndex(index.value()).next(), row.hash)
            }
            None => Default::default(),
        };
        (self.batch_count, self.batch_end) = match batches.last()? {
            Some((index, bytes)) => {
                let batch: CommittedBatch = codec::decode("a batch", bytes.value())?;
                (BatchIndex(index.value()).next(), batch.header.last_block)
            }
            None => Default::default(),
        };
        Ok(())
    }

    /// The heads, given how far this node has executed: a node that is catching up cannot stand on blocks it does not have.
    pub(crate) fn heads(&self, executed: L2Number) -> Heads {
        let posted = self.batch_end.min(executed);
        let derived = self.claims.derived.min(posted);
        let proven = self.claims.proven.min(derived);
        let finalized = self.claims.finalized.min(proven);
        Heads { executed, posted, derived, proven, finalized }
    }

    /// Applies an update to the tables and to itself.
    pub(crate) fn apply(&mut self, txn: &WriteTransaction, update: &L1Update) -> Result<(), Error> {
        if let Some(number) = update.rewind_to {
            self.rewind(txn, number)?;
        }
        self.append(txn, &update.blocks)?;
        // A claim that outlives its batch would come true again with another batch in its place.
        let derived = update.derived.min(self.batch_end);
        self.claims = L1Claims {
            derived,
            proven: update.proven.min(derived),
            finalized: update.finalized.min(update.proven).min(derived),
            l1_finalized: update.l1_finalized,
        };
        txn.open_table(META)?.insert(META_L1, codec::encode(&self.claims).as_slice())?;
        Ok(())
    }

    fn rewind(&mut self, txn: &WriteTransaction, number: L1Number) -> Result<(), Error> {
        let mut blocks = txn.open_table(L1_BLOCKS)?;
        let mut messages = txn.open_table(MESSAGES)?;
        let mut batches = txn.open_table(BATCHES)?;
        let mut batch_ends = txn.open_table(BATCH_ENDS)?;
        blocks.retain_in(number.0 + 1.., |_, _| false)?;
        loop {
            let Some((index, bytes)) = last(&messages)? else { break };
            let row: MessageRow = codec::decode("an inbox message", &bytes)?;
            if row.message.l1_number <= number {
                break;
            }
            messages.remove(index)?;
        }
        loop {
            let Some((index, bytes)) = last(&batches)? else { break };
            let batch: CommittedBatch = codec::decode("a batch", &bytes)?;
            if batch.l1_number <= number {
                break;
            }
            batches.remove(index)?;
            batch_ends.remove(batch.header.last_block.0)?;
        }
        self.read_ends(&blocks, &messages, &batches)
    }

    fn append(&mut self, txn: &WriteTransaction, data: &[L1BlockData]) -> Result<(), Error> {
        let mut blocks = txn.open_table(L1_BLOCKS)?;
        let mut messages = txn.open_table(MESSAGES)?;
        let mut batches = txn.open_table(BATCHES)?;
        let mut batch_ends = txn.open_table(BATCH_ENDS)?;
        for data in data {
            let origin = &data.block.origin;
            self.check_follows(&data.block)?;
            blocks.insert(origin.number.0, codec::encode(&data.block).as_slice())?;
            self.head = Some(data.block.clone());
            for message in &data.messages {
                self.check_message(message, origin.number)?;
                self.inbox_hash = message.roll(self.inbox_hash);
                let row = MessageRow { message: message.clone(), hash: self.inbox_hash };
                messages.insert(message.index.0, codec::encode(&row).as_slice())?;
                self.message_count = message.index.next();
            }
            for batch in &data.batches {
                self.check_batch(batch, origin.number)?;
                batches.insert(batch.header.index.0, codec::encode(batch).as_slice())?;
                batch_ends.insert(batch.header.last_block.0, batch.header.index.0)?;
                self.batch_count = batch.header.index.next();
                self.batch_end = batch.header.last_block;
            }
        }
        Ok(())
    }

    fn check_follows(&self, block: &L1Block) -> Result<(), Error> {
        let Some(head) = &self.head else { return Ok(()) };
        if block.origin.number == head.origin.number.next() && block.parent_hash == head.origin.hash {
            return Ok(());
        }
        Err(Error::L1Gap {
            number: block.origin.number,
            parent_hash: block.parent_hash,
            head: head.origin.number,
            head_hash: head.origin.hash,
        })
    }

    fn check_message(&self, message: &InboxMessage, l1_expected: L1Number) -> Result<(), Error> {
        let (index, expected, l1_number) = (message.index, self.message_count, message.l1_number);
        if index == expected && l1_number == l1_expected {
            return Ok(());
        }
        Err(Error::MessageOrder { index, expected, l1_number, l1_expected })
    }

    fn check_batch(&self, batch: &CommittedBatch, l1_expected: L1Number) -> Result<(), Error> {
        let (index, expected, l1_number) = (batch.header.index, self.batch_count, batch.l1_number);
        if index != expected || l1_number != l1_expected {
            return Err(Error::BatchOrder { index, expected, l1_number, l1_expected });
        }
        let (first, last, first_expected) = (batch.header.first_block, batch.header.last_block, self.batch_end.next());
        if first != first_expected || last < first {
            return Err(Error::BatchRange { index, first, last, first_expected });
        }
        Ok(())
    }
}

/// The last row of a table, copied out so that the table may be changed.
fn last(table: &impl ReadableTable<u64, &'static [u8]>) -> Result<Option<(u64, Vec<u8>)>, Error> {
    Ok(table.last()?.map(|(key, value)| (key.value(), value.value().to_vec())))
}
