//! How long a transaction will take, and whether sharing it among workers pays, from what such transactions did.

use std::{mem::replace, ops::Range, time::Duration};

use alloy_primitives::{TxKind, map::HashMap};
use sluice_stf::Plan;
use sluice_types::Outcome;

/// Calls of which something is remembered. A full memory is emptied: simpler than any order of use, and as good for a working set
/// that fits.
pub const CALLS_KNOWN_MAX: usize = 1 << 16;

/// Most runs of a block that are learnt from, of those that were executed ahead and of the others.
const RUNS_LEARNT_MAX: usize = 128;
/// Nanoseconds of a transfer of value and nothing else, which runs no code.
const TRANSFER_NS: u64 = 500;
/// Nanoseconds of a call that was never seen, if its gas limit allows as many.
const UNKNOWN_NS: u64 = 20_000;
/// Gas for which contract code seldom takes longer than a nanosecond.
const GAS_PER_NS: u64 = 2;
/// What stands for a whole in [`Call::commits`].
pub(crate) const WHOLE: u16 = 1 << 10;
/// Most that committing one block is taken to have needed, so that an interrupted worker does not count for long.
const COMMITS_MAX: u16 = WHOLE / 8 * 5;
/// Calls that began early and were not as foreseen, of [`u16::MAX`], from which on they do not.
const STRAYS_MAX: u16 = u16::MAX / 4;
/// Of what speaks against sharing, one part in so many is forgotten with each block that one worker executes.
const FORGOTTEN_PART: u16 = 256;
/// What a call is taken for of which nothing is known yet.
const COMMITS_UNKNOWN: u16 = WHOLE / 4;

/// A contract and a function of it.
type Key = (TxKind, [u8; 4]);

/// What calls cost, by contract and function.
#[derive(Debug, Default)]
pub(crate) struct Estimates {
    calls: HashMap<Key, Call>,
    /// Blocks that were learnt from.
    blocks: u64,
}

/// What one transaction will probably cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) call: Call,
    /// The one right before it is a call of the same contract.
    pub(crate) is_repeat: bool,
}

/// What a call of a contract's function costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) ns: u64,
    /// How often it was not as foreseen when a call of the same contract came right before it; [`u16::MAX`] is always.
    pub(crate) clashes: u16,
    /// Time of committing blocks that had it, with what was executed again meanwhile, of the time of executing them; see [`WHOLE`].
    pub(crate) commits: u16,
    /// How often it was not as foreseen when it began early; [`u16::MAX`] is always.
    strays: u16,
    /// The last block that was learnt from.
    block: u64,
}

impl Call {
    fn new(ns: u64) -> Self {
        Self { ns, clashes: 0, commits: COMMITS_UNKNOWN, strays: 0, block: 0 }
    }

    /// The block has not had such a call yet.
    fn is_first_in(&mut self, block: u64) -> bool {
        replace(&mut self.block, block) != block
    }

    /// It is so often as foreseen on a state far back that beginning early pays.
    pub(crate) fn may_begin_early(&self) -> bool {
        self.strays < STRAYS_MAX
    }

    /// Learns whether a call that began early was not as foreseen.
    fn learn_early(&mut self, is_again: bool) {
        self.strays = if is_again { self.strays.midpoint(u16::MAX) } else { self.strays - self.strays / 8 };
    }

    /// Learns whether the call was not as foreseen, and whether the one right before it was in another run.
    fn learn_clash(&mut self, is_again: bool, is_apart: bool) {
        self.clashes = match (is_again, is_apart) {
            (true, true) => self.clashes + (u16::MAX - self.clashes) / 4,
            (false, true) => self.clashes - self.clashes / 8,
            // In one run they do not clash, which says nothing of what they would do apart.
            (true, false) => self.clashes,
            (false, false) => self.clashes - self.clashes / 1024,
        };
    }
}

/// What there is to learn from a block that was shared.
#[derive(Debug, Default)]
pub(crate) struct Lesson {
    pub(crate) runs: Vec<RunLesson>,
    /// Transactions that were not as foreseen, in order.
    pub(crate) again: Vec<usize>,
    /// Of committing, with what was executed again meanwhile. Only one worker does that at a time.
    pub(crate) committing: Duration,
}

/// What there is to learn from a run.
#[derive(Debug)]
pub(crate) struct RunLesson {
    pub(crate) transactions: Range<usize>,
    /// Zero where it is not known.
    pub(crate) took: Duration,
    /// It was executed ahead, and could clash.
    pub(crate) was_foreseen: bool,
    /// It began before runs that come before it.
    pub(crate) was_early: bool,
}

/// Some of many runs, evenly.
struct Sample {
    every: usize,
    /// How many come before the next that it takes.
    next: usize,
}

impl Sample {
    /// Of so many, other ones for each block.
    fn new(count: usize, block: u64) -> Self {
        let every = count.div_ceil(RUNS_LEARNT_MAX).max(1);
        Self { every, next: usize::try_from(block).unwrap_or_default() % every }
    }

    fn takes_next(&mut self) -> bool {
        let takes = self.next == 0;
        let next = if takes { self.every } else { self.next };
        self.next = next - 1;
        takes
    }
}

impl Estimates {
    /// What these transactions will cost.
    pub(crate) fn of(&self, plan: &Plan<'_>, transactions: Range<usize>) -> Vec<Expected> {
        // Calls of the same function often come one after another.
        let before = transactions.start.checked_sub(1).and_then(|before| plan.call(before));
        let mut last: Option<(Key, Option<Call>)> =
            before.map(|(kind, selector, _)| ((kind, selector), self.calls.get(&(kind, selector)).copied()));
        let expected = transactions.map(|index| {
            let Some((kind, selector, gas_limit)) = plan.call(index) else {
                last = None;
                return Expected { call: Call::new(TRANSFER_NS), is_repeat: false };
            };
            let key = (kind, selector);
            let is_repeat = last.is_some_and(|((before, _), _)| before == kind);
            let known = match last {
                Some((before, known)) if before == key => known,
                _ => self.calls.get(&key).copied(),
            };
            last = Some((key, known));
            let call = known.unwrap_or_else(|| Call::new(UNKNOWN_NS.min(gas_limit / GAS_PER_NS)));
            Expected { call, is_repeat }
        });
        expected.collect()
    }

    /// How long such calls took, if any was seen.
    pub(crate) fn call(&self, kind: TxKind, selector: [u8; 4]) -> Option<Duration> {
        self.calls.get(&(kind, selector)).map(|call| Duration::from_nanos(call.ns))
    }

    /// Learns from a block that one worker has executed in this time.
    pub(crate) fn learn_alone(&mut self, plan: &Plan<'_>, outcome: &Outcome, took: Duration) {
        self.blocks += 1;
        let block = self.blocks;
        self.learn_run(plan, outcome, (&(0..plan.len()), took), |_, _, call| {
            // Slowly, so that sharing is tried again after many blocks: calls may do something else by then.
            if call.is_first_in(block) {
                call.commits -= call.commits / FORGOTTEN_PART;
                call.clashes -= call.clashes / FORGOTTEN_PART;
                call.strays -= call.strays / FORGOTTEN_PART;
            }
        });
    }

    /// Learns from a block that several workers have executed.
    pub(crate) fn learn(&mut self, plan: &Plan<'_>, outcome: &Outcome, lesson: &Lesson) {
        self.blocks += 1;
        let (block, commits) = (self.blocks, self.commits(plan, lesson));
        let mut again = lesson.again.iter().copied().peekable();
        // Of a large block, some runs say enough, each time others. What was executed ahead says most, and may be little of it.
        let count = |foreseen: bool| lesson.runs.iter().filter(|run| run.was_foreseen == foreseen).count();
        let [mut foreseen, mut others] = [true, false].map(|foreseen| Sample::new(count(foreseen), block));
        for run in &lesson.runs {
            let sample = if run.was_foreseen { &mut foreseen } else { &mut others };
            if !sample.takes_next() {
                continue;
            }
            let RunLesson { transactions, took, was_foreseen, was_early } = run;
            let before = transactions.start.checked_sub(1);
            let mut last = before.and_then(|before| Some((plan.call(before)?.0, before)));
            self.learn_run(plan, outcome, (transactions, *took), |index, kind, call| {
                if call.is_first_in(block) {
                    // A quarter of the difference: one block says little.
                    let (more, less) = (commits.saturating_sub(call.commits), call.commits.saturating_sub(commits));
                    call.commits = call.commits + more / 4 - less / 4;
                    // Slowly, so that it is tried again.
                    call.strays -= call.strays / 128;
                }
                while again.next_if(|again| *again < index).is_some() {}
                let before = last.replace((kind, index));
                let follows = before.is_some_and(|(before, at)| before == kind && at + 1 == index);
                if *was_early && *was_foreseen {
                    call.learn_early(again.peek() == Some(&index));
                } else if follows && *was_foreseen {
                    call.learn_clash(again.peek() == Some(&index), index == transactions.start);
                }
            });
        }
    }

    /// Time of committing a block, of the time of executing it. Both are longer where other threads need the processor, too.
    fn commits(&self, plan: &Plan<'_>, lesson: &Lesson) -> u16 {
        let time = |run: &RunLesson| match in_ns(run.took) {
            0 => self.of(plan, run.transactions.clone()).iter().map(|expected| expected.call.ns).sum(),
            took_ns => took_ns,
        };
        let executing_ns = lesson.runs.iter().map(time).sum::<u64>().max(1);
        let commits = u128::from(in_ns(lesson.committing)) * u128::from(WHOLE) / u128::from(executing_ns);
        u16::try_from(commits).unwrap_or(COMMITS_MAX).min(COMMITS_MAX)
    }

    /// Learns from a run, which are these transactions. Within its time, unless that is zero, time went where gas went.
    fn learn_run(
        &mut self,
        plan: &Plan<'_>,
        outcome: &Outcome,
        (run, took): (&Range<usize>, Duration),
        mut learn: impl FnMut(usize, TxKind, &mut Call),
    ) {
        let first = outcome.executed.partition_point(|index| *index < run.start);
        let end = outcome.executed.partition_point(|index| *index < run.end);
        let calls = (first..end).filter_map(|place| {
            let index = outcome.executed[place];
            Some((index, plan.call(index)?, outcome.receipts[place].gas_used))
        });
        let calls: Vec<_> = calls.collect();
        let gas: u64 = calls.iter().map(|(.., gas)| gas).sum();
        let took_ns = in_ns(took);
        // The last call, which is often of the same function as the next.
        let mut last: Option<(Key, Call)> = None;
        for (index, (kind, selector, _), gas_used) in calls {
            let ns = u64::try_from(u128::from(took_ns) * u128::from(gas_used) / u128::from(gas.max(1)));
            let ns = ns.expect("a part of the run's time is at most that");
            let key = (kind, selector);
            let known = match last {
                Some((before, call)) if before == key => Some(call),
                _ => {
                    last.into_iter().for_each(|(key, call)| self.remember(key, call));
                    self.calls.get(&key).copied()
                }
            };
            let mut call = match known {
                None if took_ns == 0 => {
                    last = None;
                    continue;
                }
                None => Call::new(ns),
                Some(call) => call,
            };
            if took_ns > 0 {
                // Half of the old and half of the new: quick to follow, and not thrown by one odd call.
                call.ns = call.ns.midpoint(ns);
            }
            learn(index, kind, &mut call);
            last = Some((key, call));
        }
        last.into_iter().for_each(|(key, call)| self.remember(key, call));
    }

    fn remember(&mut self, key: Key, call: Call) {
        if self.calls.len() >= CALLS_KNOWN_MAX {
            self.calls.clear();
        }
        self.calls.insert(key, call);
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
