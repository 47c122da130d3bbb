//! Incremental updates equal a trie built anew, node by node.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, keccak256};
use proptest::prelude::*;
use sluice_types::{Account, AccountChange, GenesisState, StateChanges};

use super::{MapStore, a_block, after, large_state, naive_nodes, naive_state_nodes, play};
use crate::{
    EMPTY_ROOT_HASH, Error, HashedAccount, HashedChanges, Nibbles, PARALLEL_KEYS_MIN, account::slot_to_value,
    naive_state_root, update, update::update_slots, update_hashed, update_hashed_parallel, update_parallel,
};

/// Places where chosen keys may part: at the root, early, in the middle, and in the last nibbles, where nodes are inlined.
const FORKS: [usize; 7] = [0, 1, 2, 30, 58, 62, 63];

fn a_key() -> impl Strategy<Value = B256> {
    proptest::array::uniform7(prop_oneof![3 => Just(0u8), 1 => Just(1), 1 => Just(15)]).prop_map(|digits| {
        let mut key = Nibbles::from_nibbles([7; 64]);
        for (at, digit) in FORKS.into_iter().zip(digits) {
            key.set_at(at, digit);
        }
        B256::from_slice(&key.pack())
    })
}

fn a_value() -> impl Strategy<Value = U256> {
    prop_oneof![3 => Just(U256::ZERO), 3 => (1..3u64).prop_map(U256::from), 1 => Just(U256::MAX)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn chosen_keys_give_the_trie_built_anew(
        blocks in proptest::collection::vec(proptest::collection::btree_map(a_key(), a_value(), 0..10), 1..6),
    ) {
        let owner = B256::repeat_byte(1);
        let (mut store, mut root, mut leaves) = (MapStore::default(), EMPTY_ROOT_HASH, BTreeMap::new());
        for block in blocks {
            let (new_root, changes) = update_slots(&store, owner, root, &block).unwrap();
            store.apply(changes);
            root = new_root;
            for (key, value) in block {
                if value.is_zero() { leaves.remove(&key) } else { leaves.insert(key, slot_to_value(&value)) };
            }
            let mut nodes = BTreeMap::new();
            prop_assert_eq!(root, naive_nodes(Some(owner), &leaves, &mut nodes));
            prop_assert_eq!(&store.0, &nodes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn blocks_give_the_state_built_anew(blocks in proptest::collection::vec(a_block(24), 1..6)) {
        let (store, root, state) = after(&blocks);
        let (naive_root, nodes) = naive_state_nodes(&state);
        prop_assert_eq!(root, naive_root);
        prop_assert_eq!(root, naive_state_root(&state));
        prop_assert_eq!(store.0, nodes);
    }

    #[test]
    fn the_same_block_twice_changes_nothing_more(
        blocks in proptest::collection::vec(a_block(12), 1..4), last in a_block(12),
    ) {
        let (mut store, root, mut state) = after(&blocks);
        let changes = play(&mut state, &last);
        let (root, nodes) = update(&store, root, &changes).unwrap();
        store.apply(nodes);
        let rewritten: Vec<_> = changes.accounts.iter()
            .filter(|(_, change)| change.account.is_some() && change.storage_wiped).map(|(address, _)| *address).collect();
        let mut again = changes;
        again.accounts.retain(|address, _| !rewritten.contains(address));
        let (same, nodes) = update(&store, root, &again).unwrap();
        prop_assert_eq!(same, root);
        prop_assert_eq!(nodes, Default::default());
    }
}

#[test]
fn everything_destroyed_leaves_nothing() {
    let state = large_state(300);
    let (mut store, mut all) = (MapStore::default(), state.clone().into_changes());
    let (root, nodes) = update(&store, EMPTY_ROOT_HASH, &all).unwrap();
    store.apply(nodes);
    assert_eq!(root, naive_state_root(&state));
    for (_, change) in &mut all.accounts {
        *change = Default::default();
    }
    let (root, nodes) = update(&store, root, &all).unwrap();
    store.apply(nodes);
    assert_eq!(root, EMPTY_ROOT_HASH);
    assert!(store.0.is_empty());
}

#[test]
fn parallel_equals_sequential() {
    let state = large_state(4000);
    let mut store = MapStore::default();
    let (root, nodes) = update(&store, EMPTY_ROOT_HASH, &state.clone().into_changes()).unwrap();
    store.apply(nodes);
    assert_eq!(store.0, naive_state_nodes(&state).1);

    let mut later = large_state(4200).into_changes();
    for (index, change) in later.accounts.iter_mut().map(|(_, change)| change).enumerate() {
        change.storage.insert(U256::from(index % 7), U256::from(index % 3));
        match index % 5 {
            0 => *change = Default::default(),
            1 => change.storage_wiped = true,
            _ => {}
        }
    }
    let sequential = update(&store, root, &later).unwrap();
    assert_eq!(update_parallel(&store, root, &later).unwrap(), sequential);
    assert_ne!(sequential.0, root);

    // Leaves less than a branch: what collapses does so across the threads' subtries.
    let mut few = state.clone().into_changes();
    let survivor = *few.accounts.keys().nth(1234).unwrap();
    few.accounts.remove(&survivor);
    for (_, change) in &mut few.accounts {
        *change = Default::default();
    }
    let sequential = update(&store, root, &few).unwrap();
    assert_eq!(update_parallel(&store, root, &few).unwrap(), sequential);
    store.apply(sequential.1);
    let mut left = state;
    left.accounts.retain(|address, _| *address == survivor);
    assert_eq!((sequential.0, store.0), naive_state_nodes(&left));
}

/// Deterministic changes to `state`, applied to it: new, changed and destroyed accounts; written, zeroed and wiped storage.
fn churn(state: &mut GenesisState, seed: u64, (accounts, slots): (u64, u64)) -> StateChanges {
    let mut changed = BTreeMap::new();
    for index in 0..accounts {
        let random = |salt: u64| u64::from(keccak256([seed, index, salt].map(u64::to_be_bytes).concat())[0]);
        let address = Address::from_slice(&keccak256((index + random(0) % 8).to_be_bytes())[12..]);
        if changed.contains_key(&address) {
            continue;
        }
        let old = state.accounts.remove(&address);
        let storage_wiped = random(1) < 32;
        let mut storage = old.filter(|_| !storage_wiped).map(|(_, storage)| storage).unwrap_or_default();
        let mut change = AccountChange { storage_wiped, ..Default::default() };
        if random(2) >= 48 {
            // A wiped storage that is written anew is at times what it was.
            let slots = (0..slots).map(|slot| (U256::from(slot), U256::from((slot + random(3) / 128) % 4)));
            change.storage = slots.filter(|(slot, _)| slot % U256::from(3) != U256::from(random(4) % 3)).collect();
            storage.extend(change.storage.clone());
            storage.retain(|_, value| !value.is_zero());
            let account = Account { nonce: 1, balance: U256::from(random(5) % 2), ..Default::default() };
            change.account = Some(account);
            state.accounts.insert(address, (account, storage));
        }
        changed.insert(address, change);
    }
    StateChanges { accounts: changed.into_iter().collect(), ..Default::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// From many small storage tries to few that are split among threads themselves.
    #[test]
    fn parallel_equals_sequential_equals_naive(
        seeds in proptest::collection::vec(any::<u64>(), 2..5),
        size in prop_oneof![Just((600, 0)), Just((250, 6)), Just((40, 40)), Just((3, 900)), Just((1, 1200))],
    ) {
        let (mut store, mut root, mut state) = (MapStore::default(), EMPTY_ROOT_HASH, GenesisState::default());
        for seed in seeds {
            let changes = churn(&mut state, seed, size);
            let sequential = update(&store, root, &changes).unwrap();
            prop_assert_eq!(&update_parallel(&store, root, &changes).unwrap(), &sequential);
            root = sequential.0;
            store.apply(sequential.1);
            let (naive_root, nodes) = naive_state_nodes(&state);
            prop_assert_eq!(root, naive_root);
            prop_assert_eq!(&store.0, &nodes);
        }
    }
}

#[test]
fn storage_wiped_and_written_as_it_was_changes_no_node_of_the_accounts() {
    let mut state = large_state(50);
    let storage = (0..2 * PARALLEL_KEYS_MIN as u64).map(|slot| (U256::from(slot), U256::from(slot + 1)));
    state.insert(Address::ZERO, 1, U256::ZERO, Default::default(), storage.collect());
    let mut store = MapStore::default();
    let changes = state.into_changes();
    let (root, nodes) = update(&store, EMPTY_ROOT_HASH, &changes).unwrap();
    store.apply(nodes);
    let mut again = changes;
    for (_, change) in &mut again.accounts {
        change.storage_wiped = true;
    }
    let (same, nodes) = update(&store, root, &again).unwrap();
    assert_eq!(same, root);
    assert!(nodes.nodes.keys().all(|(owner, _)| owner.is_some()));
    assert_eq!(update_parallel(&store, root, &again).unwrap(), (same, nodes));
}

#[test]
fn hashed_keys_give_what_their_preimages_give() {
    let changes = large_state(700).into_changes();
    let mut accounts: Vec<_> = changes.accounts.iter().map(|(address, change)| (keccak256(address), change)).collect();
    accounts.sort_unstable_by_key(|(key, _)| *key);
    let mut hashed = HashedChanges::default();
    for (hashed_address, change) in accounts {
        let mut slots: Vec<_> =
            change.storage.iter().map(|(slot, value)| (keccak256(B256::from(*slot)), *value)).collect();
        slots.sort_unstable();
        let (account, storage_wiped) = (change.account, change.storage_wiped);
        hashed.push(HashedAccount { hashed_address, account, storage_wiped, slots: &slots }).unwrap();
    }
    assert_eq!(hashed, HashedChanges::new(&changes));
    let expected = update(&MapStore::default(), EMPTY_ROOT_HASH, &changes).unwrap();
    assert_eq!(update_hashed(&MapStore::default(), EMPTY_ROOT_HASH, &hashed).unwrap(), expected);
    assert_eq!(update_hashed_parallel(&MapStore::default(), EMPTY_ROOT_HASH, &hashed).unwrap(), expected);
}

#[test]
fn rejects_hashed_keys_out_of_order() {
    let [low, high] = [B256::repeat_byte(1), B256::repeat_byte(2)];
    let account = |hashed_address| HashedAccount { hashed_address, account: None, storage_wiped: false, slots: &[] };
    let mut changes = HashedChanges::default();
    changes.push(account(high)).unwrap();
    let before = changes.clone();
    assert_eq!(changes.push(account(low)), Err(Error::NotSorted(low)));
    assert_eq!(changes.push(account(high)), Err(Error::NotSorted(high)));
    for slots in [[(high, U256::ONE), (low, U256::ONE)], [(high, U256::ONE), (high, U256::ZERO)]] {
        let change = HashedAccount { slots: &slots, ..account(B256::repeat_byte(3)) };
        assert_eq!(changes.push(change), Err(Error::NotSorted(slots[1].0)));
    }
    assert_eq!(changes, before);
}
