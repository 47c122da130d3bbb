//! Hands transactions that came in here to whoever proposes: at once to the next leaders, to the leaders after them when a block comes
//! without them, and to everybody when they are still not in one after a while, so that no leader can keep them out alone.

use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Encodable};
use parking_lot::Mutex;
use sluice_ordering::{MESSAGE_BYTES_MAX, Peers, To};

use crate::pool::{Pool, PoolTransaction};

/// How long a transaction that came in here may wait before everybody is told, milliseconds.
pub const FLOOD_AFTER_MS: u64 = 1_000;
/// Transactions that are watched so. More are handed to the leaders only.
pub const WATCHED_MAX: usize = 16_384;
/// Transactions, oldest first, that the next leaders are reminded of when a block comes without them. Beyond these leaders have work
/// anyway, and the rest follows as these leave.
pub const REMINDED_MAX: usize = 64;
/// Bytes of transactions in one message.
const MESSAGE_FILL_BYTES: usize = MESSAGE_BYTES_MAX / 2;

/// The way to the other seats.
#[derive(Debug)]
pub(crate) struct Share {
    peers: Peers,
    /// When it came in, and what; oldest first.
    watched: Mutex<VecDeque<(u64, B256)>>,
}

impl Share {
    pub(crate) fn new(peers: Peers) -> Self {
        Self { peers, watched: Mutex::default() }
    }

    /// Hands them to the next leaders.
    pub(crate) fn hand_over(&self, transactions: &[Arc<PoolTransaction>], now_ms: u64) {
        self.send(To::Leaders, transactions);
        let mut watched = self.watched.lock();
        let room = WATCHED_MAX - watched.len();
        watched.extend(transactions.iter().take(room).map(|tx| (now_ms, tx.hash())));
    }

    /// Hands those over again that a block of this time could have held, to the leaders as they are now. One that reached its leaders too
    /// late would be known to none of the later ones, and they could not use those of the same sender that follow it.
    pub(crate) fn remind(&self, pool: &Pool, block_ms: u64) {
        let mut waiting = Vec::new();
        {
            let mut watched = self.watched.lock();
            let (mut kept, mut seen) = (Vec::new(), 0);
            for (since, hash) in watched.iter().take_while(|(since, _)| *since < block_ms) {
                if waiting.len() == REMINDED_MAX {
                    break;
                }
                seen += 1;
                if let Some(tx) = pool.get(*hash) {
                    kept.push((*since, *hash));
                    waiting.push(tx);
                }
            }
            // What is in a block is not looked at again.
            watched.drain(..seen);
            for entry in kept.into_iter().rev() {
                watched.push_front(entry);
            }
        }
        metrics::counter!("sequencer_reminded_total").increment(waiting.len() as u64);
        self.send(To::Leaders, &waiting);
    }

    /// Tells everybody of those that waited too long.
    pub(crate) fn flood(&self, pool: &Mutex<Pool>, now_ms: u64) {
        let mut late = Vec::new();
        {
            let mut watched = self.watched.lock();
            while let Some((since, hash)) = watched.front().copied()
                && since + FLOOD_AFTER_MS <= now_ms
            {
                watched.pop_front();
                late.push(hash);
            }
        }
        if late.is_empty() {
            return;
        }
        let late: Vec<_> = {
            let pool = pool.lock();
            late.into_iter().filter_map(|hash| pool.get(hash)).collect()
        };
        metrics::counter!("sequencer_flooded_total").increment(late.len() as u64);
        self.send(To::All, &late);
    }

    fn send(&self, to: To, transactions: &[Arc<PoolTransaction>]) {
        for message in messages(transactions.iter().map(|tx| &tx.raw)) {
            // Lost messages cost time, not transactions: they stay in the pool here, and this node will lead, too.
            let _ = self.peers.send(to, &message);
        }
    }
}

/// Lists of transactions in RLP, each short enough to send.
fn messages<'a>(transactions: impl Iterator<Item = &'a Bytes>) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let (mut list, mut size_bytes) = (Vec::new(), 0);
    for raw in transactions {
        if size_bytes + raw.len() > MESSAGE_FILL_BYTES && !list.is_empty() {
            messages.push(encode(&std::mem::take(&mut list)));
            size_bytes = 0;
        }
        size_bytes += raw.len();
        list.push(raw.clone());
    }
    if !list.is_empty() {
        messages.push(encode(&list));
    }
    messages
}

fn encode(list: &Vec<Bytes>) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(list.length());
    list.encode(&mut encoded);
    encoded
}

/// The transactions in a message; `None` when it is not one of ours.
pub(crate) fn decode(mut message: &[u8]) -> Option<Vec<Bytes>> {
    let list = Vec::<Bytes>::decode(&mut message).ok()?;
    message.is_empty().then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_hold_everything_in_order_and_are_short_enough() {
        let largest = crate::pool::TRANSACTION_BYTES_MAX;
        let sizes = [1, 200, largest, largest, 3, largest, 0, 7];
        let transactions: Vec<Bytes> = sizes.iter().map(|size| vec![7; *size].into()).collect();
        let messages = messages(transactions.iter());
        assert!(messages.len() > 1 && messages.iter().all(|message| message.len() < MESSAGE_BYTES_MAX));
        let read: Vec<Bytes> = messages.iter().flat_map(|message| decode(message).unwrap()).collect();
        assert_eq!(read, transactions);
        assert_eq!(decode(&[0xc0, 0]), None, "bytes after the end");
        assert_eq!(decode(&[0x80]), None, "no list");
    }
}
