//! The pool as other rooms see it.
use std::sync::Arc;
use alloy_primitives::{Address, B256, Bytes};
use tokio::sync::broadcast;
use crate::pool::{Content, PoolTransaction, Rejection};

/// The pool as other rooms see it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PoolHandle(());

impl PoolHandle {
    /// Takes a transaction in, or says why not. Waits while [`crate::SUBMISSIONS_MAX`] others are being checked.
    pub async fn submit(&self, raw: Bytes) -> Result<B256, Rejection> { let _ = raw; todo!() }
    /// The nonce that the sender's next transaction needs, when the pool holds pending ones; otherwise ask the state.
    pub fn pending_nonce(&self, sender: Address) -> Option<u64> { let _ = sender; todo!() }
    /// A transaction in the pool.
    pub fn get(&self, hash: B256) -> Option<Arc<PoolTransaction>> { let _ = hash; todo!() }
    /// How many transactions are (pending, queued).
    pub fn status(&self) -> (usize, usize) { todo!() }
    /// Everything in the pool.
    pub fn content(&self) -> Content { todo!() }
    /// Hashes of transactions that become pending, from now on. A slow reader loses the oldest and is told so.
    pub fn subscribe(&self) -> broadcast::Receiver<B256> { todo!() }
}
