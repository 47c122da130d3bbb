//! What holds for all chains: counts, shares, turns.

use std::collections::BTreeSet;

use alloy_primitives::{B256, U256};
use proptest::prelude::*;
use sluice_types::L2Number;

use super::fixture::*;
use crate::{Act, Place, Tally, is_down, turns::delay_s};

fn tally(epoch: u64, views: &BTreeSet<u64>, fee_wei: u64) -> Tally {
    let mut tally = Tally::new(SEATS as usize);
    views.iter().for_each(|view| tally.add(*view, U256::from(fee_wei), |view| Some(leader(epoch, view))));
    tally
}

fn ids() -> Vec<u32> {
    (ID_OF_FIRST..ID_OF_FIRST + SEATS).collect()
}

proptest! {
    #[test]
    fn every_view_up_to_the_last_block_is_produced_or_missed_by_its_leader(
        epoch in 0u64..9,
        views in proptest::collection::btree_set(1u64..300, 1..60),
    ) {
        let entries = tally(epoch, &views, 1).entries(&ids(), 0);
        let last = *views.last().unwrap();
        let sum = entries.iter().map(|entry| entry.produced_count + entry.missed_count).sum::<u64>();
        prop_assert_eq!(sum, last);
        for (index, entry) in (0u32..).zip(&entries) {
            let led = (1..=last).filter(|view| leader(epoch, *view) == index);
            let (produced, missed): (Vec<u64>, Vec<u64>) = led.partition(|view| views.contains(view));
            prop_assert_eq!((entry.produced_count, entry.missed_count), (produced.len() as u64, missed.len() as u64));
        }
    }

    #[test]
    fn the_share_is_split_by_blocks_and_less_than_a_wei_for_each_seat_is_left(
        views in proptest::collection::btree_set(1u64..300, 1..60),
        fee_wei in any::<u64>(),
        share_bps in 0u64..=10_000,
    ) {
        let entries = tally(3, &views, fee_wei).entries(&ids(), share_bps);
        let blocks = views.len() as u64;
        let share = U256::from(fee_wei) * U256::from(blocks) * U256::from(share_bps) / U256::from(10_000);
        let given: U256 = entries.iter().map(|entry| entry.fees_wei).sum();
        prop_assert!(given <= share && share - given < U256::from(SEATS));
        for entry in &entries {
            let exact = share * U256::from(entry.produced_count) / U256::from(blocks);
            prop_assert_eq!(entry.fees_wei, exact);
        }
    }

    /// Wherever the chain ends for a moment, and whenever the node starts again, the same is stored.
    #[test]
    fn counting_gives_the_same_however_it_is_interrupted(
        epochs in proptest::collection::vec(proptest::collection::btree_set(1u64..40, 1..12), 2..5),
        stops in proptest::collection::vec(any::<bool>(), 60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut net = Net::new(10_000);
        let mut blocks = 0;
        for (epoch, views) in (0u64..).zip(&epochs) {
            for view in views {
                push(&net.nodes[0].store, Some((epoch, *view)), 100 + view);
                blocks += 1;
                if stops[blocks % stops.len()] {
                    net.restart(0);
                } else {
                    runtime.block_on(net.step(&[0]));
                }
            }
        }
        runtime.block_on(net.step(&[0]));
        let store = &net.nodes[0].store;
        let mut last_block = 0;
        for (epoch, views) in (0u64..).zip(&epochs[..epochs.len() - 1]) {
            last_block += views.len() as u64;
            let mut tally = Tally::new(SEATS as usize);
            views.iter().for_each(|view| tally.add(*view, U256::from(7 * (100 + view)), |view| Some(leader(epoch, view))));
            let kept = store.rewards(epoch).unwrap().unwrap();
            prop_assert_eq!((kept.last_block, kept.entries), (L2Number(last_block), tally.entries(&ids(), 10_000)));
        }
        prop_assert_eq!(store.rewards(epochs.len() as u64 - 1).unwrap(), None, "the last epoch may go on");
    }

    #[test]
    fn one_seat_acts_at_once_each_other_one_at_its_own_time_and_strangers_last(epoch in any::<u64>(), seats in 1u32..124) {
        for act in [
            Act::Snapshot { epoch: 0 },
            Act::ReportMissed { epoch: 1, entry: entry(1, 0, 1, 0), proof: vec![B256::ZERO] },
        ] {
            let at = |index| delay_s(&act, epoch, Place { index, seats }, TAKEOVER_S);
            let delays: BTreeSet<u64> = (0..seats).map(|index| at(Some(index))).collect();
            let expected: BTreeSet<u64> = (0..u64::from(seats)).map(|rank| rank * TAKEOVER_S).collect();
            prop_assert_eq!(delays, expected);
            prop_assert_eq!(at(None), u64::from(seats) * TAKEOVER_S);
        }
    }
}

#[test]
fn a_seat_is_down_when_it_missed_more_than_its_share_and_not_at_it() {
    assert!(!is_down(&entry(1, 80, 20, 0), 2_000));
    assert!(is_down(&entry(1, 79, 21, 0), 2_000));
    assert!(is_down(&entry(1, 0, 1, 0), 9_999));
    assert!(!is_down(&entry(1, 0, 0, 0), 0), "it had no turn");
    assert!(is_down(&entry(1, u64::MAX, u64::MAX, 0), 2_000));
}
