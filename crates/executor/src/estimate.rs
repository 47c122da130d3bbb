//! How long a transaction will take, and whether sharing it among workers pays, from what such transactions did.

use std::{mem::replace, ops::Range, time::Duration};

use alloy_primitives::TxKind;
use sluice_stf::{Index, Plan};
use sluice_types::Outcome;

/// Calls of which something is remembered. A full memory is emptied after the block: simpler than any order of use, and as good for a
/// working set that fits.
pub const CALLS_KNOWN_MAX: usize = 1 << 16;

/// Most runs of a block that are learnt from, of those that were executed ahead and of the others.
const RUNS_LEARNT_MAX: usize = 128;
/// Most transactions that are learnt from of a block that one worker has executed. More say no more, and would take a part of its time
/// that counts where they are cheap.
const ALONE_LEARNT_MAX: usize = 64;
/// Nanoseconds of a transfer of value and nothing else, which runs no code.
const TRANSFER_NS: u64 = 500;
/// Nanoseconds of a call that was never seen, if its gas limit allows as many.
const UNKNOWN_NS: u64 = 20_000;
/// Gas for which contract code seldom takes longer than a nanosecond.
const GAS_PER_NS: u64 = 2;
/// What stands for a whole in [`Call::sharing`].
const WHOLE: u16 = 1 << 10;
/// Part of the time in which lanes executed all of it once that a shared block may take, making changes and list included. One worker
/// is a little quicker than lanes, who learn from each other.
pub(crate) const SHARING_PAYS_MAX: u16 = WHOLE / 10 * 9;
/// By how much what speaks against sharing is then at least above that, so that it takes some tens of blocks to forget it. Where both are
/// about the same, sharing would be tried again all the time.
const SHARING_GAP: u16 = WHOLE / 16;
/// Most that sharing one block is taken to have needed, so that an interrupted worker does not count for long.
const SHARING_MAX: u16 = WHOLE / 4 * 5;
/// Calls that began early and were not as foreseen, of [`u16::MAX`], from which on they do not.
const STRAYS_MAX: u16 = u16::MAX / 4;
/// The same of calls that did not begin early.
const MISSES_MAX: u16 = u16::MAX / 3 * 2;
/// Of what speaks against sharing, one part in so many is forgotten with each block that one worker executes.
const FORGOTTEN_PART: u16 = 512;
/// The same of calls that were not as foreseen: cut or ordered in another way, they may be.
const MISSES_FORGOTTEN_PART: u16 = 64;
/// What a call is taken for of which nothing is known yet.
const SHARING_UNKNOWN: u16 = WHOLE / 4 * 3;

/// A contract and a function of it.
type Key = (TxKind, [u8; 4]);

/// What calls cost, by contract and function.
#[derive(Debug, Default)]
pub(crate) struct Estimates {
    /// Places among the calls.
    places: Index,
    calls: Vec<(Key, Call)>,
    /// Blocks that were learnt from.
    blocks: u64,
}

/// What one transaction will probably cost. Small, because whoever cuts a block goes through those of all its transactions, while the
/// others wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// [`Call::ns`], at most four seconds.
    ns: u32,
    kind: Kind,
    /// As of a [`Call`].
    pub(crate) clashes: u16,
    pub(crate) sharing: u16,
    pub(crate) may_begin_early: bool,
    pub(crate) should_wait: bool,
    /// The one right before it is a call of the same contract.
    pub(crate) is_repeat: bool,
}

impl Expected {
    fn new(call: &Call, kind: Kind, is_repeat: bool) -> Self {
        Self {
            ns: u32::try_from(call.ns).unwrap_or(u32::MAX),
            kind,
            clashes: call.clashes,
            sharing: call.sharing,
            may_begin_early: call.may_begin_early(),
            should_wait: call.should_wait(),
            is_repeat,
        }
    }

    pub(crate) fn ns(&self) -> u64 {
        self.ns.into()
    }
}

/// What a transaction does, so that whoever has executed it need not look for it again.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Moves value and does nothing else.
    Transfer,
    /// A call of which nothing is known, or nobody has looked.
    Unknown,
    /// The call at this place, until the next block is learnt from.
    Known(u32),
}

/// What a call of a contract's function costs.
#[derive(Debug)]
struct Call {
    ns: u64,
    /// How often it was not as foreseen when a call of the same contract came right before it; [`u16::MAX`] is always.
    clashes: u16,
    /// Time that blocks that had it took when they were shared, of the time of executing them once; see [`WHOLE`].
    sharing: u16,
    /// The same of the last such block alone.
    last_sharing: u16,
    /// How often it was not as foreseen when it began early; [`u16::MAX`] is always.
    strays: u16,
    /// How often it was not as foreseen when it did not begin early, in blocks before the last; [`u16::MAX`] is always.
    misses: u16,
    /// How many of the last block did not begin early, and how many of those were not as foreseen.
    foreseen_count: u16,
    missed_count: u16,
    /// The last block that was learnt from.
    block: u64,
}

impl Call {
    fn new(ns: u64) -> Self {
        Self {
            ns,
            clashes: 0,
            sharing: SHARING_UNKNOWN,
            last_sharing: SHARING_UNKNOWN,
            strays: 0,
            misses: 0,
            foreseen_count: 0,
            missed_count: 0,
            block: 0,
        }
    }

    /// The block has not had such a call yet.
    fn is_first_in(&mut self, block: u64) -> bool {
        let is_first = replace(&mut self.block, block) != block;
        if is_first && self.foreseen_count > 0 {
            // A quarter of the difference, however many there were: in the next block they may be cut in another way.
            let missed = u32::from(self.missed_count) * u32::from(u16::MAX) / u32::from(self.foreseen_count);
            self.misses = nearer(self.misses, u16::try_from(missed).expect("it is a part of them"));
            (self.foreseen_count, self.missed_count) = (0, 0);
        }
        is_first
    }

    /// It is so often as foreseen on a state far back that beginning early pays.
    fn may_begin_early(&self) -> bool {
        self.strays < STRAYS_MAX
    }

    /// It is so seldom as foreseen that executing it ahead does not pay.
    fn should_wait(&self) -> bool {
        self.misses > MISSES_MAX
    }

    /// Learns how long a block took that had such calls. Of two blocks, the quicker counts, by a quarter of the difference, and by half as
    /// much where it speaks against sharing: what makes one long is often not the sharing, as that memory was touched for the first time
    /// or that it is not known yet what clashes, and nothing makes one short but that.
    fn learn_sharing(&mut self, sharing: u16) {
        let told = sharing.min(replace(&mut self.last_sharing, sharing));
        let now = nearer(self.sharing, if told > self.sharing { self.sharing.midpoint(told) } else { told });
        let before = replace(&mut self.sharing, now);
        if before <= SHARING_PAYS_MAX && now > SHARING_PAYS_MAX {
            self.sharing = now.max(SHARING_PAYS_MAX + SHARING_GAP);
        }
    }

    /// Learns whether a call that did not begin early was not as foreseen.
    fn learn_miss(&mut self, is_again: bool) {
        if self.foreseen_count < u16::MAX {
            self.foreseen_count += 1;
            self.missed_count += u16::from(is_again);
        }
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

/// A quarter of the way from one to the other.
fn nearer(from: u16, to: u16) -> u16 {
    from + to.saturating_sub(from) / 4 - from.saturating_sub(to) / 4
}

/// What there is to learn from a block that was shared.
#[derive(Debug, Default)]
pub(crate) struct Lesson {
    pub(crate) runs: Vec<RunLesson>,
    /// Transactions that were not as foreseen, in order.
    pub(crate) again: Vec<usize>,
    /// Of all workers together, from the start to the end. Zero where one of them could not begin at once.
    pub(crate) took: Duration,
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

/// Some of many, evenly.
#[derive(Clone, Copy)]
struct Sample {
    every: usize,
    /// How many come before the next that it takes.
    next: usize,
}

impl Sample {
    const ALL: Self = Self { every: 1, next: 0 };

    /// Of so many at most so many, other ones for each block.
    fn new(count: usize, max: usize, block: u64) -> Self {
        let every = count.div_ceil(max).max(1);
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
        let mut last = before.map(|(kind, selector, _)| ((kind, selector), self.find((kind, selector))));
        let transfer = Expected::new(&Call::new(TRANSFER_NS), Kind::Transfer, false);
        let expected = transactions.map(|index| {
            let Some((kind, selector, gas_limit)) = plan.call(index) else {
                last = None;
                return transfer;
            };
            let key = (kind, selector);
            let is_repeat = last.is_some_and(|((before, _), _)| before == kind);
            let place = match last {
                Some((before, place)) if before == key => place,
                _ => self.find(key),
            };
            last = Some((key, place));
            match place {
                Some(place) => Expected::new(&self.calls[place as usize].1, Kind::Known(place), is_repeat),
                None => {
                    let call = Call::new(UNKNOWN_NS.min(gas_limit / GAS_PER_NS));
                    Expected::new(&call, Kind::Unknown, is_repeat)
                }
            }
        });
        expected.collect()
    }

    /// How long such calls took, if any was seen.
    pub(crate) fn call(&self, kind: TxKind, selector: [u8; 4]) -> Option<Duration> {
        let place = self.find((kind, selector))?;
        Some(Duration::from_nanos(self.calls[place as usize].1.ns))
    }

    /// Learns from a block that one worker has executed in this time. What was `expected` of its first transactions, or of none, must be
    /// what these estimates told last.
    pub(crate) fn learn_alone(&mut self, plan: &Plan<'_>, expected: &[Expected], outcome: &Outcome, took: Duration) {
        self.blocks += 1;
        let block = self.blocks;
        let sample = Sample::new(outcome.executed.len(), ALONE_LEARNT_MAX, block);
        self.learn_run((plan, expected, outcome), (&(0..plan.len()), took, sample), |_, _, call| {
            // Slowly, so that sharing is tried again after many blocks: calls may do something else by then.
            if call.is_first_in(block) {
                call.sharing -= call.sharing / FORGOTTEN_PART;
                call.clashes -= call.clashes / MISSES_FORGOTTEN_PART;
                call.strays -= call.strays / FORGOTTEN_PART;
                call.misses -= call.misses / MISSES_FORGOTTEN_PART;
            }
        });
        self.forget_many();
    }

    /// Learns from a block that several workers have executed. As for [`Estimates::learn_alone`], but something was expected of all that
    /// the lesson is of.
    pub(crate) fn learn(&mut self, plan: &Plan<'_>, expected: &[Expected], outcome: &Outcome, lesson: &Lesson) {
        self.blocks += 1;
        let (block, sharing) = (self.blocks, sharing(expected, lesson));
        let mut again = lesson.again.iter().copied().peekable();
        // Of a large block, some runs say enough, each time others. What was executed ahead says most, and may be little of it.
        let count = |foreseen: bool| lesson.runs.iter().filter(|run| run.was_foreseen == foreseen).count();
        let [mut foreseen, mut others] =
            [true, false].map(|foreseen| Sample::new(count(foreseen), RUNS_LEARNT_MAX, block));
        for run in &lesson.runs {
            let sample = if run.was_foreseen { &mut foreseen } else { &mut others };
            if !sample.takes_next() {
                continue;
            }
            let RunLesson { transactions, took, was_foreseen, was_early } = run;
            self.learn_run((plan, expected, outcome), (transactions, *took, Sample::ALL), |index, is_repeat, call| {
                if call.is_first_in(block) {
                    if let Some(sharing) = sharing {
                        call.learn_sharing(sharing);
                    }
                    // Slowly, so that it is tried again.
                    call.strays -= call.strays / 128;
                    call.misses -= call.misses / 128;
                }
                if !was_foreseen {
                    return;
                }
                while again.next_if(|again| *again < index).is_some() {}
                let is_again = again.peek() == Some(&index);
                if *was_early {
                    call.learn_early(is_again);
                    return;
                }
                call.learn_miss(is_again);
                if is_repeat {
                    call.learn_clash(is_again, index == transactions.start);
                }
            });
        }
        self.forget_many();
    }

    /// Learns from some of the transactions of a run. Within its time, unless that is zero, time went where gas went. `learn` is given
    /// the transaction, and whether the one right before it is a call of the same contract.
    fn learn_run(
        &mut self,
        (plan, expected, outcome): (&Plan<'_>, &[Expected], &Outcome),
        (run, took, sample): (&Range<usize>, Duration, Sample),
        mut learn: impl FnMut(usize, bool, &mut Call),
    ) {
        let first = outcome.executed.partition_point(|index| *index < run.start);
        let end = outcome.executed.partition_point(|index| *index < run.end);
        let calls = (first..end).skip(sample.next).step_by(sample.every).filter_map(|place| {
            let index = outcome.executed[place];
            let (kind, is_repeat) = expected.get(index).map_or((Kind::Unknown, false), |one| (one.kind, one.is_repeat));
            let is_call = match kind {
                Kind::Known(_) => true,
                Kind::Unknown => plan.call(index).is_some(),
                Kind::Transfer => false,
            };
            is_call.then(|| (index, kind, is_repeat, outcome.receipts[place].gas_used))
        });
        let calls: Vec<_> = calls.collect();
        let gas: u64 = calls.iter().map(|(.., gas)| gas).sum();
        let took_ns = in_ns(took) / sample.every as u64;
        for (index, kind, is_repeat, gas_used) in calls {
            let ns = u64::try_from(u128::from(took_ns) * u128::from(gas_used) / u128::from(gas.max(1)));
            let ns = ns.expect("a part of the run's time is at most that");
            let place = match kind {
                Kind::Known(place) => Some(place),
                _ if took_ns == 0 => None,
                _ => self.place(plan, index, ns),
            };
            let Some(place) = place else { continue };
            let (_, call) = &mut self.calls[place as usize];
            if took_ns > 0 {
                // Half of the old and half of the new: quick to follow, and not thrown by one odd call.
                call.ns = call.ns.midpoint(ns);
            }
            learn(index, is_repeat, call);
        }
    }

    /// The place of a call, which was not known before, or only since this block. `None` where the memory is full.
    fn place(&mut self, plan: &Plan<'_>, index: usize, ns: u64) -> Option<u32> {
        let (kind, selector, _) = plan.call(index)?;
        let key = (kind, selector);
        let new = u32::try_from(self.calls.len()).ok()?;
        if self.calls.len() >= CALLS_KNOWN_MAX {
            return self.find(key);
        }
        let (place, is_new) = self.places.get_or_insert(&key, new, |place| self.calls[place as usize].0);
        if is_new {
            self.calls.push((key, Call::new(ns)));
        }
        Some(place)
    }

    fn find(&self, key: Key) -> Option<u32> {
        self.places.get(&key, |place| self.calls[place as usize].0)
    }

    /// Forgets all calls when no more can be remembered.
    fn forget_many(&mut self) {
        if self.calls.len() >= CALLS_KNOWN_MAX {
            self.places.clear();
            self.calls.clear();
        }
    }
}

/// Time that a shared block took, of the time of executing all of it once. Whatever made it long is in it: committing, executing again,
/// waiting for each other, and lines of memory that came from another core.
fn sharing(expected: &[Expected], lesson: &Lesson) -> Option<u16> {
    if lesson.took.is_zero() {
        return None;
    }
    let time = |run: &RunLesson| match in_ns(run.took) {
        0 => expected[run.transactions.clone()].iter().map(Expected::ns).sum(),
        took_ns => took_ns,
    };
    let executing_ns = lesson.runs.iter().map(time).sum::<u64>().max(1);
    let sharing = u128::from(in_ns(lesson.took)) * u128::from(WHOLE) / u128::from(executing_ns);
    Some(u16::try_from(sharing).unwrap_or(SHARING_MAX).min(SHARING_MAX))
}

/// Time of so many transfers of value and nothing else.
pub(crate) fn transfers_time(count: usize) -> Duration {
    Duration::from_nanos(TRANSFER_NS.saturating_mul(count as u64))
}

/// Saturating: nothing here takes centuries.
pub(crate) fn in_ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
