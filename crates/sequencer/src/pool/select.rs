//! What to propose next.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    sync::Arc,
};

use alloy_consensus::Transaction as _;
use alloy_primitives::B256;
use sluice_types::SignedTransaction;

use super::{Pool, PoolTransaction, sender::Entry};

/// Room that a block has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Gas.
    pub gas: u64,
    /// EIP-2718 bytes.
    pub bytes: usize,
}

/// No transaction needs less; a block with less gas left is full.
const GAS_MIN: u64 = 21_000;

/// Gas that is left, in whatever order transactions are executed: each must find as much as it may use, whatever it then uses.
struct GasLeft {
    /// After what all are expected to use.
    gas: u64,
    /// The most that one may use above that.
    above: u64,
}

impl GasLeft {
    /// Takes what a transaction is expected to use, if it fits.
    fn take(&mut self, limit: u64, expected: u64) -> bool {
        let expected = expected.min(limit);
        let above = self.above.max(limit - expected);
        match self.gas.checked_sub(expected) {
            Some(gas) if above <= gas => {
                *self = Self { gas, above };
                true
            }
            _ => false,
        }
    }

    /// No transaction fits any more.
    fn is_used_up(&self) -> bool {
        self.gas - self.above < GAS_MIN
    }
}

impl Pool {
    /// The best transactions that fit: highest tip at the pool's base fee first, then the earliest; each sender's in order of
    /// nonce. A sender whose next one does not fit, or does not pay the base fee, is left for a later block. Those in `taken` are
    /// passed over: they are in a block already that is not executed yet.
    ///
    /// What a transaction is `expected_gas` to use counts, and not what it may use. If all use at most that, each finds enough left.
    pub fn best(
        &self,
        room: Room,
        taken: &HashSet<B256>,
        expected_gas: impl Fn(&SignedTransaction) -> u64,
    ) -> Vec<Arc<PoolTransaction>> {
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
        let (mut gas_left, mut bytes_left) = (GasLeft { gas: room.gas, above: 0 }, room.bytes);
        while !gas_left.is_used_up()
            && let Some(Candidate { index, .. }) = heap.pop()
        {
            let Some(tx) = current[index].take() else { continue };
            let (limit, bytes) = (tx.transaction.gas_limit(), tx.raw.len());
            if bytes > bytes_left || !gas_left.take(limit, expected_gas(&tx.transaction)) {
                continue;
            }
            bytes_left -= bytes;
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
