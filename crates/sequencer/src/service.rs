//! The thin loop between the engine and the stages.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use sluice_executor::Executor;
use sluice_ordering::{Event, Handle, Line, Message};
use sluice_store::Store;
use sluice_types::{Height, OrderedBlock, RollupSection};
use tokio::{
    sync::{mpsc, oneshot},
    time::{self, MissedTickBehavior},
};

use crate::{
    Config, Error, PoolHandle,
    base::Base,
    epochs::{NextEpoch, NextEpochs, Term},
    handle::Shared,
    pipeline::{self, Decided, Job, Step},
    propose::Request,
    share::decode,
    verify::{Verdict, verify},
};

/// How often to look for a new L1 head, whose messages wake the engine.
const L1_POLL: Duration = Duration::from_millis(200);
/// Pause before a proposal is looked at again.
const VERIFY_PAUSE: Duration = Duration::from_millis(10);

type VerifyReply = oneshot::Sender<Result<(), String>>;

/// The last ordered block that is durable, on which an engine starts: height and hash, zeros for a new chain.
///
/// L1 tells blocks but not their order: when the last block was derived from there its height is its number, because heights below
/// have been certified before, and its hash is not known.
pub fn start(store: &Store) -> (Height, Option<B256>) {
    let (height, ordered) = (Height(store.heads().executed.0), store.ordered_head());
    let hash = ordered.filter(|ordered| ordered.0 == height).map(|(_, hash, _)| hash);
    (height, hash.or((height.0 == 0).then_some(B256::ZERO)))
}

/// The epoch of the last ordered block that is durable; 0 for a new chain, and where one sequencer orders.
pub fn epoch(store: &Store) -> Result<u64, Error> {
    Ok(Term::stored(store)?.epoch)
}

/// Answers the engine's questions and carries out what it decides.
#[derive(Debug)]
pub struct Sequencer {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
    failures: mpsc::Receiver<Error>,
    /// What the block after the last decided one builds on.
    decided: Base,
    pool: PoolHandle,
    messages: Option<mpsc::Receiver<Message>>,
    beneficiary: alloy_primitives::Address,
    epochs: Option<NextEpochs>,
}

/// What one seat of several has besides.
#[derive(Debug)]
pub struct Seat {
    /// Leads to the other seats.
    pub line: Line,
    /// Which epochs may take over.
    pub epochs: NextEpochs,
}

impl Sequencer {
    /// Starts the pool and the stages on an opened store. `engine` is woken when there is something to order; `seat` is
    /// there where several order.
    pub fn new(
        config: Config,
        store: Store,
        executor: Executor,
        engine: Handle,
        seat: Option<Seat>,
    ) -> Result<(Self, PoolHandle), Error> {
        let (line, epochs) = seat.map(|seat| (seat.line, seat.epochs)).unzip();
        let (peers, messages) = line.map(|line| (line.peers, line.messages)).unzip();
        let (handle, shared) = PoolHandle::start(&config, store, engine, peers)?;
        let (jobs, failures) = pipeline::start(&shared, executor)?;
        let decided = Base::of(&shared.tip());
        let (pool, beneficiary) = (handle.clone(), config.beneficiary);
        Ok((Self { shared, jobs, failures, decided, pool, messages, beneficiary, epochs }, handle))
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
                Some(message) = next_message(&mut self.messages) => {
                    match decode(&message.bytes) {
                        Some(transactions) => self.pool.take_from_peer(transactions),
                        None => tracing::debug!(from = %message.from, "a message that holds no transactions"),
                    }
                }
                _ = poll.tick() => {
                    if let Some(share) = &self.shared.share {
                        share.flood(&self.shared.pool, self.shared.clock.now_ms());
                    }
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
            Event::Propose { height, parent, round, undecided, reason, reply } => {
                let now_ms = self.shared.clock.now_ms();
                let (origin_margin, beneficiary) = (self.shared.origin_margin(), self.beneficiary);
                let epochs = self.epochs();
                let request =
                    Request { height, parent, round, undecided, reason, epochs, origin_margin, beneficiary, now_ms };
                self.send(Job::Propose { request, reply }).await?;
            }
            Event::Finalized { block, certificate, access_list, done } => {
                if block.height == self.decided.height.next() {
                    self.decided = self.decided.after(&block, self.shared.store.config().rollup_id());
                }
                let decided = Decided { block, certificate, access_list };
                self.send(Job::Apply(Step { block: Some(decided), done })).await?;
            }
            Event::Verify { block, undecided, reply } => self.verify(block, undecided, reply),
            Event::Evidence(evidence) => {
                metrics::counter!("sequencer_evidence_total").increment(1);
                tracing::warn!(?evidence, "a sequencer contradicted itself");
                // One who orders alone has no stake. Of a seat, the store holds it until L1 has heard.
                if let sluice_ordering::Evidence::Votes(votes) = evidence {
                    let bytes = votes.encode().to_vec().into();
                    let kept = sluice_store::Evidence { epoch: votes.epoch, seat: votes.seat, bytes };
                    self.shared.store.add_evidence(&kept)?;
                }
            }
        }
        Ok(())
    }

    /// Epochs that may take over.
    fn epochs(&self) -> Vec<NextEpoch> {
        self.epochs.as_ref().map(|epochs| epochs.borrow().clone()).unwrap_or_default()
    }

    /// Looks at another seat's proposal until something certain can be said of it, or nobody wants to know any more.
    fn verify(&self, block: Arc<OrderedBlock>, undecided: Vec<Arc<OrderedBlock>>, mut reply: VerifyReply) {
        let base = self.decided.above(&undecided, self.shared.store.config().rollup_id());
        let base = base.filter(|base| (base.height.next(), base.hash) == (block.height, block.parent));
        let (shared, epochs) = (self.shared.clone(), self.epochs.clone());
        tokio::spawn(async move {
            let Some(base) = base else {
                // Its height was decided meanwhile, so there is nothing left to say.
                tracing::debug!(height = %block.height, "a proposal came that does not follow what is decided");
                return reply.closed().await;
            };
            let asked = Instant::now();
            let mut waited_for = None;
            loop {
                let sealed = |section: &RollupSection| shared.sealed_hash(section.executed_number);
                let known = epochs.as_ref().map(|epochs| epochs.borrow().clone()).unwrap_or_default();
                let verdict = match verify(&shared.store, (&base, &known), &block, shared.clock.now_ms(), sealed) {
                    Ok(Verdict::Good) => Ok(()),
                    Ok(Verdict::Bad(reason)) => Err(reason),
                    Ok(Verdict::Later(reason)) => {
                        if waited_for.replace(reason) != Some(reason) {
                            tracing::debug!(height = %block.height, reason, "a proposal waits");
                        }
                        tokio::select! {
                            () = reply.closed() => return,
                            () = time::sleep(VERIFY_PAUSE) => continue,
                        }
                    }
                    Err(error) => {
                        // No opinion. If the store is broken, storing says so.
                        tracing::error!(%error, height = %block.height, "a proposal cannot be checked");
                        return reply.closed().await;
                    }
                };
                metrics::histogram!("sequencer_verify_seconds").record(asked.elapsed().as_secs_f64());
                // An error means that the engine went on without us.
                let _ = reply.send(verdict);
                return;
            }
        });
    }

    async fn send(&mut self, job: Job) -> Result<(), Error> {
        if self.jobs.send(job).await.is_err() {
            return Err(self.failures.try_recv().unwrap_or(Error::ThreadGone));
        }
        Ok(())
    }
}

/// The next message from another seat; never where there are none.
async fn next_message(messages: &mut Option<mpsc::Receiver<Message>>) -> Option<Message> {
    match messages {
        Some(messages) => messages.recv().await,
        None => std::future::pending().await,
    }
}
