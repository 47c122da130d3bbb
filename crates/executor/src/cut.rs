//! Cutting a block into the runs that workers claim.

use std::{mem::replace, ops::Range, time::Duration};

use sluice_stf::Plan;

use crate::{
    estimate::{Call, Estimates, WHOLE, in_ns},
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
    let calls: Vec<_> = (first..end).map(|index| estimates.of(plan, index)).collect();
    let all: u64 = calls.iter().map(|call| call.ns).sum();
    let bound = |left: u64| {
        let share = Duration::from_nanos(left / (4 * workers as u64));
        in_ns(share.clamp(LAST_RUN_TIME, RUN_TIME))
    };
    let clash_bound = |left: u64| in_ns(CLASH_RUN_TIME).min(left / workers as u64).max(bound(left));
    let follows = cuts.map_or_else(|| vec![false; calls.len()], |_| follows(plan, first, &calls));
    let pays = pays(&calls, &follows);
    let is_listed = cuts.is_none();
    let mut cuts = cuts.unwrap_or_default().iter().skip_while(|cut| **cut <= first).peekable();
    let (mut runs, mut times) = (Vec::new(), Vec::new());
    let (mut start, mut run, mut left) = (first, 0, all);
    for (index, (call, follows)) in (first..).zip(calls.iter().zip(follows)) {
        let must = cuts.next_if(|cut| **cut <= index).is_some();
        let bound = if follows { clash_bound(left) } else { bound(left) };
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
        let is_sure = |run: &Range<usize>| calls[run.start - first..run.end - first].iter().all(Call::may_begin_early);
        Runs::long_ones_early(runs, &times, workers, is_sure)
    };
    Cut { runs, time: Duration::from_nanos(all), pays }
}

/// Several workers are quicker than one: neither is most of the block one chain, nor does committing take most of what they save.
fn pays(calls: &[Call], follows: &[bool]) -> bool {
    let all: f64 = calls.iter().map(|call| call.ns as f64).sum();
    let committing: f64 = calls.iter().map(|call| call.ns as f64 * f64::from(call.commits)).sum();
    let chained = calls.iter().zip(follows).filter(|(_, follows)| **follows);
    let chain: f64 = chained.map(|(call, _)| call.ns as f64 * f64::from(call.clashes)).sum();
    committing <= all * f64::from(WHOLE) * COMMITS_PART_MAX && chain <= all * f64::from(u16::MAX) * CHAIN_PART_MAX
}

/// Whether each call clashes with the one right before it. Clashes with others are fewer, and keeping those together too would keep
/// together all that is between them.
fn follows(plan: &Plan<'_>, first: usize, calls: &[Call]) -> Vec<bool> {
    let mut last = None;
    let follows = (first..).zip(calls).map(|(index, call)| {
        let kind = plan.call(index).map(|(kind, ..)| kind);
        let before = replace(&mut last, kind);
        kind.is_some() && before == kind && call.clashes >= CLASHES_MIN
    });
    follows.collect()
}
