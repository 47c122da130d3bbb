//! Batches: contiguous L2 blocks as L1 knows them.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

use crate::{BatchIndex, L1Number, L2Number, MessageIndex, SignedTransaction, keccak256};

/// Most blobs that one batch may carry, because one L1 transaction takes no more (EIP-7594).
pub const BATCH_BLOBS_MAX: usize = 6;

/// What is committed on L1 about a batch, besides its blobs.
///
/// Source: `IRollup.BatchHeader` in `contracts/src/l1/interfaces/IRollup.sol`: same fields, same order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "camelCase")]
pub struct BatchHeader {
    /// Place of the batch; one more than its parent's.
    pub index: BatchIndex,
    /// Hash of the batch before; zero for the first.
    pub parent_hash: B256,
    /// First L2 block; one more than the last of the batch before.
    pub first_block: L2Number,
    /// Last L2 block.
    pub last_block: L2Number,
    /// Timestamp of the last block, seconds; not after the L1 block that holds the batch.
    pub last_timestamp: u64,
    /// L1 origin of the last block.
    pub l1_origin_number: L1Number,
    /// Hash of that L1 block; the contract compares it with the chain it is on.
    pub l1_origin_hash: B256,
    /// Inbox messages consumed up to and including the last block.
    pub inbox_count: MessageIndex,
    /// Rolling hash of those messages.
    pub inbox_hash: B256,
    /// Hash of the last L2 block.
    pub last_block_hash: B256,
    /// State root after the last L2 block.
    pub state_root: B256,
    /// Root of the outbox after the last L2 block.
    pub outbox_root: B256,
}

impl BatchHeader {
    /// Hash of the batch: `keccak(keccak(abi.encode(header)) ‖ keccak(blob hashes))`.
    ///
    /// Shape: all twelve fields are static words, so `abi.encode` is their concatenation, 32 bytes each.
    pub fn hash(&self, blob_hashes: &[B256]) -> B256 {
        let number = |n: u64| B256::left_padding_from(&n.to_be_bytes());
        let words = [
            number(self.index.0),
            self.parent_hash,
            number(self.first_block.0),
            number(self.last_block.0),
            number(self.last_timestamp),
            number(self.l1_origin_number.0),
            self.l1_origin_hash,
            number(self.inbox_count.0),
            self.inbox_hash,
            self.last_block_hash,
            self.state_root,
            self.outbox_root,
        ];
        keccak256(flat(&[keccak256(flat(&words)), keccak256(flat(blob_hashes))]))
    }
}

/// Hashes laid end to end.
fn flat(hashes: &[B256]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// A batch that an L1 block holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "camelCase")]
pub struct CommittedBatch {
    /// The committed header.
    pub header: BatchHeader,
    /// Versioned hashes of its blobs, in order.
    pub blob_hashes: Vec<B256>,
    /// L1 block that holds it.
    pub l1_number: L1Number,
    /// Hash of that L1 block.
    pub l1_hash: B256,
    /// Timestamp of that L1 block, seconds.
    pub l1_timestamp: u64,
    /// The L1 transaction.
    pub l1_tx_hash: B256,
    /// Who posted it.
    pub poster: Address,
}

impl CommittedBatch {
    /// Hash of the batch.
    pub fn hash(&self) -> B256 {
        self.header.hash(&self.blob_hashes)
    }
}

/// One L2 block as a batch carries it: only what cannot be computed from L1 and the state before.
///
/// Deposits and forced transactions are not in it; they come from the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchBlock {
    /// Seconds.
    pub timestamp: u64,
    /// L1 block it builds on.
    pub l1_origin: L1Number,
    /// Receives the tips: the proposer's fee recipient.
    pub beneficiary: Address,
    /// How many inbox messages it consumes.
    pub inbox_count: u32,
    /// Executed transactions other than those from the inbox, in order.
    pub transactions: Vec<SignedTransaction>,
}
