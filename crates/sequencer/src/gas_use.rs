//! How much gas calls use, as executed blocks have shown.
//!
//! Senders let their transactions use more gas than these need, so that a block filled by gas limits stays partly empty: it is filled by
//! what such calls used lately. That is a guess and only the proposer's. Where it is too low, the last transactions of the block find too
//! little gas, are skipped, and stay in the pool for the next block.

use alloy_consensus::Transaction as _;
use sluice_types::{BlockInput, Outcome, SignedTransaction};

use crate::calls::{Call, Function, Recent, step};

/// Part of the most that calls used lately by which one may use more before a block can be too full.
const MARGIN_PART: u64 = 16;
/// Part by which the most that was used is forgotten with each block in which calls used less.
const FORGOTTEN_PART: u64 = 16;

/// A bounded memory of how much gas calls of a function use: the most, of which some is forgotten with each block.
#[derive(Debug, Default)]
pub(crate) struct GasUse(Recent<Function, u64>);

impl GasUse {
    /// Learns from an executed block.
    pub(crate) fn learn(&mut self, input: &BlockInput, outcome: &Outcome) {
        self.0.begin_block();
        let step = step(outcome.executed.len());
        // Other ones in each block.
        let first = usize::try_from(self.0.blocks).unwrap_or_default() % step;
        for (index, receipt) in outcome.executed.iter().zip(&outcome.receipts).skip(first).step_by(step) {
            let call = input.transactions.get(*index).map(|tx| &tx.transaction);
            let Some(call) = call.and_then(|tx| Call::of(tx.kind(), tx.input())) else { continue };
            self.note(call.function, receipt.gas_used);
        }
    }

    fn note(&mut self, function: Function, gas: u64) {
        let left = self.0.last(&function).map_or(0, |seen| {
            if seen.block == self.0.blocks { seen.value } else { seen.value - seen.value / FORGOTTEN_PART }
        });
        self.0.note(function, left.max(gas));
    }

    /// Gas that a transaction will hardly use more of: its limit where nothing else is known.
    pub(crate) fn expected(&self, transaction: &SignedTransaction) -> u64 {
        let limit = transaction.gas_limit();
        let function = Call::of(transaction.kind(), transaction.input()).map(|call| call.function);
        let used = function.and_then(|function| self.0.get(&function));
        used.map_or(limit, |gas| gas.saturating_add(gas / MARGIN_PART).min(limit))
    }
}

#[cfg(test)]
mod tests;
