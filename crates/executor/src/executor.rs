//! The executor: how many work on a block, and what they keep.

use std::{
    mem::take,
    num::NonZeroUsize,
    ops::Range,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256};
use sluice_stf::{
    Error, Plan, Workspace,
    engine::Reader,
    execute_plan,
    lanes::{Committer, Lane, LedgerMemory},
};
use sluice_types::{BlockAccessList, BlockInput, ChainConfig, Header, Outcome, StateRead, access_list_hash};

use crate::{
    beside::Beside,
    block::{Block, Worker, lock},
    bulk,
    closing::Closing,
    crew::{Crew, parts},
    cut::{Prospect, SHARED_TIME_MIN},
    distance::{Distance, measure},
    estimate::{Estimates, Expected, transfers_time},
    list::Listed,
};

/// How much longer than the transfers at its end the rest of a block may be that is no quicker when it is shared, while they are.
const DEAR_HEAD_MAX: u32 = 8;

/// Brings a block's access list when it is wanted, if there is one after all.
pub(crate) type Bring<'a> = &'a mut dyn FnMut() -> Option<BlockAccessList>;

/// Transactions that are looked at, at once, where all workers look.
pub(crate) const LOOKED_AT_TRANSACTIONS: usize = 2_048;

/// Executes the blocks of one chain, and keeps what serves the next: analysed code, memory, and what calls cost.
#[derive(Debug)]
pub struct Executor {
    /// Expected time from which on a block is shared.
    share_from: Duration,
    crew: Crew,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    workspaces: Vec<Workspace>,
    ledger: LedgerMemory,
    estimates: Estimates,
    /// Where the next block must be cut.
    cuts: Vec<usize>,
    distance: Distance,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl Default for Executor {
    fn default() -> Self {
        Self::new()
    }
}

impl Executor {
    /// An executor with a worker for each core.
    pub fn new() -> Self {
        Self::with_workers(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// An executor with so many workers, the caller's thread among them; at most [`WORKERS_MAX`](crate::WORKERS_MAX). One executes sequentially.
    ///
    /// Where the system gives no threads, the caller works alone and a warning says so.
    pub fn with_workers(workers: NonZeroUsize) -> Self {
        Self { share_from: SHARED_TIME_MIN, crew: Crew::new(workers), kept: Mutex::default() }
    }

    /// Shares every block that is expected to take at least so long. Zero shares whatever can be cut.
    #[must_use]
    pub fn sharing_from(self, time: Duration) -> Self {
        Self { share_from: time, ..self }
    }

    /// How many work on a block that is worth sharing.
    pub fn workers(&self) -> usize {
        self.crew.size()
    }

    /// Lets `work`, which executes blocks, give jobs that are done beside them, and waits until they are done: one at a time, in the
    /// order in which they were given, by a worker who joins the block being executed when there are no more. Where one worker executes,
    /// a thread for them is made.
    ///
    /// A job that blocks keeps a worker from the blocks. It must not use rayon on its thread, which would take part in a block meanwhile.
    pub fn beside<'scope, R>(&'scope self, work: impl FnOnce(&Beside<'_, 'scope>) -> R) -> R {
        self.crew.beside(work)
    }

    /// Time for one line of memory from one worker to another, measured now. `None` for who works alone, and where the other worker
    /// does not come soon.
    pub fn distance(&self) -> Option<Duration> {
        measure(&self.crew)
    }

    /// How long calls of a contract's function took, if any was seen. Waits while a block is being executed.
    pub fn call_time(&self, contract: Address, selector: [u8; 4]) -> Option<Duration> {
        lock(&self.kept).estimates.call(contract.into(), selector)
    }

    /// Lets no run of the next block reach over these places, which ascend: between them, transactions write what others write too.
    ///
    /// It changes how fast the block is executed, not what comes of it.
    pub fn cut_next(&self, cuts: Vec<usize>) {
        lock(&self.kept).cuts = cuts;
    }

    /// Forgets what contracts have hashed, so that a measurement that repeats a block does not find the block's own hashes.
    pub fn forget_preimages(&self) {
        let mut kept = lock(&self.kept);
        kept.workspaces.iter_mut().for_each(Workspace::forget_preimages);
    }

    /// Executes the block after `parent` on the state that `parent` left.
    ///
    /// Blocks the thread for as long as the block takes; call it from a thread made for such work.
    pub fn execute<S: StateRead + Sync>(
        &self,
        config: &ChainConfig,
        parent: &Header,
        input: &BlockInput,
        state: &S,
    ) -> Result<Outcome, Error<S::Error>> {
        let reader = Reader::new(state);
        match Plan::new(config, parent, input) {
            Ok(plan) => self.execute_plan(&plan, state),
            Err(error) => Err(reader.explain(error)),
        }
    }

    /// As [`Executor::execute`], of any plan.
    pub fn execute_plan<S: StateRead + Sync>(&self, plan: &Plan<'_>, state: &S) -> Result<Outcome, Error<S::Error>> {
        self.execute_told(plan, state, None)
    }

    /// The same, from a list that nobody has committed to, where that is quicker and the list is right.
    pub(crate) fn execute_told<S: StateRead + Sync>(
        &self,
        plan: &Plan<'_>,
        state: &S,
        list: Option<Bring<'_>>,
    ) -> Result<Outcome, Error<S::Error>> {
        // A panic elsewhere cannot leave anything wrong behind: memory is emptied before use, and code is complete when inserted.
        let kept = &mut *lock(&self.kept);
        let cuts = take(&mut kept.cuts);
        let workers = self.workers();
        kept.workspaces.resize_with(workers, Workspace::default);
        if workers == 1 {
            return alone(plan, state, &mut kept.workspaces, (&mut kept.estimates, &[]));
        }
        let transfers = bulk::find(&self.crew, plan);
        let head = self.prospect(&kept.estimates, plan, 0..transfers.start);
        let transfers_time = transfers_time(transfers.len());
        if let Some(bring) = list
            && self.is_quicker_told((&head, transfers_time), !cuts.is_empty(), &mut kept.distance)
            && let Some(list) = bring()
        {
            if let Some(outcome) = self.foretold(kept, plan, state, (&list, None)) {
                metrics::counter!("executor_lists_used_total").increment(1);
                return Ok(Outcome { access_list: list, ..outcome });
            }
            metrics::counter!("executor_lists_not_used_total").increment(1);
        }
        let Kept { workspaces, ledger, estimates, distance, .. } = kept;
        let mut pays = || {
            transfers_time > head.time / DEAR_HEAD_MAX
                || head.pays(workers, !cuts.is_empty(), || distance.now(&self.crew))
        };
        let is_worth = self.share_from.is_zero() || (head.time + transfers_time >= self.share_from && pays());
        let runs = is_worth.then(|| head.runs(workers, Some(&cuts)));
        let Some(runs) = runs.filter(|runs| runs.len() > 1 || !transfers.is_empty()) else {
            return alone(plan, state, workspaces, (estimates, &head.expected));
        };
        metrics::counter!("executor_blocks_shared_total").increment(1);
        let closing = Closing::new(workers);
        let block = Block::new(plan, runs, Committer::new(plan, workers, take(ledger)));
        let lesson;
        if transfers.is_empty() {
            let took = share(&self.crew, &block, Some(&closing), state, workspaces)?;
            lesson = block.lesson(took);
        } else {
            let took = share(&self.crew, &block, None, state, workspaces)?;
            let mut committer = block.take().expect("nobody else has asked");
            lesson = block.lesson(took);
            if bulk::settle(&self.crew, plan, transfers.clone(), &mut committer, state) {
                closing.start(committer);
                self.crew.all(vec![(); workers], |()| closing.work());
            } else {
                let runs = self.prospect(estimates, plan, transfers).runs(workers, Some(&cuts));
                let commit = committer.forget_lanes();
                let block = Block::after(plan, runs, committer, Some(commit));
                // Of transfers there is nothing to learn.
                share(&self.crew, &block, Some(&closing), state, workspaces)?;
            }
        }
        let (outcome, memory) = closing.end().expect("all was committed");
        *ledger = memory;
        distance.renew(&self.crew);
        estimates.learn(plan, &head.expected, &outcome, &lesson);
        Ok(outcome)
    }

    /// What is expected of transactions. Those of a large block come from far, so that all workers look at them.
    fn prospect(&self, estimates: &Estimates, plan: &Plan<'_>, transactions: Range<usize>) -> Prospect {
        if transactions.len() < 2 * LOOKED_AT_TRANSACTIONS {
            return Prospect::of(estimates, plan, transactions);
        }
        let parts = parts(transactions.clone(), LOOKED_AT_TRANSACTIONS);
        let expected = self.crew.all(parts, |part| estimates.of(plan, part)).concat();
        Prospect::new(expected, transactions.start)
    }

    /// Executes a block whose access list is known, in which there is nothing to guess.
    ///
    /// The list's hash must be `committed`, and the list that execution makes must be the same; it becomes the outcome's.
    ///
    /// Errors: [`crate::Error`].
    pub fn execute_from_list<S: StateRead + Sync>(
        &self,
        plan: &Plan<'_>,
        state: &S,
        list: BlockAccessList,
        committed: B256,
    ) -> Result<Outcome, crate::Error<S::Error>> {
        if plan.is_told_by_lists()
            && let Some(outcome) = self.foretold(&mut lock(&self.kept), plan, state, (&list, Some(committed)))
        {
            return Ok(Outcome { access_list: list, ..outcome });
        }
        // Something did not hold: the list is wrong, or does not tell all, as that transactions are skipped. The long way knows.
        let given = access_list_hash(&list);
        if given != committed {
            return Err(crate::Error::ListHash { given, committed });
        }
        metrics::counter!("executor_lists_not_used_total").increment(1);
        let outcome = self.execute_plan(plan, state)?;
        if outcome.access_list != list {
            return Err(crate::Error::WrongList { made: access_list_hash(&outcome.access_list), committed });
        }
        Ok(outcome)
    }

    /// A list that nobody has committed to would make the block quicker, whose end is transfers. Not where one worker executes it or others
    /// are about something else, where its transactions are cheap, or most of them are transfers that would be settled.
    fn is_quicker_told(&self, (head, transfers): (&Prospect, Duration), is_cut: bool, distance: &mut Distance) -> bool {
        let workers = self.workers();
        let mut distant = || distance.now(&self.crew);
        self.share_from.is_zero()
            || self.crew.free() > 1
                && head.time >= self.share_from.max(transfers)
                && head.pays_from_list(workers, distant())
                && head.is_quicker_told(workers, head.pays(workers, is_cut, distant))
    }

    /// The outcome, but for the list, if all is as the list says, and it is the one that was committed to, where one was.
    fn foretold<S: StateRead + Sync>(
        &self,
        kept: &mut Kept,
        plan: &Plan<'_>,
        state: &S,
        (list, committed): (&BlockAccessList, Option<B256>),
    ) -> Option<Outcome> {
        let Kept { workspaces, estimates, cuts, distance, .. } = kept;
        let workers = self.workers();
        let prospect = self.prospect(estimates, plan, 0..plan.len());
        let runs = prospect.runs(workers, None);
        let is_shared = runs.len() > 1
            && prospect.time >= self.share_from
            && (self.share_from.is_zero() || prospect.pays_from_list(workers, distance.now(&self.crew)));
        workspaces.resize_with(workers, Workspace::default);
        let (own, others) = workspaces.split_first_mut().expect("there is at least one worker");
        let listed = Listed::new(plan, list, committed, runs);
        self.crew.work(
            others.iter_mut(),
            |workspace| listed.work(&Reader::new(state), workspace),
            |join| {
                if is_shared {
                    join();
                }
                listed.lead(&Reader::new(state), own);
            },
        );
        let (outcome, lesson) = listed.end()?;
        // Without conflicts, it did not matter where runs end.
        cuts.clear();
        if is_shared {
            distance.renew(&self.crew);
            estimates.learn(plan, &prospect.expected, &outcome, &lesson);
        }
        Some(outcome)
    }
}

/// Executes a block on the caller's thread.
fn alone<S: StateRead>(
    plan: &Plan<'_>,
    state: &S,
    workspaces: &mut [Workspace],
    (estimates, expected): (&mut Estimates, &[Expected]),
) -> Result<Outcome, Error<S::Error>> {
    let reader = Reader::new(state);
    let workspace = workspaces.first_mut().expect("there is at least one worker");
    let start = Instant::now();
    let outcome = execute_plan(plan, &reader, workspace).map_err(|error| reader.explain(error))?;
    estimates.learn_alone(plan, expected, &outcome, start.elapsed());
    Ok(outcome)
}

/// Executes a block with all of the crew, to its end if it has one. Tells how long it took, or zero where a core was lent meanwhile.
fn share<S: StateRead + Sync>(
    crew: &Crew,
    block: &Block<'_>,
    closing: Option<&Closing>,
    state: &S,
    workspaces: &mut [Workspace],
) -> Result<Duration, Error<S::Error>> {
    let are_all_free = || crew.free() == crew.size();
    let started = Some(Instant::now()).filter(|_| are_all_free());
    let failure: Mutex<Option<Error<S::Error>>> = Mutex::new(None);
    let work = |id: usize, workspace: &mut Workspace, join: &mut dyn FnMut()| {
        let reader = Reader::new(state);
        let _guard = closing.map(Closing::guard);
        let worked = block.work(&mut Worker::new(Lane::new(block.plan(), id, &reader, workspace)), join);
        if let Err(error) = worked {
            block.stop();
            lock(&failure).get_or_insert(reader.explain(error));
            closing.inspect(|closing| closing.give_up());
        } else if let Some(closing) = closing {
            if let Some(committer) = block.take() {
                closing.start(committer);
            }
            closing.work();
        }
    };
    let (own, others) = workspaces.split_first_mut().expect("there is at least one worker");
    crew.work(
        others.iter_mut().enumerate(),
        |(index, workspace)| work(index + 1, workspace, &mut || ()),
        |join| work(0, own, join),
    );
    let took = started.filter(|_| are_all_free()).map_or(Duration::ZERO, |start| start.elapsed());
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(took), Err)
}
