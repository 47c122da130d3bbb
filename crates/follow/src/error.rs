//! Why following waits, starts over, or stops.

use alloy_primitives::B256;
use sluice_types::{BatchIndex, L1Number, L2Number, Severity};

/// Why following waits, starts over, or stops.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Talking to L1.
    #[error(transparent)]
    L1(#[from] sluice_l1::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] sluice_store::Error),
    /// A batch on L1 that no honest sequencer posts.
    #[error("batch {index} on L1 is invalid: {source}")]
    Batch {
        /// Which batch.
        index: BatchIndex,
        /// What is wrong.
        source: sluice_derive::Error,
    },
    /// What L1 says differs from what was executed.
    #[error("block {number} {what}: executed here {ours}, from L1 {theirs} (batch {index}); keep this folder and compare with `sluice derive`")]
    Mismatch {
        /// First block that differs.
        number: L2Number,
        /// In what.
        what: &'static str,
        /// As executed.
        ours: B256,
        /// As on L1.
        theirs: B256,
        /// The batch.
        index: BatchIndex,
    },
    /// A block that was built on is gone from L1.
    #[error(
        "L1 reorganised below block {origin}, which L2 block {number} builds on: it was {ours}, now {theirs}; \
         the chain's l1_confirmations were too few. Rebuild from L1 with `sluice derive`"
    )]
    OriginGone {
        /// Executed head.
        number: L2Number,
        /// Its L1 origin.
        origin: L1Number,
        /// The hash that was built on.
        ours: B256,
        /// The hash there now; zero when there is no such block.
        theirs: B256,
    },
    /// L1 has no block in common with what was seen before.
    #[error("L1 shares no block above {oldest} with what this node saw; is the L1 endpoint right?")]
    NoCommonBlock {
        /// The oldest block compared.
        oldest: L1Number,
    },
    /// The store lacks what it must have.
    #[error("the store lacks {what} {number}; rebuild the folder with `sluice derive`")]
    Missing {
        /// What.
        what: &'static str,
        /// Which.
        number: u64,
    },
    /// Execution failed for a reason that is not the block's.
    #[error("executing block {number}: {reason}")]
    Execute {
        /// Which block.
        number: L2Number,
        /// Why.
        reason: String,
    },
    /// A worker thread failed.
    #[error("a thread of the following room ended: {0}")]
    Thread(String),
}

impl Error {
    /// What to do about it.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::L1(error) => error.severity(),
            _ => Severity::Fatal,
        }
    }
}
