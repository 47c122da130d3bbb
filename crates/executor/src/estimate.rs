//! What a transaction will cost, from what such transactions have cost.

use std::ops::Range;

use alloy_primitives::{TxKind, map::HashMap};
use sluice_stf::Plan;
use sluice_types::Receipt;

/// Calls whose cost is remembered. A full memory is emptied: simpler than any order of use, and as good for a working set that fits.
pub const CALLS_KNOWN_MAX: usize = 1 << 16;
/// Work of one run, in gas of ordinary contract code: some 50 microseconds, long against handing it over.
pub const RUN_WORK: u64 = 150_000;
/// Most transactions in one run, so that a conflict is noticed before much has been built on it.
pub const RUN_TRANSACTIONS_MAX: usize = 64;
/// Work from which on a block is shared among workers. Below it, waking them costs more than they save.
pub const SHARED_WORK_MIN: u64 = 900_000;

/// Work of a transfer of value and nothing else, which runs no code.
const TRANSFER_WORK: u64 = 2_000;
/// Work of a call that was never seen, if its gas limit allows as much.
const UNKNOWN_WORK: u64 = 60_000;

/// What calls have cost, by contract and function.
#[derive(Debug, Default)]
pub(crate) struct Estimates {
    work: HashMap<(TxKind, [u8; 4]), u64>,
}

impl Estimates {
    fn of(&self, plan: &Plan<'_>, index: usize) -> u64 {
        plan.call(index).map_or(TRANSFER_WORK, |(kind, selector, gas_limit)| {
            self.work.get(&(kind, selector)).copied().unwrap_or(UNKNOWN_WORK).min(gas_limit)
        })
    }

    /// Learns from a block.
    pub(crate) fn learn(&mut self, plan: &Plan<'_>, executed: &[usize], receipts: &[Receipt]) {
        for (&index, receipt) in executed.iter().zip(receipts) {
            let Some((kind, selector, _)) = plan.call(index) else { continue };
            if self.work.len() >= CALLS_KNOWN_MAX {
                self.work.clear();
            }
            self.work
                .entry((kind, selector))
                // Half of the old and half of the new: quick to follow, and not thrown by one odd call.
                .and_modify(|work| *work = (*work + receipt.gas_used) / 2)
                .or_insert(receipt.gas_used);
        }
    }

    /// Cuts a block into runs of about [`RUN_WORK`]. Also gives the work of all.
    pub(crate) fn cut(&self, plan: &Plan<'_>) -> (Vec<Range<usize>>, u64) {
        let mut runs = Vec::new();
        let (mut start, mut work, mut all) = (0, 0, 0);
        for index in 0..plan.len() {
            let more = self.of(plan, index);
            if index > start && (work + more > RUN_WORK || index - start == RUN_TRANSACTIONS_MAX) {
                runs.push(start..index);
                (start, work) = (index, 0);
            }
            work += more;
            all += more;
        }
        if start < plan.len() {
            runs.push(start..plan.len());
        }
        (runs, all)
    }
}
