//! Cutting a block into the runs that workers claim.

use std::{ops::Range, time::Duration};

use sluice_stf::Plan;

use crate::{
    estimate::{Estimates, Expected, WHOLE, in_ns},
    order::Runs,
};

/// Time of one run, long against handing it over.
pub const RUN_TIME: Duration = Duration::from_micros(100);
/// Time of the last runs of a block, short so that all workers end together.
pub const LAST_RUN_TIME: Duration = Duration::from_micros(15);
/// Most transactions in one run, so that a conflict is noticed before much has been built on it.
pub const RUN_TRANSACTIONS_MAX: usize = 64;
/// Time from which on a block is shared among workers. Below it, waking them costs more than they save.
pub const SHARED_TIME_MIN: Duration = Duration::from_micros(250);

/// Clashes, of [`u16::MAX`], from which on a call stays in one run with the one right before it, whose work it then sees.
const CLASHES_MIN: u16 = u16::MAX / 4;
/// Time of a run that is longer so that what clashes stays together.
const CLASH_RUN_TIME: Duration = Duration::from_micros(800);

/// Part of its time that committing a block may take if several workers are to execute it: two save half of it at most.
const COMMITS_PART_MAX: f64 = 0.5;
/// Part of a block's time that may be calls each of which must wait for the one before it.
const CHAIN_PART_MAX: f64 = 0.8;

/// A block that is cut into runs.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) runs: Runs,
    /// Of all transactions, by one worker.
    pub(crate) time: Duration,
    /// Several workers are quicker than one.
    pub(crate) pays: bool,
}

/// Cuts transactions into runs. They grow shorter towards the end, and none reaches over one of `cuts`, which ascend; there are none
/// where nothing can clash.
///
/// A call that clashes with the one right before it stays in one run with that: there it sees what the other has done. In the next run,
/// it would be executed ahead by another worker, for nothing, because it would have to be executed again.
pub(crate) fn cut(
    estimates: &Estimates,
    plan: &Plan<'_>,
    transactions: Range<usize>,
    workers: usize,
    cuts: Option<&[usize]>,
) -> Cut {
    let Range { start: first, end } = transactions;
    let expected = estimates.of(plan, first..end);
    let all: u64 = expected.iter().map(|expected| expected.call.ns).sum();
    let bound = |left: u64| {
        let share = Duration::from_nanos(left / (4 * workers as u64));
        in_ns(share.clamp(LAST_RUN_TIME, RUN_TIME))
    };
    let clash_bound = |left: u64| in_ns(CLASH_RUN_TIME).min(left / workers as u64).max(bound(left));
    let pays = pays(&expected);
    let is_listed = cuts.is_none();
    let mut cuts = cuts.unwrap_or_default().iter().skip_while(|cut| **cut <= first).peekable();
    let (mut runs, mut times) = (Vec::new(), Vec::new());
    let (mut start, mut run, mut left) = (first, 0, all);
    for (index, expected) in (first..).zip(&expected) {
        let call = expected.call;
        let must = cuts.next_if(|cut| **cut <= index).is_some();
        let bound = if !is_listed && follows(expected) { clash_bound(left) } else { bound(left) };
        if index > start && (must || run + call.ns > bound || index - start == RUN_TRANSACTIONS_MAX) {
            runs.push(start..index);
            times.push(run);
            left -= run;
            (start, run) = (index, 0);
        }
        run += call.ns;
    }
    if start < end {
        runs.push(start..end);
        times.push(run);
    }
    let runs = if is_listed {
        Runs::longest_first(runs, &times)
    } else {
        // What stays together because it clashes would also clash with what it overtakes.
        let is_sure = |run: &Range<usize>| {
            let mut calls = expected[run.start - first..run.end - first].iter().map(|one| one.call);
            calls.all(|call| call.may_begin_early() && call.clashes < CLASHES_MIN)
        };
        Runs::long_ones_early(runs, &times, workers, is_sure)
    };
    Cut { runs, time: Duration::from_nanos(all), pays }
}

/// Several workers are quicker than one: neither is most of the block one chain, nor does committing take most of what they save.
fn pays(expected: &[Expected]) -> bool {
    let (mut all, mut committing, mut chain) = (0.0, 0.0, 0.0);
    for one in expected {
        let ns = one.call.ns as f64;
        all += ns;
        committing += ns * f64::from(one.call.commits);
        chain += if follows(one) { ns * f64::from(one.call.clashes) } else { 0.0 };
    }
    committing <= all * f64::from(WHOLE) * COMMITS_PART_MAX && chain <= all * f64::from(u16::MAX) * CHAIN_PART_MAX
}

/// Whether a call clashes with the one right before it. Clashes with others are fewer, and keeping those together too would keep
/// together all that is between them.
fn follows(one: &Expected) -> bool {
    one.is_repeat && one.call.clashes >= CLASHES_MIN
}
