//! The newest values of what was lately read or written, so that reading at the head asks neither layers nor tables.
//!
//! An entry says since which block it is so, and it is so up to the head. A reader of an older block takes it only if it was so then
//! already. Whoever read a value may leave it here, unless a block came meanwhile: a block announces its number before it writes, and
//! a reader looks at that number with the lock in hand.

use std::{
    hash::{BuildHasher, Hash},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use alloy_primitives::{
    Address, B256, Bytes, U256,
    map::{DefaultHashBuilder, HashMap},
};
use parking_lot::RwLock;
use sluice_trie::{Nibbles, TrieChanges};
use sluice_types::{Account, StateChanges};

/// Most accounts kept; about 130 bytes each.
pub(crate) const ACCOUNTS_MAX: usize = 1 << 18;
/// Most slots kept; about 110 bytes each.
pub(crate) const SLOTS_MAX: usize = 1 << 18;
/// Most trie nodes kept; up to 650 bytes each.
pub(crate) const NODES_MAX: usize = 1 << 17;
/// Most accounts of which it is remembered when their storage went. Beyond that all is forgotten.
pub(crate) const WIPES_MAX: usize = 1 << 16;
/// Locks, so that readers and writers seldom meet.
const SHARDS: usize = 64;

/// Accounts, slots and trie nodes as they are at the head.
pub(crate) struct Hot {
    /// The last block that writes, or has written, its values here.
    head: AtomicU64,
    accounts: Latest<Address, Option<Account>>,
    slots: Latest<(Address, U256), U256>,
    storage_wipes: Wipes<Address>,
    nodes: Latest<(Option<B256>, Nibbles), Option<Bytes>>,
    node_wipes: Wipes<B256>,
}

impl Hot {
    /// Empty, at this block.
    pub(crate) fn new(head: u64) -> Self {
        Self {
            head: AtomicU64::new(head),
            accounts: Latest::new(ACCOUNTS_MAX),
            slots: Latest::new(SLOTS_MAX),
            storage_wipes: Wipes::default(),
            nodes: Latest::new(NODES_MAX),
            node_wipes: Wipes::default(),
        }
    }

    /// Takes in what a block changed, before anybody can read its state.
    pub(crate) fn apply(&self, number: u64, changes: &StateChanges, trie: &TrieChanges) {
        self.head.store(number, Ordering::SeqCst);
        for (&address, change) in &changes.accounts {
            self.accounts.set(address, number, change.account);
            if change.storage_wiped {
                self.storage_wipes.note(address, number);
            }
            for (&slot, &value) in &change.storage {
                self.slots.set((address, slot), number, value);
            }
        }
        trie.wiped.iter().for_each(|owner| self.node_wipes.note(*owner, number));
        for (key, node) in &trie.nodes {
            self.nodes.set(*key, number, node.clone());
        }
    }

    /// The account after block `number`, through `read` if it is not known here.
    pub(crate) fn account<E>(
        &self,
        address: Address,
        number: u64,
        read: impl FnOnce() -> Result<Option<Account>, E>,
    ) -> Result<Option<Account>, E> {
        match self.accounts.find(&address, number) {
            Some((_, account)) => Ok(account),
            None => self.accounts.keep(address, number, &self.head, read()?),
        }
    }

    /// The slot after block `number`, through `read` if it is not known here.
    pub(crate) fn slot<E>(
        &self,
        address: Address,
        slot: U256,
        number: u64,
        read: impl FnOnce() -> Result<U256, E>,
    ) -> Result<U256, E> {
        match self.slots.find(&(address, slot), number) {
            Some((since, value)) if !self.storage_wipes.came_after(&address, since) => Ok(value),
            _ => self.slots.keep((address, slot), number, &self.head, read()?),
        }
    }

    /// The trie node after block `number`, through `read` if it is not known here.
    pub(crate) fn node<E>(
        &self,
        key: (Option<B256>, Nibbles),
        number: u64,
        read: impl FnOnce() -> Result<Option<Bytes>, E>,
    ) -> Result<Option<Bytes>, E> {
        let is_gone = |since| key.0.is_some_and(|owner| self.node_wipes.came_after(&owner, since));
        match self.nodes.find(&key, number) {
            Some((since, node)) if !is_gone(since) => Ok(node),
            _ => self.nodes.keep(key, number, &self.head, read()?),
        }
    }
}

/// When the storage of an account, or its trie, last went as a whole.
#[derive(Default)]
struct Wipes<K> {
    any: AtomicBool,
    last: RwLock<LastWipes<K>>,
}

struct LastWipes<K> {
    of: HashMap<K, u64>,
    /// What is from before this block may be gone, since it is forgotten whose storage went before.
    floor: u64,
}

impl<K> Default for LastWipes<K> {
    fn default() -> Self {
        Self { of: HashMap::default(), floor: 0 }
    }
}

impl<K: Copy + Eq + Hash> Wipes<K> {
    fn note(&self, owner: K, number: u64) {
        let mut last = self.last.write();
        if last.of.len() >= WIPES_MAX {
            *last = LastWipes { of: HashMap::default(), floor: number };
        }
        last.of.insert(owner, number);
        self.any.store(true, Ordering::SeqCst);
    }

    fn came_after(&self, owner: &K, since: u64) -> bool {
        if !self.any.load(Ordering::SeqCst) {
            return false;
        }
        let last = self.last.read();
        since < last.floor || last.of.get(owner).is_some_and(|wiped| *wiped > since)
    }
}

/// Values with the block since which they are so. When there are too many, those that were not written anew in the last while go.
struct Latest<K, V> {
    hasher: DefaultHashBuilder,
    shards: Vec<RwLock<Generations<K, V>>>,
    /// Entries of a generation in one shard.
    generation_max: usize,
}

struct Generations<K, V> {
    young: HashMap<K, (u64, V)>,
    old: HashMap<K, (u64, V)>,
}

impl<K, V> Default for Generations<K, V> {
    fn default() -> Self {
        Self { young: HashMap::default(), old: HashMap::default() }
    }
}

impl<K: Copy + Eq + Hash, V: Clone> Latest<K, V> {
    fn new(entries_max: usize) -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            generation_max: entries_max / SHARDS / 2,
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "the lowest bits serve")]
    fn shard(&self, key: &K) -> &RwLock<Generations<K, V>> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }

    /// The value, if it is known and was so after block `number`.
    fn find(&self, key: &K, number: u64) -> Option<(u64, V)> {
        let shard = self.shard(key).read();
        let (since, value) = shard.young.get(key).or_else(|| shard.old.get(key))?;
        (*since <= number).then(|| (*since, value.clone()))
    }

    /// A block has written this.
    fn set(&self, key: K, number: u64, value: V) {
        self.shard(&key).write().insert(key, (number, value), self.generation_max);
    }

    /// Somebody has read this after block `number`. Kept if that is still the head.
    fn keep<E>(&self, key: K, number: u64, head: &AtomicU64, value: V) -> Result<V, E> {
        if head.load(Ordering::SeqCst) == number {
            let mut shard = self.shard(&key).write();
            if head.load(Ordering::SeqCst) == number {
                shard.insert(key, (number, value.clone()), self.generation_max);
            }
        }
        Ok(value)
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    fn insert(&mut self, key: K, entry: (u64, V), generation_max: usize) {
        if self.young.len() >= generation_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use sluice_types::AccountChange;

    use super::*;

    fn change(balance: u64, slots: &[(u64, u64)], storage_wiped: bool) -> StateChanges {
        let account = Account { balance: U256::from(balance), ..Account::default() };
        let storage = slots.iter().map(|(slot, value)| (U256::from(*slot), U256::from(*value))).collect();
        let change = AccountChange { account: Some(account), storage_wiped, storage };
        StateChanges { accounts: [(Address::ZERO, change)].into_iter().collect(), ..StateChanges::default() }
    }

    /// What is known of a slot without a read; otherwise `None`, and what was read is kept if it may.
    fn known(hot: &Hot, slot: u64, number: u64, stored: u64) -> Option<u64> {
        let mut was_read = false;
        let value = hot.slot::<Infallible>(Address::ZERO, U256::from(slot), number, || {
            was_read = true;
            Ok(U256::from(stored))
        });
        let value = value.unwrap_or_default().to();
        if was_read { None } else { Some(value) }
    }

    #[test]
    fn only_what_was_so_at_the_reader_s_block_is_given() {
        let hot = Hot::new(0);
        assert_eq!((known(&hot, 1, 0, 7), known(&hot, 1, 0, 7)), (None, Some(7)), "what was read is kept");
        hot.apply(1, &change(0, &[(1, 8)], false), &TrieChanges::default());
        assert_eq!((known(&hot, 1, 1, 0), known(&hot, 1, 0, 7)), (Some(8), None));
        assert_eq!(known(&hot, 1, 1, 0), Some(8), "a reader of an older block leaves nothing behind");
        assert_eq!((known(&hot, 2, 0, 9), known(&hot, 2, 1, 9)), (None, None), "not even where nothing is known");
        assert_eq!(known(&hot, 2, 1, 0), Some(9));
    }

    #[test]
    fn what_was_known_before_storage_went_is_no_longer() {
        let hot = Hot::new(0);
        hot.apply(1, &change(0, &[(1, 8), (2, 9)], false), &TrieChanges::default());
        hot.apply(2, &change(0, &[(2, 5)], true), &TrieChanges::default());
        assert_eq!((known(&hot, 1, 2, 0), known(&hot, 2, 2, 0)), (None, Some(5)));
        assert_eq!(known(&hot, 1, 2, 1), Some(0), "what was read after it went is known again");
        hot.apply(3, &change(0, &[], true), &TrieChanges::default());
        assert_eq!((known(&hot, 2, 3, 0), known(&hot, 1, 2, 0)), (None, None));
    }

    #[test]
    fn keeps_no_more_than_its_bounds() {
        let latest = Latest::<u64, u64>::new(SHARDS * 8);
        (0..10_000).for_each(|key| latest.set(key, 0, key));
        let kept: usize = latest.shards.iter().map(|shard| shard.read().young.len() + shard.read().old.len()).sum();
        assert!(kept <= SHARDS * 8, "{kept}");
        assert_eq!(latest.find(&9_999, 0), Some((0, 9_999)), "the newest is there");
        let wipes = Wipes::<u64>::default();
        (0..=WIPES_MAX as u64).for_each(|owner| wipes.note(owner, 5));
        assert!(wipes.last.read().of.len() <= WIPES_MAX);
        assert!(wipes.came_after(&0, 4), "whose storage went may be forgotten, but not that it may have gone");
        assert!(!wipes.came_after(&0, 5));
    }
}
