//! Who is called to something, and who has something else to do.

use std::sync::Arc;

use crate::{
    closing::look_for,
    sync::atomic::{AtomicUsize, Ordering},
};

/// What a crew's workers know of each other. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Workers who have something else to do than the next block, and join it when they are done.
    lent: AtomicUsize,
    /// How often others were called to something.
    calls: AtomicUsize,
}

/// A worker fewer for the next block, until this is dropped.
#[derive(Debug)]
pub(crate) struct Loan(Calls);

impl Drop for Loan {
    fn drop(&mut self) {
        self.0.0.lent.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Calls {
    /// Lends one of the workers to who calls.
    pub(crate) fn lend(&self) -> Loan {
        self.0.lent.fetch_add(1, Ordering::Relaxed);
        Loan(self.clone())
    }

    /// How many are lent.
    pub(crate) fn lent(&self) -> usize {
        self.0.lent.load(Ordering::Relaxed)
    }

    /// How often others were called to something.
    pub(crate) fn count(&self) -> usize {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Gives others something to do, which those who have stayed awake hear.
    pub(crate) fn call(&self, give: impl FnOnce()) {
        give();
        self.0.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Stays awake for a while unless there was a call after those that were `heard`: the next is often near, and waking takes long.
    pub(crate) fn stay(&self, heard: usize) {
        look_for(|| self.count() != heard);
    }
}
