//! Answers the engine's questions by asking the application.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use commonware_actor::Feedback;
use commonware_consensus::{
    Heightable, Reporter,
    marshal::{Update, ancestry::Ancestry},
    simplex::types::Context,
};
use commonware_cryptography::{Digested, ed25519::PublicKey, sha256::Digest};
use commonware_runtime::{Clock, Metrics, Spawner};
use commonware_utils::{Acknowledgement, acknowledgement::Exact};
use futures::StreamExt;
use sluice_ordering::{Reason, Round};
use sluice_types::OrderedBlock;
use tokio::sync::mpsc;

use crate::{
    Error,
    block::Block,
    committee::Scheme,
    epoch::Epochs,
    link::{Link, round_of},
};

/// How many decided blocks the application may still have to get when it is asked about the next.
const BEHIND_MAX: u64 = 16;
/// Pause before looking again how far it is.
const BEHIND_PAUSE: Duration = Duration::from_millis(10);

/// When to propose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Shortest time between two blocks while there is something to order.
    pub(crate) block_time: Duration,
    /// Longest time that a leader waits for something to order.
    pub(crate) heartbeat: Duration,
}

/// A decided block, and whom to tell when it is durable.
pub(crate) type Delivery = (Arc<Block>, Exact);

/// Answers the engine's questions by asking the application.
#[derive(Clone)]
pub(crate) struct Application {
    link: Arc<Link>,
    pace: Pace,
    epochs: Epochs,
    deliveries: mpsc::Sender<Delivery>,
}

impl Application {
    pub(crate) const fn new(link: Arc<Link>, pace: Pace, epochs: Epochs, deliveries: mpsc::Sender<Delivery>) -> Self {
        Self { link, pace, epochs, deliveries }
    }

    /// The newest block of the ancestry, and those from there down that were not handed over as decided, oldest first.
    async fn undecided<E: Clock>(
        &self,
        clock: &E,
        mut ancestry: impl Ancestry<Block>,
    ) -> Option<(Arc<Block>, Vec<Arc<OrderedBlock>>)> {
        let newest = ancestry.next().await?.inner_shared();
        // An application that catches up gets the blocks anyway: soon, and not all at once.
        while self.link.decided().min(newest.ordered.height.0) > self.link.handed_over() + BEHIND_MAX {
            clock.sleep(BEHIND_PAUSE).await;
        }
        // Read before the walk: what is decided meanwhile is known to the application when it is asked.
        let handed_over = self.link.handed_over();
        let mut undecided = Vec::new();
        let mut next = newest.clone();
        while next.ordered.height.0 > handed_over {
            undecided.push(Arc::new(next.ordered.clone()));
            if next.ordered.height.0 == handed_over + 1 {
                break;
            }
            next = ancestry.next().await?.inner_shared();
        }
        undecided.reverse();
        Some((newest, undecided))
    }
}

impl<E: Clock + Spawner + Metrics> commonware_consensus::Application<E> for Application {
    type SigningScheme = Scheme;
    type Context = Context<Digest, PublicKey>;
    type Block = Block;
    type Input = ();

    /// Waits for something to order, at most a heartbeat, and then proposes it, or an empty block.
    async fn propose(
        &mut self,
        (clock, context): (E, Self::Context),
        ancestry: impl Ancestry<Block>,
        (): (),
    ) -> Option<Digested<Block>> {
        let heartbeat = clock.current() + self.pace.heartbeat;
        let (parent, undecided) = self.undecided(&clock, ancestry).await?;
        // Another's clock decides when the parent was made, so it may only shorten what we would wait anyway.
        let made = UNIX_EPOCH + Duration::from_millis(parent.ordered.timestamp_ms);
        let mut earliest = earlier(made.min(clock.current()) + self.pace.block_time, heartbeat);
        loop {
            clock.sleep_until(earliest).await;
            let reason = if clock.current() >= heartbeat { Reason::Heartbeat } else { Reason::Work };
            let block = self.link.propose(&parent, asked_in(&context), undecided.clone(), reason).await;
            if let Some(block) = block {
                return Some(block.digested());
            }
            if reason == Reason::Heartbeat {
                return None;
            }
            // What is woken without end is not asked without end.
            earliest = earlier(clock.current() + self.pace.block_time, heartbeat);
            tokio::select! {
                biased;
                () = self.link.woken() => {}
                () = clock.sleep_until(heartbeat) => {}
            }
        }
    }

    async fn verify(&mut self, (clock, context): (E, Self::Context), ancestry: impl Ancestry<Block>) -> bool {
        let Some((block, mut undecided)) = self.undecided(&clock, ancestry).await else { return false };
        let (asked_in, says) = (asked_in(&context), round_of(&block.ordered));
        if asked_in != says {
            tracing::warn!(height = %block.ordered.height, ?asked_in, ?says, "a proposal names another round");
            return false;
        }
        if undecided.pop().is_none() {
            // Decided meanwhile: nobody needs our opinion any more.
            return std::future::pending().await;
        }
        self.link.verify(Arc::new(block.ordered.clone()), undecided).await
    }
}

/// The round that the engine is in.
fn asked_in(context: &Context<Digest, PublicKey>) -> Round {
    Round { epoch: context.round.epoch().get(), view: context.round.view().get() }
}

fn earlier(one: SystemTime, other: SystemTime) -> SystemTime {
    one.min(other)
}

impl Reporter for Application {
    type Activity = Update<Block>;

    fn report(&mut self, update: Update<Block>) -> Feedback {
        match update {
            Update::Tip(_, height, _) => self.link.set_decided(height.get()),
            // What is below height 1 stands for nothing, and nobody has to store it.
            Update::Block(block, acknowledgement) if block.height().is_zero() => acknowledgement.acknowledge(),
            Update::Block(block, acknowledgement) => {
                let block = block.inner_shared();
                self.epochs.see(&block.ordered, block.hash());
                let delivery = (block, acknowledgement);
                // There is room for all that may be unacknowledged.
                if self.deliveries.try_send(delivery).is_err() {
                    self.link.fail(Error::PartEnded("delivery of decided blocks"));
                }
            }
        }
        Feedback::Ok
    }
}
