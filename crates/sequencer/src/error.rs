//! Why a sequencer stops.

use alloy_primitives::B256;
use sluice_types::{Height, L1Number, L2Number, RollupId, Severity};

/// Why a sequencer stops.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] sluice_store::Error),
    /// Execution failed; never because of a transaction.
    #[error("block {number} cannot be executed: {reason}")]
    Execute {
        /// Which block.
        number: L2Number,
        /// What the executor says.
        reason: String,
    },
    /// The proposer computed another block than we did.
    #[error(
        "diverged at block {number}: ordered height {height} builds on {theirs}, this node computed {ours}; \
         do not go on, keep the data directory and compare the two blocks"
    )]
    Diverged {
        /// Height of the ordered block that says so.
        height: Height,
        /// The L2 block in question.
        number: L2Number,
        /// Hash in the ordered block.
        theirs: B256,
        /// Hash here; zero when the block does not exist here.
        ours: B256,
    },
    /// The engine finalised a block that does not follow ours.
    #[error("ordered height {height} on {parent} does not follow height {head} with hash {head_hash}")]
    OutOfOrder {
        /// Of the block.
        height: Height,
        /// Of the block.
        parent: B256,
        /// Our ordered head.
        head: Height,
        /// Its hash.
        head_hash: B256,
    },
    /// The engine finalised a second block at a height.
    #[error("two blocks were finalised at height {height}: {first} is stored, {second} came now")]
    TwoBlocks {
        /// The height.
        height: Height,
        /// Stored.
        first: B256,
        /// New.
        second: B256,
    },
    /// A finalised block breaks a rule that no honest proposer breaks.
    #[error("ordered height {height} is not acceptable: {reason}")]
    BadBlock {
        /// Which.
        height: Height,
        /// Which rule.
        reason: String,
    },
    /// An ordered block says nothing about the rollup that this node serves.
    #[error("ordered height {height} has no section for rollup {rollup}")]
    NoSection {
        /// Which.
        height: Height,
        /// Served here.
        rollup: RollupId,
    },
    /// L1 replaced a block that an executed L2 block builds on.
    #[error(
        "L1 block {number} is {now} but L2 blocks built on {then}: L1 reorganised deeper than l1_confirmations; \
         rebuild from L1 with a fresh data directory"
    )]
    OriginReplaced {
        /// Which L1 block.
        number: L1Number,
        /// Hash that L2 blocks name.
        then: B256,
        /// Hash on L1 now.
        now: B256,
    },
    /// The thread of a stage is gone.
    #[error("a thread of the sequencer ended; its panic is in the log above")]
    ThreadGone,
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The ordering engine is gone.
    #[error("the ordering engine stopped; look for its own error before this one")]
    EngineGone,
}

impl Error {
    /// What to do: stop, always. A sequencer that goes on after any of these would mislead.
    pub const fn severity(&self) -> Severity {
        Severity::Fatal
    }
}
