//! The pool at its door: every refusal in its words, and the bounds and orders that hold whatever happens.

mod property;
mod refusals;

use std::{collections::HashSet, sync::Arc};

use alloy_consensus::{SignableTransaction, Transaction as _, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use sluice_types::{L1FeeParams, L1Origin, L2Number, SignedTransaction, Transaction};

use super::*;

const BASE_FEE_WEI: u64 = 1_000;

/// A transaction before it is signed; the pool does not look at signatures, so tests name the sender.
fn unsigned(nonce: u64, cap_wei: u128, tip_wei: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: 7,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: cap_wei,
        max_priority_fee_per_gas: tip_wei,
        to: TxKind::Call(Address::ZERO),
        ..TxEip1559::default()
    }
}

fn from(sender: u8, tx: TxEip1559) -> Arc<PoolTransaction> {
    // Each sender its own signature, so that equal transactions of two senders have different hashes.
    let signature = Signature::new(U256::from(sender) + U256::from(1), U256::from(1), false);
    let transaction = SignedTransaction::from(tx.into_signed(signature));
    let raw = Bytes::from(Transaction::Signed(transaction.clone()).encode());
    Arc::new(PoolTransaction { transaction, raw, sender: Address::repeat_byte(sender) })
}

fn tx(sender: u8, nonce: u64, tip_wei: u128) -> Arc<PoolTransaction> {
    from(sender, unsigned(nonce, 1_000_000, tip_wei))
}

fn head(number: u64, base_fee_wei: u64) -> PoolHead {
    PoolHead { number: L2Number(number), base_fee_wei, l1_origin: L1Origin::default() }
}

fn pool(limits: Limits) -> Pool {
    Pool::new(limits, L1FeeParams::default(), head(0, BASE_FEE_WEI))
}

fn rich(nonce: u64) -> SenderState {
    SenderState { nonce, balance_wei: U256::MAX, is_contract: false }
}

const ROOM: Room = Room { gas: u64::MAX, bytes: usize::MAX };

/// The best where each uses all that it may.
fn best(pool: &Pool, room: Room) -> Vec<Arc<PoolTransaction>> {
    pool.best(room, &HashSet::new(), |tx| tx.gas_limit())
}

fn chosen(pool: &Pool, room: Room) -> Vec<(u8, u64)> {
    best(pool, room).iter().map(|tx| (tx.sender[0], tx.nonce())).collect()
}

#[test]
fn proposes_by_tip_then_arrival_and_each_sender_in_order() {
    let mut pool = pool(Limits::default());
    for newcomer in [tx(1, 0, 5), tx(2, 0, 9), tx(2, 1, 1), tx(3, 0, 5), tx(1, 1, 100)] {
        pool.admit(newcomer, rich(0), 0).unwrap();
    }
    // Sender 1's second pays most but stands behind its first; 1 came before 3 at equal tip.
    assert_eq!(chosen(&pool, ROOM), [(2, 0), (1, 0), (1, 1), (3, 0), (2, 1)]);
    assert_eq!(chosen(&pool, Room { gas: 42_000, ..ROOM }), [(2, 0), (1, 0)]);
    let one = best(&pool, ROOM)[0].raw.len();
    assert_eq!(chosen(&pool, Room { bytes: one, ..ROOM }), [(2, 0)]);
}

#[test]
fn a_transaction_that_does_not_fit_lets_others_pass_but_not_its_own_senders() {
    let mut pool = pool(Limits::default());
    let large = from(1, TxEip1559 { gas_limit: 1_000_000, ..unsigned(0, 1_000_000, 50) });
    for newcomer in [large, tx(1, 1, 40), tx(2, 0, 1)] {
        pool.admit(newcomer, rich(0), 0).unwrap();
    }
    assert_eq!(chosen(&pool, Room { gas: 500_000, ..ROOM }), [(2, 0)]);
}

#[test]
fn what_transactions_are_expected_to_use_counts_and_each_finds_what_it_may_use() {
    let mut pool = pool(Limits::default());
    for sender in 1..=9 {
        pool.admit(from(sender, TxEip1559 { gas_limit: 100_000, ..unsigned(0, 1_000_000, 1) }), rich(0), 0).unwrap();
    }
    let count = |gas, expected| pool.best(Room { gas, ..ROOM }, &HashSet::new(), |_| expected).len();
    assert_eq!(count(400_000, 100_000), 4);
    assert_eq!(count(400_000, u64::MAX), 4, "never more than it may");
    // Six may have used 50,000 each when the seventh finds 100,000.
    assert_eq!([count(399_999, 50_000), count(400_000, 50_000)], [6, 7]);
    assert_eq!([count(99_999, 1), count(100_000, 1)], [0, 1]);
}

#[test]
fn a_cap_below_the_base_fee_waits_until_the_base_fee_falls() {
    let mut pool = pool(Limits::default());
    pool.admit(from(1, unsigned(0, 900, 0)), rich(0), 0).unwrap();
    assert_eq!((pool.pending_count(), pool.has_work()), (1, false));
    assert_eq!(chosen(&pool, ROOM), []);
    pool.on_block(head(1, 900), [], &[], 0);
    assert!(pool.has_work());
    assert_eq!(chosen(&pool, ROOM), [(1, 0)]);
}

#[test]
fn a_nonce_gap_queues_until_it_is_filled() {
    let mut pool = pool(Limits::default());
    assert!(pool.admit(tx(1, 6, 1), rich(5), 0).unwrap().is_empty());
    assert_eq!((pool.pending_count(), pool.queued_count(), pool.pending_nonce(Address::repeat_byte(1))), (0, 1, None));
    assert_eq!(chosen(&pool, ROOM), []);
    let risen = pool.admit(tx(1, 5, 1), rich(5), 0).unwrap();
    assert_eq!(risen.iter().map(|tx| tx.nonce()).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(pool.pending_nonce(Address::repeat_byte(1)), Some(7));
}

#[test]
fn a_block_removes_what_it_used_and_demotes_what_is_no_longer_paid_for() {
    let mut pool = pool(Limits::default());
    let cost = tx(1, 0, 1).cost_wei(&L1Origin::default(), &L1FeeParams::default());
    for nonce in 0..4 {
        pool.admit(tx(1, nonce, 1), rich(0), 0).unwrap();
    }
    // The block used nonce 0 and left money for one more.
    pool.on_block(head(1, BASE_FEE_WEI), [(Address::repeat_byte(1), 1, cost)], &[], 0);
    assert_eq!((pool.pending_count(), pool.queued_count()), (1, 2));
    assert_eq!(chosen(&pool, ROOM), [(1, 1)]);
    // Money comes: all are pending again, and the newly pending ones are announced.
    let risen = pool.on_block(head(2, BASE_FEE_WEI), [(Address::repeat_byte(1), 1, U256::MAX)], &[], 0);
    assert_eq!(risen.iter().map(|tx| tx.nonce()).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(chosen(&pool, ROOM), [(1, 1), (1, 2), (1, 3)]);
}

#[test]
fn a_refused_transaction_leaves_and_its_successors_wait() {
    let mut pool = pool(Limits::default());
    for nonce in 0..3 {
        pool.admit(tx(1, nonce, 1), rich(0), 0).unwrap();
    }
    pool.on_block(head(1, BASE_FEE_WEI), [], &[tx(1, 1, 1).hash()], 0);
    assert_eq!(chosen(&pool, ROOM), [(1, 0)]);
    assert_eq!((pool.pending_count(), pool.queued_count()), (1, 1));
}

#[test]
fn a_replacement_takes_the_place_and_keeps_the_rest() {
    let mut pool = pool(Limits::default());
    for nonce in 0..3 {
        pool.admit(from(1, unsigned(nonce, 10_000, 100)), rich(0), 0).unwrap();
    }
    let better = from(1, unsigned(1, 11_000, 110));
    pool.admit(better.clone(), rich(0), 0).unwrap();
    assert_eq!(chosen(&pool, ROOM), [(1, 0), (1, 1), (1, 2)]);
    assert_eq!(best(&pool, ROOM)[1].hash(), better.hash());
    assert!(pool.get(from(1, unsigned(1, 10_000, 100)).hash()).is_none());
}

#[test]
fn queued_transactions_expire_and_pending_ones_do_not() {
    let limits = Limits { queued_ms_max: 60_000, ..Limits::default() };
    let mut pool = pool(limits);
    pool.admit(tx(1, 0, 1), rich(0), 0).unwrap();
    pool.admit(tx(2, 3, 1), rich(0), 0).unwrap();
    pool.on_block(head(1, BASE_FEE_WEI), [], &[], 60_000);
    assert_eq!((pool.pending_count(), pool.queued_count()), (1, 1));
    pool.on_block(head(2, BASE_FEE_WEI), [], &[], 60_000 + EXPIRY_INTERVAL_MS);
    assert_eq!((pool.pending_count(), pool.queued_count()), (1, 0));
}

#[test]
fn a_full_pool_drops_what_waits_first_then_the_lowest_tip_and_only_for_a_better_one() {
    let mut pool = pool(Limits { transactions_max: 4, ..Limits::default() });
    for newcomer in [tx(1, 0, 10), tx(1, 1, 30), tx(2, 0, 20), tx(3, 5, 90)] {
        pool.admit(newcomer, rich(0), 0).unwrap();
    }
    // Sender 3's waits for a nonce: it goes first although it pays most.
    pool.admit(tx(4, 0, 1), rich(0), 0).unwrap();
    assert_eq!(chosen(&pool, ROOM), [(2, 0), (1, 0), (1, 1), (4, 0)]);
    // Now the cheapest last one; equal pay is not better.
    assert_eq!(pool.admit(tx(5, 0, 1), rich(0), 0), Err(Rejection::Full));
    pool.admit(tx(5, 0, 2), rich(0), 0).unwrap();
    assert_eq!(chosen(&pool, ROOM), [(2, 0), (1, 0), (1, 1), (5, 0)]);
    // Sender 1's first pays less than its second, but never goes before it.
    pool.admit(tx(6, 0, 15), rich(0), 0).unwrap();
    pool.admit(tx(7, 0, 25), rich(0), 0).unwrap();
    assert_eq!(chosen(&pool, ROOM), [(7, 0), (2, 0), (1, 0), (1, 1)]);
}

#[test]
fn a_large_newcomer_that_finds_no_room_puts_everybody_back() {
    let small = tx(1, 0, 10).raw.len();
    let mut pool = pool(Limits { bytes_max: 3 * small + 200, ..Limits::default() });
    for newcomer in [tx(1, 0, 10), tx(2, 0, 11), tx(3, 0, 99)] {
        pool.admit(newcomer, rich(0), 0).unwrap();
    }
    let before = chosen(&pool, ROOM);
    let large = from(4, TxEip1559 { input: vec![1; 2 * small + 300].into(), ..unsigned(0, 1_000_000, 50) });
    assert_eq!(pool.admit(large, rich(0), 0), Err(Rejection::Full));
    assert_eq!(chosen(&pool, ROOM), before);
    let fits = from(4, TxEip1559 { input: vec![1; 200 + small / 2].into(), ..unsigned(0, 1_000_000, 50) });
    pool.admit(fits, rich(0), 0).unwrap();
    assert_eq!(chosen(&pool, ROOM), [(3, 0), (4, 0)]);
}
