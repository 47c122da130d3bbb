//! What the sequencers of a committee tell each other beside votes and blocks: transactions, signatures on batches.

use alloy_primitives::Bytes;
use tokio::sync::mpsc;

/// Messages that wait to be sent, and messages that wait to be read. More are dropped: whoever sends must be able to send again.
pub const MESSAGES_MAX: usize = 1_024;
/// Most bytes of one message.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The seat that proposes now and those that propose next, as far as this node knows; never this node itself.
    Leaders,
    /// Everybody else in the committee.
    All,
}

/// A message from another seat, who has proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Index of the seat that sent it.
    pub from: u32,
    /// What it says.
    pub bytes: Bytes,
}

/// The way to the other seats. Cheap to clone. Delivery is not certain.
#[derive(Clone, Debug)]
pub struct Peers(mpsc::Sender<(To, Bytes)>);

impl Peers {
    /// Sends a message of at most [`MESSAGE_BYTES_MAX`]. False when it was dropped here, because it is too long, too many wait, or
    /// the engine ended.
    pub fn send(&self, to: To, bytes: Bytes) -> bool {
        let sent = bytes.len() <= MESSAGE_BYTES_MAX && self.0.try_send((to, bytes)).is_ok();
        if !sent {
            metrics::counter!("ordering_messages_dropped_total", "way" => "out").increment(1);
        }
        sent
    }
}

/// The engine's ends: what is to be sent, and where to put what came.
#[derive(Debug)]
pub struct PeersEnd {
    /// What is to be sent.
    pub outgoing: mpsc::Receiver<(To, Bytes)>,
    /// Where to put what came.
    pub incoming: mpsc::Sender<Message>,
}

/// A connected pair: the application's way out and its way in, and the engine's ends.
pub fn peers() -> (Peers, mpsc::Receiver<Message>, PeersEnd) {
    let (out, outgoing) = mpsc::channel(MESSAGES_MAX);
    let (incoming, come) = mpsc::channel(MESSAGES_MAX);
    (Peers(out), come, PeersEnd { outgoing, incoming })
}
