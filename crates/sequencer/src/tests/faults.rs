//! Blocks that no honest engine finalises, and what a restart finds.

use std::time::{Duration, Instant};

use alloy_primitives::B256;
use sluice_executor::Executor;
use sluice_ordering::Reason;
use sluice_store::{BlockCommit, L1Update, Store};
use sluice_types::{Height, L1Number, L2Number, OrderedBlock, Outcome, RollupId, SealedBlock, Severity};

use super::rig::*;
use crate::{Error, start};

/// Finalises a heartbeat block that was tampered with, on a chain of one block, and returns why the sequencer stopped.
async fn stops_on(tamper: impl FnOnce(&mut OrderedBlock)) -> Error {
    let mut rig = Rig::new();
    rig.submit(&user(0).pay(0, 1)).await.unwrap();
    rig.order().await;
    let mut block = rig.propose(Reason::Heartbeat).await.unwrap();
    tamper(&mut block);
    let durable = rig.deliver(block).await;
    assert!(durable.await.is_err(), "a block that is not durable is never acknowledged");
    assert_eq!(rig.store.heads().executed, L2Number(1));
    let error = rig.stopped().await;
    assert_eq!(error.severity(), Severity::Fatal);
    error
}

#[tokio::test]
async fn stops_when_another_result_was_ordered_and_names_both_hashes() {
    let theirs = B256::repeat_byte(0xdd);
    let error = stops_on(|block| block.sections[0].executed_hash = theirs).await;
    let Error::Diverged { number: L2Number(1), theirs: named, ours, .. } = &error else { panic!("{error}") };
    assert_eq!(*named, theirs);
    let text = error.to_string();
    assert!(text.contains(&theirs.to_string()) && text.contains(&ours.to_string()), "{text}");
    let error = stops_on(|block| block.sections[0].executed_number = L2Number(9)).await;
    assert!(matches!(error, Error::Diverged { ours: B256::ZERO, .. }), "{error}");
}

#[tokio::test]
async fn stops_on_what_no_honest_engine_finalises() {
    let error = stops_on(|block| block.height = Height(3)).await;
    assert!(matches!(error, Error::OutOfOrder { height: Height(3), head: Height(1), .. }), "{error}");
    let error = stops_on(|block| block.parent = B256::ZERO).await;
    assert!(matches!(error, Error::OutOfOrder { .. }), "{error}");
    let error = stops_on(|block| block.height = Height(1)).await;
    assert!(matches!(error, Error::TwoBlocks { height: Height(1), .. }), "{error}");
    let error = stops_on(|block| block.sections[0].rollup = RollupId(1)).await;
    assert!(matches!(error, Error::NoSection { .. }), "{error}");
    let error = stops_on(|block| block.timestamp_ms = 5_000).await;
    assert!(matches!(error, Error::BadBlock { .. }), "{error}");
    let error = stops_on(|block| block.l1_origin = L1Number(1)).await;
    assert!(matches!(error, Error::BadBlock { .. }), "{error}");
    let error = stops_on(|block| block.l1_origin_hash = B256::ZERO).await;
    assert!(matches!(error, Error::OriginReplaced { .. }), "{error}");
    let error = stops_on(|block| block.sections[0].inbox_count = 1).await;
    assert!(matches!(error, Error::BadBlock { .. }), "{error}");
}

#[tokio::test]
async fn stops_when_l1_replaces_a_block_that_was_built_on() {
    let mut rig = Rig::new();
    rig.submit(&user(0).pay(0, 1)).await.unwrap();
    rig.order().await;
    // L1 reorganises from its very first block, far deeper than the two confirmations.
    rig.store.commit_l1(L1Update { rewind_to: Some(L1Number(L1_START - 1)), ..L1Update::default() }).unwrap();
    extend_l1(&rig.store, vec![vec![deposit(user(0).address(), 1, 50_000)], vec![], vec![]]);
    let error = rig.stopped().await;
    assert!(matches!(error, Error::OriginReplaced { number: L1Number(L1_START), .. }), "{error}");
}

#[tokio::test]
async fn a_block_that_comes_again_is_acknowledged_and_not_executed_again() {
    let mut rig = Rig::new();
    rig.submit(&user(0).pay(0, 1)).await.unwrap();
    let block = rig.propose(Reason::Work).await.unwrap();
    let sealed = rig.finalize(block.clone()).await;
    let again = rig.finalize(block).await;
    assert_eq!(again, sealed);
    assert_eq!(rig.account(user(0).address()).nonce, 1);
}

#[tokio::test]
async fn a_restart_goes_on_where_the_store_stands() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &genesis(config())).unwrap();
    extend_l1(&store, vec![vec![deposit(user(100).address(), ETHER, 50_000)], vec![], vec![]]);
    let mut rig = Rig::on(store);
    for nonce in 0..3 {
        rig.submit(&user(0).pay(nonce, 1)).await.unwrap();
        rig.order().await;
    }
    // Proposed and signed, never acknowledged: as if the process died between signing and storing.
    rig.submit(&user(0).pay(3, 1)).await.unwrap();
    let lost = rig.propose(Reason::Work).await.unwrap();
    let (tip, head) = (rig.tip, rig.store.head_block());
    rig.kill().await;

    let mut rig = Rig::on(reopen(directory.path()));
    assert_eq!((rig.tip, start(&rig.store)), (tip, (tip.0, Some(tip.1))));
    assert_eq!(rig.store.head_block().hash, head.hash);
    assert_eq!(rig.propose(Reason::Work).await, None, "the deposit is not taken twice, the pool is empty");
    rig.submit(&user(0).pay(3, 1)).await.unwrap();
    rig.submit(&user(100).pay(1, 1)).await.unwrap();
    let block = rig.propose(Reason::Work).await.unwrap();
    assert_eq!((block.height, block.parent), (lost.height, lost.parent));
    let sealed = rig.finalize(block).await;
    assert_eq!(sealed.block.header.parent_hash, head.hash);
    assert_eq!(sealed.block.transactions.len(), 2);
}

/// Adds a block as a node that has it from L1: without its order.
fn derive(store: &Store, from: &Store, number: L2Number) {
    let sealed = from.block(number).unwrap().unwrap();
    let input = sealed.input();
    let (parent, state) = (store.head_block(), store.state(store.heads().executed).unwrap());
    let outcome = Executor::new().execute(store.config(), &parent.block.header, &input, &state).unwrap();
    let (_, trie) = store.state_root(&outcome.changes).unwrap();
    let Outcome { receipts, changes, access_list, .. } = outcome;
    let (sealed, changes, trie) = (SealedBlock::clone(&sealed), changes.into(), trie.into());
    store.commit_block(BlockCommit { sealed, receipts, changes, trie, access_list, ordered: None }).unwrap();
}

#[tokio::test]
async fn above_a_block_from_l1_a_decided_block_is_taken_whatever_its_parent_and_above_that_none_but_its_child() {
    let mut seat = Rig::new();
    let mut blocks = Vec::new();
    for nonce in 0..4 {
        seat.submit(&user(0).pay(nonce, 1)).await.unwrap();
        blocks.push(seat.propose(Reason::Work).await.unwrap());
        seat.finalize(blocks[blocks.len() - 1].clone()).await;
    }
    let mut rig = Rig::new();
    rig.finalize(blocks[0].clone()).await;
    let store = rig.store.clone();
    rig.kill().await;
    // The last ordered block that is known is below the head now.
    derive(&store, &seat.store, L2Number(2));

    let mut rig = Rig::on(store);
    assert_eq!(start(&rig.store), (Height(2), None));
    rig.finalize(blocks[2].clone()).await;
    assert_eq!(rig.store.head_block().hash, seat.store.block(L2Number(3)).unwrap().unwrap().hash);
    assert!(rig.store.ordered(L2Number(2)).unwrap().is_none() && rig.store.ordered(L2Number(3)).unwrap().is_some());
    let stray = OrderedBlock { parent: B256::ZERO, ..blocks[3].clone() };
    assert!(rig.deliver(stray).await.await.is_err());
    let error = rig.stopped().await;
    assert!(matches!(error, Error::OutOfOrder { height: Height(4), head: Height(3), .. }), "{error}");
}

/// Opens a store that the threads of a killed sequencer may still hold for a moment.
fn reopen(directory: &std::path::Path) -> Store {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match Store::open_existing(directory) {
            Ok(store) => return store,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
