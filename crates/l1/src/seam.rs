//! What the other rooms see of L1.

use std::future::Future;

use alloy_primitives::B256;
use sluice_types::{BatchIndex, CommittedBatch, InboxMessage, L1Number, L1Origin};

use crate::{Blob, Error};

/// Most blocks that one [`L1::blocks`] call may ask for: bounds the memory and the time of one answer.
pub const BLOCKS_MAX: u64 = 128;

/// How far L1 has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Heads {
    /// Number and hash of the newest block.
    pub latest: (L1Number, B256),
    /// Newest block that honest validators do not expect to reorganise.
    pub safe: L1Number,
    /// Newest final block.
    pub finalized: L1Number,
}

/// An L1 block as the rollup sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1Header {
    /// The facts that L2 blocks may read.
    pub origin: L1Origin,
    /// Hash of the block before.
    pub parent_hash: B256,
}

/// Something that the rollup's contracts said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum L1Event {
    /// The inbox took a message.
    Message {
        /// The message.
        message: InboxMessage,
        /// The contract's rolling hash after it. Checked against the message before it within one answer; the first of an answer
        /// is for the caller to check against what it knows.
        rolling_hash: B256,
    },
    /// The rollup contract took a batch. Its hash is checked against its header.
    Batch(CommittedBatch),
}

/// An L1 block with everything that the rollup's contracts said in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1BlockEvents {
    /// The block.
    pub header: L1Header,
    /// In the order in which they were logged.
    pub events: Vec<L1Event>,
}

/// The seam to Ethereum: execution RPC and beacon REST in production, a scripted chain with reorgs in tests.
///
/// Scoped to one rollup's contracts.
pub trait L1: Send + Sync + 'static {
    /// EIP-155 chain id.
    fn chain_id(&self) -> u64;

    /// The heads now.
    fn heads(&self) -> impl Future<Output = Result<L1Heads, Error>> + Send;

    /// The canonical block with this number; `None` past the head.
    fn block(&self, number: L1Number) -> impl Future<Output = Result<Option<L1Header>, Error>> + Send;

    /// The canonical blocks `first..=last` with their events.
    ///
    /// Shape: ascending, without gaps, each on the hash of the one before. At most [`BLOCKS_MAX`]; shorter when the chain ends
    /// earlier. Errors: [`Error::Reorged`] when L1 moved between two questions; ask again from a common ancestor.
    fn blocks(&self, first: L1Number, last: L1Number)
    -> impl Future<Output = Result<Vec<L1BlockEvents>, Error>> + Send;

    /// The blobs of a batch, in order, each checked against its versioned hash.
    ///
    /// Errors: [`Error::BlobsUnavailable`] when nobody who was asked has them.
    fn blobs(&self, batch: &CommittedBatch) -> impl Future<Output = Result<Vec<Box<Blob>>, Error>> + Send;

    /// How many batches the rollup contract holds for final at the newest block: every batch with a lower index is proven.
    fn final_batch_count(&self) -> impl Future<Output = Result<BatchIndex, Error>> + Send;
}
