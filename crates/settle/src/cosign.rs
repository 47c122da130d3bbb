//! The seam to a committee, whose signatures L1 asks for before it takes a batch.

use alloy_primitives::{B256, U256};
use sluice_types::BatchIndex;

/// Why L1 takes a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// Its poster's name is on the contract's list.
    Poster,
    /// A committee signed it.
    Certificate {
        /// Which epoch's.
        epoch: u64,
        /// Bit `i` is the seat at index `i`.
        signers: U256,
        /// The sum of their signatures, as the contract takes it.
        signature: [u8; 128],
    },
}

/// Those who must sign a batch besides this node. Real: a committee over the network; in tests a scripted one.
pub trait Cosigners: Send + Sync + 'static {
    /// Whether there are others: then all must cut the same batches, from nothing but the blocks.
    fn are_there(&self) -> bool;

    /// Signs here, tells the others, and says why L1 will take the batch once enough of them have told us. Asked again until then. What
    /// it is asked for is in the store, so that a restart does not ask for another batch of this index.
    fn authority(&self, index: BatchIndex, batch_hash: B256) -> Option<Authority>;

    /// Whether it is this node's turn to post. `now` and `last_posted`, when the last batch came to L1, in seconds.
    fn in_turn(&self, now: u64, last_posted: u64) -> bool;
}

/// Nobody else: the chain has one sequencer.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Cosigners for Alone {
    fn are_there(&self) -> bool {
        false
    }

    fn authority(&self, _: BatchIndex, _: B256) -> Option<Authority> {
        Some(Authority::Poster)
    }

    fn in_turn(&self, _: u64, _: u64) -> bool {
        true
    }
}
