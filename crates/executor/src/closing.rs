//! The end of a block: changes and access list, made by all workers.
//!
//! Workers come here as they run out of transactions, and stay awake, because the end is near and waking takes long.

use std::{thread, time::Instant};

use sluice_stf::lanes::{ChangesPiece, Committer, Ending, LedgerMemory, ListPiece, Receipts, Remaining, Share};
use sluice_types::{BlockAccessList, Outcome, Receipt, StateChanges};

use crate::{
    block::lock,
    sync::{
        Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        is_long, spin_loop, yield_now,
    },
};

/// Shares for each worker, so that all end together though equal shares are not equal work.
pub const SHARES_PER_WORKER: usize = 4;
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
    receipts: Mutex<Option<Receipts>>,
    changes_pieces: Vec<Mutex<Option<ChangesPiece>>>,
    list_pieces: Vec<Mutex<Option<ListPiece>>>,
    /// Claimed so far: the receipts and the shares, then what is made of the shares' pieces.
    claimed_parts: AtomicUsize,
    claimed_products: AtomicUsize,
    /// Parts that are made.
    made: AtomicUsize,
    receipts_made: Mutex<Option<Vec<Receipt>>>,
    changes: Mutex<Option<StateChanges>>,
    access_list: Mutex<Option<BlockAccessList>>,
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
        let (ending, remaining) = committer.end(self.workers * SHARES_PER_WORKER);
        let Remaining { shares, made, receipts } = remaining;
        let pieces = shares.iter().map(|_| (None, None));
        let pieces = pieces.chain(made.into_iter().map(|(changes, list)| (Some(changes), Some(list))));
        let (changes_pieces, list_pieces) =
            pieces.map(|(changes, list)| (Mutex::new(changes), Mutex::new(list))).unzip();
        let stage = Stage {
            ending,
            changes_pieces,
            list_pieces,
            shares: shares.into_iter().map(|share| Mutex::new(Some(share))).collect(),
            receipts: Mutex::new(Some(receipts)),
            claimed_parts: AtomicUsize::new(0),
            claimed_products: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
            receipts_made: Mutex::new(None),
            changes: Mutex::new(None),
            access_list: Mutex::new(None),
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

    /// Works until there is nothing left to claim. Somebody must come here, or say that there will be no end.
    pub(crate) fn work(&self) {
        self.wait(|| self.stage.get().is_some());
        let Some(stage) = self.stage.get() else { return };
        while let Some(made) = stage.make(stage.claimed_parts.fetch_add(1, Ordering::Relaxed)) {
            if made == stage.parts() {
                self.wake();
            }
        }
        let is_made = || stage.made.load(Ordering::Acquire) == stage.parts();
        self.wait(is_made);
        while is_made() && stage.put_together(stage.claimed_products.fetch_add(1, Ordering::Relaxed)) {}
    }

    /// The outcome, when all workers are done.
    pub(crate) fn end(self) -> Option<(Outcome, LedgerMemory)> {
        let Stage { ending, changes, access_list, receipts_made, .. } = self.stage.into_inner()?;
        let changes = changes.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        let access_list = access_list.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        let receipts = receipts_made.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        Some(ending.finish(changes, access_list, receipts))
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
    /// The receipts, and each of the shares.
    fn parts(&self) -> usize {
        1 + self.shares.len()
    }

    /// Makes the part with this number, if there is one, and tells how many are made then.
    fn make(&self, part: usize) -> Option<usize> {
        match part.checked_sub(1) {
            // First, because they are more work than a share.
            None => {
                let receipts = lock(&self.receipts).take().expect("each is claimed once");
                *lock(&self.receipts_made) = Some(receipts.put_together());
            }
            Some(place) => {
                let share = lock(self.shares.get(place)?).take().expect("each is claimed once");
                let (changes, list) = self.ending.pieces(share);
                *lock(&self.changes_pieces[place]) = Some(changes);
                *lock(&self.list_pieces[place]) = Some(list);
            }
        }
        Some(self.made.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// Puts the pieces of one product together; false when there is no such one.
    fn put_together(&self, product: usize) -> bool {
        match product {
            0 => *lock(&self.changes) = Some(self.ending.changes(take_all(&self.changes_pieces))),
            1 => *lock(&self.access_list) = Some(self.ending.list(take_all(&self.list_pieces))),
            _ => return false,
        }
        true
    }
}

fn take_all<T>(pieces: &[Mutex<Option<T>>]) -> Vec<T> {
    pieces.iter().map(|piece| lock(piece).take().expect("all are made before any product is")).collect()
}
