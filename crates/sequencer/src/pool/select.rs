//! What to propose next.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    sync::Arc,
};

use alloy_consensus::Transaction as _;
use alloy_primitives::B256;

use super::{Pool, PoolTransaction, sender::Entry};

/// Room that a block has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Gas, counted by the transactions' limits.
    pub gas: u64,
    /// EIP-2718 bytes.
    pub bytes: usize,
}

/// No transaction needs less; a block with less gas left is full.
const GAS_MIN: u64 = 21_000;

impl Pool {
    /// The best transactions that fit: highest tip at the pool's base fee first, then the earliest; each sender's in order of
    /// nonce. A sender whose next one does not fit, or does not pay the base fee, is left for a later block. Those in `taken` are
    /// passed over: they are in a block already that is not executed yet.
    pub fn best(&self, mut room: Room, taken: &HashSet<B256>) -> Vec<Arc<PoolTransaction>> {
        let base_fee_wei = self.head().base_fee_wei;
        let mut queues: Vec<_> =
            self.queues().filter(|(_, queue)| queue.pending > 0).map(|(_, q)| q.pending()).collect();
        let free = |entry: &&Entry| taken.is_empty() || !taken.contains(&entry.tx.hash());
        // `index` comes last and never decides: no two transactions have the same arrival.
        let candidate = |entry: &Entry, index: usize| {
            entry.tx.tip_wei(base_fee_wei).map(|tip| Candidate { tip, arrival: Reverse(entry.arrival), index })
        };
        let mut current: Vec<Option<Arc<PoolTransaction>>> = vec![None; queues.len()];
        let mut heap = BinaryHeap::with_capacity(queues.len());
        for (index, queue) in queues.iter_mut().enumerate() {
            if let Some(entry) = queue.find(free) {
                current[index] = Some(entry.tx.clone());
                heap.extend(candidate(entry, index));
            }
        }
        let mut chosen = Vec::new();
        while room.gas >= GAS_MIN
            && let Some(Candidate { index, .. }) = heap.pop()
        {
            let Some(tx) = current[index].take() else { continue };
            let (gas, bytes) = (tx.transaction.gas_limit(), tx.raw.len());
            if gas > room.gas || bytes > room.bytes {
                continue;
            }
            room = Room { gas: room.gas - gas, bytes: room.bytes - bytes };
            chosen.push(tx);
            if let Some(entry) = queues[index].find(free) {
                current[index] = Some(entry.tx.clone());
                heap.extend(candidate(entry, index));
            }
        }
        chosen
    }

    /// Whether anything pays the present base fee.
    pub fn has_work(&self) -> bool {
        let base_fee_wei = self.head().base_fee_wei;
        self.queues().any(|(_, queue)| queue.pending().next().is_some_and(|e| e.tx.tip_wei(base_fee_wei).is_some()))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    tip: u128,
    arrival: Reverse<u64>,
    index: usize,
}
