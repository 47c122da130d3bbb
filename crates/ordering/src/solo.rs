//! One sequencer: its signature is the certificate.
//!
//! At most [`IN_FLIGHT_MAX`] blocks are decided and not durable, so that the application can execute one while it seals and stores
//! those before.
//!
//! It never signs two different blocks at one height that anybody can see. The application says `done` when block and certificate are
//! durable, and a restart begins above what is durable. After a crash between signing and `done` new blocks may be signed at the same
//! heights, but then the first signatures never left the process: they went only to the application, which publishes what it has
//! stored and nothing else.

use std::{collections::VecDeque, time::Duration};

use alloy_primitives::B256;
use sluice_types::{Certificate, Height, OrderedBlock};
use tokio::{
    sync::{
        mpsc,
        oneshot::{self, error::TryRecvError},
    },
    time::{self, Instant},
};

use crate::{Error, Event, Key, Reason, Round, Wake, certificate::certify};

/// How long a proposal may take. After that the height is asked for again at the next opportunity.
pub const PROPOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Most blocks that are decided and not durable. As many as an application has stages to take them through; more would only wait.
pub const IN_FLIGHT_MAX: usize = 4;
/// How often to warn while a finalised block is not durable. There is no limit: going on without it would be wrong.
pub const DONE_WARNING: Duration = Duration::from_secs(10);

/// How one sequencer works. Local to the node.
#[derive(Clone, Debug)]
pub struct Config {
    /// Shortest time between two blocks while there is something to order. At least 1 ms.
    pub block_time: Duration,
    /// Longest time between two blocks when there is nothing. At least `block_time`.
    pub heartbeat: Duration,
    /// Signs the blocks.
    pub key: Key,
}

impl Config {
    /// The usual cadence: 200 ms under work, 5 s idle.
    pub const fn new(key: Key) -> Self {
        Self { block_time: Duration::from_millis(200), heartbeat: Duration::from_secs(5), key }
    }

    fn check(&self) -> Result<(), Error> {
        if self.block_time < Duration::from_millis(1) {
            return Err(Error::Config("block_time is below 1 ms; give 1 ms or more"));
        }
        if self.heartbeat < self.block_time {
            return Err(Error::Config("heartbeat is shorter than block_time; give at least as much"));
        }
        Ok(())
    }
}

/// Orders blocks above `start` (the last durable height and its hash; height 0 and zero for a new chain) until the
/// application goes away.
///
/// Errors: [`Error::Config`], [`Error::WrongProposal`], [`Error::ApplicationGone`].
pub async fn run(config: Config, start: (Height, B256), events: mpsc::Sender<Event>, wake: Wake) -> Result<(), Error> {
    config.check()?;
    let mut tip = start;
    let mut turn = Turn::new();
    let mut in_flight = InFlight::default();
    loop {
        in_flight.make_room().await?;
        let reason = turn.next(&config, &wake).await;
        match propose(&events, tip, reason).await? {
            Answer::Block(block) => {
                let hash = block.hash();
                let certificate = certify(&config.key, block.height, hash);
                in_flight.finalize(&events, block, certificate).await?;
                tip = (tip.0.next(), hash);
                turn.ordered();
                metrics::gauge!("ordering_height").set(tip.0.0 as f64);
            }
            Answer::Nothing => turn.nothing(reason),
            Answer::Late => turn.woken = true,
        }
    }
}

/// When to ask next.
struct Turn {
    /// When a proposal was last asked for. Times count from here, so that executing a block does not add to the block time.
    asked: Instant,
    /// When a block was last asked for and came, or a heartbeat passed without one.
    beat: Instant,
    /// Woken, and not yet asked since.
    woken: bool,
}

impl Turn {
    fn new() -> Self {
        let now = Instant::now();
        Self { asked: now, beat: now, woken: false }
    }

    /// Waits until there is work and the block time has passed, or until the heartbeat.
    async fn next(&mut self, config: &Config, wake: &Wake) -> Reason {
        let heartbeat = self.beat + config.heartbeat;
        if !self.woken {
            tokio::select! {
                biased;
                () = wake.woken() => self.woken = true,
                () = time::sleep_until(heartbeat) => {}
            }
        }
        // A question that gave nothing counts too: what is woken without end is not asked without end.
        time::sleep_until(self.asked + config.block_time).await;
        self.asked = Instant::now();
        self.woken = false;
        if self.asked >= heartbeat { Reason::Heartbeat } else { Reason::Work }
    }

    fn ordered(&mut self) {
        self.beat = self.asked;
    }

    /// A heartbeat that is not wanted is not asked for again before another heartbeat.
    fn nothing(&mut self, reason: Reason) {
        if reason == Reason::Heartbeat {
            self.beat = self.asked;
        }
    }
}

/// What the application said to a question.
enum Answer {
    Block(OrderedBlock),
    Nothing,
    Late,
}

async fn propose(events: &mpsc::Sender<Event>, tip: (Height, B256), reason: Reason) -> Result<Answer, Error> {
    let (reply, answer) = oneshot::channel();
    let (height, parent) = (tip.0.next(), tip.1);
    let gone = Error::ApplicationGone("asked for a block");
    events
        .send(Event::Propose { height, parent, round: Round::default(), undecided: Vec::new(), reason, reply })
        .await
        .map_err(|_| gone.clone())?;
    let Ok(answer) = time::timeout(PROPOSE_TIMEOUT, answer).await else {
        tracing::warn!(%height, timeout = ?PROPOSE_TIMEOUT, "no proposal in time");
        metrics::counter!("ordering_proposals_late").increment(1);
        return Ok(Answer::Late);
    };
    let Some(block) = answer.map_err(|_| gone)? else { return Ok(Answer::Nothing) };
    if (block.height, block.parent) != (height, parent) {
        return Err(Error::WrongProposal { height, parent, got_height: block.height, got_parent: block.parent });
    }
    Ok(Answer::Block(block))
}

/// Decided blocks that are not durable, in order.
#[derive(Default)]
struct InFlight(VecDeque<(Height, oneshot::Receiver<()>)>);

impl InFlight {
    async fn finalize(
        &mut self,
        events: &mpsc::Sender<Event>,
        block: OrderedBlock,
        certificate: Certificate,
    ) -> Result<(), Error> {
        let (done, durable) = oneshot::channel();
        let height = block.height;
        let sent = events.send(Event::Finalized { block, certificate, access_list: None, done }).await;
        sent.map_err(|_| Error::ApplicationGone("storing a finalised block"))?;
        self.0.push_back((height, durable));
        Ok(())
    }

    /// Waits until another block may be decided.
    async fn make_room(&mut self) -> Result<(), Error> {
        loop {
            let is_full = self.0.len() >= IN_FLIGHT_MAX;
            let Some((height, durable)) = self.0.front_mut() else { return Ok(()) };
            match durable.try_recv() {
                Ok(()) => {}
                Err(TryRecvError::Closed) => return Err(Error::ApplicationGone("storing a finalised block")),
                Err(TryRecvError::Empty) if !is_full => return Ok(()),
                Err(TryRecvError::Empty) => wait_for(*height, durable).await?,
            }
            self.0.pop_front();
        }
    }
}

async fn wait_for(height: Height, durable: &mut oneshot::Receiver<()>) -> Result<(), Error> {
    loop {
        match time::timeout(DONE_WARNING, &mut *durable).await {
            Ok(done) => return done.map_err(|_| Error::ApplicationGone("storing a finalised block")),
            Err(_) => tracing::warn!(%height, "a finalised block is not durable yet; ordering waits for it"),
        }
    }
}

#[cfg(test)]
mod tests;
