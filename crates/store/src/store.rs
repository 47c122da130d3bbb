//! The store's door.
use std::{path::Path, sync::Arc};
use alloy_primitives::{Address, B256, U256};
use sluice_trie::{AccountProof, TrieChanges};
use sluice_types::*;
use tokio::sync::watch;
use crate::{BlockCommit, Error, Genesis, L1Block, L1Update, PendingBatch, Snapshot};

/// How the store uses the machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory for database pages, bytes.
    pub cache_size_bytes: usize,
    /// Blocks kept in memory (and in the journal on disk) before they are moved to the tables together.
    pub flush_blocks: usize,
}
impl Default for Options { fn default() -> Self { todo!() } }

/// A handle to the store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {}

impl Store {
    /// Opens the store in `dir`; creates it with this genesis when there is none.
    pub fn open(dir: &Path, genesis: &Genesis) -> Result<Self, Error> { todo!() }
    /// Same with options.
    pub fn open_with(dir: &Path, genesis: &Genesis, options: &Options) -> Result<Self, Error> { todo!() }
    /// Opens what is there.
    pub fn open_existing(dir: &Path) -> Result<Self, Error> { todo!() }
    /// Same with options.
    pub fn open_existing_with(dir: &Path, options: &Options) -> Result<Self, Error> { todo!() }
    /// In memory.
    pub fn in_memory(genesis: &Genesis) -> Result<Self, Error> { todo!() }
    /// True when there is a store.
    pub fn is_initialised(dir: &Path) -> bool { todo!() }
    /// Config.
    pub fn config(&self) -> &ChainConfig { todo!() }
    /// Heads.
    pub fn heads(&self) -> Heads { todo!() }
    /// Watch.
    pub fn watch_heads(&self) -> watch::Receiver<Heads> { todo!() }
    /// Executed head.
    pub fn head_block(&self) -> Arc<SealedBlock> { todo!() }
    /// Block.
    pub fn block(&self, number: L2Number) -> Result<Option<Arc<SealedBlock>>, Error> { todo!() }
    /// By hash.
    pub fn block_by_hash(&self, hash: B256) -> Result<Option<Arc<SealedBlock>>, Error> { todo!() }
    /// Number of a block.
    pub fn number_of(&self, hash: B256) -> Result<Option<L2Number>, Error> { todo!() }
    /// Receipts.
    pub fn receipts(&self, number: L2Number) -> Result<Option<Arc<Vec<Receipt>>>, Error> { todo!() }
    /// Access list.
    pub fn access_list(&self, number: L2Number) -> Result<Option<BlockAccessList>, Error> { todo!() }
    /// Place of a transaction.
    pub fn transaction(&self, hash: B256) -> Result<Option<(L2Number, usize)>, Error> { todo!() }
    /// Ordered block.
    pub fn ordered(&self, number: L2Number) -> Result<Option<(OrderedBlock, Certificate)>, Error> { todo!() }
    /// Height, hash and timestamp (ms) of the last ordered block that was executed here.
    pub fn ordered_head(&self) -> Option<(Height, B256, u64)> { todo!() }
    /// State.
    pub fn state(&self, number: L2Number) -> Result<Snapshot, Error> { todo!() }
    /// Root.
    pub fn state_root(&self, changes: &StateChanges) -> Result<(B256, TrieChanges), Error> { todo!() }
    /// Commit.
    pub fn commit_block(&self, commit: BlockCommit) -> Result<(), Error> { todo!() }
    /// Proof.
    pub fn proof(&self, number: L2Number, address: Address, slots: &[U256]) -> Result<AccountProof, Error> { todo!() }
    /// L1 head.
    pub fn l1_head(&self) -> Option<L1Block> { todo!() }
    /// Last finalized L1 block.
    pub fn l1_finalized(&self) -> L1Number { todo!() }
    /// L1 block.
    pub fn l1_block(&self, number: L1Number) -> Result<Option<L1Block>, Error> { todo!() }
    /// Message and the rolling hash after it.
    pub fn message(&self, index: MessageIndex) -> Result<Option<(InboxMessage, B256)>, Error> { todo!() }
    /// Count of messages.
    pub fn message_count(&self) -> MessageIndex { todo!() }
    /// Rolling hash after `count` messages.
    pub fn inbox_hash(&self, count: MessageIndex) -> Result<Option<B256>, Error> { todo!() }
    /// Batch.
    pub fn batch(&self, index: BatchIndex) -> Result<Option<CommittedBatch>, Error> { todo!() }
    /// Count of batches.
    pub fn batch_count(&self) -> BatchIndex { todo!() }
    /// Batch of a block.
    pub fn batch_of(&self, number: L2Number) -> Result<Option<CommittedBatch>, Error> { todo!() }
    /// L1 update.
    pub fn commit_l1(&self, update: L1Update) -> Result<(), Error> { todo!() }
    /// Pending batches, ascending by index.
    pub fn pending_batches(&self) -> Result<Vec<PendingBatch>, Error> { todo!() }
    /// Put.
    pub fn put_pending_batch(&self, pending: &PendingBatch) -> Result<(), Error> { todo!() }
    /// Remove.
    pub fn remove_pending_batch(&self, index: BatchIndex) -> Result<(), Error> { todo!() }
}
