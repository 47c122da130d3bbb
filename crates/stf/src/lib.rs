//! Turns a parent state and a block into an outcome; the only room that names revm.
#![cfg_attr(not(feature = "std"), no_std)]
#![allow(clippy::todo, unused_variables, reason = "being written")]

extern crate alloc;

mod call;
mod error;

use sluice_types::{BlockInput, ChainConfig, GenesisState, Header, Outcome, StateRead};

pub use call::{AccessListOutcome, CallEnv, CallOutcome, CallRequest, call, create_access_list, estimate_gas};
pub use error::{Error, EstimateError};

/// Most gas that one call may use.
pub const CALL_GAS_MAX: u64 = 50_000_000;

/// The state at genesis: the predeploys and the accounts of the config.
pub fn genesis(config: &ChainConfig) -> GenesisState {
    todo!()
}

/// Executes the block after `parent` on the state that `parent` left.
pub fn execute_block<S: StateRead>(config: &ChainConfig, parent: &Header, input: &BlockInput, state: &S) -> Result<Outcome, Error<S::Error>> {
    todo!()
}
