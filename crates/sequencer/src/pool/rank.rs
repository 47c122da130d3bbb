//! Who has to go when the pool is full.

use std::cmp::Reverse;

use super::sender::{Entry, Queue};

/// How much the pool wants to keep a transaction; the smallest goes first.
///
/// Order of the fields is order of comparison: what cannot execute goes before what can, then the lower tip at the present base
/// fee (none at all when the cap is below it), then the lower cap, then the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) worth: Worth,
    pub(super) arrival: Reverse<u64>,
}

/// The part of [`Rank`] that must be better, not only older, for a newcomer to push somebody out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worth {
    pub(super) pending: bool,
    pub(super) tip_wei: Option<u128>,
    pub(super) fee_cap_wei: u128,
}

impl Worth {
    pub(super) fn new(tx: &super::PoolTransaction, pending: bool, base_fee_wei: u64) -> Self {
        Self { pending, tip_wei: tx.tip_wei(base_fee_wei), fee_cap_wei: tx.fee_cap_wei() }
    }
}

impl Rank {
    /// Rank of a sender's last transaction. Only last ones are pushed out, so that eviction never opens a gap.
    pub(super) fn of_tail(queue: &Queue, base_fee_wei: u64) -> Option<Self> {
        let (_, Entry { tx, arrival, .. }) = queue.entries.last_key_value()?;
        let pending = queue.pending == queue.entries.len();
        Some(Self { worth: Worth::new(tx, pending, base_fee_wei), arrival: Reverse(*arrival) })
    }
}
