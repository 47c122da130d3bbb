//! As one seat of several: proposals on what is not decided, and opinions on others' proposals.

use std::time::Duration;

use alloy_primitives::B256;
use sluice_ordering::{Message, Reason, Round, To};
use sluice_types::{Height, L2Number, OrderedBlock, RollupId};
use tokio::time::timeout;

use super::rig::*;
use crate::{CLOCK_AHEAD_MS_MAX, NextEpoch, ORIGIN_MARGIN, epochs::Term};

/// Long enough for an opinion that comes at once, short enough to wait for one that does not.
const A_WHILE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn proposals_on_undecided_blocks_take_nothing_twice() {
    let mut rig = Rig::new();
    extend_l1(&rig.store, vec![vec![deposit(user(5).address(), ETHER, 100_000)], vec![], vec![]]);
    let mut undecided: Vec<OrderedBlock> = Vec::new();
    for nonce in 0..3 {
        for sender in 0..2 {
            rig.submit(&user(sender).pay(nonce, 1)).await.unwrap();
        }
        let block = rig.propose_on(&undecided, Reason::Work).await.expect("two transactions wait");
        assert_eq!(block.sections[0].transactions.len(), 2, "only what is in none of the blocks below");
        assert_eq!(block.sections[0].inbox_count, u32::from(nonce == 0), "the deposit is taken once");
        undecided.push(block);
    }
    assert_eq!(rig.propose_on(&undecided, Reason::Work).await, None, "everything is in a block");
    for block in undecided {
        rig.finalize(block).await;
    }
    assert_eq!(rig.store.heads().executed, L2Number(3));
    assert_eq!((rig.account(user(0).address()).nonce, rig.account(user(1).address()).nonce), (3, 3));
    assert_eq!(rig.propose(Reason::Work).await, None);
}

#[tokio::test]
async fn declines_to_build_on_what_does_not_follow() {
    let mut rig = Rig::new();
    rig.submit(&user(0).pay(0, 1)).await.unwrap();
    let first = rig.propose(Reason::Work).await.unwrap();
    let other = OrderedBlock { timestamp_ms: first.timestamp_ms + 1, ..first.clone() };
    let second = rig.propose_on(std::slice::from_ref(&first), Reason::Heartbeat).await.unwrap();
    assert_eq!(rig.propose_on(&[other, second.clone()], Reason::Heartbeat).await, None, "not its parent");
    // What was undecided when it was asked for may be decided when it is answered.
    rig.finalize(first.clone()).await;
    let third = rig.propose_on(&[first, second.clone()], Reason::Heartbeat).await.unwrap();
    assert_eq!((third.height, third.parent), (Height(3), second.hash()));
}

#[tokio::test]
async fn the_next_epoch_is_named_once_when_it_has_begun_and_its_committee_is_known() {
    let (mut rig, _ends) = Rig::seat();
    let (judge, _judges_ends) = Rig::seat();
    let (now, later) = (l1_timestamp(L1_START), l1_timestamp(L1_START + 1));
    rig.round = Round { epoch: 4, view: 9 };
    extend_l1(&rig.store, vec![vec![]]);
    extend_l1(&judge.store, vec![vec![]]);
    let known = |epochs: &[(u64, u64)]| -> Vec<NextEpoch> {
        epochs.iter().map(|(epoch, starts_at)| NextEpoch { epoch: *epoch, starts_at: *starts_at }).collect()
    };
    let first = rig.propose(Reason::Heartbeat).await.unwrap();
    assert_eq!((first.epoch, first.view, first.next_epoch), (4, 9, 0), "nobody is known");
    rig.finalize(first.clone()).await;
    rig.epochs.send_replace(known(&[(6, now), (5, now), (7, later + 1), (3, 0)]));
    let naming = rig.propose(Reason::Heartbeat).await.unwrap();
    assert_eq!(naming.next_epoch, 6, "the last that has begun");
    let above = rig.propose_on(std::slice::from_ref(&naming), Reason::Heartbeat).await.unwrap();
    assert_eq!(above.next_epoch, 0, "once");
    rig.finalize(naming.clone()).await;
    assert_eq!(rig.propose(Reason::Heartbeat).await.unwrap().next_epoch, 0, "also when it is decided");
    assert_eq!(Term::stored(&rig.store).unwrap(), Term { epoch: 4, next_epoch: 6 }, "and after a restart");
    rig.round = Round { epoch: 6, view: 1 };
    rig.epochs.send_replace(known(&[(6, now), (7, now)]));
    assert_eq!(rig.propose(Reason::Heartbeat).await.unwrap().next_epoch, 0, "the one who is named must begin first");

    // What others say of it.
    let mut judge = judge;
    judge.finalize(first.clone()).await;
    let mut waits = judge.verify_on(&[], &naming).await;
    assert!(timeout(A_WHILE, &mut waits).await.is_err(), "its committee may still become known");
    judge.epochs.send_replace(known(&[(6, now), (7, later + 1)]));
    assert_eq!(waits.await.unwrap(), Ok(()));
    let early = OrderedBlock { next_epoch: 7, ..naming.clone() };
    let back = OrderedBlock { next_epoch: 4, ..naming.clone() };
    let twice = OrderedBlock { next_epoch: 6, ..above.clone() };
    for (block, below, reason) in
        [(&early, None, "begins at"), (&back, None, "epoch 4 as next after 4"), (&twice, Some(&naming), "has named 6")]
    {
        let undecided: Vec<_> = below.into_iter().cloned().collect();
        let refused = judge.verify_on(&undecided, block).await.await.unwrap().unwrap_err();
        assert!(refused.contains(reason), "{refused:?} does not say {reason:?}");
    }
}

/// A proposal of another seat, on one undecided block, and the node that is to judge it.
async fn proposal() -> (Rig, OrderedBlock, OrderedBlock) {
    let (mut proposer, judge) = (Rig::new(), Rig::new());
    for rig in [&proposer, &judge] {
        extend_l1(&rig.store, vec![vec![deposit(user(5).address(), ETHER, 100_000)], vec![], vec![]]);
    }
    proposer.submit(&user(0).pay(0, 1)).await.unwrap();
    let below = proposer.propose(Reason::Work).await.unwrap();
    proposer.submit(&user(0).pay(1, 1)).await.unwrap();
    let block = proposer.propose_on(std::slice::from_ref(&below), Reason::Work).await.unwrap();
    proposer.tip = judge.tip;
    (judge, below, block)
}

#[tokio::test]
async fn votes_for_what_an_honest_seat_proposes() {
    let (mut rig, below, block) = proposal().await;
    let verdict = rig.verify_on(std::slice::from_ref(&below), &block).await;
    assert_eq!(verdict.await.unwrap(), Ok(()));
    // The same when the block below was decided meanwhile, whether the engine knew or not.
    rig.finalize(below.clone()).await;
    for undecided in [vec![below], vec![]] {
        assert_eq!(rig.verify_on(&undecided, &block).await.await.unwrap(), Ok(()));
    }
    rig.finalize(block).await;
    assert_eq!(rig.store.heads().executed, L2Number(2));
}

#[tokio::test]
async fn refuses_for_ever_what_can_never_stand() {
    let (rig, below, block) = proposal().await;
    type Tamper = fn(&mut OrderedBlock);
    let tampered: [(&str, Tamper); 8] = [
        ("0 sections", |block| block.sections.clear()),
        ("section is of rollup 1", |block| block.sections[0].rollup = RollupId(1)),
        ("more than", |block| block.sections[0].transactions = vec![vec![0; 1 << 20].into()]),
        ("before its parent's", |block| block.timestamp_ms -= 1_000_000),
        ("L1 origin 1 is before", |block| block.l1_origin = 1.into()),
        ("1 messages from the inbox where 0 are due", |block| block.sections[0].inbox_count = 1),
        ("this node computed", |block| block.sections[0].executed_hash = B256::repeat_byte(7)),
        ("2 sections", |block| block.sections.push(block.sections[0].clone())),
    ];
    for (reason, tamper) in tampered {
        let mut block = block.clone();
        tamper(&mut block);
        let refused = rig.verify_on(std::slice::from_ref(&below), &block).await.await.unwrap().unwrap_err();
        assert!(refused.contains(reason), "{refused:?} does not say {reason:?}");
    }
    let mut skips = below.clone();
    skips.sections[0].inbox_count = 0;
    let refused = rig.verify_on(&[], &skips).await.await.unwrap().unwrap_err();
    assert!(refused.contains("0 messages from the inbox where 1 are due"), "a deposit is not left out: {refused}");
}

#[tokio::test]
async fn waits_while_a_block_may_still_become_acceptable() {
    let (rig, below, block) = proposal().await;
    let ahead = OrderedBlock { timestamp_ms: block.timestamp_ms + CLOCK_AHEAD_MS_MAX + 1, ..block.clone() };
    let unknown = OrderedBlock { l1_origin: 10_000.into(), ..block.clone() };
    let other_hash = OrderedBlock { l1_origin_hash: B256::repeat_byte(1), ..block.clone() };
    let mut not_sealed = block.clone();
    not_sealed.sections[0].executed_number = L2Number(9);
    let mut waiting = Vec::new();
    for block in [&ahead, &unknown, &other_hash, &not_sealed] {
        waiting.push(rig.verify_on(std::slice::from_ref(&below), block).await);
    }
    for verdict in &mut waiting {
        assert!(timeout(A_WHILE, verdict).await.is_err(), "nothing certain can be said");
    }
    rig.set_clock_ms(ahead.timestamp_ms);
    assert_eq!(waiting.remove(0).await.unwrap(), Ok(()), "the clock has caught up");
}

#[tokio::test]
async fn a_decided_block_waits_until_its_origin_is_seen() {
    let mut rig = Rig::new();
    let other = Rig::new();
    for rig in [&rig, &other] {
        rig.submit(&user(0).pay(0, 1)).await.unwrap();
    }
    extend_l1(&other.store, vec![vec![]; 3]);
    let block = other.propose(Reason::Work).await.unwrap();
    assert!(rig.store.l1_head().unwrap().origin.number < block.l1_origin);
    rig.tip = (block.height, block.hash());
    let mut durable = rig.deliver(block).await;
    assert!(timeout(A_WHILE, &mut durable).await.is_err(), "its L1 origin is not known yet");
    extend_l1(&rig.store, vec![vec![]; 3]);
    durable.await.unwrap();
    assert_eq!(rig.store.heads().executed, L2Number(1));
}

#[tokio::test]
async fn a_seat_builds_on_l1_a_block_deeper_than_it_votes_for() {
    let (rig, _ends) = Rig::seat();
    let alone = Rig::new();
    for rig in [&rig, &alone] {
        extend_l1(&rig.store, vec![vec![]; 3]);
    }
    let (ours, theirs) =
        (rig.propose(Reason::Heartbeat).await.unwrap(), alone.propose(Reason::Heartbeat).await.unwrap());
    assert_eq!(ours.l1_origin.0 + ORIGIN_MARGIN, theirs.l1_origin.0);
    assert_eq!(rig.verify_on(&[], &theirs).await.await.unwrap(), Ok(()), "what is confirmed here gets the vote");
}

#[tokio::test]
async fn transactions_go_to_the_leaders_and_to_everybody_when_they_wait() {
    let (rig, mut ends) = Rig::seat();
    let raw = user(0).pay(0, 1);
    rig.submit(&raw).await.unwrap();
    let (to, handed_over) = ends.outgoing.recv().await.unwrap();
    assert_eq!(to, To::Leaders);
    // Another seat that gets the message has the transaction, and does not send it on.
    let (other, mut others_ends) = Rig::seat();
    assert!(others_ends.incoming.put(Message { from: B256::with_last_byte(1), bytes: handed_over.clone() }));
    while other.pool.status().0 == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(other.propose(Reason::Work).await.unwrap().sections[0].transactions, [raw]);
    other.set_clock(GENESIS_TIMESTAMP + 200_000);
    assert!(timeout(A_WHILE * 5, others_ends.outgoing.recv()).await.is_err());
    // Still waiting here a second later.
    rig.set_clock(GENESIS_TIMESTAMP + 200_000);
    let (to, flooded) = timeout(A_WHILE * 50, ends.outgoing.recv()).await.unwrap().unwrap();
    assert_eq!((to, flooded), (To::All, handed_over));
}

#[tokio::test]
async fn the_next_leaders_are_reminded_of_what_a_block_left_out() {
    let (mut rig, mut ends) = Rig::seat();
    extend_l1(&rig.store, vec![vec![], vec![]]);
    let [taken, left, late] = [user(0).pay(0, 1), user(1).pay(0, 1), user(2).pay(0, 1)];
    let mut sent = Vec::new();
    for raw in [&taken, &left] {
        rig.submit(raw).await.unwrap();
        sent.push(ends.outgoing.recv().await.unwrap());
    }
    // The proposer had one of the two when it made its block, and the third came in here meanwhile.
    rig.set_clock_ms((GENESIS_TIMESTAMP + 100_000) * 1_000 + 10);
    let mut block = rig.propose(Reason::Work).await.unwrap();
    block.sections[0].transactions = vec![taken];
    rig.set_clock_ms((GENESIS_TIMESTAMP + 100_000) * 1_000 + 20);
    rig.submit(&late).await.unwrap();
    ends.outgoing.recv().await.unwrap();
    rig.finalize(block).await;
    let again = timeout(A_WHILE, ends.outgoing.recv()).await.unwrap().unwrap();
    assert_eq!(again, sent[1], "to the leaders, and nothing else");
    assert!(
        timeout(A_WHILE, ends.outgoing.recv()).await.is_err(),
        "what the block could not have held is not repeated"
    );
}
