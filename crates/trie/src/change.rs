//! Changes of keys, as the walk sees them.

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes, U256};
use alloy_rlp::Encodable;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

use crate::{
    AccountLeaf, NodeRead,
    account::slot_from_value,
    hashed::{AccountEntry, SlotEntry},
    output::{Output, Value},
    read::{Read, Trie},
    spread::Spread,
    walk::{Root, Walk},
};

/// What a change makes of a leaf's value.
#[derive(Debug)]
pub(crate) enum NewValue {
    Same,
    None,
    Value(Value),
}

/// The change of one key: of an account, or of a slot.
pub(crate) trait Change: Sized + Sync {
    /// Whole key.
    fn key(&self) -> &B256;

    /// True when the key is not in the trie afterwards.
    fn removes(&self) -> bool;

    /// How much work these are, in keys.
    fn weight(changes: &[Self]) -> usize;

    /// The value of the leaf after the change; of an account, this updates its storage trie.
    fn value<R: NodeRead, S: Spread<R>>(
        &self,
        walk: &Walk<'_, R, S>,
        old: Option<&Bytes>,
        out: &mut Output,
    ) -> Read<NewValue, R>;
}

impl Change for SlotEntry {
    fn key(&self) -> &B256 {
        &self.0
    }

    fn removes(&self) -> bool {
        self.1.is_zero()
    }

    fn weight(changes: &[Self]) -> usize {
        changes.len()
    }

    fn value<R: NodeRead, S: Spread<R>>(
        &self,
        walk: &Walk<'_, R, S>,
        old: Option<&Bytes>,
        out: &mut Output,
    ) -> Read<NewValue, R> {
        let corrupt = |reason| walk.trie.corrupt(&Nibbles::unpack_array(&self.0.0), reason);
        let old: Option<U256> = old.map(|old| slot_from_value(old)).transpose().map_err(corrupt)?;
        if self.removes() {
            return Ok(NewValue::None);
        }
        if old == Some(self.1) {
            return Ok(NewValue::Same);
        }
        Ok(NewValue::Value(out.value(|values: &mut Vec<u8>| self.1.encode(values), None)))
    }
}

impl Change for AccountEntry {
    fn key(&self) -> &B256 {
        &self.key
    }

    fn removes(&self) -> bool {
        self.account.is_none()
    }

    fn weight(changes: &[Self]) -> usize {
        let ends = changes.first().zip(changes.last());
        changes.len() + ends.map_or(0, |(first, last)| last.slots.end - first.slots.start)
    }

    fn value<R: NodeRead, S: Spread<R>>(
        &self,
        walk: &Walk<'_, R, S>,
        old: Option<&Bytes>,
        out: &mut Output,
    ) -> Read<NewValue, R> {
        let corrupt = |reason| walk.trie.corrupt(&Nibbles::unpack_array(&self.key.0), reason);
        let old = old.map(|old| AccountLeaf::from_value(old)).transpose().map_err(corrupt)?;
        let mut storage_root = old.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
        let wipes = storage_root != EMPTY_ROOT_HASH && (self.storage_wiped || self.account.is_none());
        if wipes {
            out.wipe(self.key);
            storage_root = EMPTY_ROOT_HASH;
        }
        let Some(account) = &self.account else { return Ok(NewValue::None) };
        let slots = &walk.slots[self.slots.clone()];
        let mark = out.mark();
        let trie = Trie { reader: walk.trie.reader, owner: Some(self.key) };
        let storage = Walk { trie, slots: &[], keccak: walk.keccak, spread: walk.spread };
        let waits = match storage.run(storage_root, slots, out)? {
            Root::Known(root) => {
                storage_root = root;
                None
            }
            // What was wiped may have been written anew as it was, and then the account is as it was.
            Root::Node(id) if wipes => {
                storage_root = out.hash_now(id, mark);
                None
            }
            Root::Node(id) => Some(id),
        };
        let new = AccountLeaf::new(account, if waits.is_some() { B256::ZERO } else { storage_root });
        if waits.is_none() && old == Some(new) {
            return Ok(NewValue::Same);
        }
        Ok(NewValue::Value(out.value(|values: &mut Vec<u8>| new.encode(values), waits)))
    }
}

/// First and last of the sorted changes that put a value; `None` when all remove.
pub(crate) fn puts<C: Change>(changes: &[C]) -> Option<(usize, usize)> {
    let first = changes.iter().position(|change| !change.removes())?;
    let last = changes.iter().rposition(|change| !change.removes())?;
    Some((first, last))
}

/// Nibble `index` of a key.
pub(crate) fn nibble(key: &B256, index: usize) -> u8 {
    let byte = key.0[index / 2];
    if index.is_multiple_of(2) { byte >> 4 } else { byte & 0xf }
}

/// The first `length` nibbles of a key.
pub(crate) fn prefix(key: &B256, length: usize) -> Nibbles {
    Nibbles::unpack_array(&key.0).slice(..length)
}

/// Nibbles that both keys start with.
pub(crate) fn common(a: &B256, b: &B256) -> usize {
    match a.0.iter().zip(&b.0).position(|(a, b)| a != b) {
        None => 2 * B256::len_bytes(),
        Some(index) => 2 * index + usize::from(a.0[index] >> 4 == b.0[index] >> 4),
    }
}

/// Changes cut by one nibble.
#[derive(Debug)]
pub(crate) struct Groups<'a, C> {
    rest: &'a [C],
    depth: usize,
    /// A nibble whose group is wanted even if it is empty.
    wanted: Option<u8>,
}

/// Above this many changes, the end of a group is searched for and not walked to.
const SEARCH_MIN: usize = 32;

impl<'a, C: Change> Groups<'a, C> {
    /// Cuts sorted changes that share `depth` nibbles by the next one. Empty groups are left out, except for `wanted`.
    pub(crate) fn new(changes: &'a [C], depth: usize, wanted: Option<u8>) -> Self {
        Self { rest: changes, depth, wanted }
    }
}

impl<'a, C: Change> Iterator for Groups<'a, C> {
    type Item = (u8, &'a [C]);

    fn next(&mut self) -> Option<Self::Item> {
        let of = |change: &C| nibble(change.key(), self.depth);
        let first = self.rest.first().map(of);
        let nibble = match (first, self.wanted) {
            (None, None) => return None,
            (Some(nibble), None) | (None, Some(nibble)) => nibble,
            (Some(first), Some(wanted)) => first.min(wanted),
        };
        let count = if self.rest.len() > SEARCH_MIN {
            self.rest.partition_point(|change| of(change) <= nibble)
        } else {
            self.rest.iter().take_while(|change| of(change) <= nibble).count()
        };
        self.wanted = self.wanted.filter(|wanted| *wanted != nibble);
        let (mine, others) = self.rest.split_at(count);
        self.rest = others;
        Some((nibble, mine))
    }
}
