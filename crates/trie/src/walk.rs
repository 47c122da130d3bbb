//! Walking over a trie with sorted changes.
//!
//! A subtree is described by what it holds and not by where it stands: a leaf by its whole key, anything larger by the path of
//! its topmost branch. Where that stands deeper than the subtree's own place, an extension bridges the gap, so splitting and
//! merging extensions needs no code of its own: it is a matter of encoding the same subtree at another place. That happens in
//! [`Walk::close`], when it is certain that the parent stays a branch, so nothing is encoded that is moved up afterwards.

use alloy_primitives::{B256, Bytes};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::RlpNode};
use sluice_types::Keccak;

use crate::{
    NodeRead,
    arena::{NodeId, Reference},
    change::{Change, NewValue, common, nibble, prefix, puts},
    hashed::SlotEntry,
    node::{Branch, EMPTY_CHILD, Node},
    output::{Child, Output, Slot, Subtree},
    read::{Read, Trie},
    spread::Spread,
};

/// One trie of a state that changes are applied to.
#[derive(Debug)]
pub(crate) struct Walk<'r, R, S> {
    pub(crate) trie: Trie<'r, R>,
    /// The slots that the changes of accounts refer to.
    pub(crate) slots: &'r [SlotEntry],
    pub(crate) keccak: Keccak,
    /// How the children of a branch are shared out.
    pub(crate) spread: S,
}

/// Root of a trie after the changes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Root {
    Known(B256),
    /// The hash that this node will have.
    Node(NodeId),
}

/// Where something stands in a trie, and where that is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    path: Nibbles,
    slot: Slot,
}

/// What was at some place of a trie and below, before the changes.
#[derive(Clone, Debug)]
pub(crate) enum Old {
    Empty,
    /// As its parent refers to it; not looked at yet.
    Reference(RlpNode),
    /// One key; from elsewhere.
    Leaf {
        key: B256,
        value: Bytes,
    },
    /// A branch at `path`, which is this place or below it; from elsewhere, or below an extension.
    Branch {
        path: Nibbles,
        node: RlpNode,
    },
}

impl Old {
    /// The same afterwards, if it comes from elsewhere and therefore has to be written even if nothing in it changes.
    fn moved(&self, out: &mut Output) -> Option<Subtree> {
        match self {
            Self::Empty | Self::Reference(_) => None,
            Self::Leaf { key, value } => {
                let value = out.value(|values| values.extend_from_slice(value), None);
                Some(Subtree::Leaf { key: *key, value })
            }
            Self::Branch { path, node } => Some(Subtree::Branch { path: *path, node: Reference::Known(node.clone()) }),
        }
    }
}

/// What a branch consisted of before the changes.
#[derive(Debug)]
pub(crate) enum Siblings {
    /// It is new, and has nothing from before.
    None,
    /// It is new, and one subtree from before moves below it.
    One(u8, Old),
    /// It was there.
    Branch(Branch),
}

impl Siblings {
    fn branch(&self) -> Option<&Branch> {
        match self {
            Self::Branch(branch) => Some(branch),
            Self::None | Self::One(..) => None,
        }
    }

    /// The child that has to be visited even if no change lies below it.
    pub(crate) fn moving(&self) -> Option<u8> {
        match self {
            Self::One(nibble, _) => Some(*nibble),
            Self::None | Self::Branch(_) => None,
        }
    }
}

impl<R: NodeRead, S: Spread<R>> Walk<'_, R, S> {
    /// Applies sorted changes to the trie with this root.
    pub(crate) fn run<C: Change>(&self, root: B256, changes: &[C], out: &mut Output) -> Read<Root, R> {
        if changes.is_empty() {
            return Ok(Root::Known(root));
        }
        let old = if root == EMPTY_ROOT_HASH { Old::Empty } else { Old::Reference(RlpNode::word_rlp(&root)) };
        let path = Nibbles::new();
        let Some((slot, subtree)) = self.visit(path, old, changes, out)? else { return Ok(Root::Known(root)) };
        Ok(match out.stand((self.trie.owner, &path, slot), subtree) {
            None => Root::Known(EMPTY_ROOT_HASH),
            Some(Reference::Node(id)) => Root::Node(id),
            Some(Reference::Known(_)) => unreachable!("a root is encoded whatever its size, and is no other node"),
        })
    }

    /// Applies changes, at least one, to the subtree at `path`; `None` when it is as before.
    fn visit<C: Change>(
        &self,
        path: Nibbles,
        old: Old,
        changes: &[C],
        out: &mut Output,
    ) -> Read<Option<(Slot, Subtree)>, R> {
        let is_stored = match &old {
            Old::Reference(node) => node.is_hash(),
            Old::Branch { path: standing, node } => *standing == path && node.is_hash(),
            Old::Empty | Old::Leaf { .. } => false,
        };
        let slot = out.reserve(self.trie.owner, path, is_stored);
        let moved = old.moved(out);
        if let Some(new) = self.apply(Place { path, slot }, old, changes, out)? {
            return Ok(Some((slot, new)));
        }
        out.keep(self.trie.owner, slot);
        Ok(moved.map(|subtree| (slot, subtree)))
    }

    /// What the changes make of a subtree; `None` when they make no difference.
    fn apply<C: Change>(&self, place: Place, old: Old, changes: &[C], out: &mut Output) -> Read<Option<Subtree>, R> {
        match old {
            Old::Reference(reference) => match self.trie.open(&place.path, &reference)? {
                Node::Branch(branch) => self.branch(place, &Siblings::Branch(branch), changes, out),
                Node::Leaf { key, value } => self.apply_to_leaf(place, (packed(&key), value), changes, out),
                Node::Extension { target, child } => {
                    self.apply(place, Old::Branch { path: target, node: child }, changes, out)
                }
            },
            Old::Empty => {
                let Some((first, last)) = puts(changes) else { return Ok(None) };
                if first == last {
                    let change = &changes[first];
                    return Ok(match change.value(self, None, out)? {
                        NewValue::Value(value) => Some(Subtree::Leaf { key: *change.key(), value }),
                        NewValue::Same | NewValue::None => None,
                    });
                }
                let at = common(changes[first].key(), changes[last].key());
                self.branch(self.fork(place, at, &changes[first], out), &Siblings::None, &changes[first..=last], out)
            }
            Old::Leaf { key, value } => self.apply_to_leaf(place, (key, value), changes, out),
            Old::Branch { path, node } => self.apply_to_branch(place, (path, node), changes, out),
        }
    }

    /// [`Walk::apply`] to a branch at a path that may be below the place.
    fn apply_to_branch<C: Change>(
        &self,
        place: Place,
        (target, node): (Nibbles, RlpNode),
        changes: &[C],
        out: &mut Output,
    ) -> Read<Option<Subtree>, R> {
        // The outermost of sorted keys differ from the target the earliest.
        let length = |index: usize| Nibbles::unpack_array(&changes[index].key().0).common_prefix_length(&target);
        let at = puts(changes).map_or(target.len(), |(first, last)| length(first).min(length(last)));
        let shared = target.slice(..at);
        let start = changes.partition_point(|change| Nibbles::unpack_array(&change.key().0) < shared);
        let count = changes[start..].partition_point(|change| prefix(change.key(), at) == shared);
        // The others remove what is not there.
        let below = &changes[start..start + count];
        if below.is_empty() {
            return Ok(None);
        }
        if at < target.len() {
            let siblings = Siblings::One(target.get_unchecked(at), Old::Branch { path: target, node });
            return self.branch(self.fork(place, at, &below[0], out), &siblings, below, out);
        }
        let owner = self.trie.owner;
        let slot = if target == place.path { place.slot } else { out.reserve(owner, target, node.is_hash()) };
        let Node::Branch(branch) = self.trie.open(&target, &node)? else {
            return Err(self.trie.corrupt(&target, "an extension leads to no branch"));
        };
        let new = self.branch(Place { path: target, slot }, &Siblings::Branch(branch), below, out)?;
        if new.is_none() {
            out.keep(owner, slot);
        }
        Ok(new)
    }

    /// [`Walk::apply`] to one key and its value.
    fn apply_to_leaf<C: Change>(
        &self,
        place: Place,
        (key, value): (B256, Bytes),
        changes: &[C],
        out: &mut Output,
    ) -> Read<Option<Subtree>, R> {
        let own = changes.binary_search_by(|change| change.key().cmp(&key)).ok().map(|index| &changes[index]);
        if let Some(change) = own
            && change.removes()
        {
            // Gives no value, but notes what else goes with this one.
            change.value(self, Some(&value), out)?;
            let new = self.apply(place, Old::Empty, changes, out)?;
            return Ok(Some(new.unwrap_or(Subtree::Empty)));
        }
        let Some((first, last)) = puts(changes) else { return Ok(None) };
        let at = common(changes[first].key(), &key).min(common(changes[last].key(), &key));
        if at < Nibbles::unpack_array(&key.0).len() {
            let siblings = Siblings::One(nibble(&key, at), Old::Leaf { key, value });
            let changes = &changes[first..=last];
            return self.branch(self.fork(place, at, &changes[0], out), &siblings, changes, out);
        }
        Ok(match changes[first].value(self, Some(&value), out)? {
            NewValue::Same => None,
            NewValue::Value(value) => Some(Subtree::Leaf { key, value }),
            NewValue::None => Some(Subtree::Empty),
        })
    }

    /// Where the keys below `place` part, after `at` nibbles of this change's key: there, or further down.
    fn fork<C: Change>(&self, place: Place, at: usize, change: &C, out: &mut Output) -> Place {
        if at == place.path.len() {
            return place;
        }
        let path = prefix(change.key(), at);
        Place { path, slot: out.reserve(self.trie.owner, path, false) }
    }

    /// What the changes make of a branch.
    fn branch<C: Change>(
        &self,
        place: Place,
        siblings: &Siblings,
        changes: &[C],
        out: &mut Output,
    ) -> Read<Option<Subtree>, R> {
        let (mark, values) = (out.children.len(), out.values_mark());
        S::visit_children(self, &place.path, siblings, changes, out)?;
        let new = self.close(place, siblings, mark, out)?;
        if matches!(new, Some(Subtree::Branch { .. })) {
            out.forget_values(values);
        }
        Ok(new)
    }

    /// Applies the changes, if any, to one child of the branch at `path`, and adds it to the children when it is new.
    pub(crate) fn visit_child<C: Change>(
        &self,
        path: &Nibbles,
        (nibble, changes): (u8, &[C]),
        siblings: &Siblings,
        out: &mut Output,
    ) -> Read<(), R> {
        let child_path = child(path, nibble);
        let old = match siblings {
            Siblings::One(from, old) if *from == nibble => {
                if changes.is_empty() {
                    let slot = out.reserve(self.trie.owner, child_path, false);
                    if let Some(subtree) = old.moved(out) {
                        out.children.push(Child { nibble, slot, subtree });
                    }
                    return Ok(());
                }
                old.clone()
            }
            Siblings::Branch(branch) if branch.child(nibble) != EMPTY_CHILD => {
                let reference = RlpNode::from_raw(branch.child(nibble));
                Old::Reference(reference.ok_or_else(|| self.trie.corrupt(path, "a reference is too long"))?)
            }
            Siblings::One(..) | Siblings::Branch(_) | Siblings::None => Old::Empty,
        };
        if let Some((slot, subtree)) = self.visit(child_path, old, changes, out)? {
            out.children.push(Child { nibble, slot, subtree });
        }
        Ok(())
    }

    /// Encodes a branch from its children, or whatever is left when fewer than two are; `None` when nothing changed.
    ///
    /// The changed children are those from `mark` on; they are taken off.
    fn close(&self, place: Place, siblings: &Siblings, mark: usize, out: &mut Output) -> Read<Option<Subtree>, R> {
        let changed = out.children.len() - mark;
        if changed == 0 {
            return Ok(None);
        }
        let owner = self.trie.owner;
        let before = siblings.branch();
        let mut left = before.map_or(0, Branch::mask);
        for Child { nibble, subtree, .. } in &out.children[mark..] {
            let bit = 1 << nibble;
            if matches!(subtree, Subtree::Empty) { left &= !bit } else { left |= bit }
        }
        if left.count_ones() >= 2 {
            let mut references = [const { None }; 16];
            for index in mark..out.children.len() {
                let Child { nibble, slot, subtree } = out.children[index].clone();
                let reference = out.stand((owner, &child(&place.path, nibble), slot), subtree);
                references[usize::from(nibble)] =
                    reference.or_else(|| RlpNode::from_raw(EMPTY_CHILD).map(Reference::Known));
            }
            out.children.truncate(mark);
            let node = out.put_branch((owner, &place.path, place.slot), before, &references);
            return Ok(Some(Subtree::Branch { path: place.path, node }));
        }
        let last = out.children.drain(mark..).find(|child| !matches!(child.subtree, Subtree::Empty));
        match (last, before, (0..16).find(|nibble| left == 1 << nibble)) {
            (Some(child), ..) => Ok(Some(child.subtree)),
            (None, Some(before), Some(nibble)) => {
                self.lift(child(&place.path, nibble), before.child(nibble), out).map(Some)
            }
            (None, ..) => Ok(Some(Subtree::Empty)),
        }
    }

    /// The only child left of a branch, at `path`, which nothing changed in: it has to be read to stand elsewhere.
    fn lift(&self, path: Nibbles, reference: &[u8], out: &mut Output) -> Read<Subtree, R> {
        let old = match self.trie.open(&path, reference)? {
            Node::Branch(_) => {
                let node = RlpNode::from_raw(reference);
                let node = node.ok_or_else(|| self.trie.corrupt(&path, "a reference is too long"))?;
                return Ok(Subtree::Branch { path, node: Reference::Known(node) });
            }
            Node::Leaf { key, value } => {
                let value = out.value(|values| values.extend_from_slice(&value), None);
                Subtree::Leaf { key: packed(&key), value }
            }
            Node::Extension { target, child } => Subtree::Branch { path: target, node: Reference::Known(child) },
        };
        if reference.len() > B256::len_bytes() {
            out.remove(self.trie.owner, path);
        }
        Ok(old)
    }
}

/// Path of a child of the branch at `path`.
fn child(path: &Nibbles, nibble: u8) -> Nibbles {
    let mut path = *path;
    path.push(nibble);
    path
}

/// A whole key as bytes. A decoded leaf has one.
fn packed(key: &Nibbles) -> B256 {
    let mut bytes = B256::ZERO;
    key.pack_to(&mut bytes.0);
    bytes
}
