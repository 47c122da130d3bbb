//! The receipts of a block, until it ends in the lists in which they were made: who commits a run need not look at them.

use alloc::vec::Vec;

use sluice_types::Receipt;

/// Receipts in their order. `None` stands for a transaction that was skipped.
#[derive(Debug, Default)]
pub struct Receipts {
    lists: Vec<Vec<Option<Receipt>>>,
    count: usize,
}

impl Receipts {
    /// Adds those that follow.
    pub(crate) fn append(&mut self, list: Vec<Option<Receipt>>) {
        self.count += list.len();
        self.lists.push(list);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// One list of all, each with the gas that was used up to it.
    pub fn put_together(self) -> Vec<Receipt> {
        let mut all = Vec::with_capacity(self.count);
        let mut gas_used = 0;
        all.extend(self.lists.into_iter().flatten().flatten().map(|mut receipt| {
            gas_used += receipt.gas_used;
            receipt.cumulative_gas_used = gas_used;
            receipt
        }));
        all
    }
}
