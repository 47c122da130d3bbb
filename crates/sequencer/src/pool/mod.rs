//! The pool.
mod rejection;
mod transaction;
pub use rejection::Rejection;
pub use transaction::PoolTransaction;

use std::collections::BTreeMap;
use std::sync::Arc;
use alloy_primitives::Address;

/// Everything in the pool, by sender and nonce, as `txpool_content` shows it.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// What can be executed in nonce order.
    pub pending: BTreeMap<Address, BTreeMap<u64, Arc<PoolTransaction>>>,
    /// What waits for an earlier nonce or for funds.
    pub queued: BTreeMap<Address, BTreeMap<u64, Arc<PoolTransaction>>>,
}
