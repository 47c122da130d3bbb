//! Questions that execute code and change nothing.

use std::sync::Arc;

use alloy_eips::BlockId;
use alloy_primitives::{Bytes, TxKind, U64};
use alloy_rpc_types_eth::{TransactionRequest, state::StateOverride};
use serde_json::{Value, json};
use sluice_stf::{CallEnv, CallOutcome, CallRequest, EstimateError};
use sluice_types::SealedBlock;

use crate::{
    arguments::Arguments,
    backend::Backend,
    failure::Failure,
    state_view::{StateView, ViewError},
    view::quantity,
};

type Answer<T> = Result<T, Failure>;

pub(crate) fn call(backend: &Backend, arguments: &mut Arguments) -> Answer<Bytes> {
    let question = Question::read(backend, arguments)?;
    succeeded(sluice_stf::call(&question.env(backend), &question.request, &question.state)?)
}

pub(crate) fn estimate_gas(backend: &Backend, arguments: &mut Arguments) -> Answer<U64> {
    let question = Question::read(backend, arguments)?;
    match sluice_stf::estimate_gas(&question.env(backend), &question.request, &question.state) {
        Ok(gas) => Ok(quantity(gas)),
        Err(error) => Err(estimate_failure(error)),
    }
}

fn estimate_failure(error: EstimateError<ViewError>) -> Failure {
    match error {
        EstimateError::Reverted(output) => Failure::reverted(&output),
        EstimateError::Halted { gas_limit, reason } if reason.to_lowercase().contains("out of gas") => {
            Failure::server(format!("gas required exceeds allowance ({gas_limit})"))
        }
        EstimateError::Halted { reason, .. } => Failure::server(reason),
        EstimateError::Call(error) => error.into(),
    }
}

/// The list is given even when the call fails, with the failure beside it, as go-ethereum does.
pub(crate) fn create_access_list(backend: &Backend, arguments: &mut Arguments) -> Answer<Value> {
    let question = Question::read(backend, arguments)?;
    let outcome = sluice_stf::create_access_list(&question.env(backend), &question.request, &question.state)?;
    let mut value = json!({ "accessList": outcome.access_list, "gasUsed": quantity(outcome.call.gas_used) });
    if let Err(failure) = succeeded(outcome.call) {
        value["error"] = failure.message.into();
    }
    Ok(value)
}

fn succeeded(outcome: CallOutcome) -> Answer<Bytes> {
    match outcome {
        CallOutcome { success: true, output, .. } => Ok(output),
        CallOutcome { halt: Some(reason), .. } => Err(Failure::server(reason)),
        CallOutcome { output, .. } => Err(Failure::reverted(&output)),
    }
}

/// What is asked, and of which block.
pub(crate) struct Question {
    pub(crate) request: CallRequest,
    sealed: Arc<SealedBlock>,
    pub(crate) state: StateView,
}

impl Question {
    /// Arguments: the call, the block (latest by default), overrides of the state. Overrides of the block are refused.
    fn read(backend: &Backend, arguments: &mut Arguments) -> Answer<Self> {
        let request: TransactionRequest = arguments.required()?;
        let id: BlockId = arguments.optional()?.unwrap_or_default();
        let overrides = (arguments.optional()?, arguments.optional()?);
        Self::new(backend, request, id, overrides)
    }

    /// With overrides of the state, and of the block.
    pub(crate) fn new(
        backend: &Backend,
        request: TransactionRequest,
        id: BlockId,
        (overrides, block_overrides): (Option<StateOverride>, Option<Value>),
    ) -> Answer<Self> {
        if block_overrides.is_some_and(|value| value != json!({})) {
            return Err(Failure::params("block overrides are not supported; ask at another block instead"));
        }
        let request = read_request(request, backend)?;
        let sealed = backend.block(id)?.ok_or_else(Failure::header_not_found)?;
        let snapshot = backend.store.state(sealed.number())?;
        let state = StateView::new(snapshot, overrides, backend.config.limits.request_time_max())?;
        Ok(Self { request, sealed, state })
    }

    pub(crate) fn env<'a>(&'a self, backend: &'a Backend) -> CallEnv<'a> {
        CallEnv { config: backend.store.config(), header: &self.sealed.block.header }
    }
}

fn read_request(request: TransactionRequest, backend: &Backend) -> Answer<CallRequest> {
    let chain_id = backend.store.config().chain_id;
    if let Some(have) = request.chain_id.filter(|have| *have != chain_id) {
        return Err(Failure::server(format!("chainId does not match node's (have={have}, want={chain_id})")));
    }
    let has_blobs = request.max_fee_per_blob_gas.is_some()
        || request.blob_versioned_hashes.is_some()
        || request.sidecar.is_some()
        || request.transaction_type == Some(3);
    if has_blobs {
        return Err(Failure::server("blob transactions (type 3) are not accepted on this chain"));
    }
    if request.gas_price.is_some() && (request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some())
    {
        return Err(Failure::server("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"));
    }
    if let (Some(cap), Some(tip)) = (request.max_fee_per_gas, request.max_priority_fee_per_gas)
        && cap < tip
    {
        return Err(Failure::server(format!("maxFeePerGas ({cap}) < maxPriorityFeePerGas ({tip})")));
    }
    let input = request.input.try_into_unique_input().map_err(|_| {
        Failure::server(
            "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass transaction call data",
        )
    })?;
    let gas_max = backend.config.limits.call_gas_max;
    Ok(CallRequest {
        from: request.from.unwrap_or_default(),
        to: request.to.unwrap_or(TxKind::Create),
        gas_limit: Some(request.gas.unwrap_or(gas_max).min(gas_max)),
        gas_price: request.gas_price,
        max_fee_per_gas: request.max_fee_per_gas,
        max_priority_fee_per_gas: request.max_priority_fee_per_gas,
        value: request.value.unwrap_or_default(),
        input: input.unwrap_or_default(),
        nonce: request.nonce,
        access_list: request.access_list.unwrap_or_default(),
        authorizations: request.authorization_list.unwrap_or_default(),
    })
}
