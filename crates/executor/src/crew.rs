//! The threads that work beside the caller's, and the core that they may lend.

use std::{
    num::NonZeroUsize,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{block::lock, closing::look_for};

/// Most workers. More do not help one chain: every worker hears of every commit.
pub const WORKERS_MAX: usize = 16;
/// Stack of a worker. Contracts may call each other a thousand deep.
const STACK_SIZE_BYTES: usize = 64 << 20;

/// Workers: the caller's thread, and others that are parked while there is nothing to do.
#[derive(Debug)]
pub(crate) struct Crew {
    /// `None` where the caller works alone.
    others: Option<ThreadPool>,
    lender: Lender,
}

/// Lends one of an executor's cores to a thread that needs it for something else: while there is a [`Loan`], one worker fewer begins
/// with a block, and joins when the loan is over. Loans that overlap are of the same core.
///
/// More threads than cores would be slower than fewer workers: who is about to commit might be the one that has to wait.
#[derive(Clone, Debug, Default)]
pub struct Lender(Arc<Lending>);

#[derive(Debug, Default)]
struct Lending {
    loans: AtomicUsize,
    /// The other thread waits for something to do.
    is_waiting: AtomicBool,
}

/// A core that works for somebody else until this is dropped; see [`Lender`].
#[derive(Debug)]
#[must_use = "dropping it gives the core back"]
pub struct Loan(Lender);

impl Drop for Loan {
    fn drop(&mut self) {
        self.0.0.loans.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The parts of a range, each of this size but the last, for [`Crew::all`].
pub(crate) fn parts(range: Range<usize>, size: usize) -> Vec<Range<usize>> {
    let Range { start, end } = range;
    (start..end).step_by(size).map(|start| start..(start + size).min(end)).collect()
}

impl Lender {
    /// Lends the core at once.
    pub fn lend(&self) -> Loan {
        self.0.loans.fetch_add(1, Ordering::Relaxed);
        Loan(self.clone())
    }

    /// Lends the core to who waits, if it does, for what it is about to be given: it would be awake only after the next block has begun.
    /// Who is busy borrows when it comes to it.
    pub fn lend_to_waiting(&self) -> Option<Loan> {
        self.0.is_waiting.load(Ordering::Relaxed).then(|| self.lend())
    }

    /// Gives what is waited for, and lets others see meanwhile that it is.
    pub fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.0.is_waiting.store(true, Ordering::Relaxed);
        let awaited = wait();
        self.0.is_waiting.store(false, Ordering::Relaxed);
        awaited
    }

    /// Cores that are lent: loans that overlap are of the same one.
    fn lent(&self) -> usize {
        self.0.loans.load(Ordering::Relaxed).min(1)
    }
}

impl Crew {
    /// So many workers, the caller among them; at most [`WORKERS_MAX`]. Where the system gives no threads, the caller works alone and
    /// a warning says so.
    pub(crate) fn new(workers: NonZeroUsize) -> Self {
        let workers = workers.get().min(WORKERS_MAX);
        let others = (workers > 1).then(|| {
            ThreadPoolBuilder::new()
                .num_threads(workers - 1)
                .stack_size(STACK_SIZE_BYTES)
                .thread_name(|index| format!("sluice-execute-{index}"))
                .build()
        });
        let others = others.and_then(|others| {
            others
                .inspect_err(
                    |error| tracing::warn!(%error, "no threads to execute in parallel; executing sequentially"),
                )
                .ok()
        });
        Self { others, lender: Lender::default() }
    }

    /// How many there are, with the caller.
    pub(crate) fn size(&self) -> usize {
        1 + self.others.as_ref().map_or(0, ThreadPool::current_num_threads)
    }

    /// How many can begin something now, with the caller.
    pub(crate) fn free(&self) -> usize {
        (self.size() - self.lender.lent()).max(1)
    }

    pub(crate) fn lender(&self) -> Lender {
        self.lender.clone()
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
                while seats.len() > self.lender.lent()
                    && let Some(seat) = seats.next()
                {
                    about.fetch_add(1, Ordering::Relaxed);
                    scope.spawn(move |_| {
                        work(seat);
                        about.fetch_sub(1, Ordering::Release);
                    });
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
