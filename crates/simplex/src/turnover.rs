//! One engine for each epoch: starts that of the running one, and ends that of the one before.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use commonware_consensus::{
    Reporters,
    marshal::standard::Inline,
    simplex::{
        self, Floor,
        config::{ForwardPolicy, SkipBudget, SkipPolicy},
    },
    types::Epoch,
};
use commonware_cryptography::{ed25519::PublicKey, sha256::Digest};
use commonware_p2p::{
    Blocker, Receiver, Sender,
    utils::mux::{MuxHandle, Muxer, SubReceiver, SubSender},
};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, Supervisor, buffer::paged::CacheRef};
use commonware_utils::NonZeroDuration;
use sluice_ordering::Evidence;
use tokio::sync::mpsc;

use crate::{
    Error, Settings,
    application::Application,
    block::Block,
    committee::{self, Scheme},
    committees::{Committees, Schemes},
    engine::{BUFFER_BYTES, FETCH_PAUSE, FETCH_TIMEOUT, MAILBOX_SIZE, VIEWS_KEPT},
    epoch::{Epochs, Now},
    evidence::Watch,
    link::Link,
};

/// An engine goes on for so many timeouts of a leader when its epoch is over, for those who have not heard it yet.
const FAREWELL_TIMEOUTS: u32 = 2;
/// Epochs after the running one whose messages are kept until they begin here.
const EARLY_MAX: usize = 2;
/// Journals of votes that are kept besides that of the running epoch, so that an application that was set back by some blocks cannot
/// make a node vote again where it voted.
const JOURNALS_KEPT: usize = 2;

/// What the engines of all epochs share.
pub(crate) struct Turnover<E, B>
where
    E: Clock + rand_core::CryptoRng + Spawner + Storage + Metrics + Supervisor,
{
    pub(crate) schemes: Schemes,
    pub(crate) committees: Committees,
    pub(crate) epochs: Epochs,
    pub(crate) settings: Settings,
    pub(crate) blocker: B,
    pub(crate) automaton: Inline<E, Scheme, Application, Block, Epochs>,
    pub(crate) evidence: mpsc::Sender<Evidence>,
    pub(crate) link: Arc<Link>,
    pub(crate) partition: String,
    pub(crate) cache: CacheRef,
    /// Nothing is voted on before the chain has this height here: the application was there once.
    pub(crate) start: u64,
}

/// Channels that each epoch has for itself.
pub(crate) struct Lanes<S: Sender> {
    pub(crate) votes: MuxHandle<S>,
    pub(crate) certificates: MuxHandle<S>,
    pub(crate) resolver: MuxHandle<S>,
}

/// What an epoch's engine says and hears: votes, certificates, resolver.
type EpochLanes<S> = [(SubSender<S>, SubReceiver<PublicKey>); 3];

impl<S: Sender<PublicKey = PublicKey>> Lanes<S> {
    async fn register(&mut self, epoch: u64) -> Result<EpochLanes<S>, Error> {
        let closed = |_| Error::PartEnded("channels");
        Ok([
            self.votes.register(epoch).await.map_err(closed)?,
            self.certificates.register(epoch).await.map_err(closed)?,
            self.resolver.register(epoch).await.map_err(closed)?,
        ])
    }
}

/// Divides a channel by epoch.
pub(crate) fn divide<E, S, R>(context: E, (sender, receiver): (S, R)) -> (MuxHandle<S>, Handle<Result<(), R::Error>>)
where
    E: Spawner,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let (muxer, handle) = Muxer::new(context, sender, receiver);
    (handle, muxer.start())
}

/// An engine that works.
struct Running {
    epoch: u64,
    /// `None` for an epoch in which this node has no seat.
    engine: Option<Handle<()>>,
}

impl<E, B> Turnover<E, B>
where
    E: Clock + rand_core::CryptoRng + Spawner + Storage + Metrics + Supervisor,
    B: Blocker<PublicKey = PublicKey>,
{
    /// Works until an engine ends by itself, or one cannot be started; both are failures.
    pub(crate) async fn run<S: Sender<PublicKey = PublicKey>>(mut self, context: E, mut lanes: Lanes<S>) {
        let (mut now, mut committees) = (self.epochs.now(), self.committees.changes());
        let mut running: Option<Running> = None;
        let mut leaving: Option<(SystemTime, Handle<()>)> = None;
        let mut early = BTreeMap::new();
        loop {
            let at = *now.borrow_and_update();
            if let Err(error) = self.listen(at.epoch, &mut lanes, &mut early).await {
                return self.link.fail(error);
            }
            let begun = running.as_ref().is_some_and(|running| running.epoch == at.epoch);
            if !begun && at.height >= self.start {
                match self.begin(&context, at, (&mut lanes, &mut early)).await {
                    Ok(None) => {}
                    Ok(Some(next)) => {
                        if let Some(engine) = running.take().and_then(|before| before.engine) {
                            let until = context.current() + self.settings.leader_timeout * FAREWELL_TIMEOUTS;
                            if let Some((_, before)) = leaving.replace((until, engine)) {
                                before.abort();
                            }
                        }
                        running = Some(next);
                    }
                    Err(error) => return self.link.fail(error),
                }
            }
            let engine = running.as_mut().and_then(|running| running.engine.as_mut());
            let until = leaving.as_ref().map(|(until, _)| *until);
            tokio::select! {
                biased;
                () = ended(engine) => return self.link.fail(Error::PartEnded("voter")),
                changed = now.changed() => if changed.is_err() {
                    return;
                },
                () = committees.next() => {}
                () = reached(&context, until) => {
                    if let Some((_, engine)) = leaving.take() {
                        engine.abort();
                    }
                }
            }
        }
    }

    /// Opens the lanes of the next epochs in which this node votes. The last block of an epoch is not decided everywhere at once: who
    /// has it first proposes and votes at once, says so once, and the others need it when they begin.
    async fn listen<S: Sender<PublicKey = PublicKey>>(
        &mut self,
        running: u64,
        lanes: &mut Lanes<S>,
        early: &mut BTreeMap<u64, EpochLanes<S>>,
    ) -> Result<(), Error> {
        early.retain(|epoch, _| *epoch >= running);
        for epoch in self.committees.epochs().into_iter().filter(|epoch| *epoch > running).take(EARLY_MAX) {
            if !early.contains_key(&epoch) && matches!(self.schemes.signer(epoch), Some(Ok(_))) {
                early.insert(epoch, lanes.register(epoch).await?);
            }
        }
        Ok(())
    }

    /// Starts the engine of an epoch, if its committee is known.
    async fn begin<S: Sender<PublicKey = PublicKey>>(
        &mut self,
        context: &E,
        at: Now,
        (lanes, early): (&mut Lanes<S>, &mut BTreeMap<u64, EpochLanes<S>>),
    ) -> Result<Option<Running>, Error> {
        let epoch = at.epoch;
        let Some(signer) = self.schemes.signer(epoch) else { return Ok(None) };
        self.committees.set_current(epoch);
        self.forget_journals(context, epoch).await;
        let Ok(scheme) = signer else {
            tracing::info!(epoch, "this seat is not in the committee; it follows and does not vote");
            return Ok(Some(Running { epoch, engine: None }));
        };
        tracing::info!(epoch, height = at.height, "an epoch begins");
        let watch = Watch::new(scheme.clone(), self.link.clone(), self.evidence.clone());
        let reporter: Reporters<_, Watch> = (self.automaton.clone(), Some(watch)).into();
        let engine = simplex::Engine::new(
            context.child("engine").with_attribute("epoch", epoch),
            simplex::Config {
                scheme,
                elector: committee::turns(),
                blocker: self.blocker.clone(),
                automaton: self.automaton.clone(),
                relay: self.automaton.clone(),
                reporter,
                // Whoever contradicts himself late is found, too.
                track_historical_votes: true,
                strategy: Sequential,
                partition: self.journal(epoch),
                mailbox_size: MAILBOX_SIZE,
                epoch: Epoch::new(epoch),
                floor: Floor::Genesis(Digest(at.below.0)),
                replay_buffer: BUFFER_BYTES,
                write_buffer: BUFFER_BYTES,
                page_cache: self.cache.clone(),
                leader_timeout: self.settings.leader_timeout,
                certification_timeout: self.settings.leader_timeout * 2,
                timeout_retry: self.settings.leader_timeout * 2,
                view_retention: VIEWS_KEPT,
                skip: SkipPolicy::Enabled {
                    timeout: self.settings.leader_timeout * 5,
                    budget: SkipBudget::Participants,
                },
                fetch_timeout: NonZeroDuration::new_panic(FETCH_TIMEOUT),
                fetch_retry_delay: FETCH_PAUSE,
                forward: ForwardPolicy::SilentVoters,
            },
        );
        let [votes, certificates, resolver] = match early.remove(&epoch) {
            Some(lanes) => lanes,
            None => lanes.register(epoch).await?,
        };
        Ok(Some(Running { epoch, engine: Some(engine.start(votes, certificates, resolver)) }))
    }

    fn journal(&self, epoch: u64) -> String {
        format!("{}-votes-{epoch}", self.partition)
    }

    /// Removes the journal of the epoch that became too old.
    async fn forget_journals(&mut self, context: &E, running: u64) {
        let Some(old) = self.epochs.before(running, JOURNALS_KEPT + 1) else { return };
        // It is gone already, or there never was one.
        if let Err(error) = context.remove(&self.journal(old), None).await {
            tracing::debug!(epoch = old, %error, "no journal of an old epoch to remove");
        }
    }
}

/// Returns when the engine ends; never without one.
async fn ended(engine: Option<&mut Handle<()>>) {
    match engine {
        // Whatever it says, it should not have ended.
        Some(engine) => drop(engine.await),
        None => std::future::pending().await,
    }
}

/// Returns at a time; never without one.
async fn reached<E: Clock>(clock: &E, until: Option<SystemTime>) {
    match until {
        Some(until) => clock.sleep_until(until).await,
        None => std::future::pending().await,
    }
}
