//! What an engine and its application say to each other.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use sluice_types::{Certificate, Height, OrderedBlock};
use tokio::sync::{Notify, oneshot};

use crate::Evidence;

/// Most events that wait for the application; an engine waits when there are more. Small, because an engine waits for answers
/// anyway and a longer queue would only hide that the application is slow.
pub const EVENTS_MAX: usize = 16;

/// Why a proposal is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The application was woken; an empty block is not wanted, answer `None` instead.
    Work,
    /// Nothing was ordered for a heartbeat; an empty block is wanted, so that clocks and L1 origins advance.
    Heartbeat,
}

/// Where an engine is: the numbers that a block of it carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Round {
    /// Whose committee, as L1 counts epochs.
    pub epoch: u64,
    /// Which leader's turn in it.
    pub view: u64,
}

/// What the engine asks of its application, or tells it.
#[derive(Debug)]
pub enum Event {
    /// Build the block at this height. The engine waits a bounded time; a late answer is ignored.
    Propose {
        /// Height of the block.
        height: Height,
        /// Hash of the ordered block below; zero at height 1.
        parent: B256,
        /// What the block must carry. Zeros from [`crate::solo`].
        round: Round,
        /// Blocks below this one that were not decided when the engine asked, oldest first, each on the one before. They may have
        /// been decided since: those are the ones whose `Finalized` came first. What is in them must not be proposed again.
        /// [`crate::solo`] has none.
        undecided: Vec<Arc<OrderedBlock>>,
        /// Whether an empty block is wanted.
        reason: Reason,
        /// `None`: nothing to say now.
        reply: oneshot::Sender<Option<OrderedBlock>>,
    },
    /// Check another sequencer's proposal. [`crate::solo`] never asks.
    Verify {
        /// The proposal. Its height, parent and round are right.
        block: Arc<OrderedBlock>,
        /// As in [`Event::Propose`].
        undecided: Vec<Arc<OrderedBlock>>,
        /// `Err` holds the reason in words, for the log, and is for ever: a block that may still become acceptable is not answered
        /// until it is. A closed channel means that nobody wants to know any more.
        reply: oneshot::Sender<Result<(), String>>,
    },
    /// The block is decided. Comes in order of height and at least once: after a crash the last ones may come again.
    Finalized {
        /// The block.
        block: OrderedBlock,
        /// Proof of the decision: of this block, or of one above, which decides this one too.
        certificate: Certificate,
        /// RLP of the access list of the L2 block that comes of it, from who has executed it and need not be believed. It only makes
        /// executing quicker. `None` from engines that decide before anybody executes.
        access_list: Option<Bytes>,
        /// To be sent when the block is durable. Dropping it unsent stops the engine.
        done: oneshot::Sender<()>,
    },
    /// Somebody contradicted himself under his own signature.
    Evidence(Evidence),
}

/// The application's way to tell the engine that there is something to order. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Notify>);

impl Handle {
    /// Says that there is something to order. Never blocks; several calls before the engine looks count as one.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// The engine's end of [`Handle`].
#[derive(Debug)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Waits for the next call of [`Handle::wake`], or returns at once when there was one since the last time.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

/// A connected pair.
pub fn handle() -> (Handle, Wake) {
    let notify = Arc::new(Notify::new());
    (Handle(notify.clone()), Wake(notify))
}
