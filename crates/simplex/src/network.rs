//! The engine on a real network, on threads of its own.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use alloy_primitives::B256;
use commonware_consensus::{
    marshal::{self, standard::Standard},
    simplex,
};
use commonware_cryptography::{ChaCha20Poly1305, sha256::Digest};
use commonware_p2p::{Address, AddressableManager as _, authenticated::lookup};
use commonware_runtime::{Quota, Runner as _, Supervisor as _, tokio as runtime};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize, ordered::Map};
use sluice_ordering::MESSAGE_BYTES_MAX;
use sluice_types::Height;
use tokio::sync::oneshot;

use crate::{
    Committee, Error, SeatKeys, Settings,
    block::Block,
    committee::{SEATS_MAX, Scheme, network_key},
    engine::{self, Channels, Lines, Node},
};

/// Keeps connections apart from those of other software.
const NETWORK: &[u8] = b"SLUICE_PEERS";
/// How far the clocks of two nodes may be apart for them to talk.
const SYNCHRONY_BOUND: Duration = Duration::from_secs(5);
/// How long a greeting holds.
const HANDSHAKE_AGE_MAX: Duration = Duration::from_secs(10);
/// Messages per second and peer, on each channel. A node that sends more is slowed down. The network reserves memory for a second's
/// messages of all peers, so this is no larger than it need be: some twenty views a second, a few votes in each.
const QUOTA: Quota = Quota::per_second(NZU32!(256));
/// Messages that wait between two parts of the network.
const MAILBOX_SIZE: usize = 1_024;
/// Number of the set of peers. There is one.
const PEER_SET: u64 = 0;

/// Where another seat listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its ed25519 key.
    pub network_key: B256,
    /// Its address.
    pub address: SocketAddr,
}

/// How a seat takes part.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its keys.
    pub keys: SeatKeys,
    /// The committee that it is in.
    pub committee: Committee,
    /// How it works.
    pub settings: Settings,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where the members listen, this one too.
    pub peers: Vec<Peer>,
    /// Folder of its journal and archive. Deleting it and starting again with the same keys can cost the stake.
    pub folder: PathBuf,
    /// Threads that it works on. At least 1.
    pub threads: usize,
}

/// Takes part until `stop` resolves, which is no error, or something fails. `start` is the last height that the application has
/// durably; what is above comes again.
///
/// Errors: [`Error::Config`], [`Error::NotAMember`], [`Error::ApplicationGone`], [`Error::PartEnded`].
pub async fn run(config: Config, start: Height, lines: Lines, stop: impl Future<Output = ()>) -> Result<(), Error> {
    config.settings.check()?;
    config.committee.signer(&config.keys)?;
    if config.threads == 0 {
        return Err(Error::Config("the engine needs a thread; give threads of 1 or more".into()));
    }
    let peers = addresses(&config)?;
    let (stop_engine, stopped) = oneshot::channel();
    let (result, ended) = oneshot::channel();
    // The engine brings its own runtime, which wants a thread to itself.
    std::thread::Builder::new()
        .name("sluice-simplex".into())
        .spawn(move || {
            // Failing to say it means that nobody wants to know.
            let _ = result.send(run_here(config, peers, start, lines, stopped));
        })
        .map_err(|error| Error::Config(format!("the engine's thread does not start: {error}")))?;
    tokio::pin!(ended);
    tokio::select! {
        biased;
        () = stop => {}
        result = &mut ended => return result.unwrap_or(Err(Error::PartEnded("thread"))),
    }
    drop(stop_engine);
    // Waits until nothing is written any more, so that whoever starts next finds whole files.
    match ended.await {
        Ok(_) | Err(_) => Ok(()),
    }
}

fn addresses(config: &Config) -> Result<Map<commonware_cryptography::ed25519::PublicKey, Address>, Error> {
    let epoch = config.committee.epoch();
    let bad = |reason: String| Error::Committee { epoch, reason };
    let mut addresses = Vec::new();
    for peer in &config.peers {
        let key =
            network_key(&peer.network_key).ok_or_else(|| bad(format!("{} is no ed25519 key", peer.network_key)))?;
        addresses.push((key, Address::from(peer.address)));
    }
    addresses.try_into().map_err(|_| bad("an address is given twice".into()))
}

fn run_here(
    config: Config,
    peers: Map<commonware_cryptography::ed25519::PublicKey, Address>,
    start: Height,
    lines: Lines,
    stopped: oneshot::Receiver<()>,
) -> Result<(), Error> {
    let handshake = Cups::<_, ChaCha20Poly1305>::new(
        Sake {
            signer: config.keys.network().clone(),
            synchrony_bound: SYNCHRONY_BOUND,
            max_handshake_age: HANDSHAKE_AGE_MAX,
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let seats = NonZeroUsize::new(peers.len()).unwrap_or(NonZeroUsize::MIN);
    let network = lookup::Config {
        tracked_peer_sets: NonZeroUsize::MIN,
        ..lookup::Config::local(handshake, NETWORK, config.listen, seats, message_bytes_max(), NZUsize!(MAILBOX_SIZE))
    };
    let settings = runtime::Config::new()
        .with_storage_directory(config.folder)
        .with_worker_threads(config.threads)
        .with_tcp_nodelay(Some(true));
    runtime::Runner::new(settings).start(|context| async move {
        let (mut network, mut oracle) = lookup::Network::new(context.child("network"), network);
        oracle.track(PEER_SET, peers);
        let channels = Channels {
            votes: network.register(0, QUOTA),
            certificates: network.register(1, QUOTA),
            resolver: network.register(2, QUOTA),
            backfill: network.register(3, QUOTA),
            blocks: network.register(4, QUOTA),
            messages: network.register(5, QUOTA),
        };
        network.start();
        let node = Node {
            keys: config.keys,
            committee: config.committee,
            settings: config.settings,
            partition: "seat".into(),
            start,
        };
        tokio::select! {
            biased;
            _ = stopped => Ok(()),
            error = engine::run(context, node, (oracle.clone(), oracle), channels, lines) => Err(error),
        }
    })
}

/// Most bytes that anything sends. It must never shrink while a node has files.
fn message_bytes_max() -> u32 {
    let seats = u32::try_from(SEATS_MAX).expect("a committee is small");
    let blocks = marshal::max_payload_size::<Standard<Block>, Scheme>(seats, &());
    let votes = simplex::max_payload_size::<Scheme, Digest>(seats);
    u32::try_from(blocks.max(votes).max(MESSAGE_BYTES_MAX)).expect("messages are small")
}
