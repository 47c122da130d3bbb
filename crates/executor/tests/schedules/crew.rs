//! What `beside.rs` needs of the crew, as a model has it: for each call a thread, which comes whenever the schedule wants.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::sync::atomic::{AtomicUsize, Ordering};

/// Why a job of a test panics.
pub(crate) const EXPECTED: &str = "a job of the test";

/// Counts what is lent, what was called, and who panicked.
#[derive(Default)]
pub(crate) struct Crew {
    pub(crate) lent: AtomicUsize,
    pub(crate) panics: AtomicUsize,
    calls: AtomicUsize,
}

pub(crate) struct Loan<'a>(&'a Crew);

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.0.lent.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Crew {
    pub(crate) fn lend(&self) -> Loan<'_> {
        self.lent.fetch_add(1, Ordering::Relaxed);
        Loan(self)
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn call(&self, give: impl FnOnce()) {
        give();
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Who would stay awake goes: the next call makes another.
    pub(crate) fn stay(&self, _heard: usize) {}

    /// Does something in which a job of a test may panic, and nothing else. Says whether it did.
    pub(crate) fn catch(&self, work: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            if panic.downcast_ref() != Some(&EXPECTED) {
                resume_unwind(panic);
            }
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
    }
}

type Work<'scope> = Box<dyn FnOnce() + Send + 'scope>;

/// Gives work to a new thread.
pub(crate) struct Scope<'scope>(Box<dyn Fn(Work<'scope>) + Sync + 'scope>);

impl<'scope> Scope<'scope> {
    pub(crate) fn new(spawn: impl Fn(Work<'scope>) + Sync + 'scope) -> Self {
        Self(Box::new(spawn))
    }

    pub(crate) fn spawn(&self, work: impl FnOnce(&()) + Send + 'scope) {
        (self.0)(Box::new(|| work(&())));
    }
}
