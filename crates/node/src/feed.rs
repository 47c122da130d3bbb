//! A node without a seat that has peers. It has its blocks from them, and from L1 what they do not give.
//!
//! One of the two extends the chain at a time. While peers do, L1 is compared with what they gave. When L1 holds blocks that are not
//! executed here, and nothing was executed for as long as a peer may be silent, the peers are left and L1's blocks are executed; and
//! the other way round, when L1 has no more or gives nothing for as long.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use alloy_primitives::Address;
use sluice_feed::Start;
use sluice_follow::{Follow, Mode};
use sluice_l1::RpcL1;
use sluice_ordering::EVENTS_MAX;
use sluice_sequencer::Sequencer;
use sluice_store::Store;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};
use tracing::{info, warn};

use crate::{Config, Error, signers::Signers, supervise::Shutdown};

/// What it takes to follow peers and L1.
pub(crate) struct Fed {
    /// Whom to follow.
    pub(crate) feed: sluice_feed::Config,
    /// Whose certificates count.
    pub(crate) signers: Signers,
    pub(crate) store: Store,
    pub(crate) l1: Arc<RpcL1>,
    /// The node's.
    pub(crate) config: Config,
}

impl Fed {
    /// Follows until the process is to stop.
    pub(crate) async fn run(self, stop: Shutdown) -> Result<(), Error> {
        loop {
            self.follow_peers(&stop).await?;
            if stop.is_requested() {
                return Ok(());
            }
            metrics::counter!("feed_l1_takeovers_total").increment(1);
            let executed = self.store.heads().executed;
            warn!(%executed, "L1 holds blocks that no peer gives; taking them from L1");
            self.follow_l1(&stop).await?;
            if stop.is_requested() {
                return Ok(());
            }
            info!(executed = %self.store.heads().executed, "asking the peers again");
        }
    }

    /// Executes what peers give until L1 has to take over; what they gave is durable then, and nothing executes any more.
    async fn follow_peers(&self, stop: &Shutdown) -> Result<(), Error> {
        let (engine, _wake) = sluice_ordering::handle();
        let (events, inbox) = mpsc::channel(EVENTS_MAX);
        // It proposes nothing, so nobody is paid, and its pool stays empty.
        let settings = sluice_sequencer::Config {
            check_threads: NonZeroUsize::MIN,
            ..sluice_sequencer::Config::new(Address::ZERO)
        };
        let (sequencer, _pool) = Sequencer::new(settings, self.store.clone(), self.config.executor(), engine, None)
            .map_err(|error| failed("sequencer", &error))?;
        let (height, hash) = sluice_sequencer::start(&self.store);
        let epoch = sluice_sequencer::epoch(&self.store).map_err(|error| failed("sequencer", &error))?;
        let start = Start { height, hash, epoch };
        let (peers_left, left) = oneshot::channel::<()>();
        let peers = async {
            let enough = either(stop.clone().requested(), self.l1_is_ahead());
            let feed = sluice_feed::run(self.feed.clone(), start, events, self.signers.clone(), enough);
            // Each ends when the other does.
            let (feed, sequencer) = tokio::join!(feed, sequencer.run(inbox));
            drop(peers_left);
            match (feed, sequencer) {
                (Ok(()), sluice_sequencer::Error::EngineGone) => Ok(()),
                (Err(error), sluice_sequencer::Error::EngineGone) => Err(failed("feed", &error)),
                (_, error) => Err(failed("sequencer", &error)),
            }
        };
        // Until the last block is durable, since it may wait for L1 to be seen.
        let compare = self.follow(Mode::Compare, async { drop(left.await) });
        tokio::try_join!(peers, compare).map(drop)
    }

    /// Executes what L1 holds.
    async fn follow_l1(&self, stop: &Shutdown) -> Result<(), Error> {
        let enough = either(self.l1_has_no_more(), self.nothing_executed());
        self.follow(Mode::Execute, either(stop.clone().requested(), enough)).await
    }

    async fn follow(&self, mode: Mode, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let settings = sluice_follow::Config { mode, poll_ms: self.config.l1_poll_ms };
        let follow = Follow::new(settings, self.store.clone(), self.config.executor(), self.l1.clone());
        follow.run(stop).await.map_err(|error| failed("follow", &error))
    }

    /// Resolves when L1 holds more, and nothing was executed for a while.
    async fn l1_is_ahead(&self) {
        loop {
            self.nothing_executed().await;
            if self.l1_holds_more() {
                return;
            }
        }
    }

    /// Resolves when all that L1 holds is executed.
    async fn l1_has_no_more(&self) {
        let mut heads = self.store.watch_heads();
        while self.l1_holds_more() && heads.changed().await.is_ok() {}
    }

    /// Resolves when the executed head has stood for as long as a peer may be silent.
    async fn nothing_executed(&self) {
        let mut heads = self.store.watch_heads();
        let mut executed = heads.borrow_and_update().executed;
        let mut deadline = self.deadline();
        while let Ok(Ok(())) = timeout_at(deadline, heads.changed()).await {
            let now = heads.borrow_and_update().executed;
            if now != executed {
                (executed, deadline) = (now, self.deadline());
            }
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.feed.stall.max(Duration::from_millis(self.config.l1_poll_ms))
    }

    /// Whether L1 holds blocks that are not executed here. A store that fails answers yes: whoever goes on says how it failed.
    fn l1_holds_more(&self) -> bool {
        self.store.batch_of(self.store.heads().executed.next()).map_or(true, |batch| batch.is_some())
    }
}

fn failed(room: &'static str, error: &dyn std::fmt::Display) -> Error {
    Error::Room { room, reason: error.to_string() }
}

/// Resolves when one of the two does.
async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}
