//! A seat in a committee: its keys, who the others are, its engine.

use std::{net::SocketAddr, time::Duration};

use sluice_l1::{At, Registry, RpcL1};
use sluice_ordering::{Event, PeersEnd, Wake};
use sluice_simplex::{Committee, Lines, Member, Peer, SeatKeys, Settings};
use sluice_types::{ChainConfig, Height};
use tokio::sync::mpsc;
use tracing::info;

use crate::{Config, Error, config, keys, supervise::Shutdown};

/// Where the engine keeps its journal and archive, in the node's folder.
const FOLDER: &str = "consensus";
/// The epoch whose committee orders. Those of later epochs do not take over yet.
pub(crate) const EPOCH: u32 = 0;
/// Pause before L1 is asked for the committee again.
const COMMITTEE_PAUSE: Duration = Duration::from_millis(500);

/// Who orders, from L1, and where they are. Waits until L1 is final about it, because only then do all nodes see the same.
pub(crate) async fn committee(l1: &RpcL1, chain: &ChainConfig) -> Result<(Committee, Vec<Peer>), Error> {
    let registry = Registry::connect(l1.clone(), None).await?;
    let mut told = false;
    let found = loop {
        if let Some(found) = registry.committee(EPOCH, At::Finalized).await? {
            break found;
        }
        if !told {
            told = true;
            let sequencers = registry.contracts().sequencers;
            info!(%sequencers, epoch = EPOCH, "no committee is stored in a final L1 block yet; waiting");
        }
        tokio::time::sleep(COMMITTEE_PAUSE).await;
    };
    let (mut members, mut peers) = (Vec::new(), Vec::new());
    for seat in &found.seats {
        members.push(Member { network_key: seat.p2p_key, vote_key: seat.bls_key_compressed });
        peers.push(Peer { network_key: seat.p2p_key, address: resolve(seat.id, &seat.network_address).await? });
    }
    let sequencers = registry.contracts().sequencers;
    let committee = Committee::new(u64::from(EPOCH), chain.l1.chain_id, sequencers, &members)
        .map_err(|error| Error::Config(error.to_string()))?;
    Ok((committee, peers))
}

/// The address behind `host:port`.
async fn resolve(seat: u32, address: &str) -> Result<SocketAddr, Error> {
    let bad = |reason: String| Error::Config(format!("seat {seat} is at {address:?}, which cannot be found: {reason}"));
    let mut found = tokio::net::lookup_host(address).await.map_err(|error| bad(error.to_string()))?;
    found.next().ok_or_else(|| bad("it has no address".into()))
}

/// The keys of our seat.
pub(crate) fn read_keys(seat: &config::Seat) -> Result<SeatKeys, Error> {
    keys::read(&seat.keys_file, &keys::password(seat.password_file.as_ref())?)
}

/// What the engine of our seat needs.
pub(crate) fn engine(
    config: &Config,
    seat: &config::Seat,
    keys: SeatKeys,
    (committee, peers): (Committee, Vec<Peer>),
) -> sluice_simplex::Config {
    sluice_simplex::Config {
        keys,
        committee,
        settings: Settings {
            block_time: Duration::from_millis(config.block_time_ms),
            heartbeat: Duration::from_millis(config.heartbeat_ms),
            leader_timeout: Duration::from_millis(seat.leader_timeout_ms),
        },
        listen: seat.listen,
        peers,
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
