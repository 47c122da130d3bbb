//! What an update does to the stored nodes.

use alloc::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// What to write so that the stored nodes are those of the new root.
///
/// Nodes share memory in chunks of at most 64 KiB: whoever keeps one node alone for long does well to copy it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrieChanges {
    /// RLP of the node at (hashed address, or `None` for the account trie; path). `None` where there is no node any more.
    ///
    /// Only nodes that are entries of their own: of at least 32 bytes, or roots.
    pub nodes: BTreeMap<(Option<B256>, Nibbles), Option<Bytes>>,
    /// Hashed addresses whose storage tries go entirely, before `nodes` apply.
    pub wiped: BTreeSet<B256>,
}
