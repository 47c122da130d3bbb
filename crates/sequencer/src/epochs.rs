//! Whose committee orders, and which one is next, as the ordered blocks say.

use sluice_store::Store;
use sluice_types::{EPOCH_TAIL_BLOCKS, L2Number, OrderedBlock};
use tokio::sync::watch;

use crate::Error;

/// An epoch that may take over: its committee is known and final on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextEpoch {
    /// Its number, as L1 counts.
    pub epoch: u64,
    /// When it begins, seconds since 1970, by L1's timestamps.
    pub starts_at: u64,
}

/// The epochs that may take over, as far as this node sees L1. There is no order, and past ones may be among them.
pub type NextEpochs = watch::Receiver<Vec<NextEpoch>>;

/// Whose committee orders, and who takes over soon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) epoch: u64,
    /// The epoch that a block of this one has named; 0 when none has.
    pub(crate) next_epoch: u64,
}

impl Term {
    /// After one more block.
    pub(crate) const fn after(self, block: &OrderedBlock) -> Self {
        let named = block.epoch != self.epoch || block.next_epoch != 0;
        Self { epoch: block.epoch, next_epoch: if named { block.next_epoch } else { self.next_epoch } }
    }

    /// After all blocks that are stored. An epoch is named at most [`EPOCH_TAIL_BLOCKS`] before it begins.
    pub(crate) fn stored(store: &Store) -> Result<Self, Error> {
        let head = store.heads().executed.0;
        let mut term = Self::default();
        for number in head.saturating_sub(EPOCH_TAIL_BLOCKS)..=head {
            if let Some((block, _)) = store.ordered(L2Number(number))? {
                term = term.after(&block);
            }
        }
        Ok(term)
    }

    /// The epoch that a block on an L1 block of this time should name: the last that has begun; 0 for none.
    pub(crate) fn due(self, known: &[NextEpoch], origin_timestamp: u64) -> u64 {
        if self.next_epoch != 0 {
            return 0;
        }
        let begun = known.iter().filter(|next| next.epoch > self.epoch && next.starts_at <= origin_timestamp);
        begun.map(|next| next.epoch).max().unwrap_or(0)
    }
}
