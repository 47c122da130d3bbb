//! The whole node on one page: a transaction's journey, room by room.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use alloy::{primitives::B256, signers::local::PrivateKeySigner};
use sluice_duties::Duties;
use sluice_executor::Executor;
use sluice_follow::Follow;
use sluice_l1::{Registry, RpcL1, Sender, SenderConfig, Staker};
use sluice_ordering::{Key, Topics, solo};
use sluice_sequencer::{PoolHandle, Sequencer};
use sluice_settle::{L1Poster, Settle};
use sluice_store::{Genesis, Store};
use sluice_types::{ChainConfig, Severity};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::{
    Config, Error, Role, config, cosign::Cosign, duties::Bench, feed::Fed, health, seat, signers::Signers,
    supervise::Supervisor,
};

/// Failed tries in a row before `derive` gives up on L1.
const DERIVE_TRIES_MAX: u32 = 10;
/// Pause between them.
const DERIVE_RETRY_WAIT: Duration = Duration::from_secs(1);

/// A node that runs.
#[derive(Debug)]
pub struct Node {
    /// Its rooms.
    pub supervisor: Supervisor,
    /// Its memory.
    pub store: Store,
    /// Where JSON-RPC listens.
    pub rpc: SocketAddr,
    /// Where the explorer listens.
    pub explorer: SocketAddr,
    /// Where metrics and health listen.
    pub metrics: SocketAddr,
}

/// Starts every room of a node's role.
pub async fn start(config: &Config) -> Result<Node, Error> {
    let chain = config::chain(&config.chain)?;
    config::writable_folder(&config.data_dir)?;
    let metrics_listener = health::bind(config.address(config.metrics_port)).await?;
    let metrics = metrics_listener.local_addr()?;
    let l1 = connect_l1(&config.l1_rpc, &config.l1_beacon, &chain).await?;
    let store = open_store(&config.data_dir, chain)?;
    let mut rooms = Supervisor::default();

    let pool = match config.role {
        Role::Follower => None,
        Role::Sequencer => {
            // 1-5. A wallet's transaction enters the pool, is ordered, executed and committed.
            let (pool, seat) = start_sequencer(config, &store, &l1, &mut rooms).await?;
            let sender = posting_sender(config, &store).await?;
            let (cosign, bench) = seat.map(|seat| (seat.cosign, seat.bench)).unzip();
            // 6. Executed blocks become batches on L1.
            start_settling(config, &store, sender.clone(), cosign, &mut rooms);
            // Whose seats they are, and what these earn and lose, is decided there too.
            if let Some(bench) = bench {
                start_duties(config, &store, sender, bench, &mut rooms)?;
            }
            Some(pool)
        }
    };
    // 7-9. What L1 says comes back: derived, proven, finalized.
    match &config.feed {
        None => start_following(config, &store, l1, &mut rooms),
        // 5, without a seat: what is certified comes from peers, and L1 is behind it.
        Some(feed) => start_feed(config, feed, &store, l1, &mut rooms).await?,
    }
    // Everybody may look.
    let rpc = start_rpc(config, &store, pool, &mut rooms).await?;
    let explorer = start_explorer(config, &store, &mut rooms).await?;
    start_health(config, &store, metrics_listener, &mut rooms)?;
    info!(%rpc, %explorer, %metrics, role = ?config.role, "node started");
    Ok(Node { supervisor: rooms, store, rpc, explorer, metrics })
}

/// Opens the chain's database, creating genesis in an empty folder.
pub(crate) fn open_store(folder: &Path, chain: ChainConfig) -> Result<Store, Error> {
    let state = sluice_stf::genesis(&chain);
    Ok(Store::open(folder, &Genesis { config: chain, state })?)
}

/// Connects to the L1 that the chain config names.
pub(crate) async fn connect_l1(rpc: &str, beacon: &str, chain: &ChainConfig) -> Result<RpcL1, Error> {
    Ok(RpcL1::connect(rpc, Some(beacon), chain.l1).await?)
}

/// Follows L1 until everything that is on it is derived and executed.
pub(crate) async fn derive_to_head(store: &Store, l1: RpcL1) -> Result<(), Error> {
    let failed = |error: sluice_follow::Error| Error::Room { room: "follow", reason: error.to_string() };
    let mut follow = Follow::new(sluice_follow::Config::default(), store.clone(), Executor::new(), Arc::new(l1));
    let mut tries = 0;
    loop {
        match follow.step().await {
            Ok(step) if step.is_busy() => tries = 0,
            Ok(_) => return Ok(()),
            Err(error) if error.severity() == Severity::Fatal || tries == DERIVE_TRIES_MAX => {
                return Err(failed(error));
            }
            Err(error) => {
                tries += 1;
                warn!(%error, tries, "L1 did not answer well, trying again");
                tokio::time::sleep(DERIVE_RETRY_WAIT).await;
            }
        }
    }
}

fn sequencer_key(config: &Config) -> Result<B256, Error> {
    let path = config.sequencer_key_file.as_ref().expect("a sequencer's config was checked to have a key file");
    let text = config::read(path)?;
    text.trim()
        .parse()
        .map_err(|error| Error::Config(format!("{}: {error}; give 32 bytes in hexadecimal", path.display())))
}

/// What a seat does besides ordering: signs batches, and what its committee owes L1.
struct AtSeat {
    cosign: Cosign,
    bench: (Bench, Registry, sluice_duties::Lines),
}

/// The answer's second part is there where several order.
async fn start_sequencer(
    config: &Config,
    store: &Store,
    l1: &RpcL1,
    rooms: &mut Supervisor,
) -> Result<(PoolHandle, Option<AtSeat>), Error> {
    let (engine, wake) = sluice_ordering::handle();
    let (events, inbox) = mpsc::channel(sluice_ordering::EVENTS_MAX);
    let start = sluice_sequencer::start(store);
    let stop = rooms.shutdown();
    let (beneficiary, several, at_seat) = match &config.seat {
        None if store.config().l1.sequencers.is_some() => {
            return Err(Error::Config("this chain is ordered by a committee; set [seat] in the node's config".into()));
        }
        None => {
            let key = Key::from_bytes(&sequencer_key(config)?).map_err(|error| Error::Config(error.to_string()))?;
            let beneficiary = key.address();
            let solo = solo::Config {
                block_time: Duration::from_millis(config.block_time_ms),
                heartbeat: Duration::from_millis(config.heartbeat_ms),
                key,
            };
            let (ordered, start) = (stop.clone(), (start.0, start.1.unwrap_or_default()));
            rooms.spawn("ordering", async move {
                tokio::select! {
                    () = ordered.requested() => Ok(()),
                    ended = solo::run(solo, start, events, wake) => ended,
                }
            });
            (beneficiary, None, None)
        }
        Some(seat) => {
            let keys = seat::read_keys(seat)?;
            let blocks_of = sluice_sequencer::epoch(store)
                .map_err(|error| Error::Room { room: "sequencer", reason: error.to_string() })?;
            let epochs = seat::Epochs::read(l1, blocks_of).await?;
            let (Topics { transactions, batches, evidence, records }, ends) = sluice_ordering::peers();
            let (cosign, listen) =
                Cosign::new(keys.clone(), epochs.committees.clone(), store.clone(), epochs.rota(), batches);
            rooms.spawn("cosign", listen.run(stop.clone()));
            let registry = epochs.registry().clone();
            let bench = Bench::new(keys.clone(), epochs.committees.clone(), store.config().l1, *registry.contracts());
            let bench = (bench, registry, sluice_duties::Lines { evidence, records });
            let engine = seat::engine(config, seat, keys, &epochs);
            rooms.spawn("ordering", seat::run(engine, start.0, (events, wake), ends, stop.clone()));
            let several = sluice_sequencer::Seat { line: transactions, epochs: epochs.next() };
            rooms.spawn("epochs", epochs.run(stop.clone()));
            (seat.beneficiary, Some(several), Some(AtSeat { cosign, bench }))
        }
    };
    let settings = sluice_sequencer::Config::new(beneficiary);
    let (sequencer, pool) = Sequencer::new(settings, store.clone(), config.executor(), engine, several)
        .map_err(|error| Error::Room { room: "sequencer", reason: error.to_string() })?;
    // The sequencer waits for no stop of its own: it outlives the engine, so neither ever sees the other go too early.
    rooms.spawn("sequencer", async move {
        match sequencer.run(inbox).await {
            sluice_sequencer::Error::EngineGone if stop.is_requested() => Ok(()),
            error => Err(error),
        }
    });
    Ok((pool, at_seat))
}

/// One account posts batches and does what a committee owes: one transaction at a time, because L1's nodes take no blobs while others of the
/// account wait.
async fn posting_sender(config: &Config, store: &Store) -> Result<Sender, Error> {
    let key =
        PrivateKeySigner::from_bytes(&sequencer_key(config)?).map_err(|error| Error::Config(error.to_string()))?;
    let chain_id = store.config().l1.chain_id;
    Ok(Sender::connect(&config.l1_rpc, chain_id, key, SenderConfig::default()).await?.one_at_a_time())
}

fn start_settling(config: &Config, store: &Store, sender: Sender, cosign: Option<Cosign>, rooms: &mut Supervisor) {
    let l1 = store.config().l1;
    let poster = L1Poster { sender, rollup: l1.rollup, posting: l1.sequencers.map(|at| at.posting) };
    let (settings, store, stop) = (config.settle.clone(), store.clone(), rooms.shutdown().requested());
    match cosign {
        None => rooms.spawn("settle", Settle::new(settings, store, poster).run(stop)),
        Some(cosign) => rooms.spawn("settle", Settle::together(settings, store, poster, cosign).run(stop)),
    }
}

fn start_duties(
    config: &Config,
    store: &Store,
    sender: Sender,
    (bench, registry, lines): (Bench, Registry, sluice_duties::Lines),
    rooms: &mut Supervisor,
) -> Result<(), Error> {
    let staker = Staker::new(registry, sender);
    let duties = Duties::new(config.duties.clone(), store.clone(), staker, bench, lines)
        .map_err(|error| Error::Room { room: "duties", reason: error.to_string() })?;
    rooms.spawn("duties", duties.run(rooms.shutdown().requested()));
    Ok(())
}

fn start_following(config: &Config, store: &Store, l1: RpcL1, rooms: &mut Supervisor) {
    let mode = match config.role {
        // Only its own ordering extends a sequencer's chain.
        Role::Sequencer => sluice_follow::Mode::Compare,
        Role::Follower => sluice_follow::Mode::Execute,
    };
    let settings = sluice_follow::Config { mode, poll_ms: config.l1_poll_ms };
    let follow = Follow::new(settings, store.clone(), config.executor(), Arc::new(l1));
    rooms.spawn("follow", follow.run(rooms.shutdown().requested()));
}

async fn start_feed(
    config: &Config,
    feed: &config::Feed,
    store: &Store,
    l1: RpcL1,
    rooms: &mut Supervisor,
) -> Result<(), Error> {
    let signers = Signers::of(&l1, feed.sequencer).await?;
    let (feed, store, config) = (feed.room_config()?, store.clone(), config.clone());
    rooms.spawn("feed", Fed { feed, signers, store, l1: Arc::new(l1), config }.run(rooms.shutdown()));
    Ok(())
}

async fn start_rpc(
    config: &Config,
    store: &Store,
    pool: Option<PoolHandle>,
    rooms: &mut Supervisor,
) -> Result<SocketAddr, Error> {
    let settings = sluice_rpc::Config {
        listen: config.address(config.rpc_port),
        sequencer_url: config.sequencer_rpc.clone(),
        challenge_window_s: config.challenge_window_s,
        ..sluice_rpc::Config::default()
    };
    let server = sluice_rpc::start(settings, store.clone(), pool).await?;
    let address = server.addr();
    let stop = rooms.shutdown().requested();
    rooms.spawn("rpc", async move {
        stop.await;
        server.stop();
        server.stopped().await;
        Ok::<(), Error>(())
    });
    Ok(address)
}

async fn start_explorer(config: &Config, store: &Store, rooms: &mut Supervisor) -> Result<SocketAddr, Error> {
    let limits = limits(config);
    let settings = sluice_explorer::Config {
        listen: config.address(config.explorer_port),
        block_age_s_max: limits.block_age_max.as_secs(),
        l1_age_s_max: limits.l1_age_max.as_secs(),
        ..sluice_explorer::Config::default()
    };
    let server = sluice_explorer::start(settings, store.clone()).await?;
    let address = server.addr();
    let stop = rooms.shutdown().requested();
    rooms.spawn("explorer", async move {
        stop.await;
        server.stop();
        server.stopped().await
    });
    Ok(address)
}

fn start_health(
    config: &Config,
    store: &Store,
    listener: tokio::net::TcpListener,
    rooms: &mut Supervisor,
) -> Result<(), Error> {
    let serve = health::serve(listener, store.clone(), limits(config), health::install_metrics()?, rooms.shutdown());
    rooms.spawn("health", serve);
    Ok(())
}

/// When a node calls itself healthy.
fn limits(config: &Config) -> health::Limits {
    health::Limits {
        // Two heartbeats missed, and a second for what a block takes.
        block_age_max: Duration::from_millis(config.heartbeat_ms * 2) + Duration::from_secs(1),
        // Two of L1's slots missed, and the time between polls.
        l1_age_max: Duration::from_secs(36) + Duration::from_millis(config.l1_poll_ms),
    }
}
