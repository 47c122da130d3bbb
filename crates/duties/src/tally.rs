//! Who produced what in an epoch. Pure: views in, counts out. Source: `docs/spec/sequencers.md`, "Rewards".

use alloy_primitives::{U256, uint};
use sluice_types::RewardEntry;

/// A share of all, 1/10,000.
const ALL_BPS: U256 = uint!(10_000_U256);

/// Counts of an epoch, as far as its blocks are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// By index in the committee: blocks produced, views missed.
    counts: Vec<(u64, u64)>,
    /// The last block's; 0 before the first, which is of view 1 or above.
    view: u64,
    base_fees_wei: U256,
}

impl Tally {
    /// Of a committee of so many seats, before its first block.
    pub fn new(seats: usize) -> Self {
        Self { counts: vec![(0, 0); seats], view: 0, base_fees_wei: U256::ZERO }
    }

    /// With the next block of the epoch: the view that it was proposed in, and what it burned or collected as base fee. Views between it
    /// and the block before had no block, and their leaders missed them.
    pub fn add(&mut self, view: u64, base_fee_wei: U256, leader: impl Fn(u64) -> Option<u32>) {
        for missed in self.view.saturating_add(1)..view {
            if let Some((_, count)) = self.count(leader(missed)) {
                *count = count.saturating_add(1);
            }
        }
        if let Some((count, _)) = self.count(leader(view)) {
            *count = count.saturating_add(1);
        }
        self.view = view.max(self.view);
        self.base_fees_wei = self.base_fees_wei.saturating_add(base_fee_wei);
    }

    fn count(&mut self, index: Option<u32>) -> Option<&mut (u64, u64)> {
        self.counts.get_mut(usize::try_from(index?).ok()?)
    }

    /// The entries of the record. `ids` are those of the seats by index; `share_bps` of the base fees are theirs, split by blocks, each part
    /// rounded down.
    pub fn entries(&self, ids: &[u32], share_bps: u64) -> Vec<RewardEntry> {
        let blocks: u64 = self.counts.iter().fold(0, |sum, (produced, _)| sum.saturating_add(*produced));
        let share_wei = self.base_fees_wei.saturating_mul(U256::from(share_bps)) / ALL_BPS;
        let fees_wei = |produced: u64| {
            share_wei.saturating_mul(U256::from(produced)).checked_div(U256::from(blocks)).unwrap_or_default()
        };
        let seats = ids.iter().zip(&self.counts);
        seats
            .map(|(&seat, &(produced_count, missed_count))| RewardEntry {
                seat,
                produced_count,
                missed_count,
                fees_wei: fees_wei(produced_count),
            })
            .collect()
    }
}

/// Whether a seat missed more of its turns than it may, as `Rewards` counts.
pub fn is_down(entry: &RewardEntry, missed_share_max_bps: u16) -> bool {
    let missed = U256::from(entry.missed_count);
    let turns = missed.saturating_add(U256::from(entry.produced_count));
    missed.saturating_mul(ALL_BPS) > turns.saturating_mul(U256::from(missed_share_max_bps))
}
