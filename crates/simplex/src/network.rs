//! The engine on a real network, on threads of its own.

use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use alloy_primitives::B256;
use commonware_consensus::{
    marshal::{self, standard::Standard},
    simplex,
};
use commonware_cryptography::{ChaCha20Poly1305, ed25519, sha256::Digest};
use commonware_p2p::{Address, AddressableManager, Receiver, Sender, authenticated::lookup, utils::mux};
use commonware_runtime::{Quota, Runner as _, Spawner as _, Supervisor as _, tokio as runtime};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize, ordered::Map};
use sluice_ordering::MESSAGE_BYTES_MAX;
use sluice_types::Height;
use tokio::sync::{oneshot, watch};

use crate::{
    Committees, Error, SeatKeys, Settings,
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
/// Epochs whose members may connect: the one that ends, the one that runs, the one that begins.
const PEER_SETS: NonZeroUsize = NZUsize!(3);

/// Where another seat listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its ed25519 key.
    pub network_key: B256,
    /// Its address.
    pub address: SocketAddr,
}

/// Who a node is on the network, and whom it meets there.
#[derive(Clone, Debug)]
pub struct Presence {
    /// Its keys.
    pub keys: SeatKeys,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where the members of each epoch listen, this one too, now and later.
    pub peers: watch::Receiver<BTreeMap<u64, Vec<Peer>>>,
    /// Most members of a committee, at most [`SEATS_MAX`]. Memory is reserved for so many.
    pub seats_max: usize,
}

/// How a seat takes part.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its keys.
    pub keys: SeatKeys,
    /// The committees that are known, now and later. It need not be in all of them, nor in any yet.
    pub committees: Committees,
    /// How it works.
    pub settings: Settings,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where the members of each epoch listen, this one too, now and later.
    pub peers: watch::Receiver<BTreeMap<u64, Vec<Peer>>>,
    /// Most members of a committee, at most [`SEATS_MAX`]. Memory is reserved for so many.
    pub seats_max: usize,
    /// Folder of its journal and archive. Deleting it and starting again with the same keys can cost the stake.
    pub folder: PathBuf,
    /// Threads that it works on. At least 1.
    pub threads: usize,
}

/// Takes part until `stop` resolves, which is no error, or something fails. `start` is the last height that the application has
/// durably; what is above comes again.
///
/// Errors: [`Error::Config`], [`Error::Files`], [`Error::BlockMissing`], [`Error::ApplicationGone`], [`Error::PartEnded`].
pub async fn run(config: Config, start: Height, lines: Lines, stop: impl Future<Output = ()>) -> Result<(), Error> {
    config.settings.check()?;
    if config.threads == 0 {
        return Err(Error::Config("the engine needs a thread; give threads of 1 or more".into()));
    }
    if config.seats_max == 0 || config.seats_max > SEATS_MAX {
        let reason = format!("seats_max of {} is not possible; give 1 to {SEATS_MAX}", config.seats_max);
        return Err(Error::Config(reason));
    }
    let (stop_engine, stopped) = oneshot::channel();
    let (result, ended) = oneshot::channel();
    // The engine brings its own runtime, which wants a thread to itself.
    std::thread::Builder::new()
        .name("sluice-simplex".into())
        .spawn(move || {
            // Failing to say it means that nobody wants to know.
            let _ = result.send(run_here(config, start, lines, stopped));
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

fn run_here(config: Config, start: Height, lines: Lines, stopped: oneshot::Receiver<()>) -> Result<(), Error> {
    let settings = runtime::Config::new()
        .with_storage_directory(config.folder)
        .with_worker_threads(config.threads)
        .with_tcp_nodelay(Some(true));
    let presence =
        Presence { keys: config.keys.clone(), listen: config.listen, peers: config.peers, seats_max: config.seats_max };
    runtime::Runner::new(settings).start(|context| async move {
        let (oracle, channels) = connect(&context, presence);
        let node = Node {
            keys: config.keys,
            committees: config.committees,
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

/// Opens a node's connections, authenticated and encrypted. The first part of the answer says who its peers are and takes whom not to talk
/// with any more.
pub fn connect(
    context: &runtime::Context,
    presence: Presence,
) -> (
    lookup::Oracle<ed25519::PublicKey>,
    Channels<impl Sender<PublicKey = ed25519::PublicKey>, impl Receiver<PublicKey = ed25519::PublicKey>>,
) {
    let Presence { keys, listen, peers, seats_max } = presence;
    let handshake = Cups::<_, ChaCha20Poly1305>::new(
        Sake {
            signer: keys.network().clone(),
            synchrony_bound: SYNCHRONY_BOUND,
            max_handshake_age: HANDSHAKE_AGE_MAX,
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    // This node counts, too, where it is not a member.
    let seats = NonZeroUsize::MIN.saturating_add(seats_max);
    let config = lookup::Config {
        tracked_peer_sets: PEER_SETS,
        ..lookup::Config::local(handshake, NETWORK, listen, seats, message_bytes_max(), NZUsize!(MAILBOX_SIZE))
    };
    let (mut network, oracle) = lookup::Network::new(context.child("network"), config);
    let channels = Channels {
        votes: network.register(0, QUOTA),
        certificates: network.register(1, QUOTA),
        resolver: network.register(2, QUOTA),
        backfill: network.register(3, QUOTA),
        blocks: network.register(4, QUOTA),
        messages: network.register(5, QUOTA),
    };
    network.start();
    let tracked = oracle.clone();
    context.child("peers").spawn(move |_| follow(tracked, peers, seats_max));
    (oracle, channels)
}

/// Tells the network who may connect, and where they are, whenever that changes.
async fn follow<O>(mut oracle: O, mut peers: watch::Receiver<BTreeMap<u64, Vec<Peer>>>, seats_max: usize)
where
    O: AddressableManager<PublicKey = ed25519::PublicKey>,
{
    let mut known: BTreeMap<u64, Vec<Peer>> = BTreeMap::new();
    loop {
        let now = peers.borrow_and_update().clone();
        let newest = known.last_key_value().map(|(epoch, _)| *epoch);
        for (epoch, members) in &now {
            if known.get(epoch) == Some(members) {
                continue;
            }
            let Some(addresses) = addresses(members).filter(|addresses| addresses.len() <= seats_max) else {
                tracing::error!(
                    epoch,
                    seats_max,
                    "a committee has too many members, or a key twice; they cannot connect"
                );
                continue;
            };
            if newest.is_none_or(|newest| *epoch > newest) {
                oracle.track(*epoch, addresses);
            } else {
                oracle.overwrite(addresses);
            }
        }
        known = now;
        if peers.changed().await.is_err() {
            // Nobody will know more.
            return;
        }
    }
}

fn addresses(members: &[Peer]) -> Option<Map<ed25519::PublicKey, Address>> {
    let entries = members.iter().map(|peer| Some((network_key(&peer.network_key)?, Address::from(peer.address))));
    entries.collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// Most bytes that anything sends. It must never shrink while a node has files.
fn message_bytes_max() -> u32 {
    let seats = u32::try_from(SEATS_MAX).expect("a committee is small");
    let blocks = marshal::max_payload_size::<Standard<Block>, Scheme>(seats, &());
    let votes = mux::prefixed(simplex::max_payload_size::<Scheme, Digest>(seats));
    u32::try_from(blocks.max(votes).max(MESSAGE_BYTES_MAX)).expect("messages are small")
}
