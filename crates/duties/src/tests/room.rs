//! Four rooms on scripted contracts: who acts when, what is told, what waits, what is remembered.

use std::sync::atomic::Ordering;

use alloy_primitives::{Address, B256, U256};
use sluice_l1::Error as L1Error;
use sluice_ordering::{Message, Topic};
use sluice_store::Evidence;

use super::fixture::*;
use crate::Act;

const ALL: [u32; 4] = [0, 1, 2, 3];

fn who(done: &[(u32, Act)]) -> Vec<u32> {
    done.iter().map(|(who, _)| *who).collect()
}

/// Evidence from the seat at index 1.
fn said(bytes: &[u8]) -> Message {
    Message { from: network_key_of(1), bytes: [&[Topic::Evidence as u8], bytes].concat().into() }
}

#[tokio::test]
async fn the_next_committee_is_stored_once_after_its_cutoff_by_whose_turn_it_is_or_the_next() {
    let mut net = Net::new(0);
    net.world.lock().stored.extend([0, 1]);
    net.epoch.store(1, Ordering::Relaxed);
    // Epoch 2 starts at 12,000.
    net.at(11_900);
    assert_eq!(net.step(&ALL).await, [], "not before the cutoff has passed");
    net.at(11_901);
    assert_eq!(net.step(&[0, 2, 3]).await, [], "seat 1 is first in epoch 1, and away");
    net.at(11_901 + TAKEOVER_S - 1);
    assert_eq!(net.step(&[0, 2, 3]).await, []);
    net.at(11_901 + TAKEOVER_S);
    assert_eq!(net.step(&[0, 2, 3]).await, [(2, Act::Snapshot { epoch: 2 })]);
    net.at(11_999);
    assert_eq!(net.step(&ALL).await, [], "it is done");

    // A running epoch that nobody stored, and nobody but a seat that is last in turn.
    net.world.lock().stored.clear();
    net.world.lock().stored.insert(3);
    net.restart(0);
    net.at(12_001);
    assert_eq!(net.step(&[0]).await, []);
    net.at(12_001 + 3 * TAKEOVER_S);
    assert_eq!(net.step(&[0]).await, [(0, Act::Snapshot { epoch: 2 })]);
}

#[tokio::test]
async fn evidence_reaches_all_is_told_once_reported_once_and_forgotten_when_it_is_final() {
    let mut net = Net::new(0);
    net.world.lock().stored.extend(0..9);
    net.at(10_500);
    let votes = contradiction(0, 3);
    let evidence = Evidence { epoch: 0, seat: 3, bytes: votes.encode().to_vec().into() };
    assert!(net.nodes[2].store.add_evidence(&evidence).unwrap());
    assert_eq!(net.step(&[2]).await, [], "seat 1 is first");
    let sent = net.carry().await;
    assert_eq!(sent[2].get(&(Topic::Evidence as u8)), Some(&1));
    assert!(net.nodes.iter().all(|node| node.store.evidence().unwrap() == [evidence.clone()]));
    let done = net.step(&ALL).await;
    assert!(matches!(done[..], [(1, Act::Accuse { epoch: 0, index: 3, .. })]), "{done:?}");
    let sent = net.carry().await;
    assert!(sent[2].is_empty() && [0, 1, 3].iter().all(|seat| sent[*seat][&(Topic::Evidence as u8)] == 1), "{sent:?}");
    net.at(10_500 + 9 * TAKEOVER_S);
    assert_eq!(net.step(&ALL).await, []);
    assert!(net.carry().await.iter().all(|sent| sent.is_empty()), "nobody says it twice");
    assert!(net.nodes[0].store.has_evidence(0, 3).unwrap(), "L1 is not final about it");

    net.world.lock().is_final = true;
    assert_eq!(net.step(&[0, 1, 2]).await, []);
    assert!(net.nodes[..3].iter().all(|node| node.store.evidence().unwrap().is_empty()));
    net.nodes[0].hear(said(&evidence.bytes));
    assert!(net.nodes[0].store.evidence().unwrap().is_empty(), "it does not come back");
}

#[tokio::test]
async fn evidence_that_convicts_nobody_or_is_too_old_is_not_kept() {
    let mut net = Net::new(0);
    net.world.lock().stored.extend(0..30);
    // The window of epoch 0 is over at 20,000.
    net.at(20_001);
    net.step(&[0]).await;
    let hear = |net: &mut Net, bytes: Vec<u8>| {
        net.nodes[0].hear(said(&bytes));
        net.nodes[0].store.evidence().unwrap().len()
    };
    assert_eq!(hear(&mut net, contradiction(0, 1).encode().to_vec()), 0, "too old");
    let mut forged = contradiction(2, 1);
    forged.first.payload = B256::ZERO;
    assert_eq!(hear(&mut net, forged.encode().to_vec()), 0);
    assert_eq!(hear(&mut net, vec![1, 2, 3]), 0);
    assert_eq!(hear(&mut net, contradiction(2, 1).encode().to_vec()), 1);
    // What was kept in time goes when its time is over.
    net.at(22_001);
    net.step(&[0]).await;
    assert!(net.nodes[0].store.evidence().unwrap().is_empty());
}

#[tokio::test]
async fn a_record_is_signed_by_three_waits_for_its_fees_and_is_submitted_as_it_was() {
    let mut net = Net::new(5_000);
    net.world.lock().stored.extend(0..9);
    for node in &net.nodes[..3] {
        // Leaders of epoch 0: view 1 is seat 1's. Views 2, 3 and 4 had no block.
        for (view, gas) in [(1, 1_000), (5, 1_000), (6, 2_001)] {
            push(&node.store, Some((0, view)), gas);
        }
        push(&node.store, Some((1, 1)), 500);
    }
    net.epoch.store(1, Ordering::Relaxed);
    net.at(11_000);
    // Base fees 7 × 4,001; half of them 14,003; thirds rounded down.
    let entries = [entry(11, 0, 1, 0), entry(12, 2, 0, 9_335), entry(13, 1, 1, 4_667), entry(14, 0, 1, 0)];
    assert_eq!(net.step(&[0]).await, []);
    let kept = net.nodes[0].store.rewards(0).unwrap().unwrap();
    assert_eq!(kept.entries, entries);
    assert_eq!((kept.record().block_count, kept.record().fees_wei), (3, U256::from(14_002)));
    net.carry().await;
    net.step(&[1]).await;
    net.carry().await;
    net.restart(0);
    net.at(11_000 + 9 * TAKEOVER_S);
    net.step(&[0]).await;
    net.carry().await;
    assert_eq!(net.step(&[1]).await, [], "two signatures are too few");
    net.step(&[2]).await;
    net.carry().await;
    // Seat 1 has three; the ether is not there.
    net.step(&[1]).await;
    net.at(11_000 + 20 * TAKEOVER_S);
    assert_eq!(net.step(&[1]).await, []);
    assert_eq!(net.world.lock().tries, 0, "what L1 would refuse is not tried");
    net.world.lock().unassigned_wei = U256::from(14_002);
    let done = net.step(&[1, 2]).await;
    let [(1, Act::Record { record, certificate })] = &done[..] else { panic!("{done:?}") };
    assert_eq!((*record, certificate.signers), (kept.record(), U256::from(0b111)));
}

#[tokio::test]
async fn blocks_that_came_from_l1_alone_make_no_record() {
    let mut net = Net::new(0);
    net.world.lock().stored.extend(0..9);
    let store = net.nodes[0].store.clone();
    for round in [Some((0, 1)), None, Some((0, 3)), Some((1, 1)), Some((1, 2)), Some((2, 1))] {
        push(&store, round, 1);
    }
    net.step(&[0]).await;
    assert_eq!(store.rewards(0).unwrap(), None);
    assert_eq!(store.rewards(1).unwrap().unwrap().record().block_count, 2);
}

#[tokio::test]
async fn who_was_down_in_a_recorded_epoch_is_reported_once() {
    let mut net = Net::new(0);
    net.world.lock().stored.extend(0..9);
    for node in &net.nodes {
        // Of sixteen views, four each; seat 2 produced in one of its.
        (1..=16)
            .filter(|view| leader(0, *view) != 2 || *view == 2)
            .for_each(|view| push(&node.store, Some((0, view)), 1));
        push(&node.store, Some((1, 1)), 1);
    }
    net.at(11_000);
    net.epoch.store(1, Ordering::Relaxed);
    for round in 0..4 {
        net.at(11_000 + round);
        net.step(&ALL).await;
        net.carry().await;
    }
    assert_eq!(net.world.lock().recorded.len(), 1);
    net.at(11_900 - 1);
    net.step(&ALL).await;
    assert_eq!(net.world.lock().reported.iter().collect::<Vec<_>>(), [&(0, ID_OF_FIRST + 2)]);
    net.world.lock().is_final = true;
    assert_eq!(net.step(&ALL).await, []);
}

#[tokio::test]
async fn what_l1_refuses_is_tried_again_with_growing_pauses() {
    let mut net = Net::new(0);
    net.world.lock().stored.insert(0);
    net.at(10_901);
    let reverted = || L1Error::Reverted { to: Address::ZERO, reason: "no".into() };
    let poor =
        || L1Error::InsufficientBalance { address: Address::ZERO, balance_wei: U256::ZERO, needed_wei: U256::ONE };
    net.world.lock().failures = (0..100).map(|_| reverted()).collect();
    net.world.lock().failures.push(poor());
    let mut tried_at = Vec::new();
    for now in 10_901..20_000 {
        // Always the same moment of an epoch, so that the same is owed.
        let before = net.world.lock().tries;
        net.world.lock().now = now;
        net.world.lock().stored.extend(2..30);
        net.step(&[0]).await;
        if net.world.lock().tries != before {
            tried_at.push(now);
        }
        if now == 11_999 {
            break;
        }
    }
    let pauses: Vec<u64> = tried_at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses, [8, 16, 32, 64, 128, 256, 512]);
    assert!(!net.world.lock().stored.contains(&1));
    // When it works again, it is done.
    net.restart(0);
    net.world.lock().failures.clear();
    assert_eq!(who(&net.step(&[0]).await), [0]);
}

#[tokio::test]
async fn what_l1_keeps_refusing_is_left_to_others_and_what_the_account_cannot_pay_is_not() {
    for (is_refused, tries) in [(true, 12), (false, 15)] {
        let mut net = Net::new(0);
        net.world.lock().stored.extend(0..30);
        let failure = || {
            if is_refused {
                L1Error::Reverted { to: Address::ZERO, reason: "no".into() }
            } else {
                L1Error::InsufficientBalance { address: Address::ZERO, balance_wei: U256::ZERO, needed_wei: U256::ONE }
            }
        };
        net.world.lock().failures = (0..100).map(|_| failure()).collect();
        let bytes = contradiction(0, 3).encode().to_vec().into();
        assert!(net.nodes[1].store.add_evidence(&Evidence { epoch: 0, seat: 3, bytes }).unwrap());
        // Seven pauses up to 512 seconds take 1,016, the others 900 each.
        for now in (10_001..10_001 + 1_016 + 7 * 900 + 10).step_by(4) {
            net.at(now);
            net.step(&[1]).await;
        }
        assert_eq!(net.world.lock().tries, tries);
    }
}
