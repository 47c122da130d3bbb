//! Executing a block whose access list is known: every transaction alone, in any order, without conflicts and without committing.

use std::{
    mem::take,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use sluice_stf::{
    Plan, Workspace,
    engine::Reader,
    lanes::{AllTold, Befores, ChangedAccounts, Foresight, ToldLane, put_together},
};
use sluice_types::{BlockAccessList, Outcome, Receipt, StateRead, access_list_hash};

use crate::{
    block::lock,
    closing::look_for,
    estimate::{Lesson, RunLesson, in_ns},
    order::Runs,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

/// Parts in which the changes are made.
const CHANGES_PARTS: usize = 2;

/// A block that is being executed from its list.
pub(crate) struct Listed<'l> {
    plan: &'l Plan<'l>,
    list: &'l BlockAccessList,
    /// The hash that the list must have, where one is committed to.
    committed: Option<B256>,
    /// `None` inside where the list is out of order.
    foresight: OnceLock<Option<Foresight<'l>>>,
    runs: Runs,
    claimed: AtomicUsize,
    /// How long each run took, nanoseconds.
    took_ns: Vec<AtomicU64>,
    /// Of all that is executed. Transactions do not see each other's, and a wrong list may let each use as much as it may.
    gas_used: AtomicU64,
    /// By run.
    receipts: Vec<Mutex<Vec<Receipt>>>,
    /// Who executes, and who has nothing left to execute and has told what it saw. Who leads counts from the start, since what it has to
    /// tell is not claimed: the others may have executed all before it comes.
    executing: AtomicUsize,
    done: AtomicUsize,
    told: Mutex<Option<AllTold>>,
    /// Once all is told; `None` inside where something was missing.
    befores: OnceLock<Option<Befores>>,
    /// What is claimed of the end, see [`Listed::make`].
    claimed_products: AtomicUsize,
    changes: [Mutex<Option<ChangedAccounts>>; CHANGES_PARTS],
    outcome: Mutex<Option<Outcome>>,
    /// Somebody checks, or has checked, that the list is the one that was committed to.
    is_checked: AtomicBool,
    /// Something did not hold.
    failed: AtomicBool,
}

impl<'l> Listed<'l> {
    /// A block that is cut into runs.
    pub(crate) fn new(plan: &'l Plan<'l>, list: &'l BlockAccessList, committed: Option<B256>, runs: Runs) -> Self {
        Self {
            plan,
            list,
            committed,
            foresight: OnceLock::new(),
            claimed: AtomicUsize::new(0),
            took_ns: runs.ranges.iter().map(|_| AtomicU64::new(0)).collect(),
            gas_used: AtomicU64::new(0),
            receipts: runs.ranges.iter().map(|_| Mutex::default()).collect(),
            runs,
            executing: AtomicUsize::new(1),
            done: AtomicUsize::new(0),
            told: Mutex::default(),
            befores: OnceLock::new(),
            claimed_products: AtomicUsize::new(0),
            changes: Default::default(),
            outcome: Mutex::default(),
            is_checked: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    /// Works until nothing is left, or something did not hold. One must [lead](Listed::lead), and others may come.
    pub(crate) fn work<S: StateRead>(&self, reader: &Reader<'_, S>, workspace: &mut Workspace) {
        self.note(self.check().and_then(|()| self.execute(false, reader, workspace)));
    }

    /// As [`Listed::work`], but first runs the system calls, and checks last, if nobody else has meanwhile.
    pub(crate) fn lead<S: StateRead>(&self, reader: &Reader<'_, S>, workspace: &mut Workspace) {
        self.note(self.execute(true, reader, workspace).and_then(|()| self.check()));
    }

    fn note(&self, worked: Option<()>) {
        if worked.is_none() {
            self.failed.store(true, Ordering::Release);
        }
    }

    /// Checks the list's hash, unless somebody else does. One does that while another executes, because it takes long.
    fn check(&self) -> Option<()> {
        let is_checked = self.is_checked.swap(true, Ordering::Relaxed);
        let is_right = |committed| access_list_hash(self.list) == committed;
        (is_checked || self.committed.is_none_or(is_right)).then_some(())
    }

    fn execute<S: StateRead>(&self, leads: bool, reader: &Reader<'_, S>, workspace: &mut Workspace) -> Option<()> {
        // Before it claims anything: whoever then finds nothing left to claim knows of it.
        if !leads {
            self.executing.fetch_add(1, Ordering::Relaxed);
        }
        let foresight = self.foresight.get_or_init(|| Foresight::new(self.list)).as_ref()?;
        let mut lane = ToldLane::new(self.plan, foresight, reader, workspace);
        if leads && !lane.start(self.plan) {
            return None;
        }
        while !self.failed.load(Ordering::Acquire) {
            let claimed = self.claimed.fetch_add(1, Ordering::AcqRel);
            let Some(&run) = self.runs.order.get(claimed) else { break };
            let start = Instant::now();
            let receipts = lane.run(self.plan, self.runs.ranges[run].clone())?;
            self.took_ns[run].store(in_ns(start.elapsed()), Ordering::Relaxed);
            let gas: u64 = receipts.iter().map(|receipt| receipt.gas_used).sum();
            if self.gas_used.fetch_add(gas, Ordering::Relaxed) + gas > self.plan.gas_limit() {
                return None;
            }
            *lock(&self.receipts[run]) = receipts;
        }
        let told = lane.end();
        {
            let mut all = lock(&self.told);
            all.get_or_insert_with(|| foresight.nothing_told()).add(told);
        }
        self.done.fetch_add(1, Ordering::AcqRel);
        // Who comes later finds nothing to execute. Whoever is not done soon leaves the end to who waits for it.
        let is_over = || self.done.load(Ordering::Acquire) >= self.executing.load(Ordering::Relaxed);
        if look_for(|| is_over() || self.failed.load(Ordering::Acquire)) && is_over() {
            self.make(foresight);
        }
        Some(())
    }

    /// Makes what of the end nobody else makes: changes, in parts, and receipts.
    fn make(&self, foresight: &Foresight<'_>) {
        let told = || foresight.all_told(lock(&self.told).take()?);
        let Some(befores) = self.befores.get_or_init(told) else { return };
        let size = foresight.len().div_ceil(CHANGES_PARTS);
        loop {
            let product = self.claimed_products.fetch_add(1, Ordering::Relaxed);
            if let Some(changes) = self.changes.get(product) {
                let part = (product * size).min(foresight.len())..((product + 1) * size).min(foresight.len());
                *lock(changes) = Some(foresight.changes(befores, part));
            } else if product == CHANGES_PARTS {
                let receipts = self.receipts.iter().flat_map(|receipts| take(&mut *lock(receipts)));
                *lock(&self.outcome) = put_together(self.plan, receipts);
            } else {
                return;
            }
        }
    }

    /// The outcome without the list, when all workers are done, and what there is to learn from it, if all was as the list says.
    pub(crate) fn end(self) -> Option<(Outcome, Lesson)> {
        if self.failed.load(Ordering::Acquire) {
            return None;
        }
        debug_assert!(self.is_checked.load(Ordering::Relaxed), "who leads has seen to it");
        self.make(self.foresight.get()?.as_ref()?);
        let mut outcome = self.outcome.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        let [first, second] = self.changes.map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner));
        let mut changes = first?;
        changes.append(second?);
        outcome.changes = changes.into();
        let times = self.took_ns.into_iter().map(|ns| Duration::from_nanos(ns.into_inner()));
        let runs = self.runs.ranges.into_iter().zip(times);
        // Nothing was foreseen, so that of clashes there is nothing to learn, nor of how blocks are shared without a list.
        let runs =
            runs.map(|(transactions, took)| RunLesson { transactions, took, was_foreseen: false, was_early: false });
        Some((outcome, Lesson { runs: runs.collect(), ..Lesson::default() }))
    }
}
