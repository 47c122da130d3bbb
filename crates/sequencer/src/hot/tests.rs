//! What is learnt from lists, how long it is kept, and what it may change.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Bytes, Signature, TxKind};
use proptest::prelude::*;

use super::*;
use crate::calls::{self, CALLS_BLOCKS_MAX, CALLS_KNOWN_MAX};

const BASE_FEE_WEI: u64 = 1_000;

fn small<T: TryFrom<usize, Error: std::fmt::Debug>>(n: usize) -> T {
    n.try_into().unwrap()
}

fn contract(n: u16) -> Address {
    Address::left_padding_from(&n.to_be_bytes())
}

/// A call of a contract's only function with one word.
fn tx(sender: u16, nonce: u64, tip_wei: u128, to: u16, word: u8) -> Arc<PoolTransaction> {
    let tx = TxEip1559 {
        chain_id: 7,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 1_000_000,
        max_priority_fee_per_gas: tip_wei,
        to: TxKind::Call(contract(to)),
        input: Bytes::from([&[1, 2, 3, 4][..], &[word; 32]].concat()),
        ..TxEip1559::default()
    };
    let transaction = SignedTransaction::from(tx.into_signed(Signature::new(U256::ONE, U256::ONE, false)));
    let sender = Address::left_padding_from(&[&[9], &sender.to_be_bytes()[..]].concat());
    Arc::new(PoolTransaction { transaction, raw: Bytes::new(), sender })
}

fn input(transactions: &[Arc<PoolTransaction>]) -> BlockInput {
    calls::tests::block(transactions.iter().map(|tx| (tx.sender, &tx.transaction)))
}

/// A block in which these transactions wrote slot 5 of the contract.
fn outcome(count: usize, writers: &[(u16, Vec<usize>)]) -> Outcome {
    let mut access_list = BlockAccessList::default();
    for (address, places) in writers {
        let change = |place: &usize| Change { index: *place as u64 + 1, value: U256::from(*place) };
        access_list.write(U256::from(5), |values| values.extend(places.iter().map(change)));
        access_list.end_account(contract(*address), |_, _, _| ());
    }
    Outcome { executed: (0..count).collect(), access_list, ..Outcome::default() }
}

fn learnt(keys: &mut HotKeys, block: &[Arc<PoolTransaction>], writers: &[(u16, Vec<usize>)]) {
    keys.learn(&input(block), &outcome(block.len(), writers), |_, _| None);
}

/// Twenty calls of contract 1, all of which write, and twenty of others.
fn half_hot() -> (Vec<Arc<PoolTransaction>>, HotKeys) {
    let block: Vec<_> = (0..40).map(|n| tx(n, 0, 1, if n < 20 { 1 } else { n }, 0)).collect();
    let mut keys = HotKeys::default();
    learnt(&mut keys, &block, &[(1, (0..20).collect())]);
    (block, keys)
}

fn is_hot(tx: &Arc<PoolTransaction>) -> bool {
    tx.transaction.to() == Some(contract(1))
}

#[test]
fn calls_of_a_function_that_writes_one_slot_are_spread_and_cut() {
    let (block, keys) = half_hot();
    let order = keys.order(BASE_FEE_WEI, block);
    assert!(order.chunks(2).all(|pair| is_hot(&pair[0]) && !is_hot(&pair[1])));
    assert_eq!(keys.cuts(&input(&order)), (1..40).collect::<Vec<_>>());
}

#[test]
fn a_word_tells_where_a_function_writes_here_and_there() {
    // All call contract 1; with word 7 they write its slot.
    let block: Vec<_> = (0..40).map(|n| tx(small(n), 0, 1, 1, if n < 20 { 7 } else { small(100 + n) })).collect();
    let mut keys = HotKeys::default();
    learnt(&mut keys, &block, &[(1, (0..20).collect())]);
    let order = keys.order(BASE_FEE_WEI, block);
    assert!(order.chunks(2).all(|pair| pair[0].transaction.input()[4] == 7 && pair[1].transaction.input()[4] != 7));
}

#[test]
fn nothing_hot_changes_nothing() {
    let block: Vec<_> = (0..40).map(|n| tx(n, 0, 1, n % 20, 0)).collect();
    let mut keys = HotKeys::default();
    learnt(&mut keys, &block, &[(1, (0..HOT_WRITES_MIN - 1).collect())]);
    assert_eq!(keys.order(BASE_FEE_WEI, block.clone()), block);
    assert!(keys.cuts(&input(&block)).is_empty());
}

#[test]
fn what_was_not_seen_again_is_forgotten() {
    let (block, mut keys) = half_hot();
    for _ in 0..CALLS_BLOCKS_MAX {
        learnt(&mut keys, &[], &[]);
    }
    assert_ne!(keys.order(BASE_FEE_WEI, block.clone()), block);
    learnt(&mut keys, &[], &[]);
    assert_eq!(keys.order(BASE_FEE_WEI, block.clone()), block);
    for _ in 0..CALLS_BLOCKS_MAX {
        learnt(&mut keys, &[], &[]);
    }
    assert!(keys.functions.is_empty());
}

#[test]
fn memory_is_bounded_whatever_is_hot() {
    let mut keys = HotKeys::default();
    let rounds = 2 * CALLS_KNOWN_MAX / HOT_LOCATIONS_MAX;
    // Without the blocks in between, nothing would be too old.
    for round in 0..rounds {
        keys.functions.blocks = 1;
        let first = small::<u16>(round * HOT_LOCATIONS_MAX);
        let calls = (0..2 * HOT_LOCATIONS_MAX * HOT_WRITES_MIN).map(|n| (n, first + small::<u16>(n / HOT_WRITES_MIN)));
        let block: Vec<_> = calls.clone().map(|(n, to)| tx(small(n), 0, 1, to, 0)).collect();
        let writers: Vec<_> = (0..2 * HOT_LOCATIONS_MAX)
            .map(|n| (first + small::<u16>(n), (n * HOT_WRITES_MIN..(n + 1) * HOT_WRITES_MIN).collect()))
            .collect();
        let before = keys.functions.len();
        learnt(&mut keys, &block, &writers);
        assert!(keys.functions.len() <= CALLS_KNOWN_MAX && keys.functions.len() - before <= HOT_LOCATIONS_MAX);
    }
    assert_eq!(keys.functions.len(), CALLS_KNOWN_MAX);
}

proptest! {
    #[test]
    fn whoever_pays_more_stays_in_front_and_nonces_ascend(calls in prop::collection::vec((0u16..30, 0u128..3, 0u16..3), 0..150)) {
        let (_, keys) = half_hot();
        let mut nonces = [0; 30];
        let chosen: Vec<_> = calls.into_iter().map(|(sender, tip_wei, to)| {
            nonces[usize::from(sender)] += 1;
            tx(sender, nonces[usize::from(sender)], tip_wei, to, 0)
        }).collect();
        let order = keys.order(BASE_FEE_WEI, chosen.clone());
        let tips = |txs: &[Arc<PoolTransaction>]| txs.iter().map(|tx| tx.tip_wei(BASE_FEE_WEI)).collect::<Vec<_>>();
        prop_assert_eq!(tips(&order), tips(&chosen));
        let sorted = |txs: &[Arc<PoolTransaction>]| {
            let mut all: Vec<_> = txs.iter().map(|tx| (tx.sender, tx.nonce())).collect();
            all.sort_unstable();
            all
        };
        prop_assert_eq!(sorted(&order), sorted(&chosen));
        for tx in &chosen {
            let of_sender: Vec<_> = order.iter().filter(|other| other.sender == tx.sender).map(|tx| tx.nonce()).collect();
            prop_assert!(of_sender.is_sorted());
        }
    }
}
