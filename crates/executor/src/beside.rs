//! Jobs beside the execution of blocks, as hashing the block before: one at a time, in order, by a worker who joins no block meanwhile.
//!
//! They are done by a worker, and not by a thread of their own, so that nobody has to be woken between a job and a block: waking takes
//! longer than a small block. More threads than cores would be slower still, because who is about to commit might have to wait.

use std::{
    collections::VecDeque,
    mem::{replace, take},
    sync::Arc,
};

use crate::{
    block::lock,
    calls::Calls,
    crew::Scope,
    sync::{Condvar, Mutex, PoisonError, panicking},
};

/// Jobs that wait for the one that is being done.
pub const BESIDE_JOBS_MAX: usize = 4;

/// Whether another job may follow.
type Job<'scope> = Box<dyn FnOnce() -> bool + Send + 'scope>;

/// What takes jobs that are done beside blocks; see [`Executor::beside`](crate::Executor::beside).
pub struct Beside<'a, 'scope> {
    /// `None` where the system gives no thread.
    scope: Option<&'a Scope<'scope>>,
    calls: &'scope Calls,
    jobs: Arc<Jobs<'scope>>,
}

struct Jobs<'scope> {
    queue: Mutex<Queue<'scope>>,
    /// There is room for one more, or none follows.
    changed: Condvar,
}

struct Queue<'scope> {
    waiting: VecDeque<Job<'scope>>,
    /// Somebody is about them.
    is_worked: bool,
    is_over: bool,
}

impl std::fmt::Debug for Beside<'_, '_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Beside").finish_non_exhaustive()
    }
}

impl<'a, 'scope> Beside<'a, 'scope> {
    pub(crate) fn new(scope: Option<&'a Scope<'scope>>, calls: &'scope Calls) -> Self {
        let queue = Queue { waiting: VecDeque::new(), is_worked: false, is_over: false };
        Self { scope, calls, jobs: Arc::new(Jobs { queue: Mutex::new(queue), changed: Condvar::new() }) }
    }

    /// Has a job done after those before it. The job says whether another may follow. Waits while [`BESIDE_JOBS_MAX`] wait.
    ///
    /// False when it will not be done, because one before it said that none follows, or panicked.
    pub fn spawn(&self, job: impl FnOnce() -> bool + Send + 'scope) -> bool {
        let mut queue = lock(&self.jobs.queue);
        while queue.waiting.len() >= BESIDE_JOBS_MAX && !queue.is_over {
            queue = self.jobs.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.is_over {
            return false;
        }
        queue.waiting.push_back(Box::new(job));
        if replace(&mut queue.is_worked, true) {
            return true;
        }
        drop(queue);
        let (jobs, calls, loan) = (self.jobs.clone(), self.calls, self.calls.lend());
        let Some(scope) = self.scope else {
            jobs.work(calls);
            return true;
        };
        calls.call(|| {
            scope.spawn(move |_| {
                let heard = jobs.work(calls);
                drop(loan);
                calls.stay(heard);
            })
        });
        true
    }
}

impl<'scope> Jobs<'scope> {
    /// Does what waits. Tells which calls the worker had heard before there was nothing left.
    fn work(&self, calls: &Calls) -> usize {
        let _guard = Guard(self);
        loop {
            let heard = calls.count();
            let Some(job) = self.next() else { return heard };
            if !job() {
                self.end();
            }
        }
    }

    fn next(&self) -> Option<Job<'scope>> {
        let mut queue = lock(&self.queue);
        let job = queue.waiting.pop_front();
        queue.is_worked = job.is_some();
        self.changed.notify_all();
        job
    }

    /// Nothing more is done.
    fn end(&self) {
        let dropped = {
            let mut queue = lock(&self.queue);
            queue.is_over = true;
            take(&mut queue.waiting)
        };
        drop(dropped);
        self.changed.notify_all();
    }
}

/// Ends the queue should a job panic, so that nobody waits for room in it.
struct Guard<'a, 'scope>(&'a Jobs<'scope>);

impl Drop for Guard<'_, '_> {
    fn drop(&mut self) {
        if panicking() {
            self.0.end();
        }
    }
}
