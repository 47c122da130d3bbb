//! What `beside.rs` needs of a crew's threads, as a model has them: one for each call, which comes whenever the schedule wants.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::sync::atomic::{AtomicUsize, Ordering};

/// Why a job of a test panics.
pub(crate) const EXPECTED: &str = "a job of the test";

/// Counts who panicked.
#[derive(Default)]
pub(crate) struct Panics(AtomicUsize);

impl Panics {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Does something in which a job of a test may panic, and nothing else. Says whether it did.
    pub(crate) fn catch(&self, work: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            if panic.downcast_ref() != Some(&EXPECTED) {
                resume_unwind(panic);
            }
            self.0.fetch_add(1, Ordering::Relaxed);
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
