//! Why the room stops or waits.

use alloy_primitives::B256;
use sluice_types::{BatchIndex, L2Number, Severity};

/// Why the room stops or waits.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Talking to L1.
    #[error(transparent)]
    L1(#[from] sluice_l1::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] sluice_store::Error),
    /// The store lacks something that must be there.
    #[error("the store lacks block {0}; rebuild the folder with `sluice derive`")]
    Missing(L2Number),
    /// The outbox as the store has it is not that of the chain.
    #[error(
        "the messages to L1 in the store give root {got} at the end of batch {batch}, which says {expected}; rebuild the folder with `sluice derive`"
    )]
    Outbox {
        /// The batch.
        batch: BatchIndex,
        /// Computed.
        got: B256,
        /// In the batch's header.
        expected: B256,
    },
    /// A task of the room failed.
    #[error("a task of the duties room ended: {0}")]
    Task(String),
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
