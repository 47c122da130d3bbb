//! Incremental updates equal a trie built anew, node by node.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256};
use proptest::prelude::*;

use super::{MapStore, a_block, after, large_state, naive_nodes, naive_state_nodes, play};
use crate::{
    EMPTY_ROOT_HASH, Nibbles, account::slot_to_value, naive_state_root, update, update::update_slots, update_parallel,
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
    for change in all.accounts.values_mut() {
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
    for (index, change) in later.accounts.values_mut().enumerate() {
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
    few.accounts.retain(|address, change| {
        *change = Default::default();
        *address != survivor
    });
    let sequential = update(&store, root, &few).unwrap();
    assert_eq!(update_parallel(&store, root, &few).unwrap(), sequential);
    store.apply(sequential.1);
    let mut left = state;
    left.accounts.retain(|address, _| *address == survivor);
    assert_eq!((sequential.0, store.0), naive_state_nodes(&left));
}
