//! One node's engine: votes, blocks, what is decided. The same code on a real network and in a simulated one.

use std::{
    num::{NonZeroU16, NonZeroU64, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use commonware_broadcast::buffered;
use commonware_consensus::{
    marshal::{
        self, Start,
        core::Actor,
        resolver::p2p as resolver,
        standard::{Inline, Standard},
    },
    types::ViewDelta,
};
use commonware_cryptography::{Signer as _, certificate::Verifier as _, ed25519::PublicKey};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, Supervisor, buffer::paged::CacheRef};
use commonware_storage::archive::immutable;
use commonware_utils::NonZeroDuration;
use futures::{StreamExt, stream::FuturesUnordered};
use sluice_ordering::{Event, PeersEnd, Wake};
use sluice_types::{EPOCH_TAIL_BLOCKS, Height};
use tokio::sync::mpsc;

use crate::{
    Committees, Error, SeatKeys,
    application::{Application, Pace},
    block::Block,
    catch_up::CatchUp,
    committee::Scheme,
    committees::Schemes,
    deliver::{Deliver, IN_FLIGHT_MAX},
    epoch::Epochs,
    evidence::EVIDENCE_MAX,
    link::Link,
    messages::Exchange,
    restore,
    turnover::{self, Lanes, Turnover},
};

/// How the engine of one node works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Shortest time between two blocks while there is something to order. At least 1 ms.
    pub block_time: Duration,
    /// Longest time that a leader waits for something to order. At least `block_time`.
    pub heartbeat: Duration,
    /// How long a leader may take before the others give up on it. At least twice `heartbeat`.
    pub leader_timeout: Duration,
    /// Blocks from the one that names the next epoch to its own first. All nodes must have the same.
    pub tail: NonZeroU64,
}

impl Default for Settings {
    /// 50 ms under work, half a second idle, a second for a leader.
    fn default() -> Self {
        Self {
            block_time: Duration::from_millis(50),
            heartbeat: Duration::from_millis(500),
            leader_timeout: Duration::from_secs(1),
            tail: nonzero_u64(EPOCH_TAIL_BLOCKS),
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let ms = |time: Duration| time.as_millis();
        if self.block_time < Duration::from_millis(1) {
            return Err(Error::Config("block_time is below 1 ms; give 1 ms or more".into()));
        }
        if self.heartbeat < self.block_time {
            let (heartbeat, block_time) = (ms(self.heartbeat), ms(self.block_time));
            let reason =
                format!("heartbeat of {heartbeat} ms is shorter than block_time; give at least {block_time} ms");
            return Err(Error::Config(reason));
        }
        if self.leader_timeout < self.heartbeat * 2 {
            let (timeout, least) = (ms(self.leader_timeout), ms(self.heartbeat * 2));
            let reason =
                format!("leader_timeout of {timeout} ms is below twice the heartbeat; give at least {least} ms");
            return Err(Error::Config(reason));
        }
        Ok(())
    }
}

/// Who a node is and where its application stands.
#[derive(Debug)]
pub struct Node {
    /// Its keys.
    pub keys: SeatKeys,
    /// The committees that are known, now and later.
    pub committees: Committees,
    /// How it works.
    pub settings: Settings,
    /// Its files begin with this. Two nodes in one storage need two.
    pub partition: String,
    /// The last height that its application has durably.
    pub start: Height,
}

/// Channels of the network, by what goes over them.
#[derive(Debug)]
pub struct Channels<S, R> {
    /// Votes.
    pub votes: (S, R),
    /// Certificates.
    pub certificates: (S, R),
    /// Certificates that are asked for.
    pub resolver: (S, R),
    /// Blocks that are asked for.
    pub backfill: (S, R),
    /// Blocks as they are proposed.
    pub blocks: (S, R),
    /// What the applications tell each other.
    pub messages: (S, R),
}

/// The ends of the lines to the application.
#[derive(Debug)]
pub struct Lines {
    /// Where questions and decisions go.
    pub events: mpsc::Sender<Event>,
    /// Says when there is something to order.
    pub wake: Wake,
    /// Messages to and from the other seats.
    pub peers: PeersEnd,
}

/// Blocks and finalizations in one section of an archive. Only a size; changing it needs new files.
const SECTION_ITEMS: NonZeroU64 = nonzero_u64(262_144);
/// Entries of an archive's table at the start.
const TABLE_SIZE: u32 = 1_024;
/// After so many collisions a part of the table is split.
const TABLE_SPLIT_FREQUENCY: u8 = 4;
/// So many entries are split at a time.
const TABLE_SPLIT_SIZE: u32 = 1_024;
/// A file of blocks or finalizations is closed at this size.
const VALUE_FILE_BYTES: u64 = 1 << 30;
/// Buffers for reading a journal again and for writing.
pub(crate) const BUFFER_BYTES: NonZeroUsize = nonzero_usize(1 << 20);
/// Pages of files kept in memory: size, and how many.
const PAGE_BYTES: NonZeroU16 = NonZeroU16::new(4_096).expect("not zero");
const PAGES: NonZeroUsize = nonzero_usize(1_024);
/// Messages that wait between two parts of the engine.
pub(crate) const MAILBOX_SIZE: NonZeroUsize = nonzero_usize(128);
/// Proposed blocks kept of each sender.
const BLOCKS_PER_SENDER: usize = 16;
/// Views whose votes and blocks are kept below the last decided one.
pub(crate) const VIEWS_KEPT: ViewDelta = ViewDelta::new(100);
/// Missing blocks asked for at a time, if so many are certain to belong to a known epoch.
const REPAIR_MAX: u64 = 64;
/// How long another may take to answer.
pub(crate) const FETCH_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause before asking again.
pub(crate) const FETCH_PAUSE: Duration = Duration::from_millis(100);
/// Deliveries that wait: more than may be unacknowledged, so that there is always room.
const DELIVERIES_MAX: usize = IN_FLIGHT_MAX * 4;

const fn nonzero_usize(value: usize) -> NonZeroUsize {
    NonZeroUsize::new(value).expect("not zero")
}

const fn nonzero_u64(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).expect("not zero")
}

/// Opens an archive of finalized things by height and hash.
macro_rules! archive {
    ($context:expr, $cache:expr, $prefix:expr, $name:literal, $codec:expr) => {
        immutable::Archive::init(
            $context.child($name),
            immutable::Config {
                metadata_partition: format!("{}-{}-meta", $prefix, $name),
                freezer_table_partition: format!("{}-{}-table", $prefix, $name),
                freezer_table_initial_size: TABLE_SIZE,
                freezer_table_resize_frequency: TABLE_SPLIT_FREQUENCY,
                freezer_table_resize_chunk_size: TABLE_SPLIT_SIZE,
                freezer_key_partition: format!("{}-{}-key", $prefix, $name),
                freezer_key_page_cache: $cache.clone(),
                freezer_value_partition: format!("{}-{}-value", $prefix, $name),
                freezer_value_target_size: VALUE_FILE_BYTES,
                freezer_value_compression: None,
                ordinal_partition: format!("{}-{}-ordinal", $prefix, $name),
                items_per_section: SECTION_ITEMS,
                codec_config: $codec,
                replay_buffer: BUFFER_BYTES,
                freezer_key_write_buffer: BUFFER_BYTES,
                freezer_value_write_buffer: BUFFER_BYTES,
                ordinal_write_buffer: BUFFER_BYTES,
            },
        )
        .await
    };
}

/// Runs a node's engine until something fails. Whoever drops the future must also end the context's tasks.
pub async fn run<E, B, P, S, R>(
    context: E,
    node: Node,
    (blocker, peers): (B, P),
    channels: Channels<S, R>,
    lines: Lines,
) -> Error
where
    E: Clock + rand_core::CryptoRng + Spawner + Storage + Metrics + Supervisor,
    B: Blocker<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey>,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let (link, mut failures) = Link::new(node.start, lines.events, lines.wake);
    let parts = match start(&context, node, (blocker, peers), channels, (link, lines.peers)).await {
        Ok(parts) => parts,
        Err(error) => return error,
    };
    let mut ends: FuturesUnordered<_> =
        parts.into_iter().map(|(name, handle)| async move { (name, handle.await) }).collect();
    tokio::select! {
        biased;
        Some(error) = failures.recv() => error,
        Some((name, _)) = ends.next() => Error::PartEnded(name),
        else => Error::PartEnded("parts"),
    }
}

async fn start<E, B, P, S, R>(
    context: &E,
    node: Node,
    (blocker, peers): (B, P),
    channels: Channels<S, R>,
    (link, ends): (Arc<Link>, PeersEnd),
) -> Result<Vec<(&'static str, Handle<()>)>, Error>
where
    E: Clock + rand_core::CryptoRng + Spawner + Storage + Metrics + Supervisor,
    B: Blocker<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey>,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let Node { keys, committees, settings, partition, start } = node;
    settings.check()?;
    let me = keys.network().public_key();
    let first_epoch = committees.first();
    let cache = CacheRef::new(PAGE_BYTES, PAGES);
    let certificates = Scheme::certificate_codec_config_unbounded();
    let storage = |what| {
        move |error: commonware_storage::archive::Error| Error::Files(format!("{what} cannot be opened: {error}"))
    };
    let finalizations =
        archive!(context, cache, partition, "finalizations", certificates).map_err(storage("finalizations"))?;
    let blocks = archive!(context, cache, partition, "blocks", ()).map_err(storage("blocks"))?;

    let epochs = Epochs::new(restore::epochs(&blocks, first_epoch, settings.tail.get()).await?, settings.tail.get());
    let repair = settings.tail.get().min(REPAIR_MAX);

    let fetch = resolver::Config {
        public_key: me.clone(),
        peer_provider: peers.clone(),
        blocker: blocker.clone(),
        mailbox_size: MAILBOX_SIZE,
        fetch_timeout: NonZeroDuration::new_panic(FETCH_TIMEOUT),
        fetch_retry_delay: FETCH_PAUSE,
        priority_requests: false,
        priority_responses: false,
    };
    let fetch = resolver::init(context.child("backfill"), fetch, channels.backfill);
    let (spread, buffer) = buffered::Engine::new(
        context.child("blocks"),
        buffered::Config {
            public_key: me.clone(),
            mailbox_size: MAILBOX_SIZE,
            deque_size: BLOCKS_PER_SENDER,
            priority: false,
            codec_config: (),
            peer_provider: peers,
            strategy: Sequential,
        },
    );
    let spread = spread.start(channels.blocks);

    let schemes = Schemes::new(committees.clone(), keys.clone());
    let (marshal, mailbox, floor) = Actor::<_, Standard<Block>, _, _, _, _, _>::init(
        context.child("marshal"),
        finalizations,
        blocks,
        marshal::Config {
            provider: schemes.clone(),
            epocher: epochs.clone(),
            start: Start::Genesis(Block::genesis().digested()),
            partition_prefix: partition.clone(),
            mailbox_size: MAILBOX_SIZE,
            view_retention: VIEWS_KEPT,
            prunable_items_per_section: SECTION_ITEMS,
            page_cache: cache.clone(),
            replay_buffer: BUFFER_BYTES,
            key_write_buffer: BUFFER_BYTES,
            value_write_buffer: BUFFER_BYTES,
            block_codec_config: (),
            max_repair: NonZeroUsize::new(usize::try_from(repair).expect("at most 64")).expect("a tail is not zero"),
            max_pending_acks: nonzero_usize(IN_FLIGHT_MAX),
            strategy: Sequential,
        },
    )
    .await;

    let pace = Pace { block_time: settings.block_time, heartbeat: settings.heartbeat };
    let (deliveries, delivered) = mpsc::channel(DELIVERIES_MAX);
    let application = Application::new(link.clone(), pace, epochs.clone(), deliveries);
    let automaton = Inline::new(context.child("application"), application.clone(), mailbox.clone(), epochs.clone());
    let marshal = marshal.start(application, buffer, fetch);
    let (evidence, found) = mpsc::channel(EVIDENCE_MAX);
    let processed = floor.processed().map_or(0, |processed| processed.height().get());
    let marshals = mailbox.clone();
    let deliver = Deliver { link: link.clone(), marshal: mailbox, deliveries: delivered, evidence: found, processed };
    let delivery = context.child("delivery").spawn(move |clock| deliver.run(clock));

    let catch_up = CatchUp {
        marshal: marshals,
        epochs: epochs.clone(),
        committees: committees.clone(),
        me: me.clone(),
        link: link.clone(),
        leader_timeout: settings.leader_timeout,
    };
    let catch_up = context.child("catch_up").spawn(move |clock| catch_up.run(clock));
    let exchange = Exchange { committees: committees.clone(), me, link: link.clone() };
    let exchange = context.child("messages").spawn(move |_| exchange.run(channels.messages, ends));

    let (votes, vote_lanes) = turnover::divide(context.child("votes"), channels.votes);
    let (certificates, certificate_lanes) = turnover::divide(context.child("certificates"), channels.certificates);
    let (resolver, resolver_lanes) = turnover::divide(context.child("resolver"), channels.resolver);
    let turnover = Turnover {
        schemes,
        committees,
        epochs,
        settings,
        blocker,
        automaton,
        evidence,
        link,
        partition,
        cache,
        start: start.0,
    };
    let lanes = Lanes { votes, certificates, resolver };
    let turnover = context.child("turnover").spawn(move |context| turnover.run(context, lanes));
    let lane = |lane: Handle<Result<(), R::Error>>| {
        // However it ended, it ended.
        context.child("lane").spawn(move |_| async move { drop(lane.await) })
    };
    Ok(vec![
        ("spreading of blocks", spread),
        ("archive", marshal),
        ("delivery of decided blocks", delivery),
        ("messages", exchange),
        ("epochs", turnover),
        ("channel of votes", lane(vote_lanes)),
        ("channel of certificates", lane(certificate_lanes)),
        ("channel of the resolver", lane(resolver_lanes)),
        ("catching up", catch_up),
    ])
}
