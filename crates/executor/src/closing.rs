//! The end of a block: changes and access list, made by all workers.
//!
//! Workers come here as they run out of transactions, and stay awake, because the end is near and waking takes long.

use std::{mem::take, thread, time::Instant};

use sluice_stf::lanes::{
    ApartChanges, ApartLists, Committer, Ending, Joined, LedgerMemory, Piece, Receipts, Remaining, Share,
};
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
    /// There before the rest is, for whoever waits for that.
    receipts: Mutex<Option<Receipts>>,
    has_receipts: AtomicBool,
    receipts_made: Mutex<Option<Vec<Receipt>>>,
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
    claimed_shares: AtomicUsize,
    pieces: Vec<Mutex<Option<Piece>>>,
    /// Who has made a piece tries this lock, and adds all that are there in a row.
    joined: Mutex<Joined>,
    /// Pieces that are added. Only whoever holds the lock changes it.
    joined_count: AtomicUsize,
    /// There are accounts to put between the others when all pieces are added. Mostly there are none, and nobody waits for that.
    has_apart: bool,
    apart_changes: Mutex<ApartChanges>,
    apart_lists: Mutex<ApartLists>,
    claimed_products: AtomicUsize,
    changes: Mutex<Option<StateChanges>>,
    access_list: Mutex<Option<BlockAccessList>>,
}

impl Closing {
    /// For so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            workers,
            receipts: Mutex::new(None),
            has_receipts: AtomicBool::new(false),
            receipts_made: Mutex::new(None),
            stage: OnceLock::new(),
            given_up: AtomicBool::new(false),
            asleep: Mutex::new(()),
            news: Condvar::new(),
        }
    }

    /// Everything is committed.
    pub(crate) fn start(&self, mut committer: Committer) {
        *lock(&self.receipts) = Some(committer.take_receipts());
        self.has_receipts.store(true, Ordering::Release);
        let (ending, Remaining { shares, changes, lists }) = committer.end(self.workers * SHARES_PER_WORKER);
        let stage = Stage {
            ending,
            pieces: shares.iter().map(|_| Mutex::new(None)).collect(),
            shares: shares.into_iter().map(|share| Mutex::new(Some(share))).collect(),
            claimed_shares: AtomicUsize::new(0),
            joined: Mutex::new(Joined::default()),
            joined_count: AtomicUsize::new(0),
            has_apart: !changes.is_empty(),
            apart_changes: Mutex::new(changes),
            apart_lists: Mutex::new(lists),
            claimed_products: AtomicUsize::new(0),
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
        self.wait(|| self.has_receipts.load(Ordering::Acquire) || self.stage.get().is_some());
        let receipts = lock(&self.receipts).take();
        if let Some(receipts) = receipts {
            *lock(&self.receipts_made) = Some(receipts.put_together());
        }
        self.wait(|| self.stage.get().is_some());
        let Some(stage) = self.stage.get() else { return };
        while stage.make(stage.claimed_shares.fetch_add(1, Ordering::Relaxed)) {
            stage.join();
        }
        if !stage.has_apart {
            return;
        }
        if stage.is_joined() {
            self.wake();
        }
        self.wait(|| stage.is_joined());
        while stage.is_joined() && stage.put_together(stage.claimed_products.fetch_add(1, Ordering::Relaxed)) {}
    }

    /// The outcome, when all workers are done.
    pub(crate) fn end(self) -> Option<(Outcome, LedgerMemory)> {
        let stage = self.stage.into_inner()?;
        if !stage.is_joined() {
            return None;
        }
        // Whoever has none of them to wait for leaves them to this.
        while stage.put_together(stage.claimed_products.fetch_add(1, Ordering::Relaxed)) {}
        let Stage { ending, changes, access_list, .. } = stage;
        let changes = changes.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        let access_list = access_list.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        let receipts = self.receipts_made.into_inner().unwrap_or_else(PoisonError::into_inner)?;
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
    /// Makes the piece of the share with this number, if there is one.
    fn make(&self, number: usize) -> bool {
        let Some(share) = self.shares.get(number) else { return false };
        let share = lock(share).take().expect("each is claimed once");
        *lock(&self.pieces[number]) = Some(self.ending.piece(share));
        true
    }

    /// Adds the pieces that are there in a row, unless somebody else is about it.
    fn join(&self) {
        loop {
            {
                let Ok(mut joined) = self.joined.try_lock() else { return };
                while let Some(piece) = self.next_piece().and_then(|piece| lock(piece).take()) {
                    self.ending.add(&mut joined, piece);
                    self.joined_count.fetch_add(1, Ordering::Release);
                }
            }
            // What was made before the lock was free again found it taken.
            if self.next_piece().is_none_or(|piece| lock(piece).is_none()) {
                return;
            }
        }
    }

    /// Where the piece is, or will be, that is added next.
    fn next_piece(&self) -> Option<&Mutex<Option<Piece>>> {
        self.pieces.get(self.joined_count.load(Ordering::Acquire))
    }

    fn is_joined(&self) -> bool {
        self.next_piece().is_none()
    }

    /// Makes one product of all pieces; false when there is no such one.
    fn put_together(&self, product: usize) -> bool {
        match product {
            0 => {
                let all = lock(&self.joined).take_changes();
                *lock(&self.changes) = Some(take(&mut *lock(&self.apart_changes)).put_into(all));
            }
            1 => {
                let all = lock(&self.joined).take_list();
                *lock(&self.access_list) = Some(take(&mut *lock(&self.apart_lists)).put_into(all));
            }
            _ => return false,
        }
        true
    }
}
