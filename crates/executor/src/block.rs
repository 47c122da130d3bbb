//! One block among several workers.
//!
//! Runs are claimed, mostly in order, and committed in order. The commit token is a lock: who has finished a run tries it, commits all that
//! is ready, and goes on to the next run. Nobody waits for it, because whoever holds it looks once more after giving it back.
//!
//! When nothing is left to claim, those who are not about to commit look through what is ready, and execute again ahead what others have
//! made wrong meanwhile. With two workers that gains nothing: one of them commits, and the other is seldom free.

use std::{
    mem::replace,
    ops::Range,
    time::{Duration, Instant},
};

use crate::{
    closing::look_for,
    estimate::{Lesson, RunLesson, in_ns},
    order::Runs,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};
use sluice_stf::{
    Error, Plan,
    engine::Failed,
    lanes::{Commit, Committer, Lane, Run, RunEffects},
};

/// Transactions executed again, with hardly one as foreseen among them, after which a block is taken for a chain of dependent
/// transactions.
const CHAIN_LENGTH: usize = 24;
/// Runs for which a chain is then executed by one worker, before the others try again. Doubled while it stays a chain.
const CHAIN_RUNS: usize = 32;
/// Runs of a chain that are executed at once.
const CHAIN_RUNS_AT_ONCE: usize = 16;

/// Runs for each worker, from the next on, among which those who are free look for what they can execute again.
pub const LOOKED_AT_RUNS: usize = 2;
/// How often one run is executed ahead again.
pub const TRIES_MAX: usize = 4;

/// What may be committed when all before it is.
enum Ready {
    /// Executed ahead.
    Foreseen(Foreseen),
    /// To be executed in its turn, by whoever commits, unless somebody is free to try it.
    Waiting,
}

/// A run that was executed ahead.
struct Foreseen {
    run: Run,
    /// Transactions that would not have been as foreseen first.
    missed: Vec<usize>,
    /// It should have waited, and somebody was free to try it.
    waited: bool,
}

impl Ready {
    fn effects(&self) -> Option<RunEffects> {
        match self {
            Self::Foreseen(Foreseen { run, .. }) => Some(run.effects()),
            Self::Waiting => None,
        }
    }
}

/// How a ready run was looked at by those who are free.
#[derive(Default)]
struct Tried {
    /// Length of the log that who looked last had heard of.
    heard: usize,
    times: usize,
}

/// A block that is being executed.
pub(crate) struct Block<'p> {
    plan: &'p Plan<'p>,
    runs: Runs,
    /// When each run is claimed.
    ranks: Vec<usize>,
    /// How many are claimed.
    claimed: AtomicUsize,
    /// How long each run took, nanoseconds.
    took_ns: Vec<AtomicU64>,
    /// Runs that are claimed, by nobody any more, and not yet committed.
    ready: Vec<Mutex<Option<Ready>>>,
    /// Held by who looks at the run. Empty where nobody will be free.
    tried: Vec<Mutex<Tried>>,
    /// How many runs are looked at, from the next on. None where nobody will be free.
    looked_at: usize,
    token: Mutex<Token>,
    /// Runs that are committed. Only whoever holds the token changes it.
    committed: AtomicUsize,
    /// All commits, for the lanes that did not make them.
    log: RwLock<Vec<Commit>>,
    /// Up to this run, one worker executes alone.
    alone_until: Mutex<usize>,
    alone_over: Condvar,
    stopped: AtomicBool,
}

/// What only one worker at a time may do.
struct Token {
    /// Until the block ends.
    committer: Option<Committer>,
    started: bool,
    /// Transactions executed again since many were as foreseen.
    chain: usize,
    /// Runs for which the next chain is executed by one worker.
    alone_runs: usize,
    /// Transactions that were not as foreseen first.
    again: Vec<usize>,
    /// Whether each run was executed ahead.
    was_foreseen: Vec<bool>,
}

impl Token {
    fn committer(&mut self) -> &mut Committer {
        self.committer.as_mut().expect("the block ends when nothing is left to commit")
    }
}

/// A lane and how much of the log it has learnt.
pub(crate) struct Worker<'a> {
    lane: Lane<'a>,
    learnt: usize,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(lane: Lane<'a>) -> Self {
        Self { lane, learnt: 0 }
    }
}

impl<'p> Block<'p> {
    pub(crate) fn new(plan: &'p Plan<'p>, runs: Runs, committer: Committer) -> Self {
        Self::after(plan, runs, committer, None)
    }

    /// The rest of a block, after what is committed already.
    pub(crate) fn after(plan: &'p Plan<'p>, runs: Runs, committer: Committer, commit: Option<Commit>) -> Self {
        let ready = runs.ranges.iter().map(|_| Mutex::new(None)).collect();
        let looked_at = if committer.lanes() > 2 { LOOKED_AT_RUNS * committer.lanes() } else { 0 };
        let tried = if looked_at > 0 { runs.ranges.iter().map(|_| Mutex::default()).collect() } else { Vec::new() };
        let took_ns = runs.ranges.iter().map(|_| AtomicU64::new(0)).collect();
        Self {
            plan,
            took_ns,
            claimed: AtomicUsize::new(0),
            ready,
            tried,
            looked_at,
            token: Mutex::new(Token {
                committer: Some(committer),
                started: commit.is_some(),
                chain: 0,
                alone_runs: CHAIN_RUNS,
                again: Vec::new(),
                was_foreseen: vec![false; runs.len()],
            }),
            ranks: runs.ranks(),
            runs,
            committed: AtomicUsize::new(0),
            log: RwLock::new(commit.into_iter().collect()),
            alone_until: Mutex::new(0),
            alone_over: Condvar::new(),
            stopped: AtomicBool::new(false),
        }
    }

    pub(crate) fn plan(&self) -> &'p Plan<'p> {
        self.plan
    }

    /// Works until nothing is left to claim, and helps for a while then. While there is work for more, calls `join`, which lets
    /// those join who have become free.
    ///
    /// Errors: a read of the state failed; the block cannot go on.
    pub(crate) fn work(&self, worker: &mut Worker<'_>, join: &mut dyn FnMut()) -> Result<(), Error<Failed>> {
        loop {
            if self.claimed.load(Ordering::Relaxed) + 1 < self.runs.len() {
                join();
            }
            self.commit_ready(worker)?;
            self.wait_while_alone();
            if self.stopped.load(Ordering::Acquire) {
                return Ok(());
            }
            let count = if *lock(&self.alone_until) > 0 { CHAIN_RUNS_AT_ONCE } else { 1 };
            let start = self.claimed.fetch_add(count, Ordering::AcqRel);
            let claimed = start..(start + count).min(self.runs.len());
            if claimed.is_empty() {
                return self.help(worker);
            }
            for runs in self.runs.order[claimed].chunk_by(|run, next| run + 1 == *next) {
                self.commit_ready(worker)?;
                let runs = runs[0]..runs[0] + runs.len();
                if !self.execute_next(worker, runs.clone())? {
                    for run in runs {
                        let ready = if self.runs.waits[run] { Ready::Waiting } else { self.foresee(worker, run) };
                        *lock(&self.ready[run]) = Some(ready);
                    }
                }
            }
        }
    }

    fn foresee(&self, worker: &mut Worker<'_>, run: usize) -> Ready {
        self.learn(worker);
        let start = Instant::now();
        let foreseen = worker.lane.run(self.plan, self.runs.ranges[run].clone());
        self.note_time(run, start);
        Ready::Foreseen(Foreseen { run: foreseen, missed: Vec::new(), waited: false })
    }

    /// Commits what is ready, and spares whoever commits what can be executed again ahead, until the block is over or there was nothing
    /// to do for long.
    fn help(&self, worker: &mut Worker<'_>) -> Result<(), Error<Failed>> {
        loop {
            self.commit_ready(worker)?;
            let committed = self.committed.load(Ordering::Acquire);
            let is_stopped = || self.stopped.load(Ordering::Acquire);
            if self.looked_at == 0 || committed == self.runs.len() || is_stopped() {
                return Ok(());
            }
            let goes_on = || is_stopped() || self.committed.load(Ordering::Acquire) != committed;
            if !self.try_again(worker, committed) && !look_for(goes_on) {
                return Ok(());
            }
        }
    }

    /// Executes a run ahead once more, of those that follow what is committed, if one is not as foreseen as far as the worker knows. False
    /// where there is none.
    fn try_again(&self, worker: &mut Worker<'_>, committed: usize) -> bool {
        self.learn(worker);
        for run in (committed..self.runs.len()).take(self.looked_at) {
            let Ok(mut tried) = self.tried[run].try_lock() else { continue };
            if tried.heard == worker.learnt || tried.times == TRIES_MAX {
                continue;
            }
            // Whoever commits must not wait for who looks.
            let Some(effects) = lock(&self.ready[run]).as_ref().map(Ready::effects) else { continue };
            tried.heard = worker.learnt;
            let missed = effects.map(|effects| worker.lane.outdated(&effects));
            if missed.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            tried.times += 1;
            let start = Instant::now();
            let again = worker.lane.run(self.plan, self.runs.ranges[run].clone());
            self.note_time(run, start);
            if let Some(needless) = self.put_again(run, again, missed.unwrap_or_default()) {
                worker.lane.take_back(needless);
            }
            metrics::counter!("executor_tried_again_total").increment(1);
            return true;
        }
        false
    }

    /// Puts a run into the place of what was foreseen, and gives the one that is not needed.
    fn put_again(&self, run: usize, again: Run, missed: Vec<usize>) -> Option<Run> {
        match &mut *lock(&self.ready[run]) {
            Some(Ready::Foreseen(foreseen)) => {
                if foreseen.missed.is_empty() {
                    foreseen.missed = missed;
                }
                Some(replace(&mut foreseen.run, again))
            }
            Some(waiting) => {
                *waiting = Ready::Foreseen(Foreseen { run: again, missed, waited: true });
                None
            }
            // Committed meanwhile.
            None => Some(again),
        }
    }

    /// Gives the block up.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        *lock(&self.alone_until) = 0;
        self.alone_over.notify_all();
    }

    /// The committer, for the first to ask when all is committed.
    pub(crate) fn take(&self) -> Option<Committer> {
        let is_over = self.committed.load(Ordering::Acquire) == self.runs.len();
        let mut token = is_over.then(|| lock(&self.token)).filter(|token| token.started)?;
        token.committer.take()
    }

    /// What there is to learn from a block that is over, after so long.
    pub(crate) fn lesson(self, took: Duration) -> Lesson {
        let Token { again, was_foreseen, .. } = self.token.into_inner().unwrap_or_else(PoisonError::into_inner);
        let times = self.took_ns.into_iter().map(|ns| Duration::from_nanos(ns.into_inner()));
        let was_early = self.ranks.into_iter().enumerate().map(|(run, rank)| rank < run);
        let runs = self.runs.ranges.into_iter().zip(times).zip(was_foreseen).zip(was_early);
        let runs = runs.map(|(((transactions, took), was_foreseen), was_early)| RunLesson {
            transactions,
            took,
            was_foreseen,
            was_early,
        });
        Lesson { runs: runs.collect(), again, took }
    }

    fn note_time(&self, run: usize, start: Instant) {
        self.took_ns[run].store(in_ns(start.elapsed()), Ordering::Relaxed);
    }

    /// Executes claimed runs for good if all before them is committed. Otherwise says that they must be foreseen.
    fn execute_next(&self, worker: &mut Worker<'_>, claimed: Range<usize>) -> Result<bool, Error<Failed>> {
        let is_next = || self.committed.load(Ordering::Acquire) == claimed.start;
        if !is_next() {
            return Ok(false);
        }
        let Ok(mut token) = self.token.try_lock() else { return Ok(false) };
        if !is_next() {
            return Ok(false);
        }
        self.start(&mut token, worker)?;
        self.execute(&mut token, worker, claimed)?;
        Ok(true)
    }

    /// Executes runs for good, before which all is committed.
    fn execute(&self, token: &mut Token, worker: &mut Worker<'_>, runs: Range<usize>) -> Result<(), Error<Failed>> {
        self.learn(worker);
        let transactions = self.runs.ranges[runs.start].start..self.runs.ranges[runs.end - 1].end;
        let start = Instant::now();
        let commit = token.committer().execute(self.plan, transactions, &mut worker.lane)?;
        if runs.len() == 1 {
            self.note_time(runs.start, start);
        }
        // Its own work is in its table.
        worker.learnt = self.publish([commit]);
        self.advance(runs.end);
        Ok(())
    }

    /// Commits all that is ready, unless somebody else is about it.
    fn commit_ready(&self, worker: &mut Worker<'_>) -> Result<(), Error<Failed>> {
        loop {
            {
                let Ok(mut token) = self.token.try_lock() else { return Ok(()) };
                self.start(&mut token, worker)?;
                while let Some((run, ready)) = self.take_ready() {
                    match ready {
                        Ready::Foreseen(foreseen) => self.commit(&mut token, worker, foreseen)?,
                        Ready::Waiting => self.execute(&mut token, worker, run..run + 1)?,
                    }
                }
            }
            // What became ready before the token was free again found it taken.
            if !self.is_ready() || self.stopped.load(Ordering::Acquire) {
                return Ok(());
            }
        }
    }

    fn start(&self, token: &mut Token, worker: &mut Worker<'_>) -> Result<(), Error<Failed>> {
        if !token.started {
            token.started = true;
            let commit = token.committer().start(self.plan, &mut worker.lane)?;
            self.publish([commit]);
        }
        Ok(())
    }

    fn commit(&self, token: &mut Token, worker: &mut Worker<'_>, foreseen: Foreseen) -> Result<(), Error<Failed>> {
        self.learn(worker);
        let Foreseen { run, mut missed, waited } = foreseen;
        let done = token.committer().commit(self.plan, run, &mut worker.lane)?;
        metrics::counter!("executor_foreseen_total").increment(done.held as u64);
        metrics::counter!("executor_executed_again_total").increment(done.executed.len() as u64);
        missed.extend(&done.executed);
        missed.sort_unstable();
        missed.dedup();
        token.again.extend(missed);
        self.publish(done.commits);
        let committed = self.committed.load(Ordering::Acquire);
        token.was_foreseen[committed] = !waited;
        let next = committed + 1;
        if done.held > done.executed.len() {
            (token.chain, token.alone_runs) = (0, CHAIN_RUNS);
        } else {
            token.chain += done.executed.len();
        }
        if token.chain >= CHAIN_LENGTH {
            // So that a chain that goes on is known again at once.
            token.chain = CHAIN_LENGTH - 1;
            let mut until = lock(&self.alone_until);
            // What was foreseen before the chain was known says nothing new.
            if *until == 0 {
                *until = next + token.alone_runs;
                token.alone_runs = (2 * token.alone_runs).min(self.runs.len().max(CHAIN_RUNS));
            }
        }
        // After that, since it is what wakes those who wait: at the end, nobody may wait for more.
        self.advance(next);
        Ok(())
    }

    fn advance(&self, committed: usize) {
        self.committed.store(committed, Ordering::Release);
        let mut until = lock(&self.alone_until);
        if *until > 0 && (committed >= *until || committed >= self.runs.len()) {
            *until = 0;
            self.alone_over.notify_all();
        }
    }

    /// Waits while another executes a chain. Whoever has committed the last run goes on: the next is its.
    fn wait_while_alone(&self) {
        let mut until = lock(&self.alone_until);
        while *until > 0 && !self.is_next_unclaimed() {
            until = self.alone_over.wait(until).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nobody is about the next run, or there is none.
    fn is_next_unclaimed(&self) -> bool {
        let committed = self.committed.load(Ordering::Acquire);
        self.ranks.get(committed).is_none_or(|rank| *rank >= self.claimed.load(Ordering::Acquire))
    }

    fn is_ready(&self) -> bool {
        self.ready.get(self.committed.load(Ordering::Acquire)).is_some_and(|run| lock(run).is_some())
    }

    /// The next run, if it is ready.
    fn take_ready(&self) -> Option<(usize, Ready)> {
        let next = self.committed.load(Ordering::Acquire);
        Some((next, lock(self.ready.get(next)?).take()?))
    }

    /// Adds to the log, and says how long it is.
    fn publish(&self, commits: impl IntoIterator<Item = Commit>) -> usize {
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        log.extend(commits);
        log.len()
    }

    fn learn(&self, worker: &mut Worker<'_>) {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        let news: Vec<_> = log[worker.learnt..].to_vec();
        drop(log);
        worker.learnt += news.len();
        news.iter().for_each(|commit| worker.lane.learn(commit));
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
