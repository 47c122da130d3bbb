//! The threads that work with the caller's.

use std::{
    num::NonZeroUsize,
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

pub(crate) use rayon::Scope;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{beside::Beside, block::lock, calls::Calls, closing::look_for};

/// Most workers. More do not help one chain: every worker hears of every commit.
pub const WORKERS_MAX: usize = 16;
/// Stack of a worker. Contracts may call each other a thousand deep.
const STACK_SIZE_BYTES: usize = 64 << 20;

/// Workers: the caller's thread, and others that are parked while there is nothing to do.
#[derive(Debug)]
pub(crate) struct Crew {
    /// `None` where the caller works alone.
    others: Option<ThreadPool>,
    /// Who is called to something, and who is lent.
    pub(crate) calls: Calls,
}

/// The parts of a range, each of this size but the last, for [`Crew::all`].
pub(crate) fn parts(range: Range<usize>, size: usize) -> Vec<Range<usize>> {
    let Range { start, end } = range;
    (start..end).step_by(size).map(|start| start..(start + size).min(end)).collect()
}

/// So many threads that are parked while they have nothing to do. `None`, with a warning of what that means, where the system gives none.
fn threads(count: usize, name: &'static str, without: &'static str) -> Option<ThreadPool> {
    let threads = ThreadPoolBuilder::new()
        .num_threads(count)
        .stack_size(STACK_SIZE_BYTES)
        .thread_name(move |index| format!("{name}-{index}"))
        .build();
    threads.inspect_err(|error| tracing::warn!(%error, "no threads to execute in parallel; {without}")).ok()
}

impl Crew {
    /// So many workers, the caller among them; at most [`WORKERS_MAX`]. Where the system gives no threads, the caller works alone and
    /// a warning says so.
    pub(crate) fn new(workers: NonZeroUsize) -> Self {
        let workers = workers.get().min(WORKERS_MAX);
        let others = (workers > 1).then(|| threads(workers - 1, "sluice-execute", "executing sequentially")).flatten();
        Self { others, calls: Calls::default() }
    }

    /// How many there are, with the caller.
    pub(crate) fn size(&self) -> usize {
        1 + self.others.as_ref().map_or(0, ThreadPool::current_num_threads)
    }

    /// How many can begin something now, with the caller.
    pub(crate) fn free(&self) -> usize {
        self.size().saturating_sub(self.calls.lent()).max(1)
    }

    /// Lets `work` give jobs that others do beside blocks, and waits until they are done.
    pub(crate) fn beside<'scope, R>(&'scope self, work: impl FnOnce(&Beside<'_, 'scope>) -> R) -> R {
        let own = self.others.is_none().then(|| threads(1, "sluice-beside", "hashing blocks between executing them"));
        let Some(pool) = self.others.as_ref().or(own.as_ref().and_then(Option::as_ref)) else {
            return work(&Beside::new(None, &self.calls));
        };
        pool.in_place_scope(|scope| {
            let worked = work(&Beside::new(Some(scope), &self.calls));
            // Whoever has stayed awake is not waited for.
            self.calls.call(|| ());
            worked
        })
    }

    /// Lets the caller do `own`, and as many others as are free the work of each of `seats`. `own` is given what lets the rest join who
    /// have become free, to be called now and then.
    pub(crate) fn work<T: Send>(
        &self,
        mut seats: impl ExactSizeIterator<Item = T>,
        work: impl Fn(T) + Sync,
        own: impl FnOnce(&mut dyn FnMut()),
    ) {
        let Some(others) = &self.others else { return own(&mut || ()) };
        let about = AtomicUsize::new(0);
        others.in_place_scope(|scope| {
            let (work, about) = (&work, &about);
            own(&mut || {
                while seats.len() > self.calls.lent()
                    && let Some(seat) = seats.next()
                {
                    about.fetch_add(1, Ordering::Relaxed);
                    let calls = self.calls.clone();
                    let seat = move |_: &_| {
                        work(seat);
                        // The next call comes only when all are done.
                        let heard = calls.count();
                        about.fetch_sub(1, Ordering::Release);
                        // Not here, where it would be waited for.
                        rayon::spawn(move || calls.stay(heard));
                    };
                    self.calls.call(|| scope.spawn(seat));
                }
            });
            // Whoever is not done by then, the scope waits for.
            look_for(|| about.load(Ordering::Acquire) == 0);
        });
    }

    /// Does each task on some thread that is free, and gives what they make, in order.
    pub(crate) fn all<T: Send, M: Send>(&self, tasks: Vec<T>, make: impl Fn(T) -> M + Sync) -> Vec<M> {
        let tasks: Vec<_> = tasks.into_iter().map(|task| Mutex::new((Some(task), None))).collect();
        let claimed = AtomicUsize::new(0);
        let work = || {
            while let Some(task) = tasks.get(claimed.fetch_add(1, Ordering::Relaxed)) {
                let mut task = lock(task);
                task.1 = task.0.take().map(&make);
            }
        };
        let others = tasks.len().min(self.free()).saturating_sub(1);
        self.work(
            (0..others).map(|_| ()),
            |()| work(),
            |join| {
                join();
                work();
            },
        );
        let made = |task: Mutex<(_, Option<M>)>| task.into_inner().unwrap_or_else(PoisonError::into_inner).1;
        tasks.into_iter().map(|task| made(task).expect("every task was claimed by somebody")).collect()
    }
}
