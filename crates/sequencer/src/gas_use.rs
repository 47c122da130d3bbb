//! How much gas calls use, as executed blocks have shown.
//!
//! Senders let their transactions use more gas than these need, so that a block filled by gas limits stays partly empty: it is filled by
//! what such calls used lately. That is a guess and only the proposer's. Where it is too low, the last transactions of the block find too
//! little gas, are skipped, and stay in the pool for the next block.

use alloy_consensus::Transaction as _;
use alloy_primitives::map::{Entry, HashMap};
use sluice_types::{BlockInput, Outcome, SignedTransaction};

use crate::hot::{Call, Function};

/// Functions whose use of gas is remembered. What comes while memory is full is not learnt, and counts by its gas limit.
pub const GAS_FUNCTIONS_MAX: usize = 4_096;
/// Blocks after which what was not seen again is forgotten.
pub const GAS_BLOCKS_MAX: u64 = 64;
/// Of a block with more than twice as many transactions, only every n-th is looked at, other ones in each block.
pub const GAS_SAMPLE: usize = 1_024;
/// Part of the most that calls used lately by which one may use more before a block can be too full.
const MARGIN_PART: u64 = 16;
/// Part by which the most that was used is forgotten with each block in which calls used less.
const FORGOTTEN_PART: u64 = 16;

/// A bounded memory of how much gas calls of a function use.
#[derive(Debug, Default)]
pub(crate) struct GasUse {
    /// Blocks learnt from.
    blocks: u64,
    functions: HashMap<Function, Used>,
}

#[derive(Clone, Copy, Debug)]
struct Used {
    /// The block in which it was seen last.
    block: u64,
    /// The most, of which some is forgotten with each block.
    gas: u64,
}

impl GasUse {
    /// Learns from an executed block.
    pub(crate) fn learn(&mut self, input: &BlockInput, outcome: &Outcome) {
        self.blocks += 1;
        let block = self.blocks;
        if block.is_multiple_of(GAS_BLOCKS_MAX) {
            self.functions.retain(|_, used| block - used.block <= GAS_BLOCKS_MAX);
        }
        let step = (outcome.executed.len() / GAS_SAMPLE).max(1);
        let first = usize::try_from(block).unwrap_or_default() % step;
        for (index, receipt) in outcome.executed.iter().zip(&outcome.receipts).skip(first).step_by(step) {
            let call = input.transactions.get(*index).map(|tx| &tx.transaction);
            let Some(call) = call.and_then(|tx| Call::of(tx.kind(), tx.input())) else { continue };
            self.note(call.function, receipt.gas_used);
        }
    }

    fn note(&mut self, function: Function, gas: u64) {
        let (block, is_full) = (self.blocks, self.functions.len() >= GAS_FUNCTIONS_MAX);
        match self.functions.entry(function) {
            Entry::Occupied(mut used) => {
                let used = used.get_mut();
                if used.block != block {
                    used.gas -= used.gas / FORGOTTEN_PART;
                }
                *used = Used { block, gas: used.gas.max(gas) };
            }
            Entry::Vacant(place) if !is_full => {
                place.insert(Used { block, gas });
            }
            Entry::Vacant(_) => {}
        }
    }

    /// Gas that a transaction will hardly use more of: its limit where nothing else is known.
    pub(crate) fn expected(&self, transaction: &SignedTransaction) -> u64 {
        let limit = transaction.gas_limit();
        let function = Call::of(transaction.kind(), transaction.input()).map(|call| call.function);
        let used = function.and_then(|function| self.functions.get(&function));
        let fresh = used.filter(|used| self.blocks - used.block <= GAS_BLOCKS_MAX);
        fresh.map_or(limit, |used| used.gas.saturating_add(used.gas / MARGIN_PART).min(limit))
    }
}

#[cfg(test)]
mod tests;
