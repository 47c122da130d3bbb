//! The simulated network: its channels, its links, and seats that share one name.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{
    Recipients,
    simulated::{self, Control, Link, Network, Oracle, Receiver, SplitOrigin, SplitTarget},
    utils::mux::{Muxer, SubReceiver, SubSender},
};
use commonware_runtime::{IoBuf, Quota, Supervisor as _, deterministic::Context};
use commonware_utils::{NZU32, NZUsize, Probability};
use sluice_simplex::{BLOCK_BYTES_MAX, Channels, SEATS_MAX};

use crate::{
    plan::{SLOW_MS, Weather},
    spoken::Spoken,
};

/// Room for a block and what goes around it.
const MESSAGE_BYTES_MAX: usize = 2 * BLOCK_BYTES_MAX;
/// The node's own quota: messages per second and peer.
const QUOTA: Quota = Quota::per_second(NZU32!(256));
/// How many channels there are.
const CHANNELS: u64 = 6;
/// The place of the votes among them.
const VOTES: usize = 0;

/// A channel that is not shared.
pub(crate) type Plain = (simulated::Sender<PublicKey, Context>, Receiver<PublicKey>);

/// The links and the way to change them.
pub(crate) struct Net {
    pub(crate) oracle: Oracle<PublicKey, Context>,
    members: Vec<PublicKey>,
}

/// Which of the others a half of a divided seat talks with: all, or those named.
pub(crate) type Audience = Option<Vec<PublicKey>>;

impl Net {
    /// A network without links.
    pub(crate) async fn new(context: &Context, members: Vec<PublicKey>, hang_up: bool) -> Self {
        let config = simulated::Config {
            max_size: u32::try_from(MESSAGE_BYTES_MAX).expect("a block is small"),
            max_peers_per_set: NZUsize!(SEATS_MAX),
            disconnect_on_block: hang_up,
            tracked_peer_sets: NZUsize!(1),
        };
        let (network, oracle) = Network::new_with_peers(context.child("network"), config, members.clone()).await;
        network.start();
        Self { oracle, members }
    }

    pub(crate) fn control(&self, seat: usize) -> Control<PublicKey, Context> {
        self.oracle.control(self.members[seat].clone())
    }

    /// The channels of a seat. Whoever had them before hears nothing any more.
    pub(crate) async fn channels(&self, seat: usize) -> Vec<Plain> {
        let control = self.control(seat);
        let mut all = Vec::new();
        for channel in 0..CHANNELS {
            all.push(control.register(channel, QUOTA).await.expect("the network runs as long as the harness"));
        }
        all
    }

    /// Makes all links so.
    pub(crate) async fn set(&self, weather: Weather) {
        let link = |a: usize, b: usize| Link {
            latency: std::time::Duration::from_millis(
                weather.latency_ms + if ((weather.slow >> a) | (weather.slow >> b)) & 1 == 1 { SLOW_MS } else { 0 },
            ),
            jitter: std::time::Duration::from_millis(weather.jitter_ms),
            success_rate: Probability::new(100 - weather.loss_percent, 100).expect("loss is a part of a hundred"),
        };
        for (a, from) in self.members.iter().enumerate() {
            for (b, to) in self.members.iter().enumerate().filter(|(b, _)| *b != a) {
                // There may be none, and then there is nothing to remove.
                let _ = self.oracle.remove_link(from.clone(), to.clone()).await;
                if (weather.cut >> a) & 1 == (weather.cut >> b) & 1 {
                    self.oracle.add_link(from.clone(), to.clone(), link(a, b)).await.expect("it was just removed");
                }
            }
        }
    }
}

/// What a seat sent: messages and their bytes, each as often as there are others whom it was sent to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent(Arc<[AtomicU64; 2]>);

impl Sent {
    fn add(&self, recipients: usize, bytes: usize) {
        self.0[0].fetch_add(recipients as u64, Ordering::Relaxed);
        self.0[1].fetch_add((recipients * bytes) as u64, Ordering::Relaxed);
    }

    /// How many messages, and how many bytes.
    pub(crate) fn sums(&self) -> (u64, u64) {
        let [messages, bytes] = [0, 1].map(|index: usize| self.0[index].load(Ordering::Relaxed));
        (messages, bytes)
    }
}

/// Whoever listens to what a seat says.
#[derive(Clone, Default)]
pub(crate) struct Ears {
    /// Its votes.
    pub(crate) spoken: Spoken,
    /// How much it is.
    pub(crate) sent: Sent,
    /// How many hear what is said to all.
    pub(crate) others: usize,
}

/// Divides channels between two that have the same name. One that has its name to itself takes the first half.
pub(crate) fn divide(
    context: &Context,
    plain: Vec<Plain>,
    [first, second]: [Audience; 2],
    ears: &Ears,
) -> [Channels<impl commonware_p2p::Sender<PublicKey = PublicKey>, Receiver<PublicKey>>; 2] {
    let audiences = Arc::new([first.clone(), second.clone()]);
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for (channel, (sender, receiver)) in plain.into_iter().enumerate() {
        let route = forwarder(audiences.clone(), ears.clone(), channel == VOTES);
        let (to_first, to_second) = (first.clone(), second.clone());
        let (one, other) = sender.split_with(route);
        let (first, second) = receiver.split_with(context.child("divided"), move |(from, _): &(PublicKey, IoBuf)| {
            let hears = |audience: &Audience| audience.as_ref().is_none_or(|audience| audience.contains(from));
            match (hears(&to_first), hears(&to_second)) {
                (true, true) => SplitTarget::Both,
                (true, false) => SplitTarget::Primary,
                (false, true) => SplitTarget::Secondary,
                (false, false) => SplitTarget::None,
            }
        });
        firsts.push((one, first));
        seconds.push((other, second));
    }
    [named(firsts), named(seconds)]
}

/// A channel of one epoch.
pub(crate) type Lane = (SubSender<simulated::Sender<PublicKey, Context>>, SubReceiver<PublicKey>);

/// A channel's parts of these epochs, as the engines divide it.
pub(crate) async fn lanes(context: &Context, (sender, receiver): Plain, epochs: &[u64]) -> Vec<Lane> {
    let (muxer, mut handle) = Muxer::new(context.child("muxer"), sender, receiver);
    muxer.start();
    let mut lanes = Vec::new();
    for epoch in epochs {
        lanes.push(handle.register(*epoch).await.expect("each is asked for once"));
    }
    lanes
}

/// Who gets what a half sends.
fn forwarder(
    audiences: Arc<[Audience; 2]>,
    ears: Ears,
    votes: bool,
) -> impl Fn(SplitOrigin, &Recipients<PublicKey>, &IoBuf) -> Option<Recipients<PublicKey>> + Send + Sync + Clone + 'static
{
    move |origin, recipients, message| {
        if votes {
            ears.spoken.hear(message);
        }
        let count = match recipients {
            Recipients::All => ears.others,
            Recipients::Some(some) => some.len(),
            Recipients::One(_) => 1,
        };
        ears.sent.add(count, message.len());
        let half = match origin {
            SplitOrigin::Primary => &audiences[0],
            SplitOrigin::Secondary => &audiences[1],
        };
        let Some(audience) = half else { return Some(recipients.clone()) };
        let heard = match recipients {
            Recipients::All => audience.clone(),
            Recipients::Some(some) => some.iter().filter(|key| audience.contains(key)).cloned().collect(),
            Recipients::One(one) => audience.iter().filter(|key| *key == one).cloned().collect(),
        };
        (!heard.is_empty()).then_some(Recipients::Some(heard))
    }
}

fn named<S, R>(channels: Vec<(S, R)>) -> Channels<S, R> {
    let mut next = channels.into_iter();
    let mut next = || next.next().expect("there are as many as are named");
    Channels {
        votes: next(),
        certificates: next(),
        resolver: next(),
        backfill: next(),
        blocks: next(),
        messages: next(),
    }
}
