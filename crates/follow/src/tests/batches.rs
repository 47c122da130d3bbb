//! Batches: derived and equal, or the node stops.

use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_types::{BatchIndex, L2Number, MessageIndex, Severity, Transaction};

use super::fixture::{Chain, sender, transfer};
use crate::Error;

/// A chain of three blocks, with a deposit, a forced transaction, one that is forced garbage, and one that does not execute.
async fn three_blocks() -> Chain {
    let mut chain = Chain::new();
    chain.l1.deposit(Address::repeat_byte(5), Address::repeat_byte(6), U256::from(1_000), U256::from(10));
    chain.l1.force(Address::repeat_byte(5), Bytes::from_static(b"garbage"));
    chain.l1.force(sender(), Transaction::Signed(transfer(0)).encode().into());
    chain.l1.mine_many(3);
    chain.settle().await.unwrap();
    let first = chain.produce(2, vec![transfer(1), transfer(9), transfer(2)]);
    assert_eq!((first.block.inbox_count.0, first.block.inbox_transactions), (3, 2));
    assert_eq!(first.block.transactions.len(), 4, "nonce 9 is too high and left out");
    chain.produce(2, vec![]);
    chain.produce(0, vec![transfer(3)]);
    chain
}

#[tokio::test]
async fn a_posted_batch_moves_the_heads_rung_by_rung() {
    let mut chain = three_blocks().await;
    let heads = |chain: &Chain| {
        let heads = chain.store.heads();
        [heads.executed, heads.posted, heads.derived, heads.proven, heads.finalized].map(|number| number.0)
    };
    assert_eq!(heads(&chain), [3, 0, 0, 0, 0]);
    chain.post(chain.cut(1, 2));
    assert!(chain.step().await.unwrap().derived);
    assert_eq!(heads(&chain), [3, 2, 2, 0, 0]);
    chain.post(chain.cut(3, 3));
    chain.settle().await.unwrap();
    assert_eq!(heads(&chain), [3, 3, 3, 0, 0]);

    chain.l1.set_final_batch_count(BatchIndex(1));
    chain.settle().await.unwrap();
    assert_eq!(heads(&chain), [3, 3, 3, 2, 0]);
    chain.l1.set_finality_blocks(1); // holds the first batch, not yet the second
    chain.l1.set_final_batch_count(BatchIndex(2));
    chain.settle().await.unwrap();
    assert_eq!(heads(&chain), [3, 3, 3, 3, 2]);
    chain.l1.mine();
    chain.settle().await.unwrap();
    assert_eq!(heads(&chain), [3, 3, 3, 3, 3]);
}

#[tokio::test]
async fn deriving_from_scratch_gives_the_same_chain() {
    let mut chain = three_blocks().await;
    chain.post(chain.cut(1, 2));
    chain.settle().await.unwrap();
    chain.post(chain.cut(3, 3));
    chain.l1.mine_many(300); // more than one step takes in
    let (store, mut follow) = chain.follower();
    follow.catch_up().await.unwrap();
    assert_eq!(store.heads().derived, L2Number(3));
    for number in 0..=3 {
        let number = L2Number(number);
        let (derived, original) = (store.block(number).unwrap(), chain.store.block(number).unwrap());
        assert!(derived.is_some() && derived == original, "block {number}");
        assert_eq!(store.receipts(number).unwrap(), chain.store.receipts(number).unwrap());
    }
}

#[tokio::test]
async fn waits_for_blocks_that_another_room_executes() {
    let chain = three_blocks().await;
    chain.post(chain.cut(1, 3));
    let (store, follow) = chain.follower();
    drop(follow);
    let mut comparing = crate::Follow::new(
        crate::Config { poll_ms: 20, mode: crate::Mode::Compare },
        store.clone(),
        sluice_executor::Executor::new(),
        std::sync::Arc::new(chain.l1.clone()),
    );
    comparing.catch_up().await.unwrap();
    assert_eq!((store.heads().executed, store.heads().derived), (L2Number(0), L2Number(0)));
    assert_eq!(store.batch_count(), BatchIndex(1), "it is known all the same");
}

/// Both a node that executed the blocks and one that did not must stop, and say this.
async fn both_stop(mut chain: Chain, says: impl Fn(&Error) -> bool) {
    let (_, mut follow) = chain.follower();
    for error in [chain.settle().await.unwrap_err(), follow.catch_up().await.unwrap_err()] {
        assert_eq!(error.severity(), Severity::Fatal);
        assert!(says(&error), "{error}");
    }
}

#[tokio::test]
async fn stops_at_a_claim_that_execution_does_not_bear_out() {
    for (field, what) in [(0, "block hash"), (1, "state root"), (2, "outbox root")] {
        let chain = three_blocks().await;
        let (mut header, blocks) = chain.cut(1, 3);
        let lie = B256::repeat_byte(0xbd);
        *[&mut header.last_block_hash, &mut header.state_root, &mut header.outbox_root][field] = lie;
        chain.post((header, blocks));
        both_stop(chain, |error| {
            matches!(error, Error::WrongClaim { what: found, claimed, .. } if *found == what && *claimed == lie)
                && error.to_string().contains(&lie.to_string())
        })
        .await;
    }
}

#[tokio::test]
async fn stops_at_a_block_other_than_the_executed_one() {
    type Change = fn(&mut sluice_types::BatchBlock);
    let changes: [(Change, &str); 4] = [
        (|block| block.timestamp += 1, "the timestamp"),
        (|block| block.beneficiary = Address::ZERO, "the beneficiary"),
        (|block| block.transactions.truncate(1), "the number of transactions"),
        (|block| block.transactions.swap(0, 1), "a transaction"),
    ];
    for (change, what) in changes {
        let mut chain = three_blocks().await;
        let (mut header, mut blocks) = chain.cut(1, 1);
        change(&mut blocks[0]);
        header.last_timestamp = blocks[0].timestamp;
        let (claimed, own) = (header.last_block_hash, chain.store.block(L2Number(1)).unwrap().unwrap().hash);
        chain.post((header, blocks));
        let error = chain.settle().await.unwrap_err();
        assert!(matches!(&error, Error::OtherBlock { what: found, .. } if *found == what), "{error}");
        assert!(error.to_string().contains(&claimed.to_string()) && error.to_string().contains(&own.to_string()));
        assert_eq!(chain.store.heads().derived, L2Number(0));

        // One that did not execute before sees another hash than the header's.
        let (store, mut follow) = chain.follower();
        let error = follow.catch_up().await.unwrap_err();
        assert!(matches!(error, Error::WrongClaim { what: "block hash", .. }), "{error}");
        assert_eq!(store.heads().executed, L2Number(0), "the wrong block is not committed");
    }
}

#[tokio::test]
async fn stops_at_a_batch_that_breaks_a_rule() {
    let chain = three_blocks().await;
    let (mut header, blocks) = chain.cut(1, 3);
    header.inbox_count = MessageIndex(2);
    chain.post((header, blocks));
    both_stop(chain, |error| {
        matches!(
            error,
            Error::Invalid { index: BatchIndex(0), source, .. }
                if matches!(**source, sluice_derive::Error::MessageUnknown { .. })
        )
    })
    .await;

    let chain = three_blocks().await;
    let (header, _) = chain.cut(1, 3);
    let noise = sluice_derive::blob::to_blobs(b"no batch").unwrap();
    chain.l1.commit(header, noise, Address::ZERO);
    chain.l1.mine();
    both_stop(chain, |error| {
        matches!(error, Error::Invalid { source, .. }
            if matches!(**source, sluice_derive::Error::Version { what: "the batch", .. }))
    })
    .await;
}

#[tokio::test]
async fn waits_for_blobs_and_for_an_endpoint_that_is_down() {
    let mut chain = three_blocks().await;
    chain.post(chain.cut(1, 3));
    chain.l1.fail_next(1);
    let error = chain.step().await.unwrap_err();
    assert_eq!(error.severity(), Severity::Retry);
    chain.settle().await.unwrap();
    assert_eq!(chain.store.heads().derived, L2Number(3));

    let (store, mut follow) = chain.follower();
    let hash = chain.store.batch(BatchIndex(0)).unwrap().unwrap().blob_hashes[0];
    chain.l1.prune_blob(hash);
    let error = follow.step().await.unwrap_err();
    assert_eq!(error.severity(), Severity::Retry, "{error}");
    assert_eq!(store.batch_count(), BatchIndex(1), "L1 is taken in all the same");
}
