//! Questions to a state that change nothing: `eth_call`, `eth_estimateGas`, `eth_createAccessList`.

use alloc::{
    collections::BTreeSet,
    string::{String, ToString},
    vec::Vec,
};

use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::SignedAuthorization,
};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256};
use revm::{
    context::{TxEnv, either::Either, result::ExecutionResult},
    precompile::Precompiles,
    primitives::eip7825::TX_GAS_LIMIT_CAP,
};
use sluice_types::{ChainConfig, Header, Skip, StateRead};

use crate::{
    Error, EstimateError, Workspace,
    block::skip,
    engine::{BlockFacts, Engine, Failed, Payment, Reader, Refusal, Touched, chain_rules},
    trace::{Look, TraceLimits, TracedCall, Watcher},
};

/// Where a call runs.
#[derive(Clone, Copy, Debug)]
pub struct CallEnv<'a> {
    /// The chain.
    pub config: &'a ChainConfig,
    /// Header of the block that the call runs in: its number, timestamp, beneficiary, base fee, gas limit and randomness.
    pub header: &'a Header,
}

/// A transaction that nobody signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallRequest {
    /// Sender.
    pub from: Address,
    /// Recipient or creation.
    pub to: TxKind,
    /// Gas limit; by default, and at most, [`CALL_GAS_MAX`].
    pub gas_limit: Option<u64>,
    /// Price of a type 0 or 1 transaction, wei per gas. Not together with the two below.
    pub gas_price: Option<u128>,
    /// Fee cap, wei per gas.
    pub max_fee_per_gas: Option<u128>,
    /// Tip cap, wei per gas.
    pub max_priority_fee_per_gas: Option<u128>,
    /// Wei sent along.
    pub value: U256,
    /// Call data or init code.
    pub input: Bytes,
    /// Nonce; by default the sender's next.
    pub nonce: Option<u64>,
    /// EIP-2930 access list.
    pub access_list: AccessList,
    /// EIP-7702 authorisations.
    pub authorizations: Vec<SignedAuthorization>,
}

/// What a call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// False when it reverted or halted.
    pub success: bool,
    /// Return data, deployed code, or revert data.
    pub output: Bytes,
    /// Gas used after refunds.
    pub gas_used: u64,
    /// Logs.
    pub logs: Vec<Log>,
    /// Why it halted (out of gas, invalid opcode …); `None` for success and for a revert.
    pub halt: Option<String>,
}

/// What [`create_access_list`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessListOutcome {
    /// Addresses and slots that the call touches, sorted.
    pub access_list: AccessList,
    /// What the call does with that list.
    pub call: CallOutcome,
}

/// Most gas that one call may use.
pub const CALL_GAS_MAX: u64 = 50_000_000;
/// Most runs in search of an access list; a call whose path depends on its gas may never settle.
pub const ACCESS_LIST_RUNS_MAX: usize = 8;

/// Gas of a transaction that does nothing.
const TRANSFER_GAS: u64 = 21_000;
/// An estimate is good when it is at most this much too large: one part in so many.
const ESTIMATE_PRECISION: u64 = 66;

/// Runs a call on a state, and forgets what it did.
///
/// Not asked: signature, nonce, whether the sender has code, the block's gas limit, the L1 data fee. The sender must have the
/// value, and what the gas costs if a price is given. Without a price gas is free and the base fee reads as zero.
///
/// A caller that wants other balances or codes than the state's gives a [`StateRead`] that answers so.
pub fn call<S: StateRead>(env: &CallEnv<'_>, request: &CallRequest, state: &S) -> Result<CallOutcome, Error<S::Error>> {
    let (reader, mut workspace) = (Reader::new(state), Workspace::for_once());
    let gas_limit = request.gas_limit.unwrap_or(CALL_GAS_MAX).min(CALL_GAS_MAX);
    let result =
        Run::new(env, request, &reader, &mut workspace).and_then(|mut run| run.with(gas_limit, &request.access_list));
    Ok(outcome(result.map_err(|error| reader.explain(error))?.0))
}

/// Finds a gas limit with which the call succeeds, at most 1.5 % above the least one; exactly 21,000 for a plain transfer.
///
/// At most what the request, the block, EIP-7825 and, if a price is given, the sender's balance allow.
pub fn estimate_gas<S: StateRead>(
    env: &CallEnv<'_>,
    request: &CallRequest,
    state: &S,
) -> Result<u64, EstimateError<S::Error>> {
    let (reader, mut workspace) = (Reader::new(state), Workspace::for_once());
    let run = Run::new(env, request, &reader, &mut workspace).map_err(EstimateError::Call);
    run.and_then(|run| search(run, env, request)).map_err(|error| match error {
        EstimateError::Reverted(output) => EstimateError::Reverted(output),
        EstimateError::Halted { gas_limit, reason } => EstimateError::Halted { gas_limit, reason },
        EstimateError::Call(error) => EstimateError::Call(reader.explain(error)),
    })
}

fn search(mut run: Run<'_>, env: &CallEnv<'_>, request: &CallRequest) -> Result<u64, EstimateError<Failed>> {
    let most = run.most_gas(env, request)?;
    let list = &request.access_list;
    if most >= TRANSFER_GAS && run.is_transfer(request)? && run.succeeds(TRANSFER_GAS, list)?.is_ok() {
        return Ok(TRANSFER_GAS);
    }
    let (used, refunded) = match run.with(most, list)?.0 {
        ExecutionResult::Success { gas, .. } => (gas.tx_gas_used(), gas.inner_refunded()),
        ExecutionResult::Revert { output, .. } => return Err(EstimateError::Reverted(output)),
        ExecutionResult::Halt { reason, .. } => {
            return Err(EstimateError::Halted { gas_limit: most, reason: reason.to_string() });
        }
    };
    let (mut fails, mut works) = (used.saturating_sub(1), most);
    // A good first guess: the refund must be there before it is given back, and each call keeps a 64th and a stipend.
    let guess = (used + refunded + 2_300) * 64 / 63;
    if guess < works {
        match run.succeeds(guess, list)? {
            Ok(()) => works = guess,
            Err(()) => fails = guess,
        }
    }
    while fails + 1 < works && works - fails > works / ESTIMATE_PRECISION {
        // Most calls need little more than they use, so the search leans low.
        let middle = (fails + (works - fails) / 2).min(fails.saturating_mul(2).max(fails + 1));
        match run.succeeds(middle, list)? {
            Ok(()) => works = middle,
            Err(()) => fails = middle,
        }
    }
    Ok(works)
}

/// Finds the access list with which the call touches nothing cold, beside what is warm anyway.
pub fn create_access_list<S: StateRead>(
    env: &CallEnv<'_>,
    request: &CallRequest,
    state: &S,
) -> Result<AccessListOutcome, Error<S::Error>> {
    let (reader, mut workspace) = (Reader::new(state), Workspace::for_once());
    let found = Run::new(env, request, &reader, &mut workspace).and_then(|run| settle(run, request));
    found.map_err(|error| reader.explain(error))
}

fn settle(mut run: Run<'_>, request: &CallRequest) -> Result<AccessListOutcome, Error<Failed>> {
    let gas_limit = request.gas_limit.unwrap_or(CALL_GAS_MAX).min(CALL_GAS_MAX);
    let warm = run.warm_anyway(request)?;
    let mut access_list = request.access_list.clone();
    let mut runs = 1;
    loop {
        let (result, touched) = run.with(gas_limit, &access_list)?;
        let found = touched_list(touched, &warm);
        if found == access_list || runs == ACCESS_LIST_RUNS_MAX {
            return Ok(AccessListOutcome { access_list, call: outcome(result) });
        }
        access_list = found;
        runs += 1;
    }
}

/// One request, to be run with different limits and lists.
pub(crate) struct Run<'a> {
    engine: Engine<'a>,
    tx: TxEnv,
    base_fee_wei: u64,
}

impl<'a> Run<'a> {
    pub(crate) fn new<S: StateRead>(
        env: &CallEnv<'_>,
        request: &CallRequest,
        state: &'a Reader<'_, S>,
        workspace: &'a mut Workspace,
    ) -> Result<Self, Error<Failed>> {
        let tx = request.env(env.config.chain_id).map_err(|reason| Error::Invalid(Skip::Invalid(reason.into())))?;
        let is_free = tx.gas_price == 0 && tx.gas_priority_fee.unwrap_or(0) == 0;
        let base_fee_wei = if is_free { 0 } else { env.header.base_fee_per_gas.unwrap_or(0) };
        let facts = BlockFacts {
            number: env.header.number,
            timestamp: env.header.timestamp,
            beneficiary: env.header.beneficiary,
            gas_limit: env.header.gas_limit,
            base_fee_wei,
            prev_randao: env.header.mix_hash,
        };
        let mut rules = chain_rules(env.config.chain_id);
        rules.disable_nonce_check = true;
        rules.disable_eip3607 = true;
        rules.disable_block_gas_limit = true;
        // EIP-7825 bounds transactions; a call may be a question that no transaction can ask.
        rules.tx_gas_limit_cap = Some(CALL_GAS_MAX);
        let mut engine = Engine::new(rules, facts.into(), state, workspace);
        let nonce = match request.nonce {
            Some(nonce) => nonce,
            None => engine.nonce(request.from)?,
        };
        Ok(Self { engine, tx: TxEnv { nonce, ..tx }, base_fee_wei })
    }

    /// Runs with this gas limit and list. Errors: [`Error::Invalid`] where Ethereum would not run it.
    fn with(&mut self, gas_limit: u64, list: &AccessList) -> Result<(ExecutionResult, Touched), Error<Failed>> {
        let mut tx = self.tx.clone();
        tx.gas_limit = gas_limit;
        tx.access_list = list.clone();
        if tx.tx_type == 0 && !list.is_empty() {
            tx.tx_type = 1;
        }
        let fee_cap_wei = tx.gas_price;
        self.engine.run(tx, Payment::Simulated).map_err(|refusal| match refusal {
            Refusal::Invalid(reason) => Error::Invalid(skip(reason, fee_cap_wei, self.base_fee_wei)),
            Refusal::Failure(error) => error,
        })
    }

    /// Runs as [`call`] does, and looks.
    pub(crate) fn watched(
        mut self,
        request: &CallRequest,
        look: Look,
        limits: &TraceLimits<'a>,
    ) -> Result<TracedCall, Error<Failed>> {
        let gas_limit = request.gas_limit.unwrap_or(CALL_GAS_MAX).min(CALL_GAS_MAX);
        self.engine.machine.watcher = Some(Watcher::new(look, limits, limits.bytes_max));
        let result = self.with(gas_limit, &request.access_list);
        let watcher = self.engine.machine.watcher.take().expect("it was just put there");
        if let Some(limit) = watcher.over() {
            return Err(Error::Trace(limit));
        }
        let outcome = outcome(result?.0);
        let (trace, _) = watcher.into_trace(&self.engine.machine.evm.ctx.tx, outcome.gas_used);
        Ok(TracedCall { outcome, trace })
    }

    /// Whether the call succeeds with this gas limit. Too little gas to start is a failure like any other.
    fn succeeds(&mut self, gas_limit: u64, list: &AccessList) -> Result<Result<(), ()>, Error<Failed>> {
        match self.with(gas_limit, list) {
            Ok((result, _)) => Ok(if result.is_success() { Ok(()) } else { Err(()) }),
            Err(Error::Invalid(_)) => Ok(Err(())),
            Err(error) => Err(error),
        }
    }

    fn is_transfer(&mut self, request: &CallRequest) -> Result<bool, Error<Failed>> {
        let TxKind::Call(to) = request.to else { return Ok(false) };
        let plain = request.input.is_empty() && request.access_list.is_empty() && request.authorizations.is_empty();
        Ok(plain && !self.engine.has_code(to)?)
    }

    /// The most gas that a transaction like this could have.
    fn most_gas(&mut self, env: &CallEnv<'_>, request: &CallRequest) -> Result<u64, Error<Failed>> {
        let asked = request.gas_limit.filter(|&gas| gas >= TRANSFER_GAS).unwrap_or(u64::MAX);
        let allowed = asked.min(env.header.gas_limit).min(TX_GAS_LIMIT_CAP);
        if self.tx.gas_price == 0 {
            return Ok(allowed);
        }
        let balance = self.engine.balance(request.from)?;
        let Some(left) = balance.checked_sub(request.value) else {
            return Err(Error::Invalid(Skip::InsufficientFunds { cost: request.value, balance }));
        };
        let affordable = left / U256::from(self.tx.gas_price);
        Ok(affordable.saturating_to::<u64>().min(allowed))
    }

    /// What need not be listed: sender, recipient, authorities, precompiles.
    fn warm_anyway(&mut self, request: &CallRequest) -> Result<BTreeSet<Address>, Error<Failed>> {
        let recipient = match request.to {
            TxKind::Call(to) => to,
            TxKind::Create => request.from.create(self.engine.nonce(request.from)?),
        };
        let authorities = request.authorizations.iter().filter_map(|signed| signed.recover_authority().ok());
        let mut warm: BTreeSet<_> = authorities.chain([request.from, recipient]).collect();
        warm.extend(Precompiles::osaka().addresses().copied());
        Ok(warm)
    }
}

impl CallRequest {
    /// The request as the engine takes it, without gas limit, list and nonce.
    fn env(&self, chain_id: u64) -> Result<TxEnv, &'static str> {
        let has_caps = self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some();
        if self.gas_price.is_some() && has_caps {
            return Err("both gasPrice and maxFeePerGas or maxPriorityFeePerGas given; give one kind of price");
        }
        let has_authorizations = !self.authorizations.is_empty();
        if has_authorizations && self.to.is_create() {
            return Err("a transaction with authorizations cannot create a contract; give a recipient");
        }
        Ok(TxEnv {
            tx_type: if has_authorizations {
                4
            } else if has_caps {
                2
            } else {
                u8::from(!self.access_list.is_empty())
            },
            caller: self.from,
            gas_price: self.gas_price.or(self.max_fee_per_gas).unwrap_or(0),
            gas_priority_fee: (has_caps || has_authorizations).then(|| self.max_priority_fee_per_gas.unwrap_or(0)),
            kind: self.to,
            value: self.value,
            data: self.input.clone(),
            chain_id: Some(chain_id),
            authorization_list: self.authorizations.iter().cloned().map(Either::Left).collect(),
            ..TxEnv::default()
        })
    }
}

fn outcome(result: ExecutionResult) -> CallOutcome {
    let gas_used = result.tx_gas_used();
    let success = result.is_success();
    match result {
        ExecutionResult::Success { logs, output, .. } => {
            CallOutcome { success, output: output.into_data(), gas_used, logs, halt: None }
        }
        ExecutionResult::Revert { output, .. } => {
            CallOutcome { success, output, gas_used, logs: Vec::new(), halt: None }
        }
        ExecutionResult::Halt { reason, .. } => {
            CallOutcome { success, output: Bytes::new(), gas_used, logs: Vec::new(), halt: Some(reason.to_string()) }
        }
    }
}

fn touched_list(touched: Touched, warm: &BTreeSet<Address>) -> AccessList {
    let mut items: Vec<_> = touched
        .into_iter()
        .map(|(address, slots)| {
            let mut storage_keys: Vec<B256> = slots.into_iter().map(B256::from).collect();
            storage_keys.sort_unstable();
            AccessListItem { address, storage_keys }
        })
        .filter(|item| !item.storage_keys.is_empty() || !warm.contains(&item.address))
        .collect();
    items.sort_unstable_by_key(|item| item.address);
    AccessList(items)
}
