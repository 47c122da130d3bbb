//! The seat on the network: listen, lie, wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use alloy_primitives::B256;
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::simplex::types::Vote;
use commonware_cryptography::{ed25519::PublicKey, sha256::Digest};
use commonware_p2p::{Receiver, Recipients, Sender, utils::mux::Muxer};
use commonware_runtime::{Clock as _, Runner as _, Spawner as _, Supervisor as _, tokio as runtime};
use sluice_sim::{Lie, Scheme};
use sluice_simplex::{Channels, Presence, SeatKeys};
use tokio::sync::watch;

use crate::{
    committee::Committee,
    error::Error,
    heard::{Heard, other},
};

/// Whoever says nothing for so long has hung up: an honest seat votes several times a second.
const HUNG_UP_AFTER: Duration = Duration::from_secs(3);

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) lie: Lie,
    /// Network key of the one who is told; all are when there is none.
    pub(crate) only: Option<B256>,
    /// The longest that all of it may take.
    pub(crate) time: Duration,
}

/// Lies once, says on the way what it does, and returns when those who were told have hung up.
pub(crate) fn run(keys: SeatKeys, committee: &Committee, plan: &Plan) -> Result<(), Error> {
    let scheme = committee.scheme(&keys)?;
    let me = keys.network_key();
    let peers = committee.peers();
    let listen = committee.address(me)?;
    let others = peers.iter().map(|peer| peer.network_key).filter(|key| *key != me);
    let others = others.map(|key| public_key(key).ok_or(Error::Keys)).collect::<Result<BTreeSet<_>, Error>>()?;
    let told = match plan.only {
        None => others.clone(),
        Some(key) => {
            let only = public_key(key).filter(|only| others.contains(only)).ok_or(Error::NotAMember(key))?;
            BTreeSet::from([only])
        }
    };
    let presence = Presence {
        keys,
        listen,
        seats_max: peers.len(),
        peers: watch::Sender::new(BTreeMap::from([(committee.epoch, peers)])).subscribe(),
    };
    runtime::Runner::new(runtime::Config::new().with_tcp_nodelay(Some(true))).start(|context| async move {
        let (_oracle, channels) = sluice_simplex::connect(&context, presence);
        let Channels { votes, certificates, resolver, backfill, blocks, messages } = channels;
        // A node reads these, too.
        for (_, ignored) in [certificates, resolver, backfill, blocks, messages] {
            context.child("ignored").spawn(|_| ignore(ignored));
        }
        let (muxer, mut lanes) = Muxer::new(context.child("votes"), votes.0, votes.1);
        muxer.start();
        let lane = lanes.register(committee.epoch).await.map_err(|_| Error::NetworkEnded)?;
        Liar { clock: context, scheme, told, plan }.work(lane, Heard::new(others)).await
    })
}

/// The seat while it works.
struct Liar<'a> {
    clock: runtime::Context,
    scheme: Scheme,
    told: BTreeSet<PublicKey>,
    plan: &'a Plan,
}

impl Liar<'_> {
    async fn work(
        &self,
        (mut sender, mut receiver): (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
        mut heard: Heard,
    ) -> Result<(), Error> {
        let until = self.clock.current() + self.plan.time;
        let time_s = self.plan.time.as_secs();
        let proposal = loop {
            let Some((from, vote)) = self.next(&mut receiver, until).await? else {
                let (heard, others) = heard.counts();
                return Err(Error::Silence { time_s, heard, others });
            };
            if let Some(proposal) = heard.hear(&from, vote) {
                break proposal;
            }
        };
        let view = proposal.round.view();
        let proposals = [proposal.clone(), other(&proposal)];
        for vote in self.plan.lie.votes(&self.scheme, proposals).ok_or(Error::Keys)? {
            sender.send(Recipients::Some(self.told.iter().cloned().collect()), vote.encode(), true);
        }
        println!("told {} seats two votes of view {view} that contradict each other", self.told.len());
        self.wait(&mut receiver, until).await?;
        println!("all of them have hung up");
        Ok(())
    }

    /// Returns when those who were told have hung up.
    async fn wait(&self, receiver: &mut impl Receiver<PublicKey = PublicKey>, until: SystemTime) -> Result<(), Error> {
        let mut talking: BTreeMap<PublicKey, SystemTime> =
            self.told.iter().map(|key| (key.clone(), self.clock.current())).collect();
        while let Some(latest) = talking.values().max() {
            if self.clock.current() > until {
                return Err(Error::NotNoticed { talking: talking.len(), time_s: self.plan.time.as_secs() });
            }
            if let Some((from, _)) = self.next(receiver, until.min(*latest + HUNG_UP_AFTER)).await?
                && let Some(last) = talking.get_mut(&from)
            {
                *last = self.clock.current();
            }
            let now = self.clock.current();
            talking.retain(|_, last| now < *last + HUNG_UP_AFTER);
        }
        Ok(())
    }

    /// The next vote of anybody, unless there is none by then. What is no vote is passed over.
    async fn next(
        &self,
        receiver: &mut impl Receiver<PublicKey = PublicKey>,
        until: SystemTime,
    ) -> Result<Option<(PublicKey, Vote<Scheme, Digest>)>, Error> {
        loop {
            tokio::select! {
                biased;
                () = self.clock.sleep_until(until) => return Ok(None),
                message = receiver.recv() => {
                    let (from, bytes) = message.map_err(|_| Error::NetworkEnded)?;
                    if let Ok(vote) = Vote::decode(bytes) {
                        return Ok(Some((from, vote)));
                    }
                }
            }
        }
    }
}

async fn ignore(mut receiver: impl Receiver<PublicKey = PublicKey>) {
    while receiver.recv().await.is_ok() {}
}

fn public_key(key: B256) -> Option<PublicKey> {
    PublicKey::decode(bytes::Bytes::copy_from_slice(key.as_slice())).ok()
}
