//! Applying a block's changes in one walk.
//!
//! A subtree is described by what it holds and not by where it stands: a leaf by its whole key, anything larger by the path of
//! its topmost branch. Where that stands deeper than the subtree's own place, an extension bridges the gap, so splitting and
//! merging extensions needs no code of its own: it is a matter of encoding the same subtree at another place. That happens in
//! [`Trie::close`], when it is certain that the parent stays a branch, so nothing is hashed that is moved up afterwards.

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::RlpNode};
use sluice_types::{AccountChange, StateChanges};

use crate::{
    AccountLeaf, NodeRead, TrieChanges,
    account::{slot_from_value, slot_to_value},
    changes::{Output, Slot},
    node::{EMPTY_CHILD, Node, encode_branch, encode_extension, encode_leaf},
    read::{Read, Trie, hashed_key},
};

/// The new value of one key.
#[derive(Debug)]
struct Change<'c> {
    /// Whole key, 64 nibbles.
    key: Nibbles,
    value: NewValue<'c>,
}

#[derive(Debug)]
enum NewValue<'c> {
    Account(&'c AccountChange),
    Slot(&'c U256),
}

impl Change<'_> {
    /// True when the key is not in the trie afterwards.
    fn removes(&self) -> bool {
        match self.value {
            NewValue::Account(change) => change.account.is_none(),
            NewValue::Slot(value) => value.is_zero(),
        }
    }
}

/// First and last of the sorted changes that put a value; `None` when all remove.
fn puts(changes: &[Change<'_>]) -> Option<(usize, usize)> {
    let first = changes.iter().position(|change| !change.removes())?;
    let last = changes.iter().rposition(|change| !change.removes())?;
    Some((first, last))
}

/// Nibbles that all puts and `key` start with. The outermost of sorted keys differ the earliest.
fn common(key: &Nibbles, changes: &[Change<'_>], (first, last): (usize, usize)) -> usize {
    let length = |index: usize| changes[index].key.common_prefix_length(key);
    length(first).min(length(last))
}

/// Where something stands in a trie, and where that is told.
#[derive(Clone, Copy, Debug)]
struct Place {
    path: Nibbles,
    slot: Slot,
}

impl Place {
    /// Path of a child of the branch that stands here.
    fn child(&self, nibble: u8) -> Nibbles {
        let mut path = self.path;
        path.push(nibble);
        path
    }
}

/// What is at some place of a trie and below.
#[derive(Clone, Debug)]
enum Subtree {
    Empty,
    /// As its parent refers to it; not looked at yet.
    Reference(RlpNode),
    /// One key.
    Leaf {
        key: Nibbles,
        value: Bytes,
    },
    /// A finished branch at `path`, which is this place or below it.
    Branch {
        path: Nibbles,
        node: RlpNode,
    },
}

/// What a branch consisted of before the changes.
#[derive(Debug)]
enum Siblings {
    /// It is new, and has nothing from before.
    None,
    /// It is new, and one subtree from before moves below it.
    One(u8, Subtree),
    /// It was there.
    Branch(crate::node::Branch),
}

/// What became of a child.
#[derive(Debug)]
enum Child {
    /// As before.
    Same,
    /// This now, at this place.
    New(Slot, Subtree),
}

impl<R: NodeRead> Trie<'_, R> {
    /// Applies sorted changes to the trie with this root; gives the new root.
    fn run(&self, root: B256, changes: &[Change<'_>], out: &mut Output) -> Read<B256, R> {
        let child = self.visit(Nibbles::new(), self.at_root(root), changes, out)?;
        Ok(self.seal(root, child, out))
    }

    /// The trie as one subtree.
    fn at_root(&self, root: B256) -> Subtree {
        if root == EMPTY_ROOT_HASH { Subtree::Empty } else { Subtree::Reference(RlpNode::word_rlp(&root)) }
    }

    /// The new root.
    fn seal(&self, old_root: B256, child: Child, out: &mut Output) -> B256 {
        match child {
            Child::Same => old_root,
            Child::New(_, Subtree::Empty) => EMPTY_ROOT_HASH,
            Child::New(slot, subtree) => {
                let reference = self.stand(Place { path: Nibbles::new(), slot }, subtree, out);
                reference.as_hash().expect("the root is stored whatever its size, so it is referred to by hash")
            }
        }
    }

    /// Applies changes, at least one, to the subtree at `path`.
    fn visit(&self, path: Nibbles, old: Subtree, changes: &[Change<'_>], out: &mut Output) -> Read<Child, R> {
        let is_stored = match &old {
            Subtree::Reference(node) => node.is_hash(),
            Subtree::Branch { path: standing, node } => *standing == path && node.is_hash(),
            Subtree::Empty | Subtree::Leaf { .. } => false,
        };
        let slot = out.reserve(path, is_stored);
        // A subtree that moves here from elsewhere has to be written even if nothing in it changes.
        let moved = match &old {
            Subtree::Leaf { .. } | Subtree::Branch { .. } => Some(old.clone()),
            Subtree::Empty | Subtree::Reference(_) => None,
        };
        if let Some(new) = self.apply(Place { path, slot }, old, changes, out)? {
            return Ok(Child::New(slot, new));
        }
        out.keep(slot);
        Ok(moved.map_or(Child::Same, |subtree| Child::New(slot, subtree)))
    }

    /// What the changes make of a subtree; `None` when they make no difference.
    fn apply(&self, place: Place, old: Subtree, changes: &[Change<'_>], out: &mut Output) -> Read<Option<Subtree>, R> {
        match old {
            Subtree::Reference(reference) => match self.open(&place.path, &reference)? {
                Node::Branch(branch) => self.branch(place, &Siblings::Branch(branch), changes, out),
                Node::Leaf { key, value } => self.apply_to_leaf(place, (key, value), changes, out),
                Node::Extension { target, child } => {
                    self.apply(place, Subtree::Branch { path: target, node: child }, changes, out)
                }
            },
            Subtree::Empty => {
                let Some((first, last)) = puts(changes) else { return Ok(None) };
                if first == last {
                    let change = &changes[first];
                    let value = self.value(change, None, out)?;
                    return Ok(value.map(|value| Subtree::Leaf { key: change.key, value }));
                }
                let at = changes[first].key.common_prefix_length(&changes[last].key);
                self.branch(fork(place, at, &changes[first], out), &Siblings::None, &changes[first..=last], out)
            }
            Subtree::Leaf { key, value } => self.apply_to_leaf(place, (key, value), changes, out),
            Subtree::Branch { path: target, node } => {
                let at = puts(changes).map_or(target.len(), |ends| common(&target, changes, ends));
                let prefix = target.slice(..at);
                let start = changes.partition_point(|change| change.key < prefix);
                let count = changes[start..].partition_point(|change| change.key.starts_with(&prefix));
                // The others remove what is not there.
                let below = &changes[start..start + count];
                if below.is_empty() {
                    return Ok(None);
                }
                if at < target.len() {
                    let nibble = target.get_unchecked(at);
                    let siblings = Siblings::One(nibble, Subtree::Branch { path: target, node });
                    return self.branch(fork(place, at, &below[0], out), &siblings, below, out);
                }
                let slot = if target == place.path { place.slot } else { out.reserve(target, node.is_hash()) };
                let Node::Branch(branch) = self.open(&target, &node)? else {
                    return Err(self.corrupt(&target, "an extension leads to no branch"));
                };
                let new = self.branch(Place { path: target, slot }, &Siblings::Branch(branch), below, out)?;
                if new.is_none() {
                    out.keep(slot);
                }
                Ok(new)
            }
        }
    }

    /// [`Trie::apply`] to one key and its value.
    fn apply_to_leaf(
        &self,
        place: Place,
        (key, value): (Nibbles, Bytes),
        changes: &[Change<'_>],
        out: &mut Output,
    ) -> Read<Option<Subtree>, R> {
        let own = changes.binary_search_by(|change| change.key.cmp(&key)).ok().map(|index| &changes[index]);
        if let Some(change) = own
            && change.removes()
        {
            // Gives no value, but notes what else goes with this one.
            self.value(change, Some(&value), out)?;
            let new = self.apply(place, Subtree::Empty, changes, out)?;
            return Ok(Some(new.unwrap_or(Subtree::Empty)));
        }
        let Some(ends) = puts(changes) else { return Ok(None) };
        let at = common(&key, changes, ends);
        if at < key.len() {
            let siblings = Siblings::One(key.get_unchecked(at), Subtree::Leaf { key, value });
            let changes = &changes[ends.0..=ends.1];
            return self.branch(fork(place, at, &changes[0], out), &siblings, changes, out);
        }
        let new = self.value(&changes[ends.0], Some(&value), out)?;
        Ok(match new {
            Some(new) if new == value => None,
            Some(value) => Some(Subtree::Leaf { key, value }),
            None => Some(Subtree::Empty),
        })
    }

    /// What the changes make of a branch.
    fn branch(
        &self,
        place: Place,
        siblings: &Siblings,
        changes: &[Change<'_>],
        out: &mut Output,
    ) -> Read<Option<Subtree>, R> {
        let mut children = [const { Child::Same }; 16];
        for (part, child) in by_nibble(place.path.len(), changes).zip(&mut children) {
            *child = self.visit_child(&place.path, part, siblings, out)?;
        }
        self.close(place, siblings, children, out)
    }

    /// Applies the changes, if any, to one child of the branch at `path`.
    fn visit_child(
        &self,
        path: &Nibbles,
        (nibble, changes): (u8, &[Change<'_>]),
        siblings: &Siblings,
        out: &mut Output,
    ) -> Read<Child, R> {
        let mut child_path = *path;
        child_path.push(nibble);
        let old = match siblings {
            Siblings::One(from, subtree) if *from == nibble => {
                if changes.is_empty() {
                    return Ok(Child::New(out.reserve(child_path, false), subtree.clone()));
                }
                subtree.clone()
            }
            Siblings::Branch(branch) if branch.child(nibble) != EMPTY_CHILD => {
                let reference = RlpNode::from_raw(branch.child(nibble));
                Subtree::Reference(reference.ok_or_else(|| self.corrupt(path, "a reference is too long"))?)
            }
            Siblings::One(..) | Siblings::Branch(_) | Siblings::None => Subtree::Empty,
        };
        if changes.is_empty() { Ok(Child::Same) } else { self.visit(child_path, old, changes, out) }
    }

    /// Encodes a branch from its children, or whatever is left when fewer than two are; `None` when nothing changed.
    fn close(
        &self,
        place: Place,
        siblings: &Siblings,
        children: [Child; 16],
        out: &mut Output,
    ) -> Read<Option<Subtree>, R> {
        if children.iter().all(|child| matches!(child, Child::Same)) {
            return Ok(None);
        }
        let before = |nibble: u8| match siblings {
            Siblings::Branch(branch) => branch.child(nibble),
            Siblings::None | Siblings::One(..) => EMPTY_CHILD,
        };
        let is_left = |(nibble, child): &(u8, &Child)| match child {
            Child::Same => before(*nibble) != EMPTY_CHILD,
            Child::New(_, subtree) => !matches!(subtree, Subtree::Empty),
        };
        let mut left = (0..16).zip(&children).filter(is_left);
        let first = left.next();
        if left.next().is_some() {
            let mut references = [const { None }; 16];
            for ((nibble, child), reference) in (0..16).zip(children).zip(&mut references) {
                if let Child::New(slot, subtree) = child {
                    *reference = Some(self.stand(Place { path: place.child(nibble), slot }, subtree, out));
                }
            }
            let mut raw = [EMPTY_CHILD; 16];
            for ((nibble, reference), raw) in (0..16).zip(&references).zip(&mut raw) {
                *raw = reference.as_deref().unwrap_or_else(|| before(nibble));
            }
            let node = out.put(place.slot, encode_branch(&raw));
            return Ok(Some(Subtree::Branch { path: place.path, node }));
        }
        match first {
            None => Ok(Some(Subtree::Empty)),
            Some((_, Child::New(_, subtree))) => Ok(Some(subtree.clone())),
            Some((nibble, Child::Same)) => self.lift(place.child(nibble), before(nibble), out).map(Some),
        }
    }

    /// The only child left of a branch, at `path`, which nothing changed in: it has to be read to stand elsewhere.
    fn lift(&self, path: Nibbles, reference: &[u8], out: &mut Output) -> Read<Subtree, R> {
        let subtree = match self.open(&path, reference)? {
            Node::Branch(_) => {
                let node = RlpNode::from_raw(reference);
                let node = node.ok_or_else(|| self.corrupt(&path, "a reference is too long"))?;
                return Ok(Subtree::Branch { path, node });
            }
            Node::Leaf { key, value } => Subtree::Leaf { key, value },
            Node::Extension { target, child } => Subtree::Branch { path: target, node: child },
        };
        if reference.len() > B256::len_bytes() {
            out.remove(path);
        }
        Ok(subtree)
    }

    /// Writes the subtree so that it stands at `place`; gives how its parent refers to it.
    fn stand(&self, place: Place, subtree: Subtree, out: &mut Output) -> RlpNode {
        let depth = place.path.len();
        match subtree {
            Subtree::Empty => RlpNode::from_raw(EMPTY_CHILD).expect("33 bytes fit, and this is one"),
            Subtree::Reference(node) => node,
            Subtree::Branch { path, node } if path == place.path => node,
            Subtree::Branch { path, node } => out.put(place.slot, encode_extension(&path.slice(depth..), &node)),
            Subtree::Leaf { key, value } => out.put(place.slot, encode_leaf(&key.slice(depth..), &value)),
        }
    }

    /// The value of a leaf after the change; of an account, this updates its storage trie. `None` when there is none.
    fn value(&self, change: &Change<'_>, old: Option<&Bytes>, out: &mut Output) -> Read<Option<Bytes>, R> {
        let corrupt = |reason| self.corrupt(&change.key, reason);
        let change_to = match change.value {
            NewValue::Slot(value) => {
                old.map(|old| slot_from_value(old)).transpose().map_err(corrupt)?;
                return Ok((!value.is_zero()).then(|| slot_to_value(value).into()));
            }
            NewValue::Account(change) => change,
        };
        let old = old.map(|old| AccountLeaf::from_value(old)).transpose().map_err(corrupt)?;
        let mut storage_root = old.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
        let hashed_address = || B256::from_slice(&change.key.pack());
        if storage_root != EMPTY_ROOT_HASH && (change_to.storage_wiped || change_to.account.is_none()) {
            out.wipe(hashed_address());
            storage_root = EMPTY_ROOT_HASH;
        }
        let Some(account) = &change_to.account else { return Ok(None) };
        if !change_to.storage.is_empty() {
            let owner = hashed_address();
            let mut storage = Output::default();
            let slots = sorted(
                change_to
                    .storage
                    .iter()
                    .map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), NewValue::Slot(value))),
            );
            storage_root = Trie { reader: self.reader, owner: Some(owner) }.run(storage_root, &slots, &mut storage)?;
            out.nest(owner, storage);
        }
        Ok(Some(AccountLeaf::new(account, storage_root).to_value().into()))
    }
}

/// Where the keys below `place` part, after `at` nibbles of this change's key: there, or further down.
fn fork(place: Place, at: usize, change: &Change<'_>, out: &mut Output) -> Place {
    if at == place.path.len() {
        return place;
    }
    let path = change.key.slice(..at);
    Place { path, slot: out.reserve(path, false) }
}

/// Cuts sorted changes that share `depth` nibbles by the next one; all sixteen parts, empty ones too.
fn by_nibble<'a, 'c>(depth: usize, changes: &'a [Change<'c>]) -> impl Iterator<Item = (u8, &'a [Change<'c>])> {
    let mut rest = changes;
    (0..16).map(move |nibble| {
        let count = rest.iter().take_while(|change| change.key.get_unchecked(depth) == nibble).count();
        let (mine, others) = rest.split_at(count);
        rest = others;
        (nibble, mine)
    })
}

/// Changes by hashed key.
fn sorted<'c>(values: impl Iterator<Item = (B256, NewValue<'c>)>) -> Vec<Change<'c>> {
    let mut changes: Vec<_> = values.map(|(hash, value)| Change { key: hashed_key(hash), value }).collect();
    changes.sort_unstable_by_key(|change| change.key);
    changes
}

/// The changes of the account trie.
fn account_changes(changes: &StateChanges) -> Vec<Change<'_>> {
    sorted(changes.accounts.iter().map(|(address, change)| (keccak256(address), NewValue::Account(change))))
}

/// Applies a block's changes to the state with this root; gives the new root and what to write.
///
/// Storage roots come from the accounts' old leaves. An account that is `Some` afterwards is in the trie, even an empty one;
/// one that is `None` takes its storage along.
///
/// Errors: [`crate::Error::Read`], [`crate::Error::Missing`], [`crate::Error::Corrupt`]; then nothing must be written.
pub fn update<R: NodeRead>(reader: &R, root: B256, changes: &StateChanges) -> Read<(B256, TrieChanges), R> {
    let changes = account_changes(changes);
    if changes.is_empty() {
        return Ok((root, TrieChanges::default()));
    }
    let mut out = Output::default();
    let root = Trie { reader, owner: None }.run(root, &changes, &mut out)?;
    Ok((root, out.finish()))
}

/// Fewest changed accounts for which [`update_parallel`] uses more than one thread: below, threads cost more than they save.
#[cfg(feature = "std")]
pub const PARALLEL_ACCOUNTS_MIN: usize = 64;

/// The same as [`update`], with the sixteen subtries below the root on all threads of rayon's pool.
///
/// The result is the same whatever the number of threads.
#[cfg(feature = "std")]
pub fn update_parallel<R: NodeRead + Sync>(
    reader: &R,
    root: B256,
    changes: &StateChanges,
) -> Read<(B256, TrieChanges), R> {
    use rayon::iter::{IntoParallelIterator, ParallelIterator};

    if changes.accounts.len() < PARALLEL_ACCOUNTS_MIN || root == EMPTY_ROOT_HASH {
        return update(reader, root, changes);
    }
    let trie = Trie { reader, owner: None };
    let path = Nibbles::new();
    let Node::Branch(branch) = trie.open(&path, &RlpNode::word_rlp(&root))? else {
        return update(reader, root, changes);
    };
    let siblings = Siblings::Branch(branch);
    let changes = account_changes(changes);
    let parts: Vec<_> = by_nibble(path.len(), &changes).collect();
    let visited = parts.into_par_iter().map(|part| {
        let mut out = Output::default();
        trie.visit_child(&path, part, &siblings, &mut out).map(|child| (child, out))
    });
    let visited: Vec<_> = visited.collect::<Result<_, _>>()?;

    let mut out = Output::default();
    let slot = out.reserve(path, true);
    let mut children = [const { Child::Same }; 16];
    for ((child, later), place) in visited.into_iter().zip(&mut children) {
        let offset = out.append(later);
        if let Child::New(slot, subtree) = child {
            *place = Child::New(slot.after(offset), subtree);
        }
    }
    let child = match trie.close(Place { path, slot }, &siblings, children, &mut out)? {
        Some(subtree) => Child::New(slot, subtree),
        None => {
            out.keep(slot);
            Child::Same
        }
    };
    let root = trie.seal(root, child, &mut out);
    Ok((root, out.finish()))
}

/// [`update`] of one storage trie with whole keys instead of hashed ones, so that tests can choose where keys part.
#[cfg(test)]
pub(crate) fn update_slots<R: NodeRead>(
    reader: &R,
    owner: B256,
    root: B256,
    slots: &alloc::collections::BTreeMap<B256, U256>,
) -> Read<(B256, TrieChanges), R> {
    if slots.is_empty() {
        return Ok((root, TrieChanges::default()));
    }
    let changes = sorted(slots.iter().map(|(key, value)| (*key, NewValue::Slot(value))));
    let (mut out, mut storage) = (Output::default(), Output::default());
    let root = Trie { reader, owner: Some(owner) }.run(root, &changes, &mut storage)?;
    out.nest(owner, storage);
    Ok((root, out.finish()))
}
