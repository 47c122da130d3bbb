//! Sends the transactions of one key, and stays with each until L1 has it for good.
//!
//! The caller owns the memory: [`Sender::prepare`] and every [`Progress::Prepared`] give a [`SendRecord`] to store *before*
//! [`Sender::advance`] broadcasts it, so that a restart neither repeats nor forgets a transaction.

mod nonces;
mod refusal;
mod sign;
mod state;

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    providers::Provider,
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_types::L1Number;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

use crate::{Error, Sidecar, blob_fee::blob_base_fee_wei, endpoint::Execution, revert, rpc::check_chain};

use nonces::{Lease, Nonces};
use refusal::Refusal;
use state::{Market, Phase, State, Step, View, first_fees, raised_fees};

pub use state::{ATTEMPTS_MAX, Fees, SendRecord};

/// Gas that one blob takes.
const BLOB_GAS: u64 = 131_072;
/// Most gas of one transaction (EIP-7825).
const GAS_LIMIT_MAX: u64 = 1 << 24;
/// Time between looks of [`Sender::send_and_wait`].
const POLL_TIME: Duration = Duration::from_millis(200);

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
    /// Blobs with their proofs, which make it a type 3 transaction, and need a callee; otherwise it is of type 2.
    pub sidecar: Option<Arc<Sidecar>>,
}

/// A transaction on its way. Dropping it before it was sent gives its nonce back.
#[derive(Debug)]
pub struct Tracked {
    request: TxRequest,
    record: SendRecord,
    /// The last attempt, signed; `None` when an earlier process signed it.
    raw: Option<Bytes>,
    state: State,
    _lease: Lease,
    _turn: Option<OwnedSemaphorePermit>,
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

impl SenderConfig {
    /// Checks the ranges that the fields' documentation gives.
    pub fn check(&self) -> Result<(), Error> {
        let range = |name: &str, value: u64, min: u64, max: u64| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(Error::Config(format!("{name} = {value} is out of range; give {min} to {max}")))
            }
        };
        range("bump_blocks", self.bump_blocks, 1, 100)?;
        range("confirmations", self.confirmations, 1, 64)?;
        range("max_fee_wei", self.max_fee_wei, 1, u64::MAX)?;
        range("max_blob_fee_wei", self.max_blob_fee_wei, 1, u64::MAX)
    }
}

/// Sends the transactions of one key. Cheap to clone; one process only per key.
///
/// Nodes keep blob transactions and others in pools of their own and refuse one while the other of the same account waits: a key that
/// posts blobs and has other work, too, does [`Self::one_at_a_time`].
#[derive(Clone, Debug)]
pub struct Sender {
    execution: Execution,
    chain_id: u64,
    key: PrivateKeySigner,
    config: SenderConfig,
    nonces: Nonces,
    turns: Option<Arc<Semaphore>>,
}

impl Sender {
    /// Checks the config and the chain.
    ///
    /// Errors: [`Error::Config`], [`Error::Url`], [`Error::Endpoint`], [`Error::ChainId`].
    pub async fn connect(
        rpc_url: &str,
        chain_id: u64,
        key: PrivateKeySigner,
        config: SenderConfig,
    ) -> Result<Self, Error> {
        config.check()?;
        let execution = Execution::new(rpc_url)?;
        check_chain(&execution, chain_id).await?;
        Ok(Self { execution, chain_id, key, config, nonces: Nonces::default(), turns: None })
    }

    /// From here on, this sender and its clones prepare a transaction only when the one before is dropped. One that is taken up from an
    /// earlier process waits for nobody.
    #[must_use]
    pub fn one_at_a_time(self) -> Self {
        Self { turns: Some(Arc::new(Semaphore::new(1))), ..self }
    }

    /// Who pays.
    pub const fn address(&self) -> Address {
        self.key.address()
    }

    /// EIP-155 chain id of the L1.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Wei that the account holds at the newest block.
    pub async fn balance_wei(&self) -> Result<U256, Error> {
        let address = self.address();
        let balance =
            self.execution.ask("the balance", |provider| async move { provider.get_balance(address).await }).await?;
        metrics::gauge!("l1_sender_balance_eth", "address" => address.to_string()).set(f64::from(balance) / 1e18);
        Ok(balance)
    }

    /// The newest block.
    pub async fn latest(&self) -> Result<L1Number, Error> {
        let number =
            self.execution.ask("the newest block", |provider| async move { provider.get_block_number().await });
        Ok(L1Number(number.await?))
    }

    /// Next nonce of the account, with what waits in the endpoint's pool.
    pub(crate) async fn next_nonce(&self) -> Result<u64, Error> {
        self.nonce_at(BlockNumberOrTag::Pending).await
    }

    /// Takes the next nonce, sets the fees, and signs; sends nothing.
    ///
    /// Errors: [`Error::InsufficientBalance`], [`Error::FeeCap`], [`Error::Reverted`] when the call would fail now.
    pub async fn prepare(&self, request: TxRequest) -> Result<Tracked, Error> {
        let turn = match &self.turns {
            Some(turns) => Some(turns.clone().acquire_owned().await.map_err(|_| Error::Thread("taking turns"))?),
            None => None,
        };
        let market = self.market().await?;
        let fees = first_fees(&market, request.sidecar.is_some(), &self.config).map_err(|above| Error::FeeCap {
            unit: above.unit,
            needed_wei: above.needed_wei,
            cap_wei: above.cap_wei,
        })?;
        let gas_limit = self.gas_limit(&request).await?;
        let needed_wei = cost_wei(&request, gas_limit, &fees);
        let balance_wei = self.balance_wei().await?;
        if balance_wei < needed_wei {
            return Err(Error::InsufficientBalance { address: self.address(), balance_wei, needed_wei });
        }
        let lease = self.nonces.take(self.next_nonce().await?);
        let (raw, hash) = self.sign(&request, lease.nonce(), gas_limit, &fees).await?;
        let record = SendRecord { nonce: lease.nonce(), tx_hashes: vec![hash], fees };
        Ok(Tracked { request, record, raw: Some(raw), state: State::new(Phase::Prepared), _lease: lease, _turn: turn })
    }

    /// Takes up a transaction that an earlier process prepared. `request` must be the same.
    ///
    /// It may have been sent or not; it is given the usual time to be included before a raised attempt replaces it.
    pub fn resume(&self, request: TxRequest, record: SendRecord) -> Tracked {
        let lease = self.nonces.take_again(record.nonce);
        let turn = self.turns.as_ref().and_then(|turns| turns.clone().try_acquire_owned().ok());
        let state = State::new(Phase::Sent { since: None });
        Tracked { request, record, raw: None, state, _lease: lease, _turn: turn }
    }

    /// Does the next thing that the transaction needs: broadcast, look, raise fees, broadcast again after a reorg.
    ///
    /// Call it about once per L1 block. Keep calling it after [`Progress::Included`] until [`Progress::Confirmed`]. After an error
    /// of severity `Retry` the same transaction goes on with the next call.
    pub async fn advance(&self, tracked: &mut Tracked) -> Result<Progress, Error> {
        let (view, receipt) = self.look(&tracked.record).await?;
        match (tracked.state.step(tracked.record.nonce, &view, &self.config), receipt) {
            (Step::Confirmed, Some(receipt)) => Ok(Progress::Confirmed(Box::new(receipt))),
            (Step::Included { number, confirmations }, _) => Ok(Progress::Included { number, confirmations }),
            (Step::Displaced, _) => Ok(Progress::Displaced),
            (Step::Wait | Step::Confirmed, _) => Ok(Progress::Waiting),
            (Step::Broadcast, _) => match tracked.raw.clone() {
                Some(raw) => self.broadcast(tracked, &raw, view.latest).await,
                // An earlier process signed it, and a reorg took it out: nothing is left to send as it was.
                None => self.raise(tracked, view.latest).await,
            },
            (Step::Raise, _) => self.raise(tracked, view.latest).await,
        }
    }

    /// Sends and waits until confirmed; for callers that store nothing, like command lines.
    ///
    /// Errors: those of the others, [`Error::Failed`] when the transaction reverted, [`Error::Timeout`], [`Error::NonceTaken`].
    pub async fn send_and_wait(&self, request: TxRequest, time_max: Duration) -> Result<TransactionReceipt, Error> {
        let tracked = self.prepare(request).await?;
        self.wait(tracked, time_max).await
    }

    /// Advances until confirmed. Errors: as [`Self::send_and_wait`].
    pub async fn wait(&self, mut tracked: Tracked, time_max: Duration) -> Result<TransactionReceipt, Error> {
        let (address, nonce) = (self.address(), tracked.record.nonce);
        let deadline = Instant::now() + time_max;
        let mut last_error = None;
        while Instant::now() < deadline {
            let progress = match self.advance(&mut tracked).await {
                Ok(progress) => progress,
                // The endpoint may come back; sending the same bytes twice is harmless.
                Err(error @ Error::Endpoint { .. }) => {
                    last_error = Some(error);
                    sleep(POLL_TIME).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            last_error = None;
            match progress {
                Progress::Confirmed(receipt) if receipt.status() => return Ok(*receipt),
                Progress::Confirmed(receipt) => {
                    let number = L1Number(receipt.block_number.unwrap_or_default());
                    return Err(Error::Failed { hash: receipt.transaction_hash, number });
                }
                Progress::Displaced => return Err(Error::NonceTaken { address, nonce }),
                Progress::Prepared => {}
                Progress::Waiting | Progress::Included { .. } => sleep(POLL_TIME).await,
            }
        }
        Err(last_error.unwrap_or(Error::Timeout { address, nonce, seconds: time_max.as_secs() }))
    }

    /// Sends the last attempt.
    async fn broadcast(&self, tracked: &mut Tracked, raw: &Bytes, latest: L1Number) -> Result<Progress, Error> {
        let hash = tracked.record.tx_hashes.last().copied().unwrap_or_default();
        let sent = self
            .execution
            .try_once("sending a transaction", |provider| {
                let raw = raw.clone();
                async move { provider.send_raw_transaction(&raw).await.map(|pending| *pending.tx_hash()) }
            })
            .await?;
        let refusal = sent.err().map(|payload| (refusal::read(&payload.message), payload.message.into_owned()));
        let sent = Phase::Sent { since: Some(latest) };
        match refusal {
            None | Some((Refusal::Known | Refusal::NonceUsed, _)) => tracked.state.phase = sent,
            Some((Refusal::Underpriced, reason)) => {
                tracing::warn!(%hash, reason, "L1 transaction is underpriced");
                tracked.state.phase = Phase::Underpriced;
            }
            Some((Refusal::Balance, _)) => {
                let balance_wei = self.balance_wei().await?;
                let gas_limit = tracked.request.gas_limit.unwrap_or(GAS_LIMIT_MAX);
                let needed_wei = cost_wei(&tracked.request, gas_limit, &tracked.record.fees);
                return Err(Error::InsufficientBalance { address: self.address(), balance_wei, needed_wei });
            }
            Some((Refusal::Other, reason)) => {
                return Err(Error::Refused { endpoint: self.execution.name().to_owned(), hash, reason });
            }
        }
        Ok(Progress::Waiting)
    }

    /// Signs an attempt with higher fees; sends the old one again when there may be none.
    async fn raise(&self, tracked: &mut Tracked, latest: L1Number) -> Result<Progress, Error> {
        let nonce = tracked.record.nonce;
        let raised = if tracked.record.tx_hashes.len() < ATTEMPTS_MAX {
            raised_fees(&tracked.record.fees, &self.market().await?, &self.config)
        } else {
            None
        };
        let Some(fees) = raised else {
            tracing::warn!(nonce, fees = ?tracked.record.fees, "L1 transaction waits at its highest fees");
            return match tracked.raw.clone() {
                Some(raw) => self.broadcast(tracked, &raw, latest).await,
                None => {
                    tracked.state.phase = Phase::Sent { since: Some(latest) };
                    Ok(Progress::Waiting)
                }
            };
        };
        let gas_limit = self.gas_limit(&tracked.request).await?;
        let (raw, hash) = self.sign(&tracked.request, nonce, gas_limit, &fees).await?;
        tracing::info!(nonce, %hash, ?fees, "raised the fees of an L1 transaction");
        metrics::counter!("l1_sender_raises_total").increment(1);
        tracked.record.tx_hashes.push(hash);
        tracked.record.fees = fees;
        tracked.raw = Some(raw);
        tracked.state.phase = Phase::Prepared;
        Ok(Progress::Prepared)
    }

    /// Signs on a blocking thread: a transaction with six blobs is most of a megabyte.
    async fn sign(&self, request: &TxRequest, nonce: u64, gas_limit: u64, fees: &Fees) -> Result<(Bytes, B256), Error> {
        let (request, fees, key, chain_id) = (request.clone(), *fees, self.key.clone(), self.chain_id);
        tokio::task::spawn_blocking(move || {
            sign::sign(&request, sign::Terms { chain_id, nonce, gas_limit, fees }, &key)
        })
        .await
        .map_err(|_| Error::Thread("signing"))?
    }

    /// The account and the attempts at the newest block.
    async fn look(&self, record: &SendRecord) -> Result<(View, Option<TransactionReceipt>), Error> {
        let latest = self.latest().await?;
        let next_nonce = self.nonce_at(BlockNumberOrTag::Latest).await?;
        let mut found = None;
        // Before the nonce is used no attempt can be in a block.
        if next_nonce > record.nonce {
            for &hash in record.tx_hashes.iter().rev() {
                let receipt = self
                    .execution
                    .ask("a receipt", |provider| async move { provider.get_transaction_receipt(hash).await })
                    .await?;
                if receipt.is_some() {
                    found = receipt;
                    break;
                }
            }
        }
        let included = found.as_ref().and_then(|receipt| receipt.block_number).map(L1Number);
        Ok((View { latest, next_nonce, included }, found))
    }

    async fn nonce_at(&self, tag: BlockNumberOrTag) -> Result<u64, Error> {
        let address = self.address();
        self.execution
            .ask("the nonce", |provider| async move {
                provider.get_transaction_count(address).block_id(BlockId::Number(tag)).await
            })
            .await
    }

    async fn market(&self) -> Result<Market, Error> {
        let block =
            self.execution
                .ask("the newest block", |provider| async move {
                    provider.get_block_by_number(BlockNumberOrTag::Latest).await
                })
                .await?;
        let header = block.ok_or_else(|| self.execution.failed("the newest block", &"it has none"))?.header;
        let priority_fee_wei = self
            .execution
            .ask("the tip", |provider| async move { provider.get_max_priority_fee_per_gas().await })
            .await?;
        let number = L1Number(header.number);
        let missing = |field| Error::NoBlobFields { number, field };
        let excess_blob_gas = header.excess_blob_gas.ok_or_else(|| missing("excessBlobGas"))?;
        Ok(Market {
            base_fee_wei: header.base_fee_per_gas.ok_or_else(|| missing("baseFeePerGas"))?.into(),
            priority_fee_wei,
            blob_base_fee_wei: blob_base_fee_wei(self.chain_id, header.timestamp, excess_blob_gas).into(),
        })
    }

    /// The limit that was given, or the estimate and a fifth, because the state may change before inclusion.
    async fn gas_limit(&self, request: &TxRequest) -> Result<u64, Error> {
        if let Some(gas_limit) = request.gas_limit {
            return Ok(gas_limit.min(GAS_LIMIT_MAX));
        }
        let mut call = TransactionRequest::default().from(self.address()).input(request.data.clone().into());
        call.to = Some(request.to.into());
        call.value = Some(request.value_wei);
        if let Some(sidecar) = &request.sidecar {
            call.blob_versioned_hashes = Some(sidecar.versioned_hashes().collect());
            call.max_fee_per_blob_gas = Some(self.config.max_blob_fee_wei.into());
        }
        let call = &call;
        let estimate = self
            .execution
            .try_once("estimating gas", |provider| async move {
                provider.estimate_gas(call.clone()).block(BlockNumberOrTag::Latest.into()).await
            })
            .await?;
        match estimate {
            Ok(estimate) => Ok(estimate.saturating_add(estimate / 5).min(GAS_LIMIT_MAX)),
            Err(payload) => Err(self.cannot_estimate(request, &payload).await?),
        }
    }

    /// A node that estimates for an account without means says so in words of its own.
    async fn cannot_estimate(
        &self,
        request: &TxRequest,
        payload: &alloy::rpc::json_rpc::ErrorPayload,
    ) -> Result<Error, Error> {
        let balance_wei = self.balance_wei().await?;
        if balance_wei < request.value_wei.max(U256::ONE) || refusal::read(&payload.message) == Refusal::Balance {
            let needed_wei = request.value_wei.saturating_add(U256::from(GAS_LIMIT_MAX));
            return Ok(Error::InsufficientBalance { address: self.address(), balance_wei, needed_wei });
        }
        Ok(Error::Reverted { to: request.to.unwrap_or_default(), reason: revert::explain(payload) })
    }
}

/// The most that a transaction may take from the account.
fn cost_wei(request: &TxRequest, gas_limit: u64, fees: &Fees) -> U256 {
    let blob_gas = request.sidecar.as_ref().map_or(0, |sidecar| sidecar.blobs.len() as u64 * BLOB_GAS);
    let product = |amount: u64, price: u128| U256::from(amount).saturating_mul(U256::from(price));
    request
        .value_wei
        .saturating_add(product(gas_limit, fees.max_fee_wei))
        .saturating_add(product(blob_gas, fees.max_blob_fee_wei))
}
