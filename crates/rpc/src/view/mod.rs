//! JSON of what the store holds, in go-ethereum's shapes.

mod block;
mod receipt;
mod trace;
mod transaction;

pub(crate) use block::{block, header, raw_block};
pub(crate) use receipt::{log, receipt, receipts};
pub(crate) use trace::{Prestate, call_frame, four_bytes, prestate, struct_logs};
pub(crate) use transaction::{mined, pending};

use alloy_primitives::U64;

/// A number as Ethereum's JSON-RPC writes it.
pub(crate) fn quantity(number: u64) -> U64 {
    U64::from(number)
}
