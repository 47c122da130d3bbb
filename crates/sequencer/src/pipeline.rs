//! What becomes of a decided block, one stage after another, each on a thread of its own: while a block is executed, the one before
//! gets its state root, and the one before that becomes durable.
//!
//! Between two stages waits at most one block. A stage that is slow stops those before it, and so the engine, which has only so many
//! blocks decided that are not durable.

use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Instant,
};

use sluice_executor::Executor;
use sluice_types::{Certificate, OrderedBlock};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Error,
    execute::{Executed, execute},
    handle::Shared,
    hot::HotKeys,
    propose::{Request, propose},
    recover::{Recovered, recover},
    seal::{Sealed, Sealer, store},
};

/// Jobs that wait for the first stage. The engine asks for one proposal at a time.
const JOBS_MAX: usize = 2;
/// Blocks that wait between two stages.
const WAITING_MAX: usize = 1;
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
    let (executed, executed_queue) = sync_channel(WAITING_MAX);
    let (sealed, sealed_queue) = sync_channel(WAITING_MAX);
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

    let (sharing, failing, lender) = (shared.clone(), failures.clone(), executor.lender());
    spawn("sluice-execute", EXECUTE_STACK_BYTES, move || {
        let mut hot = HotKeys::default();
        while let Ok(job) = ready_queue.recv() {
            match job {
                Ready::Propose { request, reply } => {
                    if reply.is_closed() {
                        continue;
                    }
                    match timed("sequencer_propose_seconds", || make_proposal(&sharing, &hot, &request)) {
                        // A failed send means that the engine gave up waiting; it asks again.
                        Ok(block) => drop(reply.send(block)),
                        // Whoever waits hears of the failure before it hears that its question is dropped.
                        Err(error) => {
                            fail(&failing, error);
                            return drop(reply);
                        }
                    }
                }
                Ready::Apply(step) => {
                    let work = |block| execute(&sharing, (&executor, &mut hot), block);
                    if !advance(step, &executed, &failing, work) {
                        return;
                    }
                    // After the block is on its way, since what this may find does not concern it.
                    if let Err(error) = sharing.wake_for_work() {
                        return fail(&failing, error);
                    }
                }
            }
        }
    })?;

    let (mut sealer, failing) = (Sealer::new(shared.clone(), lender.clone()), failures.clone());
    spawn("sluice-seal", STACK_BYTES, move || {
        while let Ok(step) = lender.waiting(|| executed_queue.recv())
            && advance(step, &sealed, &failing, |block: Executed| sealer.seal(block).map(Some))
        {}
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

fn make_proposal(shared: &Shared, hot: &HotKeys, request: &Request) -> Result<Option<OrderedBlock>, Error> {
    let sealed = *shared.sealed.lock();
    let proposal = propose(&shared.store, (&shared.tip(), sealed), (&shared.pool, hot), request)?;
    Ok(proposal.map(|proposal| {
        *shared.proposed.lock() = proposal.transactions;
        proposal.block
    }))
}

/// Takes a block through one stage; false when the stage must end. Who waits for the block hears nothing before the failure is told.
fn advance<I, O>(
    Step { block, done }: Step<I>,
    next: &SyncSender<Step<O>>,
    failures: &mpsc::Sender<Error>,
    work: impl FnOnce(I) -> Result<Option<O>, Error>,
) -> bool {
    let advanced = match block.map(work).transpose() {
        Ok(block) => next.send(Step { block: block.flatten(), done }).map_err(|_| Error::ThreadGone),
        Err(error) => {
            fail(failures, error);
            return false;
        }
    };
    advanced.map_err(|error| fail(failures, error)).is_ok()
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
