//! Collects what an update does to the stored nodes.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::B256;
#[cfg(feature = "std")]
use alloy_primitives::Bytes;
use alloy_trie::Nibbles;
use sluice_types::Keccak;

use crate::{
    TrieChanges,
    arena::{Arena, LeafValue, NodeId, Reference},
    node::Branch,
};

/// From the end of an account leaf's value back to its storage root: the root and the code hash with its header.
const STORAGE_ROOT_FROM_END: usize = 32 + 33;

/// What became of a place in a trie.
#[derive(Debug)]
enum Fate {
    /// Nothing was stored there and nothing is, or it is as before.
    Same,
    /// What was stored there is gone.
    Gone,
    /// This is stored there now.
    Node(NodeId),
    /// The same, from a part that is done.
    #[cfg(feature = "std")]
    Stored(Bytes),
}

#[derive(Debug)]
struct Entry {
    owner: Option<B256>,
    path: Nibbles,
    fate: Fate,
}

/// Where a place stands among the entries of its kind of trie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot(usize);

/// The value of a leaf, kept by an [`Output`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    start: usize,
    length: usize,
    /// Root of the account's storage trie, when it is not hashed yet and its place in the value is blank.
    storage_root: Option<NodeId>,
}

/// What is at some place of a trie and below, after the changes.
#[derive(Clone, Debug)]
pub(crate) enum Subtree {
    Empty,
    /// One key.
    Leaf {
        key: B256,
        value: Value,
    },
    /// A finished branch at `path`, which is this place or below it.
    Branch {
        path: Nibbles,
        node: Reference,
    },
}

/// What became of a child of a branch.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) nibble: u8,
    pub(crate) slot: Slot,
    pub(crate) subtree: Subtree,
}

/// Collects what became of the visited places, in the order of their paths, and encodes.
#[derive(Debug)]
pub(crate) struct Output {
    /// Of the account trie, or of the storage tries: those come after all of it.
    entries: [Vec<Entry>; 2],
    /// Places that were found to be gone out of order.
    gone: Vec<(Option<B256>, Nibbles)>,
    wiped: Vec<B256>,
    values: Vec<u8>,
    arena: Arena,
    /// Changed children of the branches that are being visited, the innermost branch's last.
    pub(crate) children: Vec<Child>,
}

impl Output {
    pub(crate) fn new(keccak: Keccak) -> Self {
        Self {
            entries: [Vec::new(), Vec::new()],
            gone: Vec::new(),
            wiped: Vec::new(),
            values: Vec::new(),
            arena: Arena::new(keccak),
            children: Vec::new(),
        }
    }

    /// Opens a place. Parents come before their children and those in order, so that everything is sorted from the start.
    /// What `is_stored` there goes unless told otherwise.
    pub(crate) fn reserve(&mut self, owner: Option<B256>, path: Nibbles, is_stored: bool) -> Slot {
        let fate = if is_stored { Fate::Gone } else { Fate::Same };
        let entries = &mut self.entries[usize::from(owner.is_some())];
        entries.push(Entry { owner, path, fate });
        Slot(entries.len() - 1)
    }

    fn entry(&mut self, owner: Option<B256>, slot: Slot) -> &mut Entry {
        &mut self.entries[usize::from(owner.is_some())][slot.0]
    }

    /// What is stored at the place stays as it is.
    pub(crate) fn keep(&mut self, owner: Option<B256>, slot: Slot) {
        self.entry(owner, slot).fate = Fate::Same;
    }

    /// What is stored at `path`, which may have been kept before, is gone.
    pub(crate) fn remove(&mut self, owner: Option<B256>, path: Nibbles) {
        self.gone.push((owner, path));
    }

    /// The whole storage trie of an account goes.
    pub(crate) fn wipe(&mut self, hashed_address: B256) {
        self.wiped.push(hashed_address);
    }

    /// Keeps the value of a leaf.
    pub(crate) fn value(&mut self, write: impl FnOnce(&mut Vec<u8>), storage_root: Option<NodeId>) -> Value {
        let start = self.values.len();
        write(&mut self.values);
        Value { start, length: self.values.len() - start, storage_root }
    }

    /// How many bytes of values there are.
    pub(crate) fn values_mark(&self) -> usize {
        self.values.len()
    }

    /// Forgets the values from the mark on: their leaves are encoded.
    pub(crate) fn forget_values(&mut self, mark: usize) {
        self.values.truncate(mark);
    }

    /// How many nodes are encoded so far.
    pub(crate) fn mark(&self) -> usize {
        self.arena.len()
    }

    /// Hashes all nodes that were encoded after the mark; they must not refer to earlier ones that are not hashed.
    pub(crate) fn hash_from(&mut self, mark: usize) {
        self.arena.resolve(mark);
    }

    /// The hash of a node that, like all below it, was encoded after the mark.
    pub(crate) fn hash_now(&mut self, id: NodeId, mark: usize) -> B256 {
        self.arena.hash_now(id, mark)
    }

    /// A branch stands at the place now; gives how its parent refers to it.
    pub(crate) fn put_branch(
        &mut self,
        (owner, path, slot): (Option<B256>, &Nibbles, Slot),
        before: Option<&Branch>,
        children: &[Option<Reference>; 16],
    ) -> Reference {
        let reference = self.arena.branch(before, children, path.is_empty());
        self.put(owner, slot, reference)
    }

    /// Encodes the subtree so that it stands at the place; gives how its parent refers to it, `None` when it is empty.
    pub(crate) fn stand(
        &mut self,
        (owner, at, slot): (Option<B256>, &Nibbles, Slot),
        subtree: Subtree,
    ) -> Option<Reference> {
        let reference = match subtree {
            Subtree::Empty => return None,
            Subtree::Branch { path, node } if path == *at => return Some(node),
            Subtree::Branch { path, node } => self.arena.extension(&path.slice(at.len()..), &node, at.is_empty()),
            Subtree::Leaf { key, value } => {
                let part = Nibbles::unpack_array(&key.0).slice(at.len()..);
                let bytes = &self.values[value.start..value.start + value.length];
                let hole = value.storage_root.map(|id| (id, value.length - STORAGE_ROOT_FROM_END));
                self.arena.leaf(&part, LeafValue { bytes, hole }, at.is_empty())
            }
        };
        Some(self.put(owner, slot, reference))
    }

    fn put(&mut self, owner: Option<B256>, slot: Slot, reference: Reference) -> Reference {
        if let Reference::Node(id) = reference {
            self.entry(owner, slot).fate = Fate::Node(id);
        }
        reference
    }

    /// Puts everything together; gives the hash of the root node, if one was made.
    pub(crate) fn finish(self, root: Option<NodeId>) -> (Option<B256>, TrieChanges) {
        let nodes = self.arena.finish();
        let change = |Entry { owner, path, fate }| match fate {
            Fate::Same => None,
            Fate::Gone => Some(((owner, path), None)),
            Fate::Node(id) => Some(((owner, path), Some(nodes.rlp(id)))),
            #[cfg(feature = "std")]
            Fate::Stored(rlp) => Some(((owner, path), Some(rlp))),
        };
        // Collecting reuses the memory of the entries.
        let [accounts, storage] = self.entries;
        let mut sorted: Vec<_> = accounts.into_iter().filter_map(change).collect();
        sorted.extend(storage.into_iter().filter_map(change));
        // Building from sorted pairs takes linear time.
        let mut changes: BTreeMap<_, _> = sorted.into_iter().collect();
        changes.extend(self.gone.into_iter().map(|key| (key, None)));
        let changes = TrieChanges { nodes: changes, wiped: self.wiped.into_iter().collect() };
        (root.map(|root| nodes.hash(root)), changes)
    }

    /// Hashes everything, so that this can be joined to another.
    #[cfg(feature = "std")]
    pub(crate) fn into_part(mut self) -> Part {
        let nodes = core::mem::replace(&mut self.arena, Arena::new(Keccak::default())).finish();
        for entry in self.entries.iter_mut().flatten() {
            if let Fate::Node(id) = entry.fate {
                entry.fate = Fate::Stored(nodes.rlp(id));
            }
        }
        for child in &mut self.children {
            match &mut child.subtree {
                Subtree::Branch { node, .. } => {
                    if let Reference::Node(id) = *node {
                        *node = Reference::Known(alloy_trie::nodes::RlpNode::word_rlp(&nodes.hash(id)));
                    }
                }
                Subtree::Leaf { value, .. } => {
                    if let Some(id) = value.storage_root.take() {
                        let at = value.start + value.length - STORAGE_ROOT_FROM_END;
                        self.values[at..at + 32].copy_from_slice(nodes.hash(id).as_slice());
                    }
                }
                Subtree::Empty => {}
            }
        }
        Part(self)
    }

    /// Adds what became of places of the trie of `owner` that come after all of these, part by part, and their children.
    #[cfg(feature = "std")]
    pub(crate) fn append(&mut self, owner: Option<B256>, parts: Vec<Part>) {
        for (kind, entries) in self.entries.iter_mut().enumerate() {
            entries.reserve(parts.iter().map(|Part(part)| part.entries[kind].len()).sum());
        }
        for Part(mut later) in parts {
            let offset = self.entries[usize::from(owner.is_some())].len();
            for (entries, more) in self.entries.iter_mut().zip(&mut later.entries) {
                entries.append(more);
            }
            self.gone.append(&mut later.gone);
            self.wiped.append(&mut later.wiped);
            for mut child in later.children {
                child.slot.0 += offset;
                if let Subtree::Leaf { value, .. } = &mut child.subtree {
                    let bytes = &later.values[value.start..value.start + value.length];
                    *value = self.value(|out| out.extend_from_slice(bytes), None);
                }
                self.children.push(child);
            }
        }
    }
}

/// An [`Output`] in which everything is hashed and nothing refers to anything by its number.
#[cfg(feature = "std")]
#[derive(Debug)]
pub(crate) struct Part(Output);
