//! The loop: one peer after another.

use std::{convert::Infallible, time::Duration};

use rustls::RootCertStore;
use sluice_ordering::{ConflictingCertificates, Event, Evidence};
use sluice_types::{Certificate, Severity};
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};

use crate::{
    Config, Contradiction, Doubt, Error, Peer, Start, Verifier,
    chain::Chain,
    flight::Flight,
    message::Arrived,
    peer::{Connection, public_roots},
};

/// Pause before the next peer is asked; doubled for each that gave nothing since one gave something.
const BACKOFF: Duration = Duration::from_millis(100);
/// Longest pause.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// Pause before it is asked again who may sign.
const UNKNOWN_PAUSE: Duration = Duration::from_millis(500);

/// Takes blocks above `start` from the peers, one peer at a time, and hands over what is certified, until `stop` is ready; it ends when
/// all that it has handed over is durable. While no peer is there it keeps trying.
///
/// Errors: [`Error::Config`], [`Error::ApplicationGone`], [`Error::Contradiction`].
pub async fn run(
    config: Config,
    start: Start,
    events: mpsc::Sender<Event>,
    verifier: impl Verifier,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    run_trusting(config, start, (events, stop), verifier, public_roots()).await
}

/// [`run`] with other roots of TLS.
pub(crate) async fn run_trusting(
    config: Config,
    start: Start,
    (events, stop): (mpsc::Sender<Event>, impl Future<Output = ()>),
    verifier: impl Verifier,
    roots: RootCertStore,
) -> Result<(), Error> {
    config.check()?;
    let mut feed = Feed::new(config.stall, start, events, verifier, roots);
    let stopped = tokio::select! {
        biased;
        () = stop => Ok(()),
        ended = feed.follow_all(&config.peers) => ended.map(|never| match never {}),
    };
    match stopped {
        Ok(()) => feed.flight.land().await,
        Err(error) => {
            feed.report(&error).await;
            Err(error)
        }
    }
}

/// What is kept from peer to peer.
pub(crate) struct Feed<V> {
    pub(crate) chain: Chain,
    flight: Flight,
    verifier: V,
    roots: RootCertStore,
    stall: Duration,
}

impl<V: Verifier> Feed<V> {
    pub(crate) const fn new(
        stall: Duration,
        start: Start,
        events: mpsc::Sender<Event>,
        verifier: V,
        roots: RootCertStore,
    ) -> Self {
        Self { chain: Chain::new(start), flight: Flight::new(events), verifier, roots, stall }
    }

    /// Follows one peer after another until all fails.
    async fn follow_all(&mut self, peers: &[Peer]) -> Result<Infallible, Error> {
        let mut failed = 0;
        for peer in peers.iter().cycle() {
            let before = self.chain.height();
            let Err(error) = self.follow(peer).await;
            if error.severity() == Severity::Fatal {
                return Err(error);
            }
            failed = if self.chain.height() > before { 0 } else { failed + 1 };
            let wait = BACKOFF.saturating_mul(1 << failed.min(10)).min(BACKOFF_MAX);
            metrics::counter!("feed_peers_left_total").increment(1);
            tracing::warn!(%peer, %error, height = %self.chain.height(), ?wait, "a peer of the feed is left for the next");
            tokio::select! {
                gone = self.flight.application_gone() => return Err(gone),
                () = time::sleep(wait) => {}
            }
        }
        unreachable!("a cycle of at least one peer does not end")
    }

    /// Follows one peer until it fails, or all does.
    pub(crate) async fn follow(&mut self, peer: &Peer) -> Result<Infallible, Error> {
        let from = self.chain.restart();
        let opening = Connection::open(peer, self.roots.clone(), from);
        let mut connection = or_stalled(self.stall, &self.flight, opening).await?;
        tracing::info!(%peer, %from, "the feed follows a peer");
        loop {
            // Not read while the application is behind: the peer waits, and its silence is ours.
            self.flight.make_room().await?;
            let arrived = or_stalled(self.stall, &self.flight, connection.next()).await?;
            self.take(arrived, peer).await?;
        }
    }

    async fn take(&mut self, arrived: Arrived, peer: &Peer) -> Result<(), Error> {
        let Some(certificate) = self.chain.take(arrived)? else { return Ok(()) };
        self.verify(&certificate).await?;
        for (block, access_list) in self.chain.decide(&certificate, &peer.to_string())? {
            self.flight.finalize((block, access_list), certificate.clone()).await?;
            metrics::counter!("feed_blocks_total").increment(1);
        }
        metrics::gauge!("feed_height").set(self.chain.height().0 as f64);
        Ok(())
    }

    /// Asks whether a certificate holds, and again while nobody can know, as long as a peer may be silent: it may have invented
    /// those who signed.
    async fn verify(&self, certificate: &Certificate) -> Result<(), Error> {
        let block = self.chain.last();
        let wrong = |reason: String| Error::Certificate { height: block.height, reason };
        let deadline = Instant::now() + self.stall;
        loop {
            match self.verifier.verify(block, certificate).await {
                Ok(()) => return Ok(()),
                Err(Doubt::Wrong(reason)) => return Err(wrong(reason)),
                Err(Doubt::Unknown(reason)) if Instant::now() >= deadline => return Err(wrong(reason)),
                Err(Doubt::Unknown(reason)) => {
                    tracing::debug!(height = %block.height, reason, "a certificate cannot be judged yet");
                    tokio::select! {
                        gone = self.flight.application_gone() => return Err(gone),
                        () = time::sleep(UNKNOWN_PAUSE.min(self.stall)) => {}
                    }
                }
            }
        }
    }

    /// Tells the application of a contradiction that one signature proves, before all ends.
    async fn report(&self, error: &Error) {
        let Error::Contradiction(contradiction) = error else { return };
        let Contradiction { ours_certificate: Some(ours), theirs_certificate: theirs, .. } = &**contradiction else {
            return;
        };
        if let Ok(evidence) = ConflictingCertificates::new(ours.clone(), theirs.clone()) {
            // An application that is gone has its own error.
            let _ = self.flight.tell(Event::Evidence(Evidence::Certificates(evidence))).await;
        }
    }
}

/// What a peer does, unless it takes too long or the application goes away.
async fn or_stalled<T>(
    stall: Duration,
    flight: &Flight,
    doing: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        biased;
        gone = flight.application_gone() => Err(gone),
        done = time::timeout(stall, doing) => done.unwrap_or_else(|_| Err(Error::Stalled(stall.as_millis()))),
    }
}
