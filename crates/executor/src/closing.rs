//! The end of a block: changes and access list, made by all workers.
//!
//! Workers come here as they run out of transactions, and stay awake, because the end is near and waking takes long.

use std::{ops::Range, thread, time::Instant};

use sluice_stf::lanes::{Committer, Ending, LedgerMemory, Share, Sorted};
use sluice_types::{BlockAccessList, Outcome, StateChanges};

use crate::{
    block::lock,
    sync::{
        Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        is_long, spin_loop, yield_now,
    },
};

/// Shares of the accounts for each worker. Some accounts have many slots, so that equal shares are not equal work.
const SHARES_PER_WORKER: usize = 4;
/// How often one looks before looking at the clock.
const LOOKS: usize = 64;

/// A block that ends.
pub(crate) struct Closing {
    workers: usize,
    stage: OnceLock<Stage>,
    given_up: AtomicBool,
    asleep: Mutex<()>,
    news: Condvar,
}

/// See [`Closing::guard`].
pub(crate) struct Guard<'a>(&'a Closing);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.give_up();
        }
    }
}

/// What there is to do.
struct Stage {
    ending: Ending,
    shares: Vec<Mutex<Option<Share>>>,
    sorted: Vec<OnceLock<Sorted>>,
    /// Claimed so far: shares, then products.
    claimed_shares: AtomicUsize,
    claimed_products: AtomicUsize,
    sorted_count: AtomicUsize,
    changes: Mutex<Option<StateChanges>>,
    pieces: Vec<Mutex<Option<BlockAccessList>>>,
}

impl Closing {
    /// For so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            workers,
            stage: OnceLock::new(),
            given_up: AtomicBool::new(false),
            asleep: Mutex::new(()),
            news: Condvar::new(),
        }
    }

    /// Everything is committed.
    pub(crate) fn start(&self, committer: Committer) {
        let (ending, shares) = committer.end(self.workers * SHARES_PER_WORKER);
        let sorted = shares.iter().map(|_| OnceLock::new()).collect();
        // One makes the changes, which are one list, and the others the access list.
        let pieces = shares.len().min((self.workers - 1).max(1));
        let stage = Stage {
            ending,
            shares: shares.into_iter().map(|share| Mutex::new(Some(share))).collect(),
            sorted,
            claimed_shares: AtomicUsize::new(0),
            claimed_products: AtomicUsize::new(0),
            sorted_count: AtomicUsize::new(0),
            changes: Mutex::new(None),
            pieces: (0..pieces).map(|_| Mutex::new(None)).collect(),
        };
        debug_assert!(self.stage.get().is_none(), "a block ends once");
        self.stage.get_or_init(|| stage);
        self.wake();
    }

    /// There will be no end.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
        self.wake();
    }

    /// Gives the block up should whoever holds this panic, so that nobody waits for it.
    pub(crate) fn guard(&self) -> Guard<'_> {
        Guard(self)
    }

    /// Works until there is nothing left to claim. Every worker must come here, or say that there will be no end.
    pub(crate) fn work(&self) {
        self.wait(|| self.stage.get().is_some());
        let Some(stage) = self.stage.get() else { return };
        while let Some(sorted_count) = stage.sort(stage.claimed_shares.fetch_add(1, Ordering::Relaxed)) {
            if sorted_count == stage.shares.len() {
                self.wake();
            }
        }
        let is_sorted = || stage.sorted_count.load(Ordering::Acquire) == stage.shares.len();
        self.wait(is_sorted);
        while is_sorted() && stage.make(stage.claimed_products.fetch_add(1, Ordering::Relaxed)) {}
    }

    /// The outcome, when all workers are done.
    pub(crate) fn end(self) -> Option<(Outcome, LedgerMemory)> {
        let Stage { ending, changes, pieces, .. } = self.stage.into_inner()?;
        let changes = changes.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        let piece = |piece: Mutex<Option<_>>| piece.into_inner().unwrap_or_else(PoisonError::into_inner);
        let pieces: Option<Vec<_>> = pieces.into_iter().map(piece).collect();
        Some(ending.finish(changes, pieces?))
    }

    /// Wakes those who wait, to see what is new.
    fn wake(&self) {
        // Whoever is about to sleep holds the lock until it does.
        drop(lock(&self.asleep));
        self.news.notify_all();
    }

    /// Waits for something of which [`Closing::wake`] tells, or until there will be no end.
    fn wait(&self, is_over: impl Fn() -> bool) {
        let is_over = || is_over() || self.given_up.load(Ordering::Acquire);
        if look_for(is_over) {
            return;
        }
        let mut asleep = lock(&self.asleep);
        while !is_over() {
            asleep = self.news.wait(asleep).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Waits for something that will soon be, awake, because being woken takes long. False when it has taken so long that one should sleep.
pub(crate) fn look_for(is_over: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    loop {
        for _ in 0..LOOKS {
            if is_over() {
                return true;
            }
            spin_loop();
        }
        if is_long(start) {
            return false;
        }
        yield_now();
    }
}

impl Stage {
    /// Sorts the share with this number, if there is one, and tells how many are sorted then.
    fn sort(&self, place: usize) -> Option<usize> {
        let share = lock(self.shares.get(place)?).take().expect("each is claimed once");
        let sorted = self.ending.sort(share);
        self.sorted[place].get_or_init(|| sorted);
        Some(self.sorted_count.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// Makes the product with this number, if there is one.
    fn make(&self, product: usize) -> bool {
        let sorted = |places: Range<usize>| {
            let sorted = self.sorted[places].iter();
            sorted.map(|sorted| sorted.get().expect("all are sorted before any product is made"))
        };
        match product.checked_sub(1) {
            None => *lock(&self.changes) = Some(self.ending.changes(sorted(0..self.sorted.len()))),
            Some(piece) if piece < self.pieces.len() => {
                let at = |piece: usize| self.sorted.len() * piece / self.pieces.len();
                *lock(&self.pieces[piece]) = Some(self.ending.list(sorted(at(piece)..at(piece + 1))));
            }
            Some(_) => return false,
        }
        true
    }
}
