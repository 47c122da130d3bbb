//! State at every block, compared with maps.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{B256, U256};
use proptest::prelude::*;
use sluice_trie::{TrieChanges, naive_state_root};
use sluice_types::{L2Number, StateChanges, StateRead};

use super::fixture::*;
use crate::{Cores, Error, Store, engine::PROOF_HISTORY_BLOCKS};

/// What a block does to state and tries, and its state root, before it is committed.
type Waiting = (Arc<StateChanges>, Arc<TrieChanges>, B256);

const POOL: u64 = 6;
const SLOTS: u64 = 4;

fn op() -> impl Strategy<Value = (u64, Op)> {
    let op = prop_oneof![
        3 => (1..100u64).prop_map(Op::Pay),
        4 => (0..SLOTS, 0..4u64).prop_map(|(slot, value)| Op::Write { slot, value }),
        1 => Just(Op::Destroy),
        2 => (0..SLOTS, 1..4u64).prop_map(|(slot, value)| Op::Recreate { slot, value }),
        1 => proptest::collection::vec(any::<u8>(), 1..4).prop_map(Op::Deploy),
    ];
    (0..POOL, op)
}

fn chain() -> impl Strategy<Value = Vec<Vec<(u64, Op)>>> {
    proptest::collection::vec(proptest::collection::vec(op(), 0..6), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever part of the chain is in memory, in the tables or in the history: every block's state is the model's, before and
    /// after reopening, and so are roots, proofs and everything stored with the blocks.
    #[test]
    fn state_at_every_block_equals_model(chain in chain(), flush_blocks in 1..30usize, explicit in any::<prop::sample::Index>()) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_with(dir.path(), &genesis(), &options(flush_blocks)).unwrap();
        let mut model = genesis().state;
        let mut models = vec![model.clone()];
        let mut commits = Vec::new();
        for (index, ops) in chain.iter().enumerate() {
            commits.push(commit(&store, &mut model, ops));
            models.push(model.clone());
            prop_assert_eq!(store.head_block().block.header.state_root, naive_state_root(&model));
            if index % 2 == 0 {
                // What is read here may be remembered, and must not be taken for what later blocks leave.
                assert_state(&store.state(head(&store)).unwrap(), &model, POOL, SLOTS);
            }
            if index == explicit.index(chain.len()) {
                store.flush().unwrap();
            }
        }
        let check = |store: &Store| {
            for (number, model) in models.iter().enumerate() {
                let number = L2Number(number as u64);
                let snapshot = store.state(number).unwrap();
                assert_state(&snapshot, model, POOL, SLOTS);
                for other in 0..models.len() as u64 + 1 {
                    let expected = store.block(L2Number(other)).unwrap().filter(|_| other <= number.0).map_or(B256::ZERO, |block| block.hash);
                    assert_eq!(snapshot.block_hash(other).unwrap(), expected);
                }
                let root = store.block(number).unwrap().unwrap().block.header.state_root;
                for who in 0..POOL {
                    let slots: Vec<_> = (0..SLOTS).map(U256::from).collect();
                    let proof = store.proof(number, address(who), &slots).unwrap();
                    proof.verify(root).unwrap();
                    assert_eq!(proof.account, snapshot.account(address(who)).unwrap());
                }
            }
            commits.iter().for_each(|commit| assert_block(store, commit));
            let last = commits.iter().rev().find_map(|commit| commit.ordered.as_ref());
            assert_eq!(store.ordered_head(), last.map(|(block, _)| (block.height, block.hash(), block.timestamp_ms)));
        };
        check(&store);
        let heads = store.heads();
        drop(store);
        let store = Store::open_existing_with(dir.path(), &options(flush_blocks)).unwrap();
        prop_assert_eq!(store.heads(), heads);
        check(&store);
        store.flush().unwrap();
        check(&store);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Roots of blocks that are not committed yet are those that they have when they are, however many are committed meanwhile.
    #[test]
    fn roots_above_uncommitted_blocks_equal_model(chain in chain(), behind in 1..5usize) {
        let store = Store::in_memory(&genesis()).unwrap();
        let mut model = genesis().state;
        let mut roots = store.roots();
        let mut waiting = VecDeque::new();
        let commit_first = |waiting: &mut VecDeque<Waiting>| {
            let Some((changes, trie, root)) = waiting.pop_front() else { return false };
            let mut commit = next_block(&store, StateChanges::clone(&changes), 2);
            assert_eq!(commit.sealed.block.header.state_root, root);
            (commit.changes, commit.trie) = (changes, trie);
            store.commit_block(commit).unwrap();
            true
        };
        for ops in &chain {
            let changes = Arc::new(apply(&mut model, ops));
            let (root, trie) = roots.after(&changes, Cores::One).unwrap();
            prop_assert_eq!(root, naive_state_root(&model));
            waiting.push_back((changes, trie, root));
            if waiting.len() > behind {
                commit_first(&mut waiting);
            }
        }
        while commit_first(&mut waiting) {}
        assert_state(&store.state(head(&store)).unwrap(), &model, POOL, SLOTS);
    }
}

#[test]
fn snapshots_stay_frozen_while_later_blocks_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_with(dir.path(), &genesis(), &options(3)).unwrap();
    let mut model = genesis().state;
    let mut taken = vec![(store.state(L2Number(0)).unwrap(), model.clone())];
    for block in 0..5 {
        commit(&store, &mut model, &[(block % POOL, Op::Pay(block + 1)), (2, Op::Write { slot: 1, value: block })]);
        taken.push((store.state(head(&store)).unwrap(), model.clone()));
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut rounds = 0;
                    while !done.load(Ordering::Relaxed) || rounds == 0 {
                        taken.iter().for_each(|(snapshot, model)| assert_state(snapshot, model, POOL, SLOTS));
                        rounds += 1;
                    }
                })
            })
            .collect();
        for block in 0..40 {
            let ops = [
                (block % POOL, if block % 5 == 0 { Op::Destroy } else { Op::Pay(7) }),
                (2, Op::Write { slot: block % SLOTS, value: block }),
                (3, Op::Recreate { slot: 0, value: block + 1 }),
            ];
            commit(&store, &mut model, &ops);
            // A snapshot taken while the tables are being written.
            assert_state(&store.state(head(&store)).unwrap(), &model, POOL, SLOTS);
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn state_of_unexecuted_block_is_unknown() {
    let store = Store::in_memory(&genesis()).unwrap();
    let error = store.state(L2Number(1)).unwrap_err();
    assert!(matches!(error, Error::UnknownBlock(L2Number(1))), "{error}");
}

#[test]
fn proofs_verify_within_window_and_are_pruned_beyond() {
    let store = Store::in_memory(&genesis()).unwrap();
    let mut model = genesis().state;
    let mut models = vec![model.clone()];
    let last = PROOF_HISTORY_BLOCKS + 40;
    for block in 1..=last {
        let op =
            if block % 7 == 0 { Op::Recreate { slot: 1, value: block } } else { Op::Write { slot: 0, value: block } };
        commit(&store, &mut model, &[(block % POOL, op)]);
        models.push(model.clone());
    }
    store.flush().unwrap();
    let oldest = store.oldest_proof();
    assert_eq!(oldest, L2Number(40));
    for number in oldest.0..=last {
        let block = store.block(L2Number(number)).unwrap().unwrap();
        for who in [number % POOL, (number + 1) % POOL] {
            let proof = store.proof(L2Number(number), address(who), &[U256::ZERO, U256::from(1)]).unwrap();
            proof.verify(block.block.header.state_root).unwrap();
            let expected = models[usize::try_from(number).unwrap()].accounts.get(&address(who));
            assert_eq!(proof.account, expected.map(|(account, _)| *account));
            let value = expected.and_then(|(_, storage)| storage.get(&U256::ZERO)).copied().unwrap_or_default();
            assert_eq!(proof.storage[0].value, value);
        }
    }
    let error = store.proof(L2Number(39), address(0), &[]).unwrap_err();
    assert!(matches!(error, Error::StatePruned { number: L2Number(39), oldest: L2Number(40) }), "{error}");
    // State itself is never pruned.
    assert_state(&store.state(L2Number(1)).unwrap(), &models[1], POOL, SLOTS);
}

#[test]
fn block_hashes_reach_back_256_blocks() {
    let store = Store::in_memory(&genesis()).unwrap();
    let mut model = genesis().state;
    for _ in 0..300 {
        commit(&store, &mut model, &[]);
    }
    let snapshot = store.state(L2Number(300)).unwrap();
    let hash = |number| store.block(L2Number(number)).unwrap().unwrap().hash;
    assert_eq!(snapshot.block_hash(45).unwrap(), hash(45));
    assert_eq!(snapshot.block_hash(44).unwrap(), B256::ZERO);
    assert_eq!(snapshot.block_hash(300).unwrap(), hash(300));
    assert_eq!(snapshot.block_hash(301).unwrap(), B256::ZERO);
}

#[test]
fn heads_are_announced_after_each_commit() {
    let store = Store::in_memory(&genesis()).unwrap();
    let mut watch = store.watch_heads();
    let mut model = genesis().state;
    let reader = std::thread::spawn({
        let store = store.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                while watch.borrow_and_update().executed < L2Number(20) {
                    let number = watch.borrow().executed;
                    // What is announced can be read.
                    assert!(store.block(number).unwrap().is_some());
                    store.state(number).unwrap();
                    tokio::time::timeout(Duration::from_secs(60), watch.changed()).await.unwrap().unwrap();
                }
            });
        }
    });
    for _ in 0..20 {
        commit(&store, &mut model, &[(0, Op::Pay(1))]);
    }
    reader.join().unwrap();
}
