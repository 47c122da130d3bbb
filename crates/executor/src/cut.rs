//! Whether sharing a block among workers pays, and cutting it into the runs that they claim.

use std::{ops::Range, time::Duration};

use sluice_stf::Plan;

use crate::{
    estimate::{Estimates, Expected, SHARING_PAYS_MAX, in_ns},
    order::Runs,
};

/// Time of one run, long against handing it over.
pub const RUN_TIME: Duration = Duration::from_micros(100);
/// Time of one run of calls that do not clash: handing over and committing costs each of them less then.
const QUIET_RUN_TIME: Duration = Duration::from_micros(500);
/// Time of the last runs of a block, short so that all workers end together.
pub const LAST_RUN_TIME: Duration = Duration::from_micros(15);
/// Most transactions in one run, so that a conflict is noticed before much has been built on it.
pub const RUN_TRANSACTIONS_MAX: usize = 64;
/// Time from which on a block is shared among workers. Below it, waking them costs more than they save.
pub const SHARED_TIME_MIN: Duration = Duration::from_micros(250);

/// Clashes, of [`u16::MAX`], from which on a call stays in one run with the one right before it, whose work it then sees.
const CLASHES_MIN: u16 = u16::MAX / 4;
/// Clashes, of [`u16::MAX`], below which a call may be in a longer run.
const QUIET_CLASHES_MAX: u16 = u16::MAX / 64;
/// Time of a run that is longer so that what clashes stays together.
const CLASH_RUN_TIME: Duration = Duration::from_micros(800);
/// Workers that such a run is short for, so that all end together. With more there is always somebody free, and cut short it would only be
/// executed again.
const CLASH_WORKERS_MAX: usize = 4;
/// Time of calls in a row from which on they are a run of their own because they wait.
const WAITING_TIME_MIN: Duration = Duration::from_micros(10);

/// Part of a block's time that may be calls each of which must wait for the one before it.
const CHAIN_PART_MAX: f64 = 0.8;

/// Time that is lost because the other workers must be woken, and because all end together: the others begin 60 to 75 µs later, and whoever
/// wakes them is held up for 20 to 40.
const WAKING_TIME: Duration = Duration::from_micros(80);
/// Part of a block's time that must be saved for sharing to be worth it, of this many.
const SAVED_PART_MIN: u32 = 16;
/// Time that sharing adds to each transaction, which must be handed over and committed, where workers are next to each other.
const COMMIT_TIME: Duration = Duration::from_nanos(200);
/// Lines of memory for which a committer waits, of each transaction. Measured: on cores that are 80 ns apart, a block of 1,346 mostly plain
/// transfers takes some 150 ns more for each.
const COMMIT_LINES: u32 = 2;
/// The same where a transaction's receipt is all that is handed over.
const LISTED_LINES: u32 = 2;
/// What executing a transaction from a list costs beside executing it, of any worker's time: reading the list, and comparing with it.
const TOLD_TIME: Duration = Duration::from_nanos(1_600);
/// What keeping a transaction that was executed ahead costs, of one worker's time after another's.
const KEPT_TIME: Duration = Duration::from_nanos(450);
/// One part in so many of a block that is shared without a list is executed again.
const AGAIN_PART: u32 = 32;

/// What is expected of transactions that follow each other.
#[derive(Debug)]
pub(crate) struct Prospect {
    pub(crate) expected: Vec<Expected>,
    /// Index of the first.
    first: usize,
    /// Of all of them, by one worker.
    pub(crate) time: Duration,
}

impl Prospect {
    pub(crate) fn new(expected: Vec<Expected>, first: usize) -> Self {
        let time = Duration::from_nanos(expected.iter().map(Expected::ns).sum());
        Self { expected, first, time }
    }

    /// What is expected of these transactions of a block.
    pub(crate) fn of(estimates: &Estimates, plan: &Plan<'_>, transactions: Range<usize>) -> Self {
        Self::new(estimates.of(plan, transactions.clone()), transactions.start)
    }

    /// So many workers, so far from each other, are quicker than one, though they must commit. The block may be cut by who knows better
    /// than calls' functions tell what clashes.
    pub(crate) fn pays(&self, workers: usize, is_cut: bool, distance: impl FnOnce() -> Duration) -> bool {
        // Measuring the distance takes time as well.
        self.saves(workers, COMMIT_TIME)
            && self.saves(workers, COMMIT_TIME + distance() * COMMIT_LINES)
            && is_wide(&self.expected, is_cut)
    }

    /// The same where there is nothing to commit, since what each must do is on a list.
    pub(crate) fn pays_from_list(&self, workers: usize, distance: Duration) -> bool {
        self.saves(workers, distance * LISTED_LINES)
    }

    /// The same of a list that nobody has committed to, and so in comparison with sharing the block without, where that `pays`.
    pub(crate) fn is_quicker_told(&self, workers: usize, pays: bool) -> bool {
        let (count, workers) = (self.count(), u32::try_from(workers).unwrap_or(u32::MAX));
        let told = (self.time + TOLD_TIME * count) / workers + WAKING_TIME;
        let without = self.time / workers + self.time / AGAIN_PART + KEPT_TIME * count + WAKING_TIME;
        told < if pays { without } else { self.time }
    }

    fn count(&self) -> u32 {
        u32::try_from(self.expected.len()).unwrap_or(u32::MAX)
    }

    fn saves(&self, workers: usize, per_transaction: Duration) -> bool {
        let shared =
            self.time / u32::try_from(workers).unwrap_or(u32::MAX) + per_transaction * self.count() + WAKING_TIME;
        shared + self.time / SAVED_PART_MIN < self.time
    }

    /// Cuts the transactions into runs. They grow shorter towards the end, and none reaches over one of `cuts`, which ascend; there are
    /// none where nothing can clash.
    ///
    /// A call that clashes with the one right before it stays in one run with that: there it sees what the other has done. In the next
    /// run, it would be executed ahead by another worker, for nothing, because it would have to be executed again.
    pub(crate) fn runs(&self, workers: usize, cuts: Option<&[usize]>) -> Runs {
        let Self { expected, first, time } = self;
        let (first, end) = (*first, first + expected.len());
        let bound = |left: u64, clashes: u16| {
            let share = Duration::from_nanos(left / (4 * workers as u64));
            let most = if clashes < QUIET_CLASHES_MAX { QUIET_RUN_TIME } else { RUN_TIME };
            in_ns(share.clamp(LAST_RUN_TIME, most))
        };
        let clash_bound = |left: u64| {
            let share = left / workers.min(CLASH_WORKERS_MAX) as u64;
            in_ns(CLASH_RUN_TIME).min(share).max(bound(left, u16::MAX))
        };
        let is_listed = cuts.is_none();
        let waits = if is_listed { vec![false; expected.len()] } else { waits(expected) };
        let waits = |index: usize| waits[index - first];
        let mut cuts = cuts.unwrap_or_default().iter().skip_while(|cut| **cut <= first).peekable();
        let (mut runs, mut times) = (Vec::new(), Vec::new());
        // Most clashes of a call of the run.
        let (mut start, mut run, mut left, mut clashes) = (first, 0, in_ns(*time), 0);
        for (index, expected) in (first..).zip(expected) {
            let must = cuts.next_if(|cut| **cut <= index).is_some() || waits(index) != waits(start);
            let bound = if !is_listed && follows(expected) {
                clash_bound(left)
            } else {
                bound(left, clashes.max(expected.clashes))
            };
            if index > start && (must || run + expected.ns() > bound || index - start == RUN_TRANSACTIONS_MAX) {
                runs.push(start..index);
                times.push(run);
                left -= run;
                (start, run, clashes) = (index, 0, 0);
            }
            run += expected.ns();
            clashes = clashes.max(expected.clashes);
        }
        if start < end {
            runs.push(start..end);
            times.push(run);
        }
        if is_listed {
            return Runs::longest_first(runs, &times);
        }
        // What stays together because it clashes would also clash with what it overtakes.
        let is_sure = |run: &Range<usize>| {
            let mut run = expected[run.start - first..run.end - first].iter();
            run.all(|one| one.may_begin_early && one.clashes < CLASHES_MIN && !one.should_wait)
        };
        let waiting = runs.iter().map(|run| waits(run.start)).collect();
        Runs { waits: waiting, ..Runs::long_ones_early(runs, &times, workers, is_sure) }
    }
}

/// Which calls wait until all before them is committed: those in a row that are seldom as foreseen.
fn waits(expected: &[Expected]) -> Vec<bool> {
    let mut all = Vec::with_capacity(expected.len());
    for alike in expected.chunk_by(|one, next| one.should_wait == next.should_wait) {
        let waits = alike[0].should_wait && alike.iter().map(Expected::ns).sum::<u64>() >= in_ns(WAITING_TIME_MIN);
        all.resize(all.len() + alike.len(), waits);
    }
    all
}

/// Neither is most of it one chain, nor did such blocks take as long when they were shared.
fn is_wide(expected: &[Expected], is_cut: bool) -> bool {
    let (mut all, mut sharing, mut chain) = (0.0, 0.0, 0.0);
    for (one, waits) in expected.iter().zip(waits(expected)) {
        let ns = one.ns() as f64;
        all += ns;
        sharing += ns * f64::from(one.sharing);
        chain += if waits {
            ns
        } else if follows(one) && !is_cut {
            // What clashed before it was cut would look like a chain for long after.
            ns * f64::from(one.clashes) / f64::from(u16::MAX)
        } else {
            0.0
        };
    }
    sharing <= all * f64::from(SHARING_PAYS_MAX) && chain <= all * CHAIN_PART_MAX
}

/// Whether a call clashes with the one right before it. Clashes with others are fewer, and keeping those together too would keep
/// together all that is between them.
fn follows(one: &Expected) -> bool {
    one.is_repeat && one.clashes >= CLASHES_MIN
}
