//! The thin loop between the engine and the stages.

use std::{sync::Arc, time::Duration};

use alloy_primitives::B256;
use sluice_executor::Executor;
use sluice_ordering::{Event, Handle};
use sluice_store::Store;
use sluice_types::Height;
use tokio::{
    sync::{mpsc, oneshot},
    time::{self, MissedTickBehavior},
};

use crate::{
    Config, Error, PoolHandle,
    handle::Shared,
    pipeline::{self, Decided, Job, Step},
    propose::Request,
};

/// How often to look for a new L1 head, whose messages wake the engine.
const L1_POLL: Duration = Duration::from_millis(200);

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
    jobs: mpsc::Sender<Job>,
    failures: mpsc::Receiver<Error>,
    beneficiary: alloy_primitives::Address,
}

impl Sequencer {
    /// Starts the pool and the stages on an opened store. `engine` is woken when there is something to order.
    pub fn new(config: Config, store: Store, executor: Executor, engine: Handle) -> Result<(Self, PoolHandle), Error> {
        let (handle, shared) = PoolHandle::start(&config, store, engine)?;
        let (jobs, failures) = pipeline::start(&shared, executor)?;
        Ok((Self { shared, jobs, failures, beneficiary: config.beneficiary }, handle))
    }

    /// Serves the engine until it stops or something fails; both are an error, because a sequencer does not end by itself.
    pub async fn run(mut self, mut events: mpsc::Receiver<Event>) -> Error {
        match self.serve(&mut events).await {
            Ok(()) => Error::EngineGone,
            Err(error) => error,
        }
    }

    async fn serve(&mut self, events: &mut mpsc::Receiver<Event>) -> Result<(), Error> {
        let mut poll = time::interval(L1_POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut l1_head = None;
        self.shared.wake_for_work()?;
        loop {
            tokio::select! {
                biased;
                failure = self.failures.recv() => return Err(failure.unwrap_or(Error::ThreadGone)),
                event = events.recv() => match event {
                    Some(event) => self.answer(event).await?,
                    None => return Ok(()),
                },
                _ = poll.tick() => {
                    let head = self.shared.store.l1_head().map(|block| block.origin.hash);
                    if head != l1_head {
                        l1_head = head;
                        self.shared.wake_for_work()?;
                    }
                }
            }
        }
    }

    async fn answer(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Propose { height, parent, reason, reply } => {
                let now_ms = self.shared.clock.now_ms();
                let request = Request { height, parent, reason, beneficiary: self.beneficiary, now_ms };
                let (answer, answered) = oneshot::channel();
                self.send(Job::Propose { request, reply: answer }).await?;
                let block = match answered.await {
                    Ok(block) => block?,
                    // The stage is gone. If it failed, it said so before it went.
                    Err(_) => return Err(self.failures.try_recv().unwrap_or(Error::ThreadGone)),
                };
                // An error means that the engine gave up waiting; it asks again.
                let _ = reply.send(block);
            }
            Event::Finalized { block, certificate, done } => {
                self.send(Job::Apply(Step { block: Some(Decided { block, certificate }), done })).await?;
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

    async fn send(&mut self, job: Job) -> Result<(), Error> {
        if self.jobs.send(job).await.is_err() {
            return Err(self.failures.try_recv().unwrap_or(Error::ThreadGone));
        }
        Ok(())
    }
}
