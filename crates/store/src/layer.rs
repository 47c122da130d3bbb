//! A block that is in the journal and in memory, but not yet in the tables.

use std::{collections::HashMap, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_trie::{Nibbles, TrieChanges};
use sluice_types::{Account, BlockAccessList, Certificate, OrderedBlock, Receipt, SealedBlock, StateChanges};

use crate::BlockCommit;

/// Everything one block committed.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) sealed: Arc<SealedBlock>,
    pub(crate) receipts: Arc<Vec<Receipt>>,
    pub(crate) changes: Arc<StateChanges>,
    pub(crate) trie: Arc<TrieChanges>,
    pub(crate) access_list: BlockAccessList,
    pub(crate) ordered: Option<(OrderedBlock, Certificate)>,
    /// Index in the block by transaction hash.
    pub(crate) places: HashMap<B256, usize>,
    /// Size of its journal entry; a measure of its memory.
    pub(crate) size_bytes: usize,
}

impl Layer {
    pub(crate) fn new(commit: BlockCommit, size_bytes: usize) -> Self {
        let places =
            commit.sealed.block.transactions.iter().enumerate().map(|(index, tx)| (tx.hash(), index)).collect();
        Self {
            sealed: Arc::new(commit.sealed),
            receipts: Arc::new(commit.receipts),
            changes: commit.changes,
            trie: commit.trie,
            access_list: commit.access_list,
            ordered: commit.ordered,
            places,
            size_bytes,
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.sealed.block.header.number
    }

    /// The account as this block left it; the outer `None` when the block did not touch it.
    pub(crate) fn account(&self, address: Address) -> Option<Option<Account>> {
        self.changes.accounts.get(&address).map(|change| change.account)
    }

    /// The slot as this block left it; `None` when the block did not touch it.
    pub(crate) fn storage(&self, address: Address, slot: U256) -> Option<U256> {
        let change = self.changes.accounts.get(&address)?;
        change.storage.get(&slot).copied().or(change.storage_wiped.then_some(U256::ZERO))
    }

    /// The trie node as this block left it; the outer `None` when the block did not touch it.
    pub(crate) fn node(&self, key: &(Option<B256>, Nibbles)) -> Option<Option<Bytes>> {
        changed_node(&self.trie, key)
    }
}

/// The node as these changes left it; the outer `None` when they did not touch it.
pub(crate) fn changed_node(trie: &TrieChanges, key: &(Option<B256>, Nibbles)) -> Option<Option<Bytes>> {
    if let Some(node) = trie.nodes.get(key) {
        return Some(node.clone());
    }
    key.0.is_some_and(|owner| trie.wiped.contains(&owner)).then_some(None)
}
