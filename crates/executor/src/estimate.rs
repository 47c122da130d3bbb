//! How long a transaction will take, from how long such transactions took.

use std::{ops::Range, time::Duration};

use alloy_primitives::{TxKind, map::HashMap};
use sluice_stf::Plan;
use sluice_types::Outcome;

/// Calls whose time is remembered. A full memory is emptied: simpler than any order of use, and as good for a working set that fits.
pub const CALLS_KNOWN_MAX: usize = 1 << 16;
/// Time of one run, long against handing it over.
pub const RUN_TIME: Duration = Duration::from_micros(100);
/// Time of the last runs of a block, short so that all workers end together.
pub const LAST_RUN_TIME: Duration = Duration::from_micros(15);
/// Most transactions in one run, so that a conflict is noticed before much has been built on it.
pub const RUN_TRANSACTIONS_MAX: usize = 64;
/// Time from which on a block is shared among workers. Below it, waking them costs more than they save.
pub const SHARED_TIME_MIN: Duration = Duration::from_micros(250);

/// Nanoseconds of a transfer of value and nothing else, which runs no code.
const TRANSFER_NS: u64 = 500;
/// Nanoseconds of a call that was never seen, if its gas limit allows as many.
const UNKNOWN_NS: u64 = 20_000;
/// Gas for which contract code seldom takes longer than a nanosecond.
const GAS_PER_NS: u64 = 2;

/// How long calls took, by contract and function.
#[derive(Debug, Default)]
pub(crate) struct Estimates {
    ns: HashMap<(TxKind, [u8; 4]), u64>,
}

impl Estimates {
    fn of(&self, plan: &Plan<'_>, index: usize) -> u64 {
        plan.call(index).map_or(TRANSFER_NS, |(kind, selector, gas_limit)| {
            let known = self.ns.get(&(kind, selector)).copied();
            known.unwrap_or_else(|| UNKNOWN_NS.min(gas_limit / GAS_PER_NS))
        })
    }

    /// How long such calls took, if any was seen.
    pub(crate) fn call(&self, kind: TxKind, selector: [u8; 4]) -> Option<Duration> {
        self.ns.get(&(kind, selector)).copied().map(Duration::from_nanos)
    }

    /// Learns from a run, which are these transactions, and took so long. Within it, time went where gas went.
    pub(crate) fn learn(&mut self, plan: &Plan<'_>, outcome: &Outcome, run: &Range<usize>, took: Duration) {
        let first = outcome.executed.partition_point(|index| *index < run.start);
        let end = outcome.executed.partition_point(|index| *index < run.end);
        let calls = (first..end).filter_map(|place| {
            let (kind, selector, _) = plan.call(outcome.executed[place])?;
            Some((kind, selector, outcome.receipts[place].gas_used))
        });
        let gas: u64 = calls.clone().map(|(.., gas)| gas).sum();
        let took_ns = in_ns(took);
        for (kind, selector, gas_used) in calls {
            if self.ns.len() >= CALLS_KNOWN_MAX {
                self.ns.clear();
            }
            let ns = u64::try_from(u128::from(took_ns) * u128::from(gas_used) / u128::from(gas.max(1)));
            let ns = ns.expect("a part of the run's time is at most that");
            // Half of the old and half of the new: quick to follow, and not thrown by one odd call.
            self.ns.entry((kind, selector)).and_modify(|known| *known = known.midpoint(ns)).or_insert(ns);
        }
    }

    /// Cuts transactions into runs, and gives the time of all. Runs grow shorter towards the end, and none reaches over one of
    /// `cuts`, which ascend.
    pub(crate) fn cut(
        &self,
        plan: &Plan<'_>,
        transactions: Range<usize>,
        workers: usize,
        cuts: &[usize],
    ) -> (Vec<Range<usize>>, Duration) {
        let Range { start: first, end } = transactions;
        let ns: Vec<_> = (first..end).map(|index| self.of(plan, index)).collect();
        let all: u64 = ns.iter().sum();
        let bound = |left: u64| {
            let share = Duration::from_nanos(left / (4 * workers as u64));
            in_ns(share.clamp(LAST_RUN_TIME, RUN_TIME))
        };
        let mut runs = Vec::new();
        let mut cuts = cuts.iter().skip_while(|cut| **cut <= first).peekable();
        let (mut start, mut run, mut left) = (first, 0, all);
        for (index, more) in (first..).zip(ns) {
            let must = cuts.next_if(|cut| **cut <= index).is_some();
            if index > start && (must || run + more > bound(left) || index - start == RUN_TRANSACTIONS_MAX) {
                runs.push(start..index);
                left -= run;
                (start, run) = (index, 0);
            }
            run += more;
        }
        if start < end {
            runs.push(start..end);
        }
        (runs, Duration::from_nanos(all))
    }
}

/// Time of so many transfers of value and nothing else.
pub(crate) fn transfers_time(count: usize) -> Duration {
    Duration::from_nanos(TRANSFER_NS.saturating_mul(count as u64))
}

/// Saturating: nothing here takes centuries.
pub(crate) fn in_ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
