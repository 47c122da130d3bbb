//! The engine's end of the line to the application.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use sluice_ordering::{Event, Reason, Round, Wake};
use sluice_types::{Height, OrderedBlock};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Error,
    block::{BLOCK_BYTES_MAX, Block},
};

/// Failures that wait to be heard. The first is the one that matters.
const FAILURES_MAX: usize = 1;

/// In which round a block says that it was proposed.
pub(crate) const fn round_of(block: &OrderedBlock) -> Round {
    Round { epoch: block.epoch, view: block.view }
}

/// What the parts of the engine that talk to the application share.
#[derive(Debug)]
pub(crate) struct Link {
    events: mpsc::Sender<Event>,
    wake: Wake,
    /// Height up to which blocks were handed over as decided.
    handed_over: AtomicU64,
    /// Height of the highest block known to be decided.
    decided: AtomicU64,
    /// Where this node is, as far as it is known here.
    round: Mutex<Round>,
    failures: mpsc::Sender<Error>,
}

impl Link {
    /// The line to an application that has everything up to `start`, and where a failure is told.
    pub(crate) fn new(start: Height, events: mpsc::Sender<Event>, wake: Wake) -> (Arc<Self>, mpsc::Receiver<Error>) {
        let (failures, failed) = mpsc::channel(FAILURES_MAX);
        let (handed_over, decided) = (AtomicU64::new(start.0), AtomicU64::new(start.0));
        let link = Self { events, wake, handed_over, decided, round: Mutex::default(), failures };
        (Arc::new(link), failed)
    }

    pub(crate) async fn woken(&self) {
        self.wake.woken().await;
    }

    pub(crate) fn handed_over(&self) -> u64 {
        self.handed_over.load(Ordering::Acquire)
    }

    pub(crate) fn set_handed_over(&self, height: u64) {
        self.handed_over.fetch_max(height, Ordering::AcqRel);
        metrics::gauge!("ordering_height").set(height as f64);
    }

    pub(crate) fn decided(&self) -> u64 {
        self.decided.load(Ordering::Acquire)
    }

    pub(crate) fn set_decided(&self, height: u64) {
        self.decided.fetch_max(height, Ordering::AcqRel);
    }

    pub(crate) fn round(&self) -> Round {
        *self.round.lock()
    }

    /// A round has begun, unless a later one has.
    pub(crate) fn set_round(&self, round: Round) {
        let mut now = self.round.lock();
        *now = round.max(*now);
    }

    /// Asks for the block above `parent`.
    pub(crate) async fn propose(
        &self,
        parent: &Block,
        round: Round,
        undecided: Vec<Arc<OrderedBlock>>,
        reason: Reason,
    ) -> Option<Block> {
        let (reply, answer) = oneshot::channel();
        let (height, parent) = (parent.ordered.height.next(), parent.hash());
        self.send(Event::Propose { height, parent, round, undecided, reason, reply }, "asked for a block").await;
        let Ok(answer) = answer.await else {
            self.fail(Error::ApplicationGone("asked for a block"));
            return None;
        };
        let block = answer?;
        if (block.height, block.parent, round_of(&block)) != (height, parent, round) {
            tracing::error!(%height, %parent, ?round, got = %block.height, on = %block.parent, of = ?round_of(&block), "the application proposed another block than asked for");
            return None;
        }
        let block = Block::new(block);
        if block.size_bytes() > BLOCK_BYTES_MAX {
            tracing::error!(%height, bytes = block.size_bytes(), limit = BLOCK_BYTES_MAX, "the application proposed too long a block");
            return None;
        }
        Some(block)
    }

    /// Asks whether a block may stand. Does not return before that is certain.
    pub(crate) async fn verify(&self, block: Arc<OrderedBlock>, undecided: Vec<Arc<OrderedBlock>>) -> bool {
        let (reply, answer) = oneshot::channel();
        let height = block.height;
        self.send(Event::Verify { block, undecided, reply }, "asked to check a block").await;
        match answer.await {
            Ok(Ok(())) => true,
            Ok(Err(reason)) => {
                tracing::warn!(%height, reason, "a proposal was refused");
                metrics::counter!("ordering_proposals_refused_total").increment(1);
                false
            }
            Err(_) => {
                self.fail(Error::ApplicationGone("asked to check a block"));
                false
            }
        }
    }

    pub(crate) async fn send(&self, event: Event, during: &'static str) {
        if self.events.send(event).await.is_err() {
            self.fail(Error::ApplicationGone(during));
        }
    }

    pub(crate) fn fail(&self, error: Error) {
        // Full: something else failed first.
        let _ = self.failures.try_send(error);
    }
}
