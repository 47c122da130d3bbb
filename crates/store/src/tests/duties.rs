//! Evidence and records.

use alloy_primitives::U256;
use sluice_types::{L2Number, RewardEntry};

use super::fixture::*;
use crate::{EVIDENCE_MAX, EpochRewards, Evidence, Store};

fn evidence(epoch: u64, seat: u32, byte: u8) -> Evidence {
    Evidence { epoch, seat, bytes: vec![byte; 5].into() }
}

fn rewards(epoch: u32, produced_count: u64) -> EpochRewards {
    let entry = RewardEntry { seat: 3, produced_count, missed_count: 1, fees_wei: U256::from(9) };
    EpochRewards { epoch, last_block: L2Number(produced_count), entries: vec![entry] }
}

#[test]
fn the_first_evidence_against_a_seat_in_an_epoch_stays_over_restarts_until_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let first = [evidence(1, 2, 7), evidence(1, 3, 8), evidence(2, 2, 9)];
    {
        let store = Store::open(folder.path(), &genesis()).unwrap();
        for one in first.iter().rev() {
            assert!(store.add_evidence(one).unwrap());
        }
        assert!(!store.add_evidence(&evidence(1, 3, 1)).unwrap());
    }
    let store = Store::open_existing(folder.path()).unwrap();
    assert_eq!(store.evidence().unwrap(), first);
    store.remove_evidence(1, 3).unwrap();
    store.remove_evidence(1, 3).unwrap();
    assert!(store.has_evidence(1, 2).unwrap() && !store.has_evidence(1, 3).unwrap());
    assert_eq!(store.evidence().unwrap(), [first[0].clone(), first[2].clone()]);
}

#[test]
fn evidence_is_bounded() {
    let store = Store::in_memory(&genesis()).unwrap();
    for epoch in 0..EVIDENCE_MAX {
        assert!(store.add_evidence(&evidence(epoch, 0, 1)).unwrap());
    }
    assert!(!store.add_evidence(&evidence(EVIDENCE_MAX, 0, 1)).unwrap());
    store.remove_evidence(0, 0).unwrap();
    assert!(store.add_evidence(&evidence(EVIDENCE_MAX, 0, 1)).unwrap());
}

#[test]
fn what_is_kept_of_an_epoch_never_changes() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = Store::open(folder.path(), &genesis()).unwrap();
        for (epoch, count) in [(4, 1), (6, 2), (4, 3)] {
            store.add_rewards(&rewards(epoch, count)).unwrap();
        }
    }
    let store = Store::open_existing(folder.path()).unwrap();
    assert_eq!(store.rewards(4).unwrap(), Some(rewards(4, 1)));
    assert_eq!(store.rewards(5).unwrap(), None);
    assert_eq!(store.last_rewards(5).unwrap(), [rewards(6, 2), rewards(4, 1)]);
    assert_eq!(store.last_rewards(1).unwrap(), [rewards(6, 2)]);
}
