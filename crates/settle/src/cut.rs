//! Decides which blocks make the next batch. Pure: sizes and times in, a block range out.

use sluice_types::L2Number;

use crate::Config;

/// What the decision needs to know of an executed block that no batch holds yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its number.
    pub number: L2Number,
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// Bytes of its raw transactions, those from the inbox left out.
    pub size_bytes: u64,
}

/// Bytes that a block adds to a batch besides its transactions: an upper bound of its columns.
const BLOCK_OVERHEAD_BYTES: u64 = 40;

/// The last block of the batch to cut now, or `None` while there is time to wait for more.
///
/// `candidates` are contiguous and ascending. The batch ends before the block that would pass `size_max_bytes`, so that it
/// decompresses within the chain's cap; a batch always holds at least one block, because the sequencer bounds a block's size.
pub fn cut(candidates: &[Candidate], now: u64, size_max_bytes: u64, config: &Config) -> Option<L2Number> {
    let first = candidates.first()?;
    match full(candidates, size_max_bytes, config) {
        Full::At(last) => Some(last),
        Full::Not(last) => (now.saturating_sub(first.timestamp) >= config.age_max_s).then_some(last),
    }
}

/// The same for nodes that must all cut the same batch: time is that of the blocks. A batch ends before the first block that is too young
/// for it, and so it is cut when that block is there.
pub fn cut_together(candidates: &[Candidate], size_max_bytes: u64, config: &Config) -> Option<L2Number> {
    let first = candidates.first()?;
    let end = first.timestamp.saturating_add(config.age_max_s);
    let young = candidates.iter().position(|candidate| candidate.timestamp >= end).map(|index| index.max(1));
    match full(&candidates[..young.unwrap_or(candidates.len())], size_max_bytes, config) {
        Full::At(last) => Some(last),
        Full::Not(last) => young.map(|_| last),
    }
}

/// Whether a batch is full, and its last block so far.
enum Full {
    At(L2Number),
    Not(L2Number),
}

fn full(candidates: &[Candidate], size_max_bytes: u64, config: &Config) -> Full {
    let mut size_bytes = 0u64;
    let mut last = None;
    for (count, candidate) in (0u64..).zip(candidates) {
        let grown = size_bytes.saturating_add(candidate.size_bytes).saturating_add(BLOCK_OVERHEAD_BYTES);
        if let Some(last) = last
            && (grown > size_max_bytes || count >= config.blocks_max)
        {
            return Full::At(last);
        }
        size_bytes = grown;
        last = Some(candidate.number);
        if size_bytes >= config.size_target_bytes.min(size_max_bytes) || count + 1 >= config.blocks_max {
            return Full::At(candidate.number);
        }
    }
    Full::Not(last.expect("there is a candidate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(sizes: &[u64]) -> Vec<Candidate> {
        (1u64..)
            .zip(sizes)
            .map(|(number, &size_bytes)| Candidate { number: L2Number(number), timestamp: 100 + number, size_bytes })
            .collect()
    }

    fn config() -> Config {
        Config { age_max_s: 10, size_target_bytes: 10_000, blocks_max: 4, ..Config::default() }
    }

    #[test]
    fn waits_while_young_and_small() {
        assert_eq!(cut(&[], 1000, 50_000, &config()), None);
        assert_eq!(cut(&blocks(&[10, 10]), 105, 50_000, &config()), None);
    }

    #[test]
    fn cuts_everything_when_the_oldest_block_is_old() {
        assert_eq!(cut(&blocks(&[10, 10]), 111, 50_000, &config()), Some(L2Number(2)));
    }

    #[test]
    fn cuts_at_the_block_that_reaches_the_target() {
        assert_eq!(cut(&blocks(&[6_000, 6_000, 10]), 101, 50_000, &config()), Some(L2Number(2)));
    }

    #[test]
    fn all_cut_the_same_however_many_blocks_they_have_seen() {
        let blocks = blocks(&[10; 30]);
        let config = Config { blocks_max: 100, ..config() };
        // The blocks are a second apart and the age is ten, so block 11 is the first that is too young.
        assert_eq!(cut_together(&[], 50_000, &config), None);
        for seen in 1..=10 {
            assert_eq!(cut_together(&blocks[..seen], 50_000, &config), None, "{seen} blocks");
        }
        for seen in 11..=30 {
            assert_eq!(cut_together(&blocks[..seen], 50_000, &config), Some(L2Number(10)), "{seen} blocks");
        }
        let sparse: Vec<_> = blocks.iter().map(|b| Candidate { timestamp: b.timestamp * 100, ..*b }).collect();
        assert_eq!(cut_together(&sparse[..1], 50_000, &config), None);
        assert_eq!(cut_together(&sparse[..2], 50_000, &config), Some(L2Number(1)), "a batch has a block");
    }

    proptest::proptest! {
        #[test]
        fn what_is_cut_together_does_not_depend_on_what_comes_later(
            sizes in proptest::collection::vec((0u64..4_000, 0u64..4), 1..40),
            seen in 1usize..40,
        ) {
            let mut timestamp = 100;
            let blocks: Vec<_> = (1u64..).zip(&sizes).map(|(number, (size_bytes, step))| {
                timestamp += step;
                Candidate { number: L2Number(number), timestamp, size_bytes: *size_bytes }
            }).collect();
            let config = Config { blocks_max: 12, ..config() };
            let early = cut_together(&blocks[..seen.min(blocks.len())], 9_000, &config);
            if early.is_some() {
                proptest::prop_assert_eq!(cut_together(&blocks, 9_000, &config), early);
            }
        }
    }

    #[test]
    fn never_passes_the_cap_unless_one_block_does_alone() {
        assert_eq!(cut(&blocks(&[6_000, 6_000]), 101, 10_000, &config()), Some(L2Number(1)));
        assert_eq!(cut(&blocks(&[60_000, 1]), 101, 10_000, &config()), Some(L2Number(1)));
    }

    #[test]
    fn never_holds_more_blocks_than_allowed() {
        assert_eq!(cut(&blocks(&[1, 1, 1, 1, 1, 1]), 101, 10_000, &config()), Some(L2Number(4)));
    }
}
