//! In which order runs are claimed. It decides how long workers wait for each other at the end of a block, and nothing else.

use std::{cmp::Reverse, ops::Range};

/// Nanoseconds that all others must be idle at the end of a block for one run to begin early.
const IDLE_MIN_NS: u64 = 50_000;

/// The runs of a block and how they are claimed.
#[derive(Debug)]
pub(crate) struct Runs {
    /// Their transactions.
    pub(crate) ranges: Vec<Range<usize>>,
    /// Their places, as they are claimed.
    pub(crate) order: Vec<usize>,
    /// Whether each waits until all before it is committed: executed ahead, it would not be as foreseen.
    pub(crate) waits: Vec<bool>,
}

impl Runs {
    /// In order.
    pub(crate) fn in_order(ranges: Vec<Range<usize>>) -> Self {
        let (order, waits) = ((0..ranges.len()).collect(), vec![false; ranges.len()]);
        Self { ranges, order, waits }
    }

    /// The longest first, for where any order will do: what is left in the end is short then, and all end together.
    pub(crate) fn longest_first(ranges: Vec<Range<usize>>, times: &[u64]) -> Self {
        let mut runs = Self::in_order(ranges);
        runs.order.sort_by_key(|run| Reverse(times[*run]));
        runs
    }

    /// In order, but a run so long that the others would wait for it at the end begins as much earlier, if it may: when what then is
    /// left for the others is as long as it is.
    pub(crate) fn long_ones_early(
        ranges: Vec<Range<usize>>,
        times: &[u64],
        workers: usize,
        may: impl Fn(&Range<usize>) -> bool,
    ) -> Self {
        let mut runs = Self::in_order(ranges);
        let mut early = Vec::new();
        let mut after = 0;
        for (run, time) in times.iter().enumerate().rev() {
            let others = time.saturating_mul(workers as u64 - 1);
            if others > after + IDLE_MIN_NS && may(&runs.ranges[run]) {
                let (mut start, mut left) = (run, after);
                while start > 0 && left < others {
                    start -= 1;
                    left += times[start];
                }
                early.push((start, run));
            }
            after += time;
        }
        if !early.is_empty() {
            let early = |run: &usize| early.iter().find(|(_, early)| early == run).map(|(start, _)| (*start, 0));
            runs.order.sort_by_key(|run| early(run).unwrap_or((*run, 1)));
        }
        runs
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The place of each run among those that are claimed.
    pub(crate) fn ranks(&self) -> Vec<usize> {
        let mut ranks = vec![0; self.order.len()];
        self.order.iter().enumerate().for_each(|(rank, run)| ranks[*run] = rank);
        ranks
    }
}
