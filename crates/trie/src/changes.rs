//! What an update does to the stored nodes.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{Nibbles, nodes::RlpNode};

/// What to write so that the stored nodes are those of the new root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrieChanges {
    /// RLP of the node at (hashed address, or `None` for the account trie; path). `None` where there is no node any more.
    ///
    /// Only nodes that are entries of their own: of at least 32 bytes, or roots.
    pub nodes: BTreeMap<(Option<B256>, Nibbles), Option<Bytes>>,
    /// Hashed addresses whose storage tries go entirely, before `nodes` apply.
    pub wiped: BTreeSet<B256>,
}

/// What became of a place in the trie.
#[derive(Debug)]
enum Entry {
    /// Nothing was stored there and nothing is, or it is as before.
    Same,
    /// What was stored there is gone.
    Gone,
    /// This is stored there now.
    Stored(Bytes),
}

/// Where a place stands in an [`Output`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot(usize);

#[cfg(feature = "std")]
impl Slot {
    /// The same place after [`Output::append`].
    pub(crate) fn after(self, offset: usize) -> Self {
        Self(self.0 + offset)
    }
}

/// Collects what became of the visited places of one trie, in the order of their paths.
#[derive(Debug, Default)]
pub(crate) struct Output {
    entries: Vec<(Nibbles, Entry)>,
    /// Places that were found to be gone out of order.
    gone: Vec<Nibbles>,
    /// The storage tries of the trie's accounts, in the order of the hashed addresses.
    storage: Vec<(B256, Self)>,
    wiped: Vec<B256>,
}

impl Output {
    /// Opens a place. Parents come before their children and those in order, so that everything is sorted from the start.
    /// What `is_stored` there goes unless told otherwise.
    pub(crate) fn reserve(&mut self, path: Nibbles, is_stored: bool) -> Slot {
        self.entries.push((path, if is_stored { Entry::Gone } else { Entry::Same }));
        Slot(self.entries.len() - 1)
    }

    /// What is stored at the place stays as it is.
    pub(crate) fn keep(&mut self, slot: Slot) {
        self.entries[slot.0].1 = Entry::Same;
    }

    /// A node stands at the place now; gives how its parent refers to it.
    pub(crate) fn put(&mut self, slot: Slot, rlp: Vec<u8>) -> RlpNode {
        let (path, entry) = &mut self.entries[slot.0];
        if rlp.len() < B256::len_bytes() && !path.is_empty() {
            return RlpNode::from_raw(&rlp).expect("33 bytes fit, and these are less than 32");
        }
        let reference = RlpNode::word_rlp(&keccak256(&rlp));
        *entry = Entry::Stored(rlp.into());
        reference
    }

    /// What is stored at `path`, which may have been kept before, is gone.
    pub(crate) fn remove(&mut self, path: Nibbles) {
        self.gone.push(path);
    }

    /// The whole storage trie of an account goes.
    pub(crate) fn wipe(&mut self, hashed_address: B256) {
        self.wiped.push(hashed_address);
    }

    /// What became of an account's storage trie.
    pub(crate) fn nest(&mut self, hashed_address: B256, storage: Self) {
        self.storage.push((hashed_address, storage));
    }

    /// Adds what became of places that come after all of these; gives by how much their slots move.
    #[cfg(feature = "std")]
    pub(crate) fn append(&mut self, mut later: Self) -> usize {
        let offset = self.entries.len();
        self.entries.append(&mut later.entries);
        self.gone.append(&mut later.gone);
        self.storage.append(&mut later.storage);
        self.wiped.append(&mut later.wiped);
        offset
    }

    /// Puts everything together.
    pub(crate) fn finish(self) -> TrieChanges {
        let mut sorted = Vec::with_capacity(self.entries.len());
        let mut gone = Vec::new();
        let wiped = self.wiped.into_iter().collect();
        let storage = self.storage.into_iter().map(|(owner, output)| (Some(owner), output.entries, output.gone));
        for (owner, entries, removed) in core::iter::once((None, self.entries, self.gone)).chain(storage) {
            sorted.extend(entries.into_iter().filter_map(|(path, entry)| match entry {
                Entry::Same => None,
                Entry::Gone => Some(((owner, path), None)),
                Entry::Stored(rlp) => Some(((owner, path), Some(rlp))),
            }));
            gone.extend(removed.into_iter().map(|path| ((owner, path), None)));
        }
        // Building from sorted pairs takes linear time.
        let mut nodes: BTreeMap<_, _> = sorted.into_iter().collect();
        nodes.extend(gone);
        TrieChanges { nodes, wiped }
    }
}
