//! A seat in the committees of the sequencers: its keys, who the others are in each epoch, its engine.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use alloy::primitives::U256;
use sluice_l1::{At, Registry, RpcL1};
use sluice_ordering::{Event, PeersEnd, Wake};
use sluice_sequencer::{NextEpoch, NextEpochs};
use sluice_simplex::{Committee, Committees, Lines, Peer, SeatKeys, Settings};
use sluice_types::Height;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::{
    Config, Error, config,
    cosign::{Ejected, Rota},
    keys, signers,
    supervise::Shutdown,
};

/// Where the engine keeps its journal and archive, in the node's folder.
const FOLDER: &str = "consensus";
/// Pause before L1 is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// After so many pauses it is looked whether somebody has moved to another address.
const PAUSES_PER_MOVE: u32 = 60;
/// Newest epochs of which it is known who was ejected: turns are taken in the running one, or the last that had a committee.
const EJECTED_EPOCHS_MAX: usize = 4;

/// What is known of the committees. Everything comes from L1 blocks that are final, because only of those all nodes see the same.
pub(crate) struct Epochs {
    registry: Registry,
    /// For the engine and the batches.
    pub(crate) committees: Committees,
    peers: watch::Sender<BTreeMap<u64, Vec<Peer>>>,
    ejected: watch::Sender<Ejected>,
    next: watch::Sender<Vec<NextEpoch>>,
}

impl Epochs {
    /// Waits until L1 is final about the first committee of the chain, and reads those since the epoch that the node's blocks are of.
    pub(crate) async fn read(l1: &RpcL1, blocks_of: u64) -> Result<Self, Error> {
        let registry = Registry::connect(l1.clone()).await?;
        let mut told = false;
        let first = 'first: loop {
            for epoch in 0..=registry.epoch_of(At::Finalized).await?.saturating_add(1) {
                if let Some(found) = read(&registry, epoch).await? {
                    break 'first found;
                }
            }
            if !told {
                told = true;
                let sequencers = registry.contracts().sequencers;
                info!(%sequencers, "no committee is stored in a final L1 block yet; waiting");
            }
            tokio::time::sleep(PAUSE).await;
        };
        let epoch = first.committee.epoch();
        let mut this = Self {
            registry,
            committees: Committees::new(first.committee),
            peers: watch::Sender::new(BTreeMap::from([(epoch, first.peers)])),
            ejected: watch::Sender::new(Ejected::from([(epoch, first.ejected)])),
            next: watch::Sender::default(),
        };
        let running = this.registry.epoch_of(At::Finalized).await?;
        let from = u32::try_from(blocks_of.saturating_sub(1)).unwrap_or(running).min(running);
        for epoch in from..=running.saturating_add(1) {
            this.learn(epoch).await?;
        }
        this.tell_next();
        Ok(this)
    }

    /// The contracts.
    pub(crate) const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Which epochs may take over.
    pub(crate) fn next(&self) -> NextEpochs {
        self.next.subscribe()
    }

    /// Whose turn it is to post.
    pub(crate) fn rota(&self) -> Rota {
        Rota { turns: *self.registry.turns(), ejected: self.ejected.subscribe() }
    }

    /// Reads an epoch's committee, if it is stored and not known.
    async fn learn(&mut self, epoch: u32) -> Result<(), Error> {
        if self.committees.get(u64::from(epoch)).is_some() {
            return Ok(());
        }
        if let Some(found) = read(&self.registry, epoch).await? {
            info!(epoch, seats = found.committee.len(), "the committee of an epoch is known");
            self.committees.insert(found.committee);
            self.peers.send_modify(|all| drop(all.insert(u64::from(epoch), found.peers)));
            self.note_ejected(epoch, found.ejected);
            self.tell_next();
        }
        Ok(())
    }

    fn note_ejected(&self, epoch: u32, ejected: U256) {
        self.ejected.send_modify(|all| {
            all.insert(u64::from(epoch), ejected);
            while all.len() > EJECTED_EPOCHS_MAX {
                all.pop_first();
            }
        });
    }

    fn tell_next(&self) {
        let starts_at = |epoch| self.registry.params().start_of(u32::try_from(epoch).unwrap_or(u32::MAX));
        let known = self.committees.epochs().into_iter();
        self.next.send_replace(known.map(|epoch| NextEpoch { epoch, starts_at: starts_at(epoch) }).collect());
    }

    /// Looks where the members of the known epochs are now that have not ended, and which were slashed.
    async fn look_for_moves(&mut self) -> Result<(), Error> {
        let running = u64::from(self.registry.epoch_of(At::Finalized).await?);
        for epoch in self.committees.epochs().into_iter().filter(|epoch| *epoch >= running) {
            let epoch = u32::try_from(epoch).expect("it came from L1");
            if let Some(Found { peers, ejected, .. }) = read(&self.registry, epoch).await? {
                self.peers.send_if_modified(|all| all.insert(u64::from(epoch), peers.clone()) != Some(peers));
                self.note_ejected(epoch, ejected);
            }
        }
        Ok(())
    }

    async fn look(&mut self, moves: bool) -> Result<(), Error> {
        // What was not stored while an epoch ran is never stored.
        let running = self.registry.epoch_of(At::Finalized).await?;
        self.learn(running).await?;
        self.learn(running.saturating_add(1)).await?;
        if moves { self.look_for_moves().await } else { Ok(()) }
    }

    /// Learns what L1 says of later epochs, until the process is to stop.
    pub(crate) async fn run(mut self, stop: Shutdown) -> Result<(), Error> {
        let stopped = stop.requested();
        tokio::pin!(stopped);
        let mut looks = 0u32;
        loop {
            tokio::select! {
                () = &mut stopped => return Ok(()),
                () = tokio::time::sleep(PAUSE) => {}
            }
            looks = looks.wrapping_add(1);
            // The one that runs goes on meanwhile.
            if let Err(error) = self.look(looks.is_multiple_of(PAUSES_PER_MOVE)).await {
                warn!(%error, "L1 does not tell of the next committee; asking again");
            }
        }
    }
}

/// What L1 says of an epoch.
struct Found {
    committee: Committee,
    /// Where the members are that can be found.
    peers: Vec<Peer>,
    ejected: U256,
}

/// The committee of an epoch, if it is stored.
async fn read(registry: &Registry, epoch: u32) -> Result<Option<Found>, Error> {
    let Some(found) = registry.committee(epoch, At::Finalized).await? else { return Ok(None) };
    let mut peers = Vec::new();
    for seat in &found.seats {
        match resolve(&seat.network_address).await {
            Ok(address) => peers.push(Peer { network_key: seat.p2p_key, address }),
            // The others go on without it.
            Err(reason) => warn!(seat = seat.id, address = seat.network_address, reason, "a seat cannot be found"),
        }
    }
    Ok(Some(Found { committee: signers::committee(registry, &found)?, peers, ejected: found.ejected }))
}

/// The address behind `host:port`.
async fn resolve(address: &str) -> Result<SocketAddr, String> {
    let mut found = tokio::net::lookup_host(address).await.map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| "it has no address".into())
}

/// The keys of our seat.
pub(crate) fn read_keys(seat: &config::Seat) -> Result<SeatKeys, Error> {
    keys::read(&seat.keys_file, &keys::password(seat.password_file.as_ref())?)
}

/// What the engine of our seat needs.
pub(crate) fn engine(config: &Config, seat: &config::Seat, keys: SeatKeys, epochs: &Epochs) -> sluice_simplex::Config {
    sluice_simplex::Config {
        keys,
        committees: epochs.committees.clone(),
        settings: Settings {
            block_time: Duration::from_millis(config.block_time_ms),
            heartbeat: Duration::from_millis(config.heartbeat_ms),
            leader_timeout: Duration::from_millis(seat.leader_timeout_ms),
            ..Settings::default()
        },
        listen: seat.listen,
        peers: epochs.peers.subscribe(),
        seats_max: usize::try_from(epochs.registry.params().set_size_max).unwrap_or(usize::MAX),
        folder: config.data_dir.join(FOLDER),
        threads: seat.threads,
    }
}

/// Runs the engine until the process is to stop.
pub(crate) async fn run(
    engine: sluice_simplex::Config,
    start: Height,
    (events, wake): (mpsc::Sender<Event>, Wake),
    peers: PeersEnd,
    stop: Shutdown,
) -> Result<(), sluice_simplex::Error> {
    sluice_simplex::run(engine, start, Lines { events, wake, peers }, stop.requested()).await
}
