//! A model of L1: it grows, its newest blocks are sometimes replaced, and everybody sees it late.

use alloy_primitives::{B256, keccak256};

use crate::dice::Dice;

/// Milliseconds between two blocks.
const INTERVAL_MS: u64 = 400;
/// Most blocks that are ever replaced at once, so that what lies deeper counts as confirmed.
pub(crate) const REORG_MAX: u64 = 3;

/// The newest blocks were replaced.
#[derive(Clone, Copy, Debug)]
struct Reorg {
    at_ms: u64,
    depth: u64,
}

/// All that ever happens on L1.
#[derive(Clone, Debug)]
pub(crate) struct L1 {
    reorgs: Vec<Reorg>,
}

impl L1 {
    /// With as many replacements as a seed wants in the time given.
    pub(crate) fn new(dice: &mut Dice, until_ms: u64) -> Self {
        let count = dice.between(0, 4);
        let mut reorg = || Reorg { at_ms: dice.between(0, until_ms), depth: dice.between(1, REORG_MAX + 1) };
        Self { reorgs: (0..count).map(|_| reorg()).collect() }
    }

    /// Its highest block at a time. There were some before the run begins.
    pub(crate) const fn head(at_ms: u64) -> u64 {
        10 + at_ms / INTERVAL_MS
    }

    /// The highest block that stays, seen at a time.
    pub(crate) const fn confirmed(at_ms: u64) -> u64 {
        Self::head(at_ms) - REORG_MAX
    }

    /// The hash of a block at a time.
    pub(crate) fn hash(&self, number: u64, at_ms: u64) -> B256 {
        let replaced = |reorg: &&Reorg| {
            let head = Self::head(reorg.at_ms);
            reorg.at_ms <= at_ms && number <= head && number + reorg.depth > head
        };
        let version = self.reorgs.iter().filter(replaced).count();
        keccak256([number.to_be_bytes(), (version as u64).to_be_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmed_blocks_stay_and_newer_ones_may_not() {
        let l1 = L1 { reorgs: vec![Reorg { at_ms: 4_000, depth: REORG_MAX }] };
        let head = L1::head(4_000);
        for number in 0..=L1::confirmed(4_000) {
            assert_eq!(l1.hash(number, 3_999), l1.hash(number, 4_000), "{number} was confirmed");
        }
        for number in L1::confirmed(4_000) + 1..=head {
            assert_ne!(l1.hash(number, 3_999), l1.hash(number, 4_000), "{number} was replaced");
        }
    }
}
