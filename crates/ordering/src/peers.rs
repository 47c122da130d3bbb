//! What the sequencers of a committee tell each other beside votes and blocks: transactions, signatures on batches and records,
//! evidence.

use alloy_primitives::{B256, Bytes};
use tokio::sync::mpsc;

/// Messages that wait to be sent, and messages of one topic that wait to be read. More are dropped: whoever sends must be able to
/// send again.
pub const MESSAGES_MAX: usize = 1_024;
/// Most bytes of one message on the network.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The seat that proposes now and those that propose next, as far as this node knows; never this node itself.
    Leaders,
    /// Everybody else in the committee.
    All,
}

/// What a message is about. On the network, its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Topic {
    /// Transactions for whoever proposes.
    Transactions = 1,
    /// Signatures on batches.
    Batches = 2,
    /// Evidence that a seat contradicted itself.
    Evidence = 3,
    /// Signatures on records of epochs.
    Records = 4,
}

/// A message from another seat, who has proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Network key of the seat that sent it. It has a seat in some epoch that is near, maybe not in the one that runs.
    pub from: B256,
    /// What it says.
    pub bytes: Bytes,
}

/// The way to the other seats, for one topic. Cheap to clone. Delivery is not certain.
#[derive(Clone, Debug)]
pub struct Peers {
    topic: Topic,
    outgoing: mpsc::Sender<(To, Bytes)>,
}

impl Peers {
    /// Sends a message of less than [`MESSAGE_BYTES_MAX`]. False when it was dropped here, because it is too long, too many wait,
    /// or the engine ended.
    pub fn send(&self, to: To, bytes: &[u8]) -> bool {
        let message: Bytes = [&[self.topic as u8], bytes].concat().into();
        let sent = message.len() <= MESSAGE_BYTES_MAX && self.outgoing.try_send((to, message)).is_ok();
        if !sent {
            metrics::counter!("ordering_messages_dropped_total", "way" => "out").increment(1);
        }
        sent
    }
}

/// A topic's two directions.
#[derive(Debug)]
pub struct Line {
    /// Out.
    pub peers: Peers,
    /// In.
    pub messages: mpsc::Receiver<Message>,
}

/// The engine's ends of all topics.
#[derive(Debug)]
pub struct PeersEnd {
    /// What is to be sent.
    pub outgoing: mpsc::Receiver<(To, Bytes)>,
    /// Where to put what came.
    pub incoming: Incoming,
}

/// Where the engine puts what came.
#[derive(Debug)]
pub struct Incoming {
    transactions: mpsc::Sender<Message>,
    batches: mpsc::Sender<Message>,
    evidence: mpsc::Sender<Message>,
    records: mpsc::Sender<Message>,
}

impl Incoming {
    /// Puts a message where its topic is read. False when it was dropped, because too many wait there or nobody knows the topic.
    pub fn put(&self, Message { from, mut bytes }: Message) -> bool {
        let topic = if bytes.is_empty() { 0 } else { bytes.0.split_to(1)[0] };
        let queue = match topic {
            topic if topic == Topic::Transactions as u8 => &self.transactions,
            topic if topic == Topic::Batches as u8 => &self.batches,
            topic if topic == Topic::Evidence as u8 => &self.evidence,
            topic if topic == Topic::Records as u8 => &self.records,
            _ => return false,
        };
        queue.try_send(Message { from, bytes }).is_ok()
    }
}

/// The lines of all topics.
#[derive(Debug)]
pub struct Topics {
    /// Of [`Topic::Transactions`].
    pub transactions: Line,
    /// Of [`Topic::Batches`].
    pub batches: Line,
    /// Of [`Topic::Evidence`].
    pub evidence: Line,
    /// Of [`Topic::Records`].
    pub records: Line,
}

/// A connected set: the lines of all topics, and the engine's ends.
pub fn peers() -> (Topics, PeersEnd) {
    let (sender, outgoing) = mpsc::channel(MESSAGES_MAX);
    let line = |topic| {
        let (incoming, messages) = mpsc::channel(MESSAGES_MAX);
        (Line { peers: Peers { topic, outgoing: sender.clone() }, messages }, incoming)
    };
    let (of_transactions, transactions) = line(Topic::Transactions);
    let (of_batches, batches) = line(Topic::Batches);
    let (of_evidence, evidence) = line(Topic::Evidence);
    let (of_records, records) = line(Topic::Records);
    let topics =
        Topics { transactions: of_transactions, batches: of_batches, evidence: of_evidence, records: of_records };
    (topics, PeersEnd { outgoing, incoming: Incoming { transactions, batches, evidence, records } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_comes_out_where_its_topic_is_read_and_nowhere_else() {
        let (Topics { mut transactions, mut batches, .. }, mut end) = peers();
        assert!(transactions.peers.send(To::Leaders, b"one"));
        assert!(batches.peers.send(To::All, b"two"));
        for to in [To::Leaders, To::All] {
            let (sent_to, bytes) = end.outgoing.recv().await.unwrap();
            assert_eq!(sent_to, to);
            assert!(end.incoming.put(Message { from: B256::with_last_byte(3), bytes }));
        }
        assert_eq!(
            transactions.messages.recv().await.unwrap(),
            Message { from: B256::with_last_byte(3), bytes: b"one".into() }
        );
        assert_eq!(
            batches.messages.recv().await.unwrap(),
            Message { from: B256::with_last_byte(3), bytes: b"two".into() }
        );
        for unknown in [&b""[..], b"\x00one", b"\x05one"] {
            assert!(
                !end.incoming.put(Message { from: B256::with_last_byte(3), bytes: unknown.to_vec().into() }),
                "{unknown:?}"
            );
        }
    }

    #[test]
    fn drops_what_is_too_long_or_too_much_and_says_so() {
        let (topics, mut end) = peers();
        let transactions = &topics.transactions;
        assert!(!transactions.peers.send(To::All, &vec![0; MESSAGE_BYTES_MAX]), "the topic takes a byte");
        for _ in 0..MESSAGES_MAX {
            assert!(transactions.peers.send(To::All, b"x"));
        }
        assert!(!transactions.peers.send(To::All, b"x"));
        let message = || Message { from: B256::ZERO, bytes: vec![Topic::Batches as u8].into() };
        for _ in 0..MESSAGES_MAX {
            assert!(end.incoming.put(message()));
        }
        assert!(!end.incoming.put(message()));
        end.outgoing.close();
        assert!(!transactions.peers.send(To::All, b"x"));
    }
}
