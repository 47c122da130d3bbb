//! What one sender has waiting.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::U256;

use super::PoolTransaction;

/// A waiting transaction.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) tx: Arc<PoolTransaction>,
    /// Most that it costs, at the L1 price when it came.
    pub(super) cost_wei: U256,
    /// Counts up over the whole pool: who came first.
    pub(super) arrival: u64,
    /// When it came.
    pub(super) since_ms: u64,
}

/// One sender's waiting transactions by nonce. The first `pending` of them have no gap below them and are paid for together.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) nonce: u64,
    pub(super) balance_wei: U256,
    pub(super) entries: BTreeMap<u64, Entry>,
    /// Cost of all entries.
    pub(super) cost_wei: U256,
    /// How many can execute in order.
    pub(super) pending: usize,
    /// Cost of those.
    pending_cost_wei: U256,
    /// Rank under which the last entry stands in the pool's index of tails.
    pub(super) tail: Option<super::rank::Rank>,
}

impl Queue {
    /// The nonce that the next transaction needs to execute after the pending ones.
    pub(super) fn next_nonce(&self) -> u64 {
        self.nonce.saturating_add(self.pending as u64)
    }

    /// Puts an entry in; its nonce must be free and not used. Returns what became pending.
    pub(super) fn insert(&mut self, entry: Entry) -> Vec<Arc<PoolTransaction>> {
        let nonce = entry.tx.nonce();
        debug_assert!(nonce >= self.nonce, "the pool refuses used nonces");
        self.cost_wei = self.cost_wei.saturating_add(entry.cost_wei);
        let replaced = self.entries.insert(nonce, entry);
        debug_assert!(replaced.is_none(), "the pool takes a replaced entry out first");
        self.promote()
    }

    /// Takes an entry out. Later ones lose their place among the pending.
    pub(super) fn remove(&mut self, nonce: u64) -> Option<Entry> {
        let entry = self.entries.remove(&nonce)?;
        self.recount();
        Some(entry)
    }

    /// Follows the account; returns what fell below the nonce, and what became pending.
    pub(super) fn follow(&mut self, nonce: u64, balance_wei: U256) -> (Vec<Entry>, Vec<Arc<PoolTransaction>>) {
        let kept = self.entries.split_off(&nonce);
        let used = std::mem::replace(&mut self.entries, kept).into_values().collect();
        let before = self.next_nonce();
        (self.nonce, self.balance_wei) = (nonce, balance_wei);
        self.recount();
        let after = self.next_nonce();
        let risen = self.entries.range(before.min(after)..after).map(|(_, entry)| entry.tx.clone()).collect();
        (used, risen)
    }

    /// Whether an entry of this nonce and cost would be pending at once.
    pub(super) fn would_be_pending(&self, nonce: u64, cost_wei: U256) -> bool {
        nonce == self.next_nonce() && self.pending_cost_wei.saturating_add(cost_wei) <= self.balance_wei
    }

    /// The pending entries in order.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().take(self.pending)
    }

    /// The entries that wait for a nonce or for funds.
    pub(super) fn queued(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().skip(self.pending)
    }

    fn recount(&mut self) {
        self.cost_wei = self.entries.values().fold(U256::ZERO, |sum, entry| sum.saturating_add(entry.cost_wei));
        self.pending = 0;
        self.pending_cost_wei = U256::ZERO;
        self.promote();
    }

    /// Extends the pending ones as far as nonces and funds reach.
    fn promote(&mut self) -> Vec<Arc<PoolTransaction>> {
        let mut risen = Vec::new();
        while let Some(entry) = self.entries.get(&self.next_nonce()) {
            let cost_wei = self.pending_cost_wei.saturating_add(entry.cost_wei);
            if cost_wei > self.balance_wei {
                break;
            }
            risen.push(entry.tx.clone());
            self.pending_cost_wei = cost_wei;
            self.pending += 1;
        }
        risen
    }
}
