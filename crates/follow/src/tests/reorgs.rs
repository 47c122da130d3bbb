//! L1 reorganisations, endpoints that are behind, and other L1s.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, U256};
use sluice_executor::Executor;
use sluice_l1::{L1, fake::FakeL1};
use sluice_types::{L1Number, L2Number, MessageIndex, Severity};

use super::fixture::{Chain, transfer};
use crate::{Config, Error, Follow};

fn deposit(chain: &Chain, amount: u64) {
    chain.l1.deposit(Address::repeat_byte(5), Address::repeat_byte(6), U256::from(amount), U256::ZERO);
}

/// The store's L1 view is L1, block by block.
async fn assert_view_is_l1(chain: &Chain) {
    let head = chain.store.l1_head().unwrap().origin.number;
    assert_eq!(head, chain.l1.head());
    for number in 1..=head.0 {
        let stored = chain.store.l1_block(L1Number(number)).unwrap().unwrap();
        let header = chain.l1.block(L1Number(number)).await.unwrap().unwrap();
        assert_eq!((stored.origin, stored.parent_hash), (header.origin, header.parent_hash));
    }
}

#[tokio::test]
async fn follows_reorgs_of_depth_1_to_8_with_messages_and_batches() {
    for depth in 1..=8 {
        for regrown in [1, depth, depth + 3] {
            let mut chain = Chain::new();
            deposit(&chain, 1);
            chain.l1.mine();
            chain.settle().await.unwrap();
            chain.produce(0, vec![transfer(0)]);
            chain.post(chain.cut(1, 1));
            deposit(&chain, 2);
            chain.l1.mine_many(7);
            chain.settle().await.unwrap();
            assert_eq!((chain.store.heads().derived, chain.store.message_count()), (L2Number(1), MessageIndex(2)));

            // The batch is in L1 block 6, the second message in 7, the head is 13: depth 7 takes the message, 8 the batch.
            chain.l1.reorg(depth);
            deposit(&chain, 3);
            chain.l1.mine_many(regrown);
            chain.settle().await.unwrap();
            if depth > 1 && regrown == 1 {
                let dropped = chain.store.l1_head().unwrap().origin.number;
                assert_eq!(dropped, chain.l1.head(), "depth {depth}: a shorter L1 with other blocks is followed");
            }
            assert_view_is_l1(&chain).await;
            let heads = chain.store.heads();
            let (batch, kept) = (u64::from(depth < 8), u64::from(depth < 7));
            assert_eq!((heads.executed.0, heads.posted.0, heads.derived.0), (1, batch, batch), "depth {depth}");
            assert_eq!(chain.store.message_count().0, 1 + kept + 1, "depth {depth}");
            let (last, _) = chain.store.message(MessageIndex(1 + kept)).unwrap().unwrap();
            assert_eq!(last.mint, U256::from(3));

            // What fell out is posted again, in another L1 block, and all is well.
            if depth == 8 {
                chain.post(chain.cut(1, 1));
                chain.settle().await.unwrap();
                assert_eq!(chain.store.heads().derived, L2Number(1));
            }
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_is_behind_changes_nothing() {
    let mut chain = Chain::new();
    chain.settle().await.unwrap();
    let behind = chain.store.l1_head();
    let late = FakeL1::new(1);
    late.mine_many(2);
    let store = chain.store.clone();
    let mut follow = Follow::new(Config::default(), store.clone(), Executor::new(), Arc::new(late.clone()));
    assert!(!follow.step().await.unwrap().is_busy());
    assert_eq!(store.l1_head(), behind);
    late.mine_many(3);
    assert_eq!(follow.step().await.unwrap().l1_blocks, 1);
    assert_eq!(store.l1_head().unwrap().origin.number, L1Number(5));
}

#[tokio::test]
async fn stops_when_an_executed_block_loses_its_origin() {
    let mut chain = Chain::new();
    deposit(&chain, 1);
    chain.l1.mine_many(2);
    chain.settle().await.unwrap();
    let block = chain.produce(1, vec![]);
    assert_eq!(block.block.l1_origin.number, L1Number(5));
    let view = chain.store.l1_head();

    chain.l1.reorg(2);
    chain.l1.mine_many(4);
    let error = chain.step().await.unwrap_err();
    let now = chain.l1.block(L1Number(5)).await.unwrap().unwrap().origin.hash;
    assert!(matches!(error, Error::OriginReplaced { number: L1Number(5), l1_hash, .. } if l1_hash == now), "{error}");
    assert_eq!(error.severity(), Severity::Fatal);
    let text = error.to_string();
    assert!(text.contains(&now.to_string()) && text.contains(&block.block.l1_origin.hash.to_string()), "{text}");
    assert_eq!(chain.store.l1_head(), view, "the view it ran on is kept for whoever looks into it");
}

#[tokio::test]
async fn a_reorg_above_the_origin_leaves_executed_blocks_alone() {
    let mut chain = Chain::new();
    chain.l1.mine_many(3);
    chain.settle().await.unwrap();
    chain.produce(2, vec![]);
    chain.l1.reorg(2);
    chain.l1.mine_many(3);
    chain.settle().await.unwrap();
    assert_eq!(chain.store.heads().executed, L2Number(1));
    assert_view_is_l1(&chain).await;
}

#[tokio::test]
async fn stops_when_l1_takes_back_what_was_final() {
    let mut chain = Chain::new();
    chain.l1.set_finality_blocks(3);
    chain.l1.mine_many(6);
    chain.settle().await.unwrap();
    assert_eq!(chain.store.l1_finalized(), L1Number(7));
    chain.l1.reorg(4);
    chain.l1.mine_many(6);
    let error = chain.step().await.unwrap_err();
    assert!(matches!(error, Error::DeepReorg { number: L1Number(7), .. }), "{error}");
    assert_eq!(error.severity(), Severity::Fatal);
}

#[tokio::test]
async fn refuses_an_l1_of_another_chain_and_a_poll_that_makes_no_sense() {
    let chain = Chain::new();
    let (store, _) = chain.follower();
    let other = Arc::new(FakeL1::new(2));
    let mut follow = Follow::new(Config::default(), store.clone(), Executor::new(), other);
    assert!(matches!(follow.step().await, Err(Error::OtherL1 { expected: 1, got: 2 })));
    let config = Config { poll_ms: 0, ..Config::default() };
    let mut follow = Follow::new(config, store, Executor::new(), Arc::new(chain.l1.clone()));
    assert!(matches!(follow.step().await, Err(Error::Config { poll_ms: 0 })));
}

#[tokio::test(start_paused = true)]
async fn runs_until_it_is_stopped_and_survives_failures() {
    let chain = Chain::new();
    let (store, follow) = chain.follower();
    chain.l1.fail_next(5);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(follow.run(async {
        let _ = stopped.await;
    }));
    let mut waited = 0;
    while store.l1_head().is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        waited += 1;
        assert!(waited < 10_000, "it never got through");
    }
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert_eq!(store.l1_head().unwrap().origin.number, L1Number(4));
}
