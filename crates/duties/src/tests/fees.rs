//! Fees on their way from the vault to the rewards: none is lost or made, none goes twice, and who is first in turn need not be there.

use alloy_primitives::{B256, U256, keccak256};
use proptest::prelude::*;
use sluice_l1::{Error as L1Error, VAULT_WEI_MIN};
use sluice_types::predeploys::OUTBOX_DEPTH;

use super::{
    fixture::*,
    l2::{L2, Outbox},
};
use crate::{
    Act,
    outbox::{FRONTIER_SLOT, Frontier, prove},
    vault::{CLAIMS_MAX, Vault},
};

const ALL: [u32; 4] = [0, 1, 2, 3];
/// Looks after which everything that is owed is done, whoever is first.
const LOOKS: u64 = 16;

/// Four nodes on one chain, and a clock at which nothing but fees is owed.
struct Rig {
    net: Net,
    l2: L2,
    now: u64,
    earned_wei: U256,
}

impl Rig {
    fn new() -> Self {
        let net = Net::new(0);
        net.world.lock().stored.extend(0..99);
        let l2 = L2::new(net.nodes.iter().map(|node| node.store.clone()).collect());
        Self { net, l2, now: 10_001, earned_wei: U256::ZERO }
    }

    fn block(&mut self, fees_wei: u64, user_messages: u8) {
        self.earned_wei += U256::from(fees_wei);
        self.l2.block(fees_wei, user_messages);
    }

    /// L1 goes on: what was asked of the vault is in its next block, perhaps with a batch.
    fn l1_block(&mut self, is_batch: bool, open: usize) {
        self.now += 1;
        self.net.at(self.now);
        let asked = std::mem::take(&mut self.net.world.lock().asked);
        let root = self.l2.l1_block(self.now, asked, is_batch, open);
        self.net.world.lock().outbox_roots.extend(root);
    }

    async fn step(&mut self, seats: &[u32]) -> Vec<(u32, Act)> {
        self.net.step(seats).await
    }

    /// Until nobody does anything any more; each takes over from those before it.
    async fn until_quiet(&mut self, seats: &[u32]) -> Vec<(u32, Act)> {
        let mut done = Vec::new();
        for _ in 0..LOOKS {
            self.block(0, 0);
            self.l1_block(true, 0);
            done.extend(self.step(seats).await);
            self.now += TAKEOVER_S;
        }
        done
    }

    /// Of the fees: what is on L1.
    fn on_l1_wei(&self) -> U256 {
        let world = self.net.world.lock();
        world.posting_wei + world.unassigned_wei
    }
}

fn named(done: &[(u32, Act)]) -> Vec<(u32, &'static str)> {
    let name = |act: &Act| match act {
        Act::WithdrawVault => "withdraw",
        Act::ClaimVault { .. } => "claim",
        Act::Sweep => "sweep",
        Act::WithdrawInbox => "inbox",
        _ => "other",
    };
    done.iter().map(|(who, act)| (*who, name(act))).collect()
}

proptest! {
    /// As `Bridge.claim` counts: the leaf with its siblings gives the root that the contract had after the last leaf.
    #[test]
    fn a_leaf_after_any_frontier_is_proven_in_the_contracts_tree(before in 0u64..70, after in 1u64..40, place in any::<prop::sample::Index>()) {
        let leaf = |index: u64| keccak256(index.to_be_bytes());
        let mut outbox = Outbox::default();
        (0..before).for_each(|index| outbox.append(leaf(index)));
        let frontier = Frontier { count: before, nodes: outbox.frontier };
        let leaves: Vec<B256> = (before..before + after).map(leaf).collect();
        leaves.iter().for_each(|leaf| outbox.append(*leaf));
        let place = place.index(leaves.len());
        let proof = prove(&frontier, &leaves, place);
        prop_assert_eq!(proof.root, outbox.root);
        let index = before + place as u64;
        let root = proof.siblings.iter().enumerate().fold(leaves[place], |node, (height, sibling)| {
            let pair = if (index >> height) & 1 == 1 { [*sibling, node] } else { [node, *sibling] };
            keccak256(pair.concat())
        });
        prop_assert_eq!((root, proof.siblings.len()), (outbox.root, OUTBOX_DEPTH));
    }

}

proptest! {
    // Each has a chain of its own in four databases.
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever comes when, whoever is there and starts again: what the chain earned is in the vault, on its way, or on L1, and when all
    /// is quiet, nothing that is worth moving is left behind.
    #[test]
    fn fees_are_conserved_to_the_wei_and_none_above_the_minimum_stays_behind(
        steps in prop::collection::vec((0u64..3 * VAULT_WEI_MIN, 0u8..4, any::<bool>(), 0usize..3, 0u32..4, any::<bool>()), 1..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut rig = Rig::new();
        for (fees_wei, user_messages, is_batch, open, seat, starts_again) in steps {
            rig.block(fees_wei, user_messages);
            rig.l1_block(is_batch, open);
            if starts_again {
                rig.net.restart(seat);
            }
            // The world refuses what is done, so nothing is claimed twice.
            runtime.block_on(rig.step(&[seat]));
            prop_assert!(rig.on_l1_wei() + rig.l2.vault_wei <= rig.earned_wei);
        }
        runtime.block_on(rig.until_quiet(&ALL));
        prop_assert_eq!(rig.on_l1_wei() + rig.l2.vault_wei, rig.earned_wei);
        prop_assert!(rig.l2.vault_wei < U256::from(FEES_MIN_WEI));
        prop_assert!(rig.net.world.lock().posting_wei < RESERVE_WEI + U256::from(FEES_MIN_WEI));
    }
}

#[test]
fn the_frontier_is_where_the_contract_keeps_it() {
    let layout = include_str!("../../../../contracts/snapshots/Outbox.storage.json");
    let at = layout.find("\"_frontier\"").unwrap();
    assert!(layout[at..].contains(&format!("\"slot\": \"{FRONTIER_SLOT}\"")));
}

/// A node that starts where others have moved fees for long.
#[test]
fn no_more_withdrawals_wait_than_a_few_and_none_is_passed_over() {
    let store = Net::new(0).nodes[0].store.clone();
    let mut l2 = L2::new(vec![store.clone()]);
    let count = 2 * CLAIMS_MAX as u64 + 1;
    for _ in 0..count {
        l2.l1_block(1, 1, false, 0);
        l2.block(VAULT_WEI_MIN, 1);
        l2.l1_block(1, 0, true, 0);
        l2.block(0, 0);
    }
    let (mut vault, mut leaves) = (Vault::default(), Vec::new());
    while leaves.len() < usize::try_from(count).unwrap() {
        vault.read(&store).unwrap();
        let waiting: Vec<u64> = vault.claims().map(|claim| claim.leaf_index).collect();
        assert!((1..=CLAIMS_MAX).contains(&waiting.len()));
        waiting.iter().for_each(|leaf_index| vault.forget(*leaf_index));
        leaves.extend(waiting);
    }
    // A user's message before each.
    assert_eq!(leaves, (0..count).map(|place| 2 * place + 1).collect::<Vec<_>>());
    vault.read(&store).unwrap();
    assert_eq!(vault.claims().count(), 0);
}

#[tokio::test]
async fn fees_are_withdrawn_once_from_the_minimum_on_and_not_again_while_the_message_is_on_its_way() {
    let mut rig = Rig::new();
    rig.block(FEES_MIN_WEI - 1, 0);
    rig.l1_block(false, 0);
    assert_eq!(rig.step(&ALL).await, [], "a wei too few");
    rig.block(1, 0);
    // Kind 4 of epoch 0: the seat at index 0.
    assert_eq!(named(&rig.step(&ALL).await), [(0, "withdraw")]);
    rig.now += 9 * TAKEOVER_S;
    rig.net.at(rig.now);
    assert_eq!(rig.step(&[0]).await, [], "L1 has it, and the store has not seen L1 as new");
    rig.l1_block(false, 0);
    for _ in 0..3 {
        rig.now += 9 * TAKEOVER_S;
        rig.l1_block(false, 0);
        assert_eq!(rig.step(&ALL).await, [], "it is queued");
    }
    rig.net.restart(2);
    assert_eq!(rig.step(&[2]).await, []);
    rig.block(0, 1);
    assert_eq!(rig.l2.vault_wei, U256::ZERO);
    rig.now += 9 * TAKEOVER_S;
    rig.l1_block(false, 0);
    assert_eq!(rig.step(&ALL).await, [], "nothing is left to withdraw");
}

#[tokio::test]
async fn what_was_withdrawn_is_claimed_once_when_its_batch_is_final_and_its_surplus_swept() {
    let mut rig = Rig::new();
    rig.block(FEES_MIN_WEI, 3);
    rig.l1_block(true, 1);
    rig.step(&[0]).await;
    rig.l1_block(false, 1);
    rig.block(7, 2);
    rig.block(0, 2);
    rig.l1_block(true, 1);
    assert_eq!(rig.step(&ALL).await, [], "the batch is not final");
    rig.block(0, 0);
    rig.l1_block(true, 1);
    let done = rig.step(&ALL).await;
    // Kind 5 of epoch 0. What arrives is the reserve and more.
    assert_eq!(named(&done), [(1, "claim")]);
    let (_, Act::ClaimVault { claim }) = &done[0] else { panic!("{done:?}") };
    assert_eq!((claim.value_wei, claim.leaf_index, claim.target), (U256::from(FEES_MIN_WEI + 7), 5, POSTING));
    let quiet = rig.until_quiet(&ALL).await;
    assert_eq!(quiet, [], "less than the minimum is above the reserve");

    rig.block(FEES_MIN_WEI, 0);
    let done = rig.until_quiet(&ALL).await;
    assert_eq!(named(&done), [(0, "withdraw"), (1, "claim"), (2, "sweep")]);
    assert_eq!(rig.net.world.lock().posting_wei, RESERVE_WEI);
    assert_eq!(rig.net.world.lock().unassigned_wei, rig.earned_wei - RESERVE_WEI);
    rig.net.world.lock().is_final = true;
    (0..4).for_each(|seat| rig.net.restart(seat));
    assert_eq!(rig.until_quiet(&ALL).await, [], "who starts again finds it all claimed");
}

#[tokio::test]
async fn another_seat_takes_over_each_act_when_the_one_in_turn_is_gone() {
    let mut rig = Rig::new();
    rig.block(3 * FEES_MIN_WEI, 0);
    let done = rig.until_quiet(&[3]).await;
    assert_eq!(named(&done), [(3, "withdraw"), (3, "claim"), (3, "sweep")]);
    // Not before those in front of it had their time.
    let mut rig = Rig::new();
    rig.block(3 * FEES_MIN_WEI, 0);
    rig.l1_block(false, 0);
    rig.step(&[3]).await;
    let seen_at = rig.now;
    rig.now = seen_at + 3 * TAKEOVER_S - 2;
    rig.l1_block(false, 0);
    assert_eq!(rig.step(&[3]).await, []);
    rig.l1_block(false, 0);
    assert_eq!(named(&rig.step(&[3]).await), [(3, "withdraw")]);
}

#[tokio::test]
async fn a_record_that_waits_has_the_pot_swept_below_the_minimum_and_only_when_that_is_enough() {
    let mut net = Net::new(5_000);
    net.world.lock().stored.extend(0..9);
    for node in &net.nodes {
        for (epoch, view) in [(0, 1), (0, 2), (1, 1)] {
            push(&node.store, Some((epoch, view)), 1_000);
        }
    }
    net.epoch.store(1, std::sync::atomic::Ordering::Relaxed);
    net.world.lock().posting_wei = RESERVE_WEI + U256::from(6_999);
    for round in 0..LOOKS {
        net.at(11_000 + round);
        assert_eq!(net.step(&ALL).await, [], "7,000 wei are missing");
        net.carry().await;
    }
    net.world.lock().posting_wei += U256::ONE;
    let mut done = Vec::new();
    for round in 0..LOOKS {
        net.at(11_000 + LOOKS + round);
        done.extend(net.step(&ALL).await);
    }
    assert!(matches!(done[..], [(3, Act::Sweep), (3, Act::Record { .. })]), "{done:?}");
    let world = net.world.lock();
    assert_eq!((world.posting_wei, world.unassigned_wei), (RESERVE_WEI, U256::ZERO));
}

#[tokio::test]
async fn fees_for_messages_are_sent_on_from_the_minimum_on() {
    let mut net = Net::new(0);
    net.world.lock().stored.extend(0..9);
    net.at(10_001);
    net.world.lock().inbox_wei = U256::from(FEES_MIN_WEI - 1);
    assert_eq!(net.step(&ALL).await, []);
    net.world.lock().inbox_wei += U256::ONE;
    assert_eq!(named(&net.step(&ALL).await), [(3, "inbox")]);
    assert_eq!(net.world.lock().posting_wei, U256::from(FEES_MIN_WEI));
}

#[tokio::test]
async fn a_withdrawal_that_l1_refuses_is_tried_again() {
    let mut rig = Rig::new();
    rig.block(FEES_MIN_WEI, 0);
    rig.l1_block(false, 0);
    let poor = L1Error::InsufficientBalance { address: POSTING, balance_wei: U256::ZERO, needed_wei: U256::ONE };
    rig.net.world.lock().failures.push(poor);
    assert_eq!(rig.step(&[0]).await, []);
    rig.now += 7;
    rig.l1_block(false, 0);
    assert_eq!(named(&rig.step(&[0]).await), [(0, "withdraw")]);
}
