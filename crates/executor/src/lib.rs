//! Runs a block's transactions with exactly the result of stf, and emits the block access list.

use sluice_stf::Error;
use sluice_types::{BlockInput, ChainConfig, Header, Outcome, StateRead};

/// Executes blocks.
#[derive(Clone, Debug, Default)]
pub struct Executor {}

impl Executor {
    /// An executor.
    pub fn new() -> Self {
        Self {}
    }

    /// Executes the block after `parent` on the state that `parent` left.
    pub fn execute<S: StateRead + Sync>(
        &self,
        config: &ChainConfig,
        parent: &Header,
        input: &BlockInput,
        state: &S,
    ) -> Result<Outcome, Error<S::Error>> {
        sluice_stf::execute_block(config, parent, input, state)
    }
}
