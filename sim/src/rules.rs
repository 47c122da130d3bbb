//! Which blocks a model application lets pass. The same questions that `sequencer` asks, in small.

use std::{collections::BTreeSet, sync::Arc};

use sluice_types::OrderedBlock;

use crate::{
    chain::{Chain, transactions},
    l1::L1,
    plan::Change,
};

/// How far a block's time may be ahead of a clock.
pub(crate) const AHEAD_MAX_MS: u64 = 500;

/// What an application says to a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    /// Not yet, perhaps later.
    Wait,
    /// Never.
    Refuse(String),
}

/// What an application sees when it judges.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// What was handed over.
    pub(crate) chain: &'a Chain,
    /// What its clock says.
    pub(crate) clock_ms: u64,
    /// L1.
    pub(crate) l1: &'a L1,
    /// Up to when it knows L1.
    pub(crate) l1_ms: u64,
    /// How the committee changes.
    pub(crate) changes: &'a [Change],
}

impl View<'_> {
    /// Which epoch a block of `epoch` on this L1 block may name; 0 for none.
    pub(crate) fn next_epoch(&self, undecided: &[Arc<OrderedBlock>], epoch: u64, origin: u64) -> u64 {
        let below = || undecided.iter().rev().chain(self.chain.blocks().iter().rev());
        let named = below().take_while(|block| block.epoch == epoch).any(|block| block.next_epoch != 0);
        let begun = |change: &&Change| change.epoch > epoch && change.l1_block <= origin;
        if named { 0 } else { self.changes.iter().rfind(begun).map_or(0, |change| change.epoch) }
    }

    /// Judges a block whose height and parent are right. `undecided` are the blocks below that are not handed over.
    pub(crate) fn judge(&self, undecided: &[Arc<OrderedBlock>], block: &OrderedBlock) -> Verdict {
        let height = block.height.0;
        let parent = undecided.last().or_else(|| self.chain.block(height - 1));
        if let Some(parent) = parent {
            if block.timestamp_ms < parent.timestamp_ms {
                return Verdict::Refuse("its time is before its parent's".into());
            }
            if block.l1_origin < parent.l1_origin {
                return Verdict::Refuse("its L1 origin is before its parent's".into());
            }
        }
        let mut seen: BTreeSet<u64> = undecided.iter().flat_map(|block| transactions(block)).collect();
        for tx in transactions(block) {
            if self.chain.includes(tx) || !seen.insert(tx) {
                return Verdict::Refuse(format!("transaction {tx} is there already"));
            }
        }
        let mut late = block.timestamp_ms > self.clock_ms + AHEAD_MAX_MS;
        for section in &block.sections {
            let executed = section.executed_number.0;
            if executed >= height {
                return Verdict::Refuse(format!("it says that {executed} was executed before {height} was ordered"));
            }
            match self.chain.state(executed) {
                Some(state) if state == section.executed_hash => {}
                Some(_) => return Verdict::Refuse(format!("what {executed} was executed to is wrong")),
                None => late = true,
            }
        }
        if block.next_epoch != 0 && self.next_epoch(undecided, block.epoch, block.l1_origin.0) != block.next_epoch {
            return Verdict::Refuse(format!("it names epoch {} as the next", block.next_epoch));
        }
        let origin = block.l1_origin.0;
        let confirmed = origin <= L1::confirmed(self.l1_ms);
        if late || !confirmed || self.l1.hash(origin, self.l1_ms) != block.l1_origin_hash {
            return Verdict::Wait;
        }
        Verdict::Accept
    }
}
