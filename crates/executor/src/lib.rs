//! Runs a block's transactions with exactly the result of stf, and emits the block access list.
//!
//! What it deliberately does not do: it decides nothing. Whatever engine stands behind [`Executor::execute`], its outcome is that
//! of [`sluice_stf::execute_block`]. Today that engine is sequential; there is no parallel one yet, and no setting that pretends so.
//!
//! Invariants: one block at a time per executor, since blocks of one chain follow each other; rollups that should execute side by
//! side have an executor each.
//!
//! Start reading at [`Executor`].

use std::sync::{Mutex, PoisonError};

use sluice_stf::{Codes, Error};
use sluice_types::{BlockInput, ChainConfig, Header, Outcome, StateRead};

/// Executes the blocks of one chain, and keeps the analysed code of its contracts from block to block.
#[derive(Debug, Default)]
pub struct Executor {
    codes: Mutex<Codes>,
}

impl Executor {
    /// An executor that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Executes the block after `parent` on the state that `parent` left.
    ///
    /// Blocks the thread for as long as the block takes; call it from a thread made for such work.
    pub fn execute<S: StateRead + Sync>(
        &self,
        config: &ChainConfig,
        parent: &Header,
        input: &BlockInput,
        state: &S,
    ) -> Result<Outcome, Error<S::Error>> {
        // A panic elsewhere cannot leave a wrong code behind: entries are complete when inserted.
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        sluice_stf::execute_block_with(config, parent, input, state, &mut codes)
    }
}
