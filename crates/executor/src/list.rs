//! Executing a block whose access list is known: every transaction alone, in any order, without conflicts.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use sluice_stf::{
    Error, Plan,
    engine::Failed,
    lanes::{Committer, Foresight, Lane, Run},
};

use crate::block::lock;

/// A block that is being executed from its list.
pub(crate) struct Listed<'p> {
    plan: &'p Plan<'p>,
    foresight: Foresight,
    runs: Vec<Range<usize>>,
    claimed: AtomicUsize,
    ready: Vec<Mutex<Option<Run>>>,
    token: Mutex<Option<Committer>>,
    /// Runs that are committed. Only whoever holds the token changes it.
    committed: AtomicUsize,
    /// Something did not hold.
    failed: AtomicBool,
}

impl<'p> Listed<'p> {
    /// Executes what comes before the transactions of users, on a lane of its own, and cuts the rest.
    ///
    /// Errors: a system call or a read failed.
    pub(crate) fn start(
        plan: &'p Plan<'p>,
        foresight: Foresight,
        runs: Vec<Range<usize>>,
        mut committer: Committer,
        lane: &mut Lane<'_>,
    ) -> Result<Self, Error<Failed>> {
        let deposits = plan.deposits();
        let commit = committer.start(plan, lane)?;
        lane.learn(&commit);
        committer.execute(plan, 0..deposits, lane)?;
        let runs: Vec<_> =
            runs.into_iter().map(|run| run.start.max(deposits)..run.end).filter(|run| !run.is_empty()).collect();
        Ok(Self {
            plan,
            foresight,
            claimed: AtomicUsize::new(0),
            ready: runs.iter().map(|_| Mutex::new(None)).collect(),
            runs,
            token: Mutex::new(Some(committer)),
            committed: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        })
    }

    /// Works until nothing is left, or something did not hold.
    pub(crate) fn work(&self, lane: &mut Lane<'_>) {
        while !self.failed.load(Ordering::Acquire) {
            let claimed = self.claimed.fetch_add(1, Ordering::AcqRel);
            let Some(transactions) = self.runs.get(claimed) else { break };
            let run = lane.run_from(self.plan, &self.foresight, transactions.clone());
            *lock(&self.ready[claimed]) = Some(run);
            self.commit_ready();
        }
    }

    fn commit_ready(&self) {
        loop {
            {
                let Ok(mut token) = self.token.try_lock() else { return };
                let Some(committer) = token.as_mut() else { return };
                while let Some(run) = self.next_ready().and_then(|run| lock(run).take()) {
                    if !committer.commit_all(self.plan, run) {
                        self.failed.store(true, Ordering::Release);
                        return;
                    }
                    self.committed.fetch_add(1, Ordering::AcqRel);
                }
            }
            // What became ready before the token was free again found it taken.
            if !self.next_ready().is_some_and(|run| lock(run).is_some()) {
                return;
            }
        }
    }

    fn next_ready(&self) -> Option<&Mutex<Option<Run>>> {
        self.ready.get(self.committed.load(Ordering::Acquire))
    }

    /// The committer, for the first to ask when all is committed.
    pub(crate) fn take(&self) -> Option<Committer> {
        let is_over = self.committed.load(Ordering::Acquire) == self.runs.len();
        is_over.then(|| lock(&self.token).take()).flatten()
    }

    /// The list is not the one that was committed to.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Something did not hold.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}
