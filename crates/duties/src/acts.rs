//! The seam to the contracts: what can be done there, and whether it is.

use std::future::Future;

use alloy_primitives::Address;
use sluice_l1::{
    At, Claim, Error, Evidence, FeeBalances, Staker,
    contracts::L1Certificate,
    registry::{RegistryParams, SeatState},
    stake::{EpochRecord, RewardEntry},
};

/// One thing that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Store the committee of an epoch.
    Snapshot {
        /// Which.
        epoch: u32,
    },
    /// Report that a seat contradicted itself.
    Accuse {
        /// In which epoch.
        epoch: u32,
        /// Its index in that epoch's committee.
        index: u32,
        /// How.
        evidence: Box<Evidence>,
    },
    /// Record an epoch that is over.
    Record {
        /// The record.
        record: EpochRecord,
        /// What its committee signed.
        certificate: Box<L1Certificate>,
    },
    /// Report that a seat was down.
    ReportMissed {
        /// In which epoch.
        epoch: u32,
        /// Its entry in the record.
        entry: RewardEntry,
        /// How the entry hangs in the record's tree.
        proof: Vec<alloy_primitives::B256>,
    },
    /// Make the vault on L2 send its fees to L1.
    WithdrawVault,
    /// Carry out a message with which the vault sent its fees.
    ClaimVault {
        /// The message, with its proof.
        claim: Box<Claim>,
    },
    /// Send on what `Posting` holds above its reserve.
    Sweep,
    /// Send on the fees for messages to L2.
    WithdrawInbox,
}

/// How an act stands on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can be done.
    Owed,
    /// Not now: L1 lacks something, and would refuse.
    Waits,
    /// It is done, or cannot be done any more, by what the newest block says.
    Done,
    /// The same, for ever.
    Final,
}

/// Acts on L1. Real: [`Staker`]; in tests scripted contracts.
pub trait Acts: Clone + Send + Sync + 'static {
    /// What the contracts were told for ever.
    fn params(&self) -> RegistryParams;

    /// L1's clock: the timestamp of its newest block, seconds since 1970.
    fn now(&self) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Ids of the seats of an epoch's committee, in its order; `None` when none is stored.
    fn seats(&self, epoch: u32) -> impl Future<Output = Result<Option<Vec<u32>>, Error>> + Send;

    /// Whether ether that arrives at an account on L1 is the seats'.
    fn pays_seats(&self, recipient: Address) -> bool;

    /// Fees on L1 that are the seats', at the newest block.
    fn fee_balances(&self) -> impl Future<Output = Result<FeeBalances, Error>> + Send;

    /// How an act stands.
    fn standing(&self, act: &Act) -> impl Future<Output = Result<Standing, Error>> + Send;

    /// Does it; returns when L1 has confirmed it.
    fn perform(&self, act: &Act) -> impl Future<Output = Result<(), Error>> + Send;
}

impl Acts for Staker {
    fn params(&self) -> RegistryParams {
        *self.registry().params()
    }

    async fn now(&self) -> Result<u64, Error> {
        self.registry().latest_seconds().await
    }

    async fn seats(&self, epoch: u32) -> Result<Option<Vec<u32>>, Error> {
        self.registry().committee_seats(epoch, At::Latest).await
    }

    fn pays_seats(&self, recipient: Address) -> bool {
        self.registry().pays_seats(recipient)
    }

    async fn fee_balances(&self) -> Result<FeeBalances, Error> {
        self.registry().fee_balances().await
    }

    async fn standing(&self, act: &Act) -> Result<Standing, Error> {
        for (at, done) in [(At::Finalized, Standing::Final), (At::Latest, Standing::Done)] {
            if is_done(self, act, at).await? {
                return Ok(done);
            }
        }
        let registry = self.registry();
        let is_possible = match act {
            Act::Snapshot { epoch } => {
                let count = registry.members_of(*epoch, At::Latest).await?.len();
                u32::try_from(count).is_ok_and(|count| count >= registry.params().set_size_min)
            }
            // What is given away must be there first. Others may send it any time.
            Act::Record { record, .. } => record.fees_wei <= registry.unassigned_wei().await?,
            Act::Accuse { .. } | Act::ReportMissed { .. } => true,
            // Whether the vault has enough is what the store says.
            Act::WithdrawVault => true,
            // That the batch is final, too. Ether that a genesis made out of nothing is not in the bridge.
            Act::ClaimVault { claim } => claim.value_wei <= registry.bridge_wei().await?,
            Act::Sweep => !registry.fee_balances().await?.surplus_wei.is_zero(),
            Act::WithdrawInbox => !registry.fee_balances().await?.inbox_wei.is_zero(),
        };
        Ok(if is_possible { Standing::Owed } else { Standing::Waits })
    }

    async fn perform(&self, act: &Act) -> Result<(), Error> {
        let _ = match act {
            Act::Snapshot { epoch } => self.snapshot(*epoch).await?,
            Act::Accuse { epoch, index, evidence } => self.report(*epoch, *index, evidence).await?,
            Act::Record { record, certificate } => self.submit_record(record, certificate).await?,
            Act::ReportMissed { epoch, entry, proof } => self.report_missed(*epoch, entry, proof.clone()).await?,
            Act::WithdrawVault => self.withdraw_vault().await?,
            Act::ClaimVault { claim } => self.claim_message(claim).await?,
            Act::Sweep => self.sweep().await?,
            Act::WithdrawInbox => self.withdraw_inbox_fees().await?,
        };
        Ok(())
    }
}

/// Whether there is nothing left to do, as of a block.
async fn is_done(staker: &Staker, act: &Act, at: At) -> Result<bool, Error> {
    let registry = staker.registry();
    Ok(match act {
        Act::Snapshot { epoch } => registry.committee_seats(*epoch, at).await?.is_some(),
        Act::Accuse { epoch, index, .. } => {
            let seats = registry.committee_seats(*epoch, At::Latest).await?.unwrap_or_default();
            match usize::try_from(*index).ok().and_then(|index| seats.get(index)) {
                Some(seat) => matches!(registry.seat_state(*seat, at).await?, SeatState::Slashed | SeatState::Closed),
                None => true,
            }
        }
        Act::Record { record, .. } => registry.is_recorded(record.epoch, at).await?,
        // Who is not open cannot be jailed.
        Act::ReportMissed { epoch, entry, .. } => {
            registry.is_reported(*epoch, entry.seat, at).await?
                || registry.seat_state(entry.seat, at).await? != SeatState::Open
        }
        Act::ClaimVault { claim } => registry.is_message_claimed(claim.leaf_index, at).await?,
        // There are always more to come.
        Act::WithdrawVault | Act::Sweep | Act::WithdrawInbox => false,
    })
}
