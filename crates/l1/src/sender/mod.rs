//! Sends the transactions of one key, and stays with each until L1 has it for good.
//!
//! The caller owns the memory: [`Sender::prepare`] and every [`Progress::Prepared`] give a [`SendRecord`] to store *before*
//! [`Sender::advance`] broadcasts it, so that a restart neither repeats nor forgets a transaction.

#![allow(clippy::todo, unused_variables, unused_imports, dead_code, reason = "door first")]

mod state;

use std::{sync::Arc, time::Duration};

use alloy::{rpc::types::TransactionReceipt, signers::local::PrivateKeySigner};
use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_types::L1Number;

use crate::{Error, Sidecar};

pub use state::{Fees, SendRecord};

/// What to send.
#[derive(Clone, Debug, Default)]
pub struct TxRequest {
    /// Callee; `None` deploys `data`.
    pub to: Option<Address>,
    /// Call data, or init code.
    pub data: Bytes,
    /// Wei.
    pub value_wei: U256,
    /// Gas limit; estimated when `None`.
    pub gas_limit: Option<u64>,
    /// Blobs with their proofs, which make it a type 3 transaction; otherwise it is of type 2.
    pub sidecar: Option<Arc<Sidecar>>,
}

/// A transaction on its way.
#[derive(Debug)]
pub struct Tracked {
    request: TxRequest,
    record: SendRecord,
}

impl Tracked {
    /// What the caller stores.
    pub const fn record(&self) -> &SendRecord {
        &self.record
    }
}

/// What [`Sender::advance`] found or did.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A new attempt is signed and not yet sent: store [`Tracked::record`], then advance again.
    Prepared,
    /// Sent, waiting for a block.
    Waiting,
    /// In a block that may still be reorganised away.
    Included {
        /// The block.
        number: L1Number,
        /// Blocks on top of it, itself included.
        confirmations: u64,
    },
    /// In a block with as many confirmations as the config asks. Whether it succeeded is in the receipt's status.
    Confirmed(Box<TransactionReceipt>),
    /// Something else used the nonce. Nothing of this request is or will be on L1; prepare it anew if it is still wanted.
    Displaced,
}

/// How transactions are sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SenderConfig {
    /// Blocks without inclusion after which the fees are raised. 1 to 100.
    pub bump_blocks: u64,
    /// Never pay more per gas, wei.
    pub max_fee_wei: u64,
    /// Never pay more per blob gas, wei.
    pub max_blob_fee_wei: u64,
    /// Blocks, the including one counted, after which a transaction is held for confirmed. 1 to 64.
    pub confirmations: u64,
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self { bump_blocks: 3, max_fee_wei: 500_000_000_000, max_blob_fee_wei: 500_000_000_000, confirmations: 1 }
    }
}

/// Sends the transactions of one key. Cheap to clone; one process only per key.
#[derive(Clone, Debug)]
pub struct Sender {
    address: Address,
}

impl Sender {
    /// Checks the config and the chain.
    pub async fn connect(
        rpc_url: &str,
        chain_id: u64,
        key: PrivateKeySigner,
        config: SenderConfig,
    ) -> Result<Self, Error> {
        todo!()
    }

    /// Who pays.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Wei that the account holds at the newest block.
    pub async fn balance_wei(&self) -> Result<U256, Error> {
        todo!()
    }

    /// Takes the next nonce, sets the fees, and signs; sends nothing.
    ///
    /// Errors: [`Error::InsufficientBalance`], [`Error::FeeCap`], [`Error::Reverted`] when the call would fail now.
    pub async fn prepare(&self, request: TxRequest) -> Result<Tracked, Error> {
        todo!()
    }

    /// Takes up a transaction that an earlier process prepared. `request` must be the same.
    pub fn resume(&self, request: TxRequest, record: SendRecord) -> Tracked {
        todo!()
    }

    /// Does the next thing that the transaction needs: broadcast, look, raise fees, broadcast again after a reorg.
    ///
    /// Call it about once per L1 block. Keep calling it after `Included` until `Confirmed`.
    pub async fn advance(&self, tracked: &mut Tracked) -> Result<Progress, Error> {
        todo!()
    }

    /// Sends and waits until confirmed; for callers that store nothing, like command lines.
    ///
    /// Errors: those of the others, and [`Error::Failed`] when the transaction reverted, [`Error::Timeout`] after `timeout`.
    pub async fn send_and_wait(&self, request: TxRequest, timeout: Duration) -> Result<TransactionReceipt, Error> {
        todo!()
    }
}
