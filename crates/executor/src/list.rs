//! Executing a block whose access list is known: every transaction alone, in any order, without conflicts and without committing.

use std::{
    ops::Range,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use alloy_primitives::B256;
use sluice_stf::{
    Plan, Workspace,
    engine::Reader,
    lanes::{Foresight, Told, ToldLane, put_together},
};
use sluice_types::{BlockAccessList, Outcome, Receipt, StateChanges, StateRead, access_list_hash};

use crate::block::lock;

/// A block that is being executed from its list.
pub(crate) struct Listed<'l> {
    plan: &'l Plan<'l>,
    list: &'l BlockAccessList,
    committed: B256,
    workers: usize,
    /// `None` inside where the list is out of order.
    foresight: OnceLock<Option<Foresight<'l>>>,
    runs: Vec<Range<usize>>,
    claimed: AtomicUsize,
    receipts: Vec<OnceLock<Vec<Receipt>>>,
    told: Mutex<Vec<Told>>,
    /// Workers that have nothing left to execute.
    done: AtomicUsize,
    copy: OnceLock<BlockAccessList>,
    changes: OnceLock<StateChanges>,
    /// Something did not hold.
    failed: AtomicBool,
}

impl<'l> Listed<'l> {
    /// A block for so many workers, cut into runs.
    pub(crate) fn new(
        plan: &'l Plan<'l>,
        list: &'l BlockAccessList,
        committed: B256,
        runs: Vec<Range<usize>>,
        workers: usize,
    ) -> Self {
        Self {
            plan,
            list,
            committed,
            workers,
            foresight: OnceLock::new(),
            claimed: AtomicUsize::new(0),
            receipts: runs.iter().map(|_| OnceLock::new()).collect(),
            runs,
            told: Mutex::default(),
            done: AtomicUsize::new(0),
            copy: OnceLock::new(),
            changes: OnceLock::new(),
            failed: AtomicBool::new(false),
        }
    }

    /// Works until nothing is left, or something did not hold. Every worker must come here once, with its number.
    pub(crate) fn work<S: StateRead>(&self, id: usize, reader: &Reader<'_, S>, workspace: &mut Workspace) {
        if self.execute(id, reader, workspace).is_none() {
            self.failed.store(true, Ordering::Release);
        }
    }

    fn execute<S: StateRead>(&self, id: usize, reader: &Reader<'_, S>, workspace: &mut Workspace) -> Option<()> {
        // One checks the list while another reads it, because both take long.
        if id + 1 == self.workers && access_list_hash(self.list) != self.committed {
            return None;
        }
        let foresight = self.foresight.get_or_init(|| Foresight::new(self.list)).as_ref()?;
        let mut lane = ToldLane::new(self.plan, foresight, reader, workspace);
        if id == 0 && !lane.start(self.plan) {
            return None;
        }
        while !self.failed.load(Ordering::Acquire) {
            let claimed = self.claimed.fetch_add(1, Ordering::Relaxed);
            let Some(transactions) = self.runs.get(claimed) else { break };
            let receipts = lane.run(self.plan, transactions.clone())?;
            self.receipts[claimed].get_or_init(|| receipts);
        }
        lock(&self.told).push(lane.end());
        let done = self.done.fetch_add(1, Ordering::AcqRel) + 1;
        // Who comes first has time while others still execute.
        if done == 1 {
            self.copy.get_or_init(|| self.list.clone());
        }
        if done == self.workers && !self.failed.load(Ordering::Acquire) {
            let changes = foresight.changes(std::mem::take(&mut *lock(&self.told)))?;
            self.changes.get_or_init(|| changes);
        }
        Some(())
    }

    /// The outcome, when all workers are done, if all was as the list says.
    pub(crate) fn end(self) -> Option<Outcome> {
        if self.failed.into_inner() {
            return None;
        }
        debug_assert!(self.told.into_inner().unwrap_or_else(PoisonError::into_inner).is_empty(), "the last takes them");
        let receipts = self.receipts.into_iter().filter_map(OnceLock::into_inner).flatten();
        let mut outcome = put_together(self.plan, receipts)?;
        outcome.changes = self.changes.into_inner()?;
        outcome.access_list = self.copy.into_inner()?;
        Some(outcome)
    }
}
