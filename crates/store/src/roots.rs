//! State roots of blocks that follow each other and are not committed yet.

use std::{fmt, sync::Arc};

use alloy_primitives::B256;
use sluice_types::{L2Number, StateChanges};

use crate::{Cores, Error, Store, TrieChanges};

/// Computes one root after another, on what the blocks before did to the tries, whether they are committed or not; see
/// [`Store::roots`].
pub struct Roots {
    store: Store,
    last: L2Number,
    root: B256,
    /// What blocks did that may not be committed yet, in order.
    uncommitted: Vec<(L2Number, Arc<TrieChanges>)>,
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots").field("last", &self.last).field("root", &self.root).finish_non_exhaustive()
    }
}

impl Roots {
    pub(crate) fn new(store: Store) -> Self {
        let head = store.head_block();
        Self { store, last: head.number(), root: head.block.header.state_root, uncommitted: Vec::new() }
    }

    /// State root and trie changes of the next block, which changes the state so.
    ///
    /// Errors: the store cannot be read; the same block may then be asked for again.
    pub fn after(&mut self, changes: &StateChanges, cores: Cores) -> Result<(B256, Arc<TrieChanges>), Error> {
        let (root, trie) = self.store.state_root_after(&self.uncommitted, self.root, changes, cores)?;
        let trie = Arc::new(trie);
        let committed = self.store.heads().executed;
        self.uncommitted.retain(|(number, _)| *number > committed);
        self.last = self.last.next();
        self.root = root;
        self.uncommitted.push((self.last, trie.clone()));
        Ok((root, trie))
    }
}
