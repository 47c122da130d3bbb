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
    let mut size_bytes = 0u64;
    let mut last = None;
    for (count, candidate) in (0u64..).zip(candidates) {
        let grown = size_bytes.saturating_add(candidate.size_bytes).saturating_add(BLOCK_OVERHEAD_BYTES);
        if last.is_some() && (grown > size_max_bytes || count >= config.blocks_max) {
            return last;
        }
        size_bytes = grown;
        last = Some(candidate.number);
        if size_bytes >= config.size_target_bytes.min(size_max_bytes) || count + 1 >= config.blocks_max {
            return last;
        }
    }
    if now.saturating_sub(first.timestamp) >= config.age_max_s { last } else { None }
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
    fn never_passes_the_cap_unless_one_block_does_alone() {
        assert_eq!(cut(&blocks(&[6_000, 6_000]), 101, 10_000, &config()), Some(L2Number(1)));
        assert_eq!(cut(&blocks(&[60_000, 1]), 101, 10_000, &config()), Some(L2Number(1)));
    }

    #[test]
    fn never_holds_more_blocks_than_allowed() {
        assert_eq!(cut(&blocks(&[1, 1, 1, 1, 1, 1]), 101, 10_000, &config()), Some(L2Number(4)));
    }
}
