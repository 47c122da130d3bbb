//! Why following stops or waits.

use alloy_primitives::B256;
use sluice_types::{BatchIndex, L1Number, L2Number, Severity};

/// Why following stops or waits.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value in the config is out of range.
    #[error("follow: poll_ms = {poll_ms} is out of range; give 20 to 60000")]
    Config {
        /// As given.
        poll_ms: u64,
    },
    /// The L1 is not the one that the rollup lives on.
    #[error("the L1 has chain id {got}, this rollup lives on chain {expected}; give endpoints of that chain")]
    OtherL1 {
        /// From the chain config.
        expected: u64,
        /// What the endpoint says.
        got: u64,
    },
    /// L1 could not be read.
    #[error(transparent)]
    L1(#[from] sluice_l1::Error),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] sluice_store::Error),
    /// L1 moved between two questions.
    #[error("L1 changed at block {number} while it was being read")]
    Moved {
        /// First block in doubt.
        number: L1Number,
    },
    /// An L1 block that cannot go is gone: it is finalized, the first of all, or too deep.
    #[error(
        "L1 holds block {number} as {l1_hash}, this node has {stored} ({reason}); if the endpoint is on the right chain, derive the chain from L1 again in an empty data directory"
    )]
    DeepReorg {
        /// Which block.
        number: L1Number,
        /// Its hash in the store.
        stored: B256,
        /// Its hash on L1.
        l1_hash: B256,
        /// Why it cannot be replaced.
        reason: &'static str,
    },
    /// L1 replaced a block that an executed L2 block builds on.
    #[error(
        "L2 block {block} builds on L1 block {origin}, but L1 reorganised at block {number}: {stored} became {l1_hash}; the executed chain has no place on this L1 any more, derive it again in an empty data directory"
    )]
    OriginReplaced {
        /// Newest executed L2 block.
        block: L2Number,
        /// The L1 block it builds on.
        origin: L1Number,
        /// The first block replaced.
        number: L1Number,
        /// Its hash as it was built on.
        stored: B256,
        /// Its hash on L1.
        l1_hash: B256,
    },
    /// A batch breaks a rule.
    #[error("batch {index} ({hash}) is invalid: {source}")]
    Invalid {
        /// Which batch.
        index: BatchIndex,
        /// Its hash.
        hash: B256,
        /// The rule.
        source: Box<sluice_derive::Error>,
    },
    /// A batch holds another block than the one executed here.
    #[error(
        "batch {index} holds another block {block} than this node executed: {what} is {values} (last block on L1 {l1_hash}, block {block} here {hash}); keep this data directory, and compare with one derived from L1"
    )]
    OtherBlock {
        /// Which batch.
        index: BatchIndex,
        /// The first block that differs.
        block: L2Number,
        /// In what it differs.
        what: &'static str,
        /// As L1 has it, and as the store has it.
        values: String,
        /// Hash of the batch's last block, by its header.
        l1_hash: B256,
        /// Hash of the stored block.
        hash: B256,
    },
    /// A batch's data is right but its header claims another result.
    #[error("batch {index} claims {what} {claimed} after block {block}; executing it gives {computed}")]
    WrongClaim {
        /// Which batch.
        index: BatchIndex,
        /// Its last block.
        block: L2Number,
        /// Block hash, state root or outbox root.
        what: &'static str,
        /// In the header.
        claimed: B256,
        /// By this node.
        computed: B256,
    },
    /// A block could not be executed at all.
    #[error("block {block} cannot be executed: {reason}")]
    Execute {
        /// Which block.
        block: L2Number,
        /// What the executor says.
        reason: String,
    },
    /// Something that must be in the store is not.
    #[error("the store lacks {what}; it is damaged, derive the chain from L1 again in an empty data directory")]
    Missing {
        /// What is missing.
        what: String,
    },
    /// The working thread could not be started, or ended without an answer.
    #[error("a working thread failed: {0}")]
    Thread(String),
    /// Nothing worked for too long.
    #[error("{count} tries in a row failed, the last one with: {last}")]
    GivenUp {
        /// How many tries.
        count: u32,
        /// The last error.
        last: Box<Self>,
    },
}

impl Error {
    /// What the caller must do.
    pub fn severity(&self) -> Severity {
        match self {
            Self::L1(error) => error.severity(),
            Self::Store(error) => error.severity(),
            Self::Moved { .. } => Severity::Reset,
            Self::Config { .. }
            | Self::OtherL1 { .. }
            | Self::DeepReorg { .. }
            | Self::OriginReplaced { .. }
            | Self::Invalid { .. }
            | Self::OtherBlock { .. }
            | Self::WrongClaim { .. }
            | Self::Execute { .. }
            | Self::Missing { .. }
            | Self::Thread(_)
            | Self::GivenUp { .. } => Severity::Fatal,
        }
    }
}
