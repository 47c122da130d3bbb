//! Executing a block whose access list is known: every transaction alone, in any order, without conflicts and without committing.

use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use alloy_primitives::B256;
use sluice_stf::{
    Plan, Workspace,
    engine::Reader,
    lanes::{AllTold, Foresight, ToldLane, put_together},
};
use sluice_types::{BlockAccessList, Outcome, Receipt, StateRead, access_list_hash};

use crate::{block::lock, order::Runs};

/// A block that is being executed from its list.
pub(crate) struct Listed<'l> {
    plan: &'l Plan<'l>,
    list: &'l BlockAccessList,
    committed: B256,
    /// `None` inside where the list is out of order.
    foresight: OnceLock<Option<Foresight<'l>>>,
    runs: Runs,
    claimed: AtomicUsize,
    receipts: Vec<OnceLock<Vec<Receipt>>>,
    /// Once somebody has nothing left to execute.
    told: Mutex<Option<AllTold>>,
    /// Somebody checks, or has checked, that the list is the one that was committed to.
    is_checked: AtomicBool,
    copy: OnceLock<BlockAccessList>,
    /// Something did not hold.
    failed: AtomicBool,
}

impl<'l> Listed<'l> {
    /// A block that is cut into runs.
    pub(crate) fn new(plan: &'l Plan<'l>, list: &'l BlockAccessList, committed: B256, runs: Runs) -> Self {
        Self {
            plan,
            list,
            committed,
            foresight: OnceLock::new(),
            claimed: AtomicUsize::new(0),
            receipts: runs.ranges.iter().map(|_| OnceLock::new()).collect(),
            runs,
            told: Mutex::default(),
            is_checked: AtomicBool::new(false),
            copy: OnceLock::new(),
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
        (is_checked || access_list_hash(self.list) == self.committed).then_some(())
    }

    fn execute<S: StateRead>(&self, leads: bool, reader: &Reader<'_, S>, workspace: &mut Workspace) -> Option<()> {
        let foresight = self.foresight.get_or_init(|| Foresight::new(self.list)).as_ref()?;
        let mut lane = ToldLane::new(self.plan, foresight, reader, workspace);
        if leads && !lane.start(self.plan) {
            return None;
        }
        while !self.failed.load(Ordering::Acquire) {
            let claimed = self.claimed.fetch_add(1, Ordering::Relaxed);
            let Some(&run) = self.runs.order.get(claimed) else { break };
            let receipts = lane.run(self.plan, self.runs.ranges[run].clone())?;
            self.receipts[run].get_or_init(|| receipts);
        }
        let told = lane.end();
        {
            let mut all = lock(&self.told);
            all.get_or_insert_with(|| foresight.nothing_told()).add(told);
        }
        // Who comes first has time while others still execute.
        self.copy.get_or_init(|| self.list.clone());
        Some(())
    }

    /// The outcome, when all workers are done, if all was as the list says.
    pub(crate) fn end(self) -> Option<Outcome> {
        if self.failed.into_inner() {
            return None;
        }
        debug_assert!(self.is_checked.into_inner(), "who leads has seen to it");
        let told = self.told.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        let receipts = self.receipts.into_iter().filter_map(OnceLock::into_inner).flatten();
        let mut outcome = put_together(self.plan, receipts)?;
        outcome.changes = self.foresight.into_inner().flatten()?.changes(told)?;
        outcome.access_list = self.copy.into_inner()?;
        Some(outcome)
    }
}
