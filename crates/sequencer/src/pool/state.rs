//! The pool itself: what it holds, who gets in, who has to go.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use alloy_primitives::{Address, B256, U256};
use sluice_types::{L1FeeParams, L1Origin, L2Number};

use super::{
    Content, Limits, PoolTransaction, Rejection,
    rank::{Rank, Worth},
    sender::{Entry, Queue},
};

/// A replacement must raise both fees by this much. Source: go-ethereum's `PriceBump`.
pub const REPLACEMENT_BUMP_PERCENT: u128 = 10;
/// Waiting transactions are looked at for expiry this often, milliseconds of the injected clock.
pub const EXPIRY_INTERVAL_MS: u64 = 10_000;

/// What the state says of a sender, at the pool's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderState {
    /// Next nonce.
    pub nonce: u64,
    /// Wei.
    pub balance_wei: U256,
    /// True when the account has code that is not an EIP-7702 delegation.
    pub is_contract: bool,
}

/// The head that the pool is measured against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolHead {
    /// Last executed block.
    pub number: L2Number,
    /// Base fee of the block after it.
    pub base_fee_wei: u64,
    /// L1 prices for the L1 data fee.
    pub l1_origin: L1Origin,
}

/// An entry outside the pool, with its sender's account, so that it can be put back even when its queue is gone.
#[derive(Debug)]
struct Taken {
    entry: Entry,
    nonce: u64,
    balance_wei: U256,
}

/// Transactions that wait to be proposed. No clock, no I/O: time and accounts are arguments.
///
/// Invariants: never more than [`Limits`]; one transaction per sender and nonce; what is *pending* has no nonce gap below it and its
/// sender can pay all of it together; a victim of eviction is always the last of its sender.
#[derive(Debug)]
pub struct Pool {
    limits: Limits,
    l1_fee: L1FeeParams,
    head: PoolHead,
    senders: HashMap<Address, Queue>,
    by_hash: HashMap<B256, (Address, u64)>,
    bytes: usize,
    pending: usize,
    arrivals: u64,
    /// The last transaction of every sender by rank. Built when the pool is first full at a base fee, then kept.
    tails: Option<BTreeSet<(Rank, Address)>>,
    expired_at_ms: u64,
}

impl Pool {
    /// An empty pool at this head.
    pub fn new(limits: Limits, l1_fee: L1FeeParams, head: PoolHead) -> Self {
        Self {
            limits,
            l1_fee,
            head,
            senders: HashMap::new(),
            by_hash: HashMap::new(),
            bytes: 0,
            pending: 0,
            arrivals: 0,
            tails: None,
            expired_at_ms: 0,
        }
    }

    /// The head that accounts given to [`Pool::admit`] must be of.
    pub fn head(&self) -> &PoolHead {
        &self.head
    }

    /// Takes a transaction in, or says why not; a refusal changes nothing. `state` is the sender's at [`Pool::head`].
    ///
    /// Returns the transactions that became pending by it: none when it waits for an earlier nonce.
    pub fn admit(
        &mut self,
        tx: Arc<PoolTransaction>,
        state: SenderState,
        now_ms: u64,
    ) -> Result<Vec<Arc<PoolTransaction>>, Rejection> {
        if self.by_hash.contains_key(&tx.hash()) {
            return Err(Rejection::AlreadyKnown);
        }
        if state.is_contract {
            return Err(Rejection::SenderNotEoa(tx.sender));
        }
        let cost_wei = tx.cost_wei(&self.head.l1_origin, &self.l1_fee);
        let replaced = self.check_account(&tx, state, cost_wei)?;
        let entry = Entry { tx: tx.clone(), cost_wei, arrival: self.arrivals, since_ms: now_ms };

        // Victims are taken out one by one and put back when there are not enough of them.
        let mut out: Vec<Taken> = replaced.and_then(|nonce| self.take(tx.sender, nonce)).into_iter().collect();
        let worth = self.worth_of(&tx, state, cost_wei);
        while !self.has_room(tx.raw.len()) {
            match self.take_victim(tx.sender, worth) {
                Some(victim) => out.push(victim),
                None => {
                    for taken in out.into_iter().rev() {
                        self.put(taken);
                    }
                    return Err(Rejection::Full);
                }
            }
        }
        self.arrivals += 1;
        Ok(self.put(Taken { entry, nonce: state.nonce, balance_wei: state.balance_wei }))
    }

    /// Follows a new head: `changed` are the accounts that the block changed, `refused` the transactions that execution skipped
    /// for good. Returns what became pending.
    pub fn on_block(
        &mut self,
        head: PoolHead,
        changed: impl IntoIterator<Item = (Address, u64, U256)>,
        refused: &[B256],
        now_ms: u64,
    ) -> Vec<Arc<PoolTransaction>> {
        if head.base_fee_wei != self.head.base_fee_wei {
            self.tails = None;
        }
        self.head = head;
        for hash in refused {
            if let Some((sender, nonce)) = self.by_hash.get(hash).copied() {
                self.take(sender, nonce);
            }
        }
        let mut risen = Vec::new();
        for (sender, nonce, balance_wei) in changed {
            let Some(queue) = self.senders.get_mut(&sender) else { continue };
            let before = queue.pending;
            let (used, now_pending) = queue.follow(nonce, balance_wei);
            self.pending = self.pending - before + queue.pending;
            risen.extend(now_pending);
            for entry in used {
                self.by_hash.remove(&entry.tx.hash());
                self.bytes -= entry.tx.raw.len();
            }
            self.settle(sender);
        }
        if now_ms.saturating_sub(self.expired_at_ms) >= EXPIRY_INTERVAL_MS {
            self.expired_at_ms = now_ms;
            self.expire(now_ms);
        }
        risen
    }

    /// A transaction in the pool.
    pub fn get(&self, hash: B256) -> Option<Arc<PoolTransaction>> {
        let (sender, nonce) = self.by_hash.get(&hash)?;
        Some(self.senders.get(sender)?.entries.get(nonce)?.tx.clone())
    }

    /// The nonce after the sender's pending transactions; `None` when none is pending.
    pub fn pending_nonce(&self, sender: Address) -> Option<u64> {
        self.senders.get(&sender).filter(|queue| queue.pending > 0).map(Queue::next_nonce)
    }

    /// Transactions that can execute in order.
    pub fn pending_count(&self) -> usize {
        self.pending
    }

    /// Transactions that wait for a nonce or for funds.
    pub fn queued_count(&self) -> usize {
        self.by_hash.len() - self.pending
    }

    /// Bytes of all transactions.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Everything, by sender and nonce.
    pub fn content(&self) -> Content {
        let mut content = Content::default();
        for (sender, queue) in &self.senders {
            let by_nonce = |entry: &Entry| (entry.tx.nonce(), entry.tx.clone());
            if queue.pending > 0 {
                content.pending.insert(*sender, queue.pending().map(by_nonce).collect());
            }
            if queue.pending < queue.entries.len() {
                content.queued.insert(*sender, queue.queued().map(by_nonce).collect());
            }
        }
        content
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = (&Address, &Queue)> {
        self.senders.iter()
    }

    /// The index of tails is what it would be if it were built now.
    #[cfg(test)]
    pub(super) fn check_tails(&self) {
        let Some(tails) = &self.tails else { return };
        let rank = |queue| Rank::of_tail(queue, self.head.base_fee_wei).expect("no queue is empty");
        let built: BTreeSet<_> = self.senders.iter().map(|(sender, queue)| (rank(queue), *sender)).collect();
        assert_eq!(tails, &built);
    }

    /// Checks nonce, replacement, limits and funds; returns the nonce to replace.
    fn check_account(
        &self,
        tx: &PoolTransaction,
        state: SenderState,
        cost_wei: U256,
    ) -> Result<Option<u64>, Rejection> {
        let nonce = tx.nonce();
        if nonce < state.nonce {
            return Err(Rejection::NonceTooLow { nonce, next: state.nonce });
        }
        let queue = self.senders.get(&tx.sender);
        let next = queue.map_or(state.nonce, Queue::next_nonce);
        if nonce.saturating_sub(next) > self.limits.nonce_gap_max {
            return Err(Rejection::NonceTooHigh { nonce, next, gap_max: self.limits.nonce_gap_max });
        }
        let old = queue.and_then(|queue| queue.entries.get(&nonce));
        let others_wei = queue.map_or(U256::ZERO, |queue| queue.cost_wei) - old.map_or(U256::ZERO, |old| old.cost_wei);
        if others_wei.saturating_add(cost_wei) > state.balance_wei {
            let (balance_wei, queued_wei) = (state.balance_wei, others_wei);
            return Err(Rejection::InsufficientFunds { balance_wei, queued_wei, cost_wei });
        }
        match old {
            Some(old) => check_replacement(&old.tx, tx)?,
            None => {
                let count = queue.map_or(0, |queue| queue.entries.len());
                if count >= self.limits.per_sender_max {
                    return Err(Rejection::AccountLimit(count));
                }
            }
        }
        Ok(old.map(|_| nonce))
    }

    /// What the newcomer is worth against those it may push out.
    fn worth_of(&self, tx: &PoolTransaction, state: SenderState, cost_wei: U256) -> Worth {
        let pending = match self.senders.get(&tx.sender) {
            Some(queue) => queue.would_be_pending(tx.nonce(), cost_wei),
            None => tx.nonce() == state.nonce,
        };
        Worth::new(tx, pending, self.head.base_fee_wei)
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.by_hash.len() < self.limits.transactions_max && self.bytes + bytes <= self.limits.bytes_max
    }

    /// Takes out the least wanted transaction, if the newcomer is worth more and it is not the newcomer's own sender's.
    fn take_victim(&mut self, newcomer: Address, worth: Worth) -> Option<Taken> {
        let (rank, sender) = *self.tails().first()?;
        if rank.worth >= worth || sender == newcomer {
            return None;
        }
        let nonce = *self.senders.get(&sender)?.entries.last_key_value()?.0;
        metrics::counter!("sequencer_pool_evictions_total").increment(1);
        self.take(sender, nonce)
    }

    fn tails(&mut self) -> &BTreeSet<(Rank, Address)> {
        let (senders, base_fee_wei) = (&mut self.senders, self.head.base_fee_wei);
        self.tails.get_or_insert_with(|| {
            senders
                .iter_mut()
                .filter_map(|(sender, queue)| {
                    queue.tail = Rank::of_tail(queue, base_fee_wei);
                    queue.tail.map(|rank| (rank, *sender))
                })
                .collect()
        })
    }

    /// Puts an entry in, new or taken out before.
    fn put(&mut self, Taken { entry, nonce, balance_wei }: Taken) -> Vec<Arc<PoolTransaction>> {
        let sender = entry.tx.sender;
        self.by_hash.insert(entry.tx.hash(), (sender, entry.tx.nonce()));
        self.bytes += entry.tx.raw.len();
        let queue = self.senders.entry(sender).or_default();
        debug_assert!(
            queue.entries.is_empty() || (queue.nonce, queue.balance_wei) == (nonce, balance_wei),
            "accounts are read at the pool's head"
        );
        (queue.nonce, queue.balance_wei) = (nonce, balance_wei);
        let before = queue.pending;
        let risen = queue.insert(entry);
        self.pending = self.pending - before + queue.pending;
        self.settle(sender);
        risen
    }

    /// Takes an entry out.
    fn take(&mut self, sender: Address, nonce: u64) -> Option<Taken> {
        let queue = self.senders.get_mut(&sender)?;
        let before = queue.pending;
        let entry = queue.remove(nonce)?;
        self.pending = self.pending - before + queue.pending;
        self.by_hash.remove(&entry.tx.hash());
        self.bytes -= entry.tx.raw.len();
        let taken = Taken { entry, nonce: queue.nonce, balance_wei: queue.balance_wei };
        self.settle(sender);
        Some(taken)
    }

    /// After any change of a sender's queue: keeps the index of tails right and drops an empty queue.
    fn settle(&mut self, sender: Address) {
        let Some(queue) = self.senders.get_mut(&sender) else { return };
        if let Some(tails) = &mut self.tails {
            if let Some(rank) = queue.tail.take() {
                tails.remove(&(rank, sender));
            }
            queue.tail = Rank::of_tail(queue, self.head.base_fee_wei);
            tails.extend(queue.tail.map(|rank| (rank, sender)));
        }
        if queue.entries.is_empty() {
            self.senders.remove(&sender);
        }
    }

    fn expire(&mut self, now_ms: u64) {
        let age_max = self.limits.queued_ms_max;
        let stale: Vec<(Address, u64)> = self
            .senders
            .iter()
            .flat_map(|(sender, queue)| queue.queued().map(|entry| (*sender, entry)))
            .filter(|(_, entry)| now_ms.saturating_sub(entry.since_ms) > age_max)
            .map(|(sender, entry)| (sender, entry.tx.nonce()))
            .collect();
        for (sender, nonce) in stale {
            self.take(sender, nonce);
        }
    }
}

fn check_replacement(old: &PoolTransaction, new: &PoolTransaction) -> Result<(), Rejection> {
    // At least one wei more, so that a fee of zero cannot be "raised" by nothing for ever.
    let bumped =
        |fee_wei: u128| (fee_wei.saturating_mul(100 + REPLACEMENT_BUMP_PERCENT) / 100).max(fee_wei.saturating_add(1));
    let (cap_min_wei, tip_min_wei) = (bumped(old.fee_cap_wei()), bumped(old.tip_cap_wei()));
    if new.fee_cap_wei() < cap_min_wei || new.tip_cap_wei() < tip_min_wei {
        return Err(Rejection::ReplacementUnderpriced {
            bump_percent: REPLACEMENT_BUMP_PERCENT,
            cap_min_wei,
            tip_min_wei,
        });
    }
    Ok(())
}
