//! What the next ordered block builds on, as far as order alone tells, before anything is executed.

use std::sync::Arc;

use alloy_primitives::B256;
use sluice_types::{Height, L1Number, MessageIndex, OrderedBlock, RollupId};

use crate::{
    epochs::Term,
    tip::{Last, Tip},
};

/// What the next ordered block builds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) height: Height,
    /// Zero when it is not known.
    pub(crate) hash: B256,
    pub(crate) timestamp_ms: u64,
    /// Number and hash; zero while no block has named one, since genesis knows the number only.
    pub(crate) l1_origin: (L1Number, B256),
    /// Messages that are consumed up to here.
    pub(crate) inbox_count: MessageIndex,
    pub(crate) term: Term,
}

impl Base {
    pub(crate) fn of(tip: &Tip) -> Self {
        let Last { height, hash, timestamp_ms, term } = tip.ordered;
        Self {
            height,
            hash: hash.unwrap_or_default(),
            timestamp_ms: timestamp_ms.max(tip.header.timestamp.saturating_mul(1_000)),
            l1_origin: (tip.l1_origin.number, tip.l1_origin.hash),
            inbox_count: tip.inbox_count,
            term,
        }
    }

    /// With one more block.
    pub(crate) fn after(&self, block: &OrderedBlock, rollup: RollupId) -> Self {
        let consumed: u64 = sections(block, rollup).map(|section| u64::from(section.inbox_count)).sum();
        Self {
            height: block.height,
            hash: block.hash(),
            timestamp_ms: block.timestamp_ms,
            l1_origin: (block.l1_origin, block.l1_origin_hash),
            inbox_count: MessageIndex(self.inbox_count.0 + consumed),
            term: self.term.after(block),
        }
    }

    /// With those of the undecided blocks that are above it. `None` when they do not follow it.
    pub(crate) fn above(mut self, undecided: &[Arc<OrderedBlock>], rollup: RollupId) -> Option<Self> {
        for block in undecided {
            if block.height <= self.height {
                continue;
            }
            if (block.height, block.parent) != (self.height.next(), self.hash) {
                return None;
            }
            self = self.after(block, rollup);
        }
        Some(self)
    }
}

/// The sections of one rollup: one, in a block that keeps the rules.
pub(crate) fn sections(block: &OrderedBlock, rollup: RollupId) -> impl Iterator<Item = &sluice_types::RollupSection> {
    block.sections.iter().filter(move |section| section.rollup == rollup)
}
