//! What sequencers agree on: order, not results.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{Encodable, RlpDecodable, RlpEncodable};

use crate::{Height, L1Number, L2Number, RollupId, keccak256};

/// So many blocks are above the one that names the next epoch, and then its committee takes over. Enough for everybody to know it
/// before it happens.
pub const EPOCH_TAIL_BLOCKS: u64 = 32;

/// The transactions of one rollup in an ordered block.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct RollupSection {
    /// Which rollup.
    pub rollup: RollupId,
    /// How many messages are taken from this rollup's inbox; they run first.
    pub inbox_count: u32,
    /// Raw EIP-2718 transactions in order. Whether each one is valid shows only on execution.
    pub transactions: Vec<Bytes>,
    /// The last block of this rollup that the proposer had executed when it proposed.
    pub executed_number: L2Number,
    /// Its hash: whoever computed another one has diverged and must stop.
    pub executed_hash: B256,
}

/// A block as the sequencers order it, for all rollups of the set at once.
///
/// It is not an L2 block: an L2 block is what its section really executed. A rollup without a section gets no L2 block.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct OrderedBlock {
    /// One more than the parent's.
    pub height: Height,
    /// Whose committee orders it, as L1 counts epochs; 0 where one sequencer orders.
    pub epoch: u64,
    /// The view of that epoch in which it was proposed first; 0 where one sequencer orders.
    pub view: u64,
    /// Hash of the ordered block before; zero at height 1.
    pub parent: B256,
    /// Milliseconds since 1970; never before the parent's.
    pub timestamp_ms: u64,
    /// L1 block that all sections build on; never before the parent's.
    pub l1_origin: L1Number,
    /// Hash of that block.
    pub l1_origin_hash: B256,
    /// Receives the tips.
    pub beneficiary: Address,
    /// The epoch that takes over [`EPOCH_TAIL_BLOCKS`] above this block; 0 in all others. Once in an epoch.
    pub next_epoch: u64,
    /// At most one per rollup, ascending by rollup.
    pub sections: Vec<RollupSection>,
}

impl OrderedBlock {
    /// `keccak(rlp(block))`.
    pub fn hash(&self) -> B256 {
        let mut bytes = Vec::with_capacity(self.length());
        self.encode(&mut bytes);
        keccak256(bytes)
    }
}

/// Proof that the sequencers agreed on an ordered block.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Certificate {
    /// Which height.
    pub height: Height,
    /// Hash of the ordered block.
    pub block_hash: B256,
    /// Which engine made it: 0 = one sequencer, a 65-byte recoverable ECDSA signature over [`Certificate::digest`]; 1 = a committee,
    /// whose proof covers the hash. A committee's certificate decides every block below its own, too.
    pub scheme: u8,
    /// Signature(s) in the scheme's own shape.
    pub proof: Bytes,
}

impl Certificate {
    /// What a certificate signs: `keccak("sluice certificate" ‖ height u64 ‖ block hash)`.
    pub fn digest(height: Height, block_hash: B256) -> B256 {
        keccak256([b"sluice certificate".as_slice(), &height.0.to_be_bytes(), block_hash.as_slice()].concat())
    }
}
