//! What happened inside transactions: `debug_trace*`, with go-ethereum's tracers.
//!
//! A transaction is executed again: alone from the block's access list, where the stored one is what the header commits to, and else
//! after those before it. Nobody keeps traces.

use std::{ops::Range, sync::Arc, time::Instant};

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::B256;
use alloy_rpc_types_eth::{TransactionRequest, state::StateOverride};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_stf::{Look, StepParts, Trace, TraceLimits, TracedBlock, TracedTransaction, trace_block, trace_call};
use sluice_types::{L2Number, SealedBlock};

use crate::{
    arguments::Arguments,
    backend::Backend,
    calls::Question,
    failure::Failure,
    state_view::StateView,
    view::{Prestate, call_frame, four_bytes, prestate, struct_logs},
};

type Answer<T> = Result<T, Failure>;

/// Bytes of a response for each byte that a trace may note, since JSON is longer.
const RESPONSE_PER_BYTE: usize = 4;

/// What is asked for, and in which shape.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    tracer: Option<String>,
    tracer_config: Option<TracerConfig>,
    disable_stack: bool,
    disable_storage: bool,
    enable_memory: bool,
    enable_return_data: bool,
    limit: usize,
    state_overrides: Option<StateOverride>,
    block_overrides: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TracerConfig {
    only_top_call: bool,
    with_log: bool,
    diff_mode: bool,
    disable_code: bool,
    disable_storage: bool,
}

impl Options {
    fn read(arguments: &mut Arguments) -> Answer<Self> {
        Ok(arguments.optional()?.unwrap_or_default())
    }

    fn config(&self) -> TracerConfig {
        self.tracer_config.unwrap_or_default()
    }

    fn look(&self) -> Answer<Look> {
        let TracerConfig { only_top_call, with_log, .. } = self.config();
        match self.tracer.as_deref() {
            None | Some("") => Ok(Look::Steps(StepParts {
                stack: !self.disable_stack,
                memory: self.enable_memory,
                storage: !self.disable_storage,
                return_data: self.enable_return_data,
                steps_max: self.limit,
            })),
            Some("callTracer") => Ok(Look::Calls { only_top: only_top_call, logs: with_log }),
            Some("prestateTracer") => Ok(Look::States),
            Some("4byteTracer") => Ok(Look::Selectors),
            Some(other) => {
                let shown: String = other.chars().take(64).collect();
                Err(Failure::params(format!(
                    "there is no tracer \"{shown}\"; there are callTracer, prestateTracer, 4byteTracer and, without a name, struct logs"
                )))
            }
        }
    }

    /// In go-ethereum's shape.
    fn show(&self, trace: &Trace, (success, gas_used, output): (bool, u64, &[u8])) -> Value {
        let TracerConfig { diff_mode, disable_code, disable_storage, .. } = self.config();
        match trace {
            Trace::Calls(frame) => call_frame(frame),
            Trace::Steps(steps) => struct_logs(steps, success, gas_used, output),
            Trace::States(states) => {
                prestate(states, Prestate { diff: diff_mode, code: !disable_code, storage: !disable_storage })
            }
            Trace::Selectors(selectors) => four_bytes(selectors),
        }
    }
}

pub(crate) fn transaction(backend: &Backend, arguments: &mut Arguments) -> Answer<Value> {
    let hash: B256 = arguments.required()?;
    let options = Options::read(arguments)?;
    let found = backend.store.transaction(hash)?;
    let (number, index) = found.ok_or_else(|| Failure::server("transaction not found"))?;
    let sealed = backend.store.block(number)?.ok_or_else(Failure::header_not_found)?;
    let mut traced = trace(backend, &sealed, index..index + 1, &options)?;
    traced.pop().ok_or_else(|| Failure::internal("a transaction that its block does not have"))
}

pub(crate) fn block_by_number(backend: &Backend, arguments: &mut Arguments) -> Answer<Vec<Value>> {
    let number: BlockNumberOrTag = arguments.required()?;
    block(backend, number.into(), &Options::read(arguments)?)
}

pub(crate) fn block_by_hash(backend: &Backend, arguments: &mut Arguments) -> Answer<Vec<Value>> {
    let hash: B256 = arguments.required()?;
    block(backend, hash.into(), &Options::read(arguments)?)
}

fn block(backend: &Backend, id: BlockId, options: &Options) -> Answer<Vec<Value>> {
    let sealed = backend.block(id)?.ok_or_else(Failure::header_not_found)?;
    let transactions = &sealed.block.transactions;
    let traced = trace(backend, &sealed, 0..transactions.len(), options)?;
    let both = transactions.iter().zip(traced);
    Ok(both.map(|(tx, result)| json!({ "txHash": tx.hash(), "result": result })).collect())
}

pub(crate) fn call(backend: &Backend, arguments: &mut Arguments) -> Answer<Value> {
    let request: TransactionRequest = arguments.required()?;
    let id: BlockId = arguments.optional()?.unwrap_or_default();
    let mut options = Options::read(arguments)?;
    let question =
        Question::new(backend, request, id, (options.state_overrides.take(), options.block_overrides.take()))?;
    let (env, look) = (question.env(backend), options.look()?);
    let limits = Limits::new(backend);
    let traced = trace_call(&env, &question.request, look, &limits.get(), &question.state)?;
    let outcome = &traced.outcome;
    Ok(options.show(&traced.trace, (outcome.success, outcome.gas_used, &outcome.output)))
}

/// Traces of some of a block's transactions, each as its tracer shows it.
fn trace(backend: &Backend, sealed: &Arc<SealedBlock>, wanted: Range<usize>, options: &Options) -> Answer<Vec<Value>> {
    let before = sealed.number().0.checked_sub(1).map(L2Number);
    let before = before.ok_or_else(|| Failure::server("genesis is not traceable"))?;
    let parent = backend.store.block(before)?.ok_or_else(Failure::header_not_found)?;
    let state = StateView::new(backend.store.state(before)?, None, backend.config.limits.request_time_max())?;
    // From the first on, there is nothing to leave out, so that a list would only cost.
    let list = if wanted.start > 0 { backend.store.access_list(sealed.number())? } else { None };
    let mut block = TracedBlock::new(backend.store.config(), &parent.block.header, sealed);
    if list.as_ref().is_some_and(|list| !block.use_list(list)) {
        tracing::warn!(block = %sealed.number(), "the stored access list is not the block's; tracing without it");
    }
    let limits = Limits::new(backend);
    let traced = trace_block(&block, wanted, options.look()?, &limits.get(), &state)?;
    let shown = traced.iter().map(|TracedTransaction { receipt, output, trace }| {
        options.show(trace, (receipt.success, receipt.gas_used, output))
    });
    Ok(shown.collect())
}

/// What one request may cost.
struct Limits {
    bytes_max: usize,
    is_late: Box<dyn Fn() -> bool>,
}

impl Limits {
    fn new(backend: &Backend) -> Self {
        let limits = &backend.config.limits;
        let deadline = Instant::now() + limits.request_time_max();
        let bytes_max = usize::try_from(limits.response_bytes_max).unwrap_or(usize::MAX) / RESPONSE_PER_BYTE;
        Self { bytes_max, is_late: Box::new(move || Instant::now() >= deadline) }
    }

    fn get(&self) -> TraceLimits<'_> {
        TraceLimits { bytes_max: self.bytes_max, is_late: &*self.is_late }
    }
}
