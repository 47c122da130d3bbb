//! What an executor keeps from block to block.

use alloc::vec::Vec;

use crate::{codes::Codes, lanes::Effects, ledger::LedgerMemory, preimages::Preimages, table::Rows};

/// Analysed code, and memory that need not grow anew.
///
/// Only a saving: execution with a used workspace, a new one, or one from another chain gives the same outcome.
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "it holds nothing to look at")]
pub struct Workspace {
    pub(crate) bench: Bench,
    pub(crate) ledger: LedgerMemory,
    /// Of the lane that works here.
    pub(crate) spare: Vec<Effects>,
}

/// The part of it that belongs to one machine.
#[derive(Default)]
pub(crate) struct Bench {
    pub(crate) codes: Codes,
    pub(crate) rows: Rows,
    pub(crate) preimages: Preimages,
}

impl Workspace {
    /// For something that runs once.
    pub(crate) fn for_once() -> Self {
        Self { bench: Bench { preimages: Preimages::Off, ..Bench::default() }, ..Self::default() }
    }

    /// Forgets what contracts have hashed, so that a measurement that repeats a block does not find the block's own hashes.
    pub fn forget_preimages(&mut self) {
        self.bench.preimages.forget();
    }
}
