//! The inbox and the L1 origin.

use alloy_primitives::{Address, Bytes, U256, keccak256};
use sluice_ordering::Reason;
use sluice_types::{DEPOSIT_TX_TYPE, L1Number, MessageIndex};

use super::rig::*;

#[tokio::test]
async fn messages_come_first_in_order_then_the_pool() {
    let mut rig = Rig::new();
    // Its deposit takes nonce 0.
    let newcomer = user(100);
    let by_force = user(1).pay(0, 1);
    let messages = vec![
        deposit(newcomer.address(), ETHER, 100_000),
        forced(by_force.clone()),
        forced(Bytes::from_static(b"not a transaction")),
        forced(newcomer.pay(1, 1)),
    ];
    let pooled = rig.submit(&user(0).pay(0, 50)).await.unwrap();
    extend_l1(&rig.store, vec![messages, vec![], vec![]]);
    let sealed = rig.order().await;
    let block = &sealed.block;
    assert_eq!((block.inbox_count, block.inbox_transactions), (MessageIndex(4), 3));
    assert_eq!(block.transactions[0].ty(), DEPOSIT_TX_TYPE);
    let senders = [newcomer.address(), user(1).address(), newcomer.address(), user(0).address()];
    assert_eq!(block.senders, senders, "money that came in this block can be spent in it");
    assert_eq!(rig.hashes(sealed.number())[1..], [keccak256(by_force), keccak256(newcomer.pay(1, 1)), pooled]);
    let receipts = rig.store.receipts(sealed.number()).unwrap().unwrap();
    assert!(receipts.iter().all(|receipt| receipt.success));
    assert_eq!(rig.propose(Reason::Work).await, None, "a message is consumed once");
}

#[tokio::test]
async fn a_message_waits_for_its_confirmations() {
    let mut rig = Rig::new();
    extend_l1(&rig.store, vec![vec![deposit(Address::repeat_byte(1), 1, 50_000)]]);
    assert_eq!(rig.propose(Reason::Work).await, None);
    extend_l1(&rig.store, vec![vec![]]);
    assert_eq!(rig.propose(Reason::Work).await, None, "one block deep, two are needed");
    extend_l1(&rig.store, vec![vec![]]);
    let sealed = rig.order().await;
    assert_eq!((sealed.block.inbox_count, sealed.block.l1_origin.number), (MessageIndex(1), L1Number(L1_START + 3)));
    assert_eq!(rig.account(Address::repeat_byte(1)).balance, U256::from(1));
}

#[tokio::test]
async fn an_l1_block_from_the_future_is_not_built_on_yet() {
    let mut rig = Rig::new();
    extend_l1(&rig.store, vec![vec![deposit(Address::repeat_byte(1), 1, 50_000)]; 20]);
    // L1 blocks 10 … 30 are deep enough; the clock has only come to block 15.
    rig.set_clock(l1_timestamp(L1_START + 5) + 11);
    let sealed = rig.order().await;
    assert_eq!((sealed.block.l1_origin.number, sealed.block.inbox_count), (L1Number(L1_START + 5), MessageIndex(3)));
    rig.set_clock(l1_timestamp(L1_START + 6));
    let sealed = rig.order().await;
    assert_eq!((sealed.block.l1_origin.number, sealed.block.inbox_count), (L1Number(L1_START + 6), MessageIndex(4)));
    assert!(sealed.block.header.timestamp >= sealed.block.l1_origin.timestamp);
}

#[tokio::test]
async fn messages_beyond_a_blocks_gas_wait_for_the_next_and_none_is_lost() {
    let mut rig = Rig::new();
    // Two million gas per block: two of 900,000 fit, three do not.
    let messages = (0..5).map(|index| deposit(Address::repeat_byte(index + 1), 1, 900_000)).collect();
    extend_l1(&rig.store, vec![messages, vec![], vec![]]);
    let mut counts = Vec::new();
    while let Some(block) = rig.propose(Reason::Work).await {
        counts.push(rig.finalize(block).await.block.inbox_count.0);
    }
    assert_eq!(counts, [2, 4, 5]);
    for index in 0..5 {
        assert_eq!(rig.account(Address::repeat_byte(index + 1)).balance, U256::from(1));
    }
}

#[tokio::test]
async fn a_forced_transaction_that_names_huge_gas_stops_neither_queue_nor_pool() {
    let mut rig = Rig::new();
    let huge = user(1).sign(alloy_consensus::TxEip1559 { gas_limit: u64::MAX, ..transfer(0, 1) });
    extend_l1(&rig.store, vec![vec![forced(huge), deposit(Address::repeat_byte(1), 1, 50_000)], vec![], vec![]]);
    rig.submit(&user(0).pay(0, 1)).await.unwrap();
    let first = rig.order().await;
    assert_eq!((first.block.inbox_count, first.block.inbox_transactions), (MessageIndex(1), 0));
    assert_eq!(first.block.senders, [user(0).address()]);
    let second = rig.order().await;
    assert_eq!((second.block.inbox_count, second.block.inbox_transactions), (MessageIndex(2), 1));
}

#[tokio::test]
async fn a_transaction_forced_in_replaces_the_same_nonce_in_the_pool() {
    let mut rig = Rig::new();
    rig.submit(&user(0).pay(0, 1)).await.unwrap();
    rig.submit(&user(0).pay(1, 1)).await.unwrap();
    let by_force = user(0).pay(0, 2);
    extend_l1(&rig.store, vec![vec![forced(by_force.clone())], vec![], vec![]]);
    let sealed = rig.order().await;
    assert_eq!(rig.hashes(sealed.number()), [keccak256(by_force), keccak256(user(0).pay(1, 1))]);
    assert_eq!(rig.pool.status(), (0, 0));
}
