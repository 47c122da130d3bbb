//! The thin loop between the engine and the working thread.

use std::{sync::Arc, thread, time::Duration};

use alloy_primitives::B256;
use sluice_executor::Executor;
use sluice_ordering::{Event, Handle};
use sluice_store::Store;
use sluice_types::{Certificate, Height, OrderedBlock};
use tokio::{
    sync::{mpsc, oneshot},
    time::{self, MissedTickBehavior},
};

use crate::{
    Config, Error, PoolHandle,
    apply::apply,
    handle::Shared,
    pool::{PoolHead, PoolTransaction},
    propose::{Request, has_messages, propose},
};

/// How often to look for a new L1 head, whose messages wake the engine.
const L1_POLL: Duration = Duration::from_millis(200);
/// Stack of the working thread: execution in debug builds wants more than the usual 2 MiB.
const STACK_BYTES: usize = 32 << 20;
/// Jobs that wait for the working thread. The loop waits for each answer, so one is enough.
const JOBS_MAX: usize = 1;

/// The last ordered block that is durable, on which an engine starts: height and hash, zeros for a new chain.
///
/// A chain that was rebuilt from L1 knows blocks but not their order; it goes on at the height of its last block, because
/// heights below have been certified before.
pub fn start(store: &Store) -> (Height, B256) {
    store
        .ordered_head()
        .map_or_else(|| (Height(store.heads().executed.0), B256::ZERO), |(height, hash, _)| (height, hash))
}

/// Answers the engine's questions and carries out what it decides.
#[derive(Debug)]
pub struct Sequencer {
    shared: Arc<Shared>,
    jobs: std::sync::mpsc::SyncSender<Job>,
    beneficiary: alloy_primitives::Address,
}

enum Job {
    Propose { request: Request, reply: oneshot::Sender<Result<Option<OrderedBlock>, Error>> },
    Apply { decided: (OrderedBlock, Certificate), reply: oneshot::Sender<Result<(), Error>> },
}

impl Sequencer {
    /// Starts pool and working thread on an opened store. `engine` is woken when there is something to order.
    pub fn new(config: Config, store: Store, executor: Executor, engine: Handle) -> Result<(Self, PoolHandle), Error> {
        let head = store.head_block();
        let head = PoolHead {
            number: head.number(),
            base_fee_wei: store.config().next_base_fee_wei(&head.block.header),
            l1_origin: head.block.l1_origin.clone(),
        };
        let (handle, shared) = PoolHandle::start(&config, store, head, engine)?;
        let (jobs, queue) = std::sync::mpsc::sync_channel(JOBS_MAX);
        let worker = Worker { shared: shared.clone(), executor, proposed: Vec::new() };
        thread::Builder::new()
            .name("sluice-sequencer".into())
            .stack_size(STACK_BYTES)
            .spawn(move || worker.run(&queue))
            .map_err(Error::Thread)?;
        Ok((Self { shared, jobs, beneficiary: config.beneficiary }, handle))
    }

    /// Serves the engine until it stops or something fails; both are an error, because a sequencer does not end by itself.
    pub async fn run(self, mut events: mpsc::Receiver<Event>) -> Error {
        match self.serve(&mut events).await {
            Ok(()) => Error::EngineGone,
            Err(error) => error,
        }
    }

    async fn serve(&self, events: &mut mpsc::Receiver<Event>) -> Result<(), Error> {
        let mut poll = time::interval(L1_POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut l1_head = None;
        self.wake_for_work()?;
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.answer(event).await?,
                    None => return Ok(()),
                },
                _ = poll.tick() => {
                    let head = self.shared.store.l1_head().map(|block| block.origin.hash);
                    if head != l1_head {
                        l1_head = head;
                        self.wake_for_work()?;
                    }
                }
            }
        }
    }

    async fn answer(&self, event: Event) -> Result<(), Error> {
        match event {
            Event::Propose { height, parent, reason, reply } => {
                let now_ms = self.shared.clock.now_ms();
                let request = Request { height, parent, reason, beneficiary: self.beneficiary, now_ms };
                let block = self.job(|reply| Job::Propose { request, reply }).await?;
                // An error means that the engine gave up waiting; it asks again.
                let _ = reply.send(block);
            }
            Event::Finalized { block, certificate, done } => {
                let decided = (block, certificate);
                self.job(|reply| Job::Apply { decided, reply }).await?;
                // An error means that the engine stopped, which the next receive shows.
                let _ = done.send(());
                self.wake_for_work()?;
            }
            Event::Verify { reply, .. } => {
                let _ = reply.send(Err("this node orders alone and accepts no other proposer".into()));
            }
            Event::Evidence(evidence) => {
                metrics::counter!("sequencer_evidence_total").increment(1);
                tracing::warn!(?evidence, "a sequencer contradicted itself");
            }
        }
        Ok(())
    }

    async fn job<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Job) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        // Never blocks: the loop waits for each answer before it sends again.
        self.jobs.send(job(reply)).map_err(|_| Error::ThreadGone)?;
        answer.await.map_err(|_| Error::ThreadGone)?
    }

    fn wake_for_work(&self) -> Result<(), Error> {
        let work = {
            let pool = self.shared.pool.lock();
            metrics::gauge!("sequencer_pool_pending").set(pool.pending_count() as f64);
            metrics::gauge!("sequencer_pool_queued").set(pool.queued_count() as f64);
            metrics::gauge!("sequencer_pool_bytes").set(pool.bytes() as f64);
            pool.has_work()
        };
        if work || has_messages(&self.shared.store, self.shared.clock.now_ms())? {
            self.shared.engine.wake();
        }
        Ok(())
    }
}

/// The thread that does the work: one job at a time, never on an async thread.
struct Worker {
    shared: Arc<Shared>,
    executor: Executor,
    /// The pool's transactions in the last proposal, so that their senders are not recovered twice.
    proposed: Vec<Arc<PoolTransaction>>,
}

impl Worker {
    fn run(mut self, jobs: &std::sync::mpsc::Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            // A failed send means that the loop is gone, and with it the next job.
            match job {
                Job::Propose { request, reply } => drop(reply.send(self.propose(&request))),
                Job::Apply { decided, reply } => {
                    let _ = reply.send(apply(&self.shared, &self.executor, &self.proposed, decided));
                }
            }
        }
    }

    fn propose(&mut self, request: &Request) -> Result<Option<OrderedBlock>, Error> {
        let started = time::Instant::now();
        let proposal = propose(&self.shared.store, &self.shared.pool, request)?;
        metrics::histogram!("sequencer_propose_seconds").record(started.elapsed().as_secs_f64());
        Ok(proposal.map(|proposal| {
            self.proposed = proposal.transactions;
            proposal.block
        }))
    }
}
