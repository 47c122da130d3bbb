//! The transaction pool: pure logic, bounded, without clock or I/O.
//!
//! [`Rules`] hold a transaction to what is wrong with it by itself; [`Pool::admit`] to what the state and the other transactions
//! say; [`Pool::best`] picks what to propose; [`Pool::on_block`] follows the chain.

mod intrinsic;
mod limits;
mod rank;
mod rejection;
mod rules;
mod select;
mod sender;
mod state;
mod transaction;

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::Address;

pub use limits::Limits;
pub use rejection::Rejection;
pub(crate) use rules::recover;
pub use rules::{INIT_CODE_BYTES_MAX, Rules, TRANSACTION_BYTES_MAX, TRANSACTION_GAS_MAX};
pub use select::Room;
pub use state::{EXPIRY_INTERVAL_MS, Pool, PoolHead, REPLACEMENT_BUMP_PERCENT, SenderState};
pub use transaction::PoolTransaction;

/// Everything in the pool, by sender and nonce, as `txpool_content` shows it.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// What can be executed in nonce order.
    pub pending: BTreeMap<Address, BTreeMap<u64, Arc<PoolTransaction>>>,
    /// What waits for an earlier nonce or for funds.
    pub queued: BTreeMap<Address, BTreeMap<u64, Arc<PoolTransaction>>>,
}

#[cfg(test)]
mod tests;
