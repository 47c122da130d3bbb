//! What becomes of a decided block, one stage after another: while a block is executed, the one before gets its state root, and the one
//! before that becomes durable. Each stage has a thread, but for the state root: one of the executor's workers makes it, beside blocks.
//!
//! Between two stages wait only so many blocks. A stage that is slow stops those before it, and so the engine, which has only so many
//! blocks decided that are not durable.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Instant,
};

use alloy_primitives::Bytes;
use parking_lot::Mutex;
use sluice_executor::Executor;
use sluice_types::{Certificate, OrderedBlock};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Error,
    execute::execute,
    handle::Shared,
    propose::{Request, propose},
    recover::{Recovered, recover},
    seal::{Sealed, Sealer, store},
    shown::Shown,
};

/// Jobs that wait for the first stage. The engine asks for one proposal at a time.
const JOBS_MAX: usize = 2;
/// Blocks that wait to be executed.
const WAITING_MAX: usize = 1;
/// Blocks that wait to be stored: all that the engine may have decided, so that no worker waits for the disk.
const STORING_MAX: usize = 4;
/// Failures that wait to be heard. The first is the one that matters.
const FAILURES_MAX: usize = 1;
/// Stack of the executing thread: execution in debug builds wants more than the usual 2 MiB.
const EXECUTE_STACK_BYTES: usize = 32 << 20;
/// Stack of the other threads.
const STACK_BYTES: usize = 4 << 20;

/// What the engine wants.
pub(crate) enum Job {
    Propose { request: Request, reply: oneshot::Sender<Option<OrderedBlock>> },
    Apply(Step<Decided>),
}

/// A block that the engine has decided.
pub(crate) struct Decided {
    pub(crate) block: OrderedBlock,
    pub(crate) certificate: Certificate,
    /// RLP of the L2 block's access list, as somebody says it is.
    pub(crate) access_list: Option<Bytes>,
}

/// A block on its way, with whom to tell when it is durable.
pub(crate) struct Step<T> {
    /// `None` for one that was there before.
    pub(crate) block: Option<T>,
    pub(crate) done: oneshot::Sender<()>,
}

/// Jobs that have passed the first stage.
enum Ready {
    Propose { request: Request, reply: oneshot::Sender<Option<OrderedBlock>> },
    Apply(Step<Recovered>),
}

/// Starts the stages. They end when the sender of jobs is dropped, after what is on its way; or when one fails, which it says.
pub(crate) fn start(
    shared: &Arc<Shared>,
    executor: Executor,
) -> Result<(mpsc::Sender<Job>, mpsc::Receiver<Error>), Error> {
    let (jobs, mut job_queue) = mpsc::channel(JOBS_MAX);
    let (ready, ready_queue) = sync_channel(WAITING_MAX);
    let (sealed, sealed_queue) = sync_channel(STORING_MAX);
    let (failures, failed) = mpsc::channel(FAILURES_MAX);

    let (sharing, failing) = (shared.clone(), failures.clone());
    spawn("sluice-recover", STACK_BYTES, move || {
        while let Some(job) = job_queue.blocking_recv() {
            let job = match job {
                Job::Propose { request, reply } => Ready::Propose { request, reply },
                Job::Apply(Step { block, done }) => {
                    let block = block.map(|block| timed("sequencer_recover_seconds", || recover(&sharing, block)));
                    Ready::Apply(Step { block, done })
                }
            };
            if ready.send(job).is_err() {
                return fail(&failing, Error::ThreadGone);
            }
        }
    })?;

    let (sharing, failing) = (shared.clone(), failures.clone());
    spawn("sluice-execute", EXECUTE_STACK_BYTES, move || {
        execute_all(&sharing, &executor, &ready_queue, (&sealed, &failing))
    })?;

    let sharing = shared.clone();
    spawn("sluice-store", STACK_BYTES, move || {
        while let Ok(Step { block, done }) = sealed_queue.recv() {
            if let Some(Err(error)) = block.map(|block: Sealed| store(&sharing, block)) {
                return fail(&failures, error);
            }
            // A failed send means that the engine stopped.
            let _ = done.send(());
        }
    })?;
    Ok((jobs, failed))
}

/// The second stage, and the third beside it.
fn execute_all(
    shared: &Arc<Shared>,
    executor: &Executor,
    jobs: &Receiver<Ready>,
    (sealed, failures): (&SyncSender<Step<Sealed>>, &mpsc::Sender<Error>),
) {
    let (mut shown, sealer) = (Shown::default(), Mutex::new(Sealer::new(shared.clone())));
    let sealer = &sealer;
    executor.beside(|beside| {
        let mut next = None;
        while let Some(job) = next.take().or_else(|| jobs.recv().ok()) {
            match job {
                Ready::Propose { request, reply } => {
                    if reply.is_closed() {
                        continue;
                    }
                    match timed("sequencer_propose_seconds", || make_proposal(shared, &shown, &request)) {
                        // A failed send means that the engine gave up waiting; it asks again.
                        Ok(block) => drop(reply.send(block)),
                        // Whoever waits hears of the failure before it hears that its question is dropped.
                        Err(error) => {
                            fail(failures, error);
                            return drop(reply);
                        }
                    }
                }
                Ready::Apply(step) => {
                    let work = |block| execute(shared, (executor, &mut shown), block);
                    let goes_on = advance(step, failures, work, |step| {
                        next = jobs.try_recv().ok();
                        let is_followed = matches!(next, Some(Ready::Apply(_)));
                        let seal = move |block| sealer.lock().seal(block, is_followed).map(Some);
                        beside.spawn(move || advance(step, failures, seal, |step| sealed.send(step).is_ok()))
                    });
                    if !goes_on {
                        return;
                    }
                    // After the block is on its way, since what this may find does not concern it.
                    if let Err(error) = shared.wake_for_work() {
                        return fail(failures, error);
                    }
                }
            }
        }
    });
}

fn make_proposal(shared: &Shared, shown: &Shown, request: &Request) -> Result<Option<OrderedBlock>, Error> {
    let sealed = *shared.sealed.lock();
    let proposal = propose(&shared.store, (&shared.tip(), sealed), (&shared.pool, shown), request)?;
    Ok(proposal.map(|proposal| {
        *shared.proposed.lock() = proposal.transactions;
        proposal.block
    }))
}

/// Takes a block through one stage and gives it to the next, if there still is one; false when the stage must end. Who waits for the
/// block hears nothing before the failure is told.
fn advance<I, O>(
    Step { block, done }: Step<I>,
    failures: &mpsc::Sender<Error>,
    work: impl FnOnce(I) -> Result<Option<O>, Error>,
    give: impl FnOnce(Step<O>) -> bool,
) -> bool {
    let error = match block.map(work).transpose() {
        Ok(block) => {
            if give(Step { block: block.flatten(), done }) {
                return true;
            }
            Error::ThreadGone
        }
        Err(error) => error,
    };
    fail(failures, error);
    false
}

fn fail(failures: &mpsc::Sender<Error>, error: Error) {
    // Full: another stage failed first. Closed: nobody serves the engine any more.
    let _ = failures.try_send(error);
}

fn spawn(name: &str, stack_size: usize, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    thread::Builder::new().name(name.into()).stack_size(stack_size).spawn(work).map_err(Error::Thread)?;
    Ok(())
}

/// Measures a stage.
pub(crate) fn timed<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    metrics::histogram!(name).record(started.elapsed().as_secs_f64());
    result
}
