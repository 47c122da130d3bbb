//! Turns a parent state and a block into an outcome; the only room that names revm.
//!
//! One function of three things: [`execute_block`] takes the parent's header, a [`BlockInput`] and a [`StateRead`], and gives an
//! [`Outcome`]: receipts, what was skipped and why, what changed, and the block access list of EIP-7928. The zkVM guest, the
//! node and the tests call the same function.
//!
//! What it deliberately does not do: it keeps no state, computes no state root, recovers no senders, and starts no thread. It does not decide what a block contains: whoever makes the input has.
//!
//! ```text
//! BlockInput ──► block ──► engine, one after another ──┐
//!                  │                                  ├──► machine: revm, with handler at its cash desk, dispatch as its
//!                  └─────► lanes, ahead of each other ─┘             loop, journal and table under it ──► reader ──► StateRead
//!                               │
//!      changes, access list ◄── ledger: what is committed, and the judge of what was executed ahead
//!
//! BlockAccessList ──► foresight ──► foretold: every transaction alone, checked against the list
//! ```
//!
//! Invariants:
//! - Deterministic: no clock, randomness or hash-order iteration reaches a result.
//! - A signed transaction that Ethereum would not let into a block is skipped, with its [`Skip`](sluice_types::Skip), and leaves
//!   no trace, not even in the access list. A deposit is never skipped.
//! - Wei are conserved: only a deposit's mint creates any, and nothing is burnt but by `SELFDESTRUCT` to self, as on Ethereum.
//! - A location is found by its full key, and what was executed ahead counts only if every value that it depended on is still so.
//! - A failing read stops the block; it never looks like an empty account.
//!
//! Start reading at `block.rs`, then `table.rs` and `ledger.rs`.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod block;
mod bulk;
mod call;
mod codes;
mod dispatch;
mod effects;
pub mod engine;
mod error;
mod foresight;
mod foretold;
mod genesis;
mod handler;
mod history;
mod index;
mod journal;
pub mod lanes;
mod ledger;
mod machine;
mod news;
mod noted;
mod preimages;
mod products;
mod reader;
mod receipts;
mod shares;
mod table;
mod trace;
mod transfer;
mod warm;
mod workspace;

use sluice_types::{BlockInput, ChainConfig, Header, Outcome, StateRead};

pub use block::{Plan, execute_block_with, execute_plan};
pub use call::{
    ACCESS_LIST_RUNS_MAX, AccessListOutcome, CALL_GAS_MAX, CallEnv, CallOutcome, CallRequest, call, create_access_list,
    estimate_gas,
};
pub use codes::CODES_MAX;
pub use error::{Error, EstimateError};
pub use genesis::genesis;
pub use history::{history_slot, without_parent_hash, write_parent_hash};
pub use index::Index;
pub use trace::{
    AccountState, Frame, FrameKind, FrameLog, Look, States, Step, StepParts, Trace, TraceLimit, TraceLimits,
    TracedBlock, TracedCall, TracedTransaction, trace_block, trace_call,
};
pub use workspace::Workspace;

/// Executes the block after `parent` on the state that `parent` left.
///
/// Errors: never for what a transaction does; see [`Error`].
pub fn execute_block<S: StateRead>(
    config: &ChainConfig,
    parent: &Header,
    input: &BlockInput,
    state: &S,
) -> Result<Outcome, Error<S::Error>> {
    execute_block_with(config, parent, input, state, &mut Workspace::default())
}
