//! What goes into the store.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use sluice_trie::TrieChanges;
use sluice_types::{
    BatchHeader, BlockAccessList, Certificate, ChainConfig, CommittedBatch, EpochRecord, GenesisState, InboxMessage,
    L1Number, L1Origin, L2Number, OrderedBlock, Receipt, RewardEntry, SealedBlock, StateChanges,
};

/// What a chain starts from.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// The chain config.
    pub config: ChainConfig,
    /// The state before block 1.
    pub state: GenesisState,
}

/// Everything that one executed block leaves behind.
#[derive(Clone, Debug)]
pub struct BlockCommit {
    /// The block; its number is one more than the executed head's.
    pub sealed: SealedBlock,
    /// One receipt per transaction.
    pub receipts: Vec<Receipt>,
    /// What it did to the state.
    pub changes: Arc<StateChanges>,
    /// What it did to the tries, as [`crate::Store::state_root`] gave it for `changes`.
    pub trie: Arc<TrieChanges>,
    /// Who touched what.
    pub access_list: BlockAccessList,
    /// The ordered block it came from; `None` when it was derived from L1.
    pub ordered: Option<(OrderedBlock, Certificate)>,
}

/// An L1 block as far as L2 needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct L1Block {
    /// What L2 blocks may read of it.
    pub origin: L1Origin,
    /// Hash of the L1 block before.
    pub parent_hash: B256,
}

/// An L1 block with what our contracts said in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1BlockData {
    /// The block.
    pub block: L1Block,
    /// Inbox messages in it, in order.
    pub messages: Vec<InboxMessage>,
    /// Batches in it, in order.
    pub batches: Vec<CommittedBatch>,
}

/// One step of the L1 view; applied as a whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Update {
    /// Drops every L1 block above this number, with its messages and batches, before `blocks` are added.
    pub rewind_to: Option<L1Number>,
    /// New L1 blocks, each following the one before.
    pub blocks: Vec<L1BlockData>,
    /// Last block derived back from L1 and found equal.
    pub derived: L2Number,
    /// Last block whose state root L1 holds for final.
    pub proven: L2Number,
    /// Last block whose L1 data is final.
    pub finalized: L2Number,
    /// Last finalized L1 block.
    pub l1_finalized: L1Number,
}

/// Fees of an L1 transaction, wei per gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct L1Fees {
    /// Most to pay per gas.
    pub max_fee_per_gas_wei: u128,
    /// Most to tip per gas.
    pub max_priority_fee_per_gas_wei: u128,
    /// Most to pay per blob gas; 0 for a transaction without blobs.
    pub max_fee_per_blob_gas_wei: u128,
}

/// A batch on its way to L1, as its poster remembers it across restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingBatch {
    /// What it commits to.
    pub header: BatchHeader,
    /// The encoded batch, before it is packed into blobs.
    pub payload: Bytes,
    /// Hashes of the transactions sent for it, oldest first; all use the same nonce.
    pub tx_hashes: Vec<B256>,
    /// Fees of the last attempt; zero before the first.
    pub fees: L1Fees,
    /// Nonce of the posting account; `None` before the first attempt.
    pub nonce: Option<u64>,
}

/// What convicts a seat of contradicting itself, until L1 has heard it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// In which epoch it signed.
    pub epoch: u64,
    /// Its index in that epoch's committee.
    pub seat: u32,
    /// The contradiction, as `ordering` writes it.
    pub bytes: Bytes,
}

/// What the seats of an epoch did, as its blocks say.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct EpochRewards {
    /// The epoch.
    pub epoch: u32,
    /// Its last block.
    pub last_block: L2Number,
    /// One for each seat of its committee, in the committee's order.
    pub entries: Vec<RewardEntry>,
}

impl EpochRewards {
    /// What the committee certifies.
    pub fn record(&self) -> EpochRecord {
        EpochRecord::of(self.epoch, &self.entries)
    }
}
