//! Why settling stops or waits.

use sluice_types::{BatchIndex, L2Number, Severity};

/// Why settling stops or waits.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Talking to L1.
    #[error(transparent)]
    L1(#[from] sluice_l1::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] sluice_store::Error),
    /// Encoding a batch.
    #[error("batch {index}: {source}")]
    Encode {
        /// Which batch.
        index: BatchIndex,
        /// Why.
        source: sluice_derive::Error,
    },
    /// One block is larger than a whole batch may be; the sequencer's own bound should have prevented it.
    #[error("block {number} alone encodes to {size} bytes, more than the {max} that one batch may carry")]
    BlockTooLarge {
        /// The block.
        number: L2Number,
        /// Its encoding.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// The store lacks something that must be there.
    #[error("the store lacks {what} of block {number}; rebuild the folder with `sluice derive`")]
    Missing {
        /// What.
        what: &'static str,
        /// Which block.
        number: L2Number,
    },
    /// A worker thread failed.
    #[error("a thread of the settling room ended: {0}")]
    Thread(String),
}

impl Error {
    /// What to do about it: L1's moods are waited out, everything else stops the node.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::L1(error) => error.severity(),
            _ => Severity::Fatal,
        }
    }
}
