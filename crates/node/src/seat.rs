//! A seat in a committee: its keys, who the others are, its engine.

use std::{net::SocketAddr, path::Path, time::Duration};

use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use sluice_ordering::{Event, PeersEnd, Wake};
use sluice_simplex::{Committee, Lines, Member, Peer, Settings};
use sluice_types::{ChainConfig, Height};
use tokio::sync::mpsc;

use crate::{Config, Error, config, keys, supervise::Shutdown};

/// Where the engine keeps its journal and archive, in the node's folder.
const FOLDER: &str = "consensus";

/// One line of the committee file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) network_key: B256,
    pub(crate) vote_key: Bytes,
    pub(crate) address: SocketAddr,
}

/// What the engine of our seat needs.
pub(crate) fn engine(
    config: &Config,
    seat: &config::Seat,
    chain: &ChainConfig,
) -> Result<sluice_simplex::Config, Error> {
    let keys = keys::read(&seat.keys_file, &keys::password(seat.password_file.as_ref())?)?;
    let (committee, peers) = committee(&config.chain, chain)?;
    Ok(sluice_simplex::Config {
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
    })
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

fn committee(chain_file: &Path, chain: &ChainConfig) -> Result<(Committee, Vec<Peer>), Error> {
    let path = chain_file.with_file_name("committee.json");
    let bad = |reason: String| Error::Config(format!("{}: {reason}", path.display()));
    let entries: Vec<Entry> = serde_json::from_str(&config::read(&path)?).map_err(|error| bad(error.to_string()))?;
    let mut members = Vec::new();
    for entry in &entries {
        let vote_key = entry.vote_key.as_ref().try_into().map_err(|_| bad("a voting key has not 96 bytes".into()))?;
        members.push(Member { network_key: entry.network_key, vote_key });
    }
    let committee = Committee::new(0, chain.l1.chain_id, chain.l1.rollup, &members).map_err(|e| bad(e.to_string()))?;
    let peers = entries.iter().map(|entry| Peer { network_key: entry.network_key, address: entry.address });
    Ok((committee, peers.collect()))
}
