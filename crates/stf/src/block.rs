//! Executing one block.

use alloc::{format, string::ToString, vec::Vec};
use core::ops::Range;

use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::{Encodable2718, Typed2718};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use revm::{
    context::{
        BlockEnv, CfgEnv, TxEnv,
        either::Either,
        result::{ExecutionResult, HaltReason, InvalidTransaction, OutOfGasError, ResultGas},
    },
    primitives::{TxKind, hardfork::SpecId},
};
use sluice_types::{
    BlockInput, ChainConfig, DEPOSIT_TX_TYPE, DepositTransaction, Header, InputTransaction, Outcome, Receipt,
    SignedTransaction, Skip, SkippedTransaction, StateRead, Transaction, l1_data_fee,
    predeploys::{HISTORY, L1_BLOCK},
};

use crate::{
    Error, Workspace,
    engine::{BlockFacts, Engine, Failed, Payment, Reader, Refusal, chain_rules},
    machine::Machine,
};

/// Signature of the system call that tells contracts about the L1 block.
///
/// Source: `contracts/src/l2/L1Block.sol`.
const SET_L1_BLOCK: &str = "setL1Block(uint64,uint64,uint256,uint256,bytes32,uint64)";

/// Executes the block after `parent` on the state that `parent` left, keeping what serves the next block in `workspace`.
pub fn execute_block_with<S: StateRead>(
    config: &ChainConfig,
    parent: &Header,
    input: &BlockInput,
    state: &S,
    workspace: &mut Workspace,
) -> Result<Outcome, Error<S::Error>> {
    let reader = Reader::new(state);
    let outcome = Plan::new(config, parent, input).and_then(|plan| execute_plan(&plan, &reader, workspace));
    outcome.map_err(|error| reader.explain(error))
}

/// Executes a block, one transaction after another.
///
/// Errors: as [`execute_block`](crate::execute_block); the reader [explains](Reader::explain) a read that failed.
pub fn execute_plan<S: StateRead>(
    plan: &Plan<'_>,
    reader: &Reader<'_, S>,
    workspace: &mut Workspace,
) -> Result<Outcome, Error<Failed>> {
    let mut engine = Engine::new(plan.rules(), plan.env(), reader, workspace);
    for (contract, call) in plan.system_calls() {
        engine.system_call(contract, call)?;
    }
    let mut outcome = plan.outcome();
    for index in 0..plan.len() {
        let done = plan.execute(&mut engine.machine, index, outcome.gas_used)?;
        if done.is_ok() {
            engine.keep();
        }
        plan.count(&mut outcome, index, done);
    }
    (outcome.changes, outcome.access_list) = engine.finish();
    Ok(outcome)
}

/// A block that is to be executed.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    pub(crate) work: Work<'a>,
    pub(crate) base_fee_wei: u64,
    gas_limit: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Work<'a> {
    Rollup { config: &'a ChainConfig, parent_hash: Option<B256>, input: &'a BlockInput },
    Ethereum { cfg: &'a CfgEnv, env: &'a BlockEnv, system_call: Option<(Address, B256)>, transactions: &'a [TxEnv] },
}

impl<'a> Plan<'a> {
    /// The block after `parent`.
    ///
    /// Errors: [`Error::NotNext`], [`Error::Timestamp`].
    pub fn new(config: &'a ChainConfig, parent: &Header, input: &'a BlockInput) -> Result<Self, Error<Failed>> {
        Self::after(config, parent, Some(parent.hash_slow()), input)
    }

    /// The block after a parent whose hash is not known yet: in its header, the roots may be missing.
    ///
    /// The state must answer for the hash, as the parent's block hash and in the slot [`history_slot`](crate::history_slot) of the
    /// history contract, which must have the code of EIP-2935; the outcome lacks what
    /// [`write_parent_hash`](crate::write_parent_hash) adds.
    ///
    /// Errors: as [`Plan::new`].
    pub fn ahead(config: &'a ChainConfig, parent: &Header, input: &'a BlockInput) -> Result<Self, Error<Failed>> {
        Self::after(config, parent, None, input)
    }

    fn after(
        config: &'a ChainConfig,
        parent: &Header,
        parent_hash: Option<B256>,
        input: &'a BlockInput,
    ) -> Result<Self, Error<Failed>> {
        follows(parent, input)?;
        let work = Work::Rollup { config, parent_hash, input };
        Ok(Self { work, base_fee_wei: config.next_base_fee_wei(parent), gas_limit: config.block_gas_limit })
    }

    /// A block of Ethereum itself, whose fees go where Ethereum's do. For its test vectors, and for comparisons.
    pub fn ethereum(
        cfg: &'a CfgEnv,
        env: &'a BlockEnv,
        system_call: Option<(Address, B256)>,
        transactions: &'a [TxEnv],
    ) -> Self {
        let work = Work::Ethereum { cfg, env, system_call, transactions };
        Self { work, base_fee_wei: env.basefee, gas_limit: env.gas_limit }
    }

    /// How many transactions it has.
    pub fn len(&self) -> usize {
        match self.work {
            Work::Rollup { input, .. } => input.transactions.len(),
            Work::Ethereum { transactions, .. } => transactions.len(),
        }
    }

    /// True when it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much gas its transactions may use together.
    pub fn gas_limit(&self) -> u64 {
        self.gas_limit
    }

    /// How many transactions at its start come from L1.
    pub fn deposits(&self) -> usize {
        (0..self.len()).take_while(|index| self.sender(*index).is_none()).count()
    }

    /// The contract and the function that the transaction at `index` calls, and its gas limit. `None` for a transfer of value and
    /// nothing else.
    pub fn call(&self, index: usize) -> Option<(TxKind, [u8; 4], u64)> {
        let selector = |input: &[u8]| input.first_chunk().copied().unwrap_or_default();
        let (kind, input, gas_limit) = match self.work {
            Work::Ethereum { transactions, .. } => {
                let tx = &transactions[index];
                (tx.kind, &tx.data, tx.gas_limit)
            }
            Work::Rollup { input, .. } => match &input.transactions[index].transaction {
                Transaction::Deposit(deposit) => (deposit.to, &deposit.input, deposit.gas_limit),
                Transaction::Signed(signed) => (signed.kind(), signed.input(), signed.gas_limit()),
            },
        };
        (kind.is_create() || !input.is_empty()).then(|| (kind, selector(input), gas_limit))
    }

    /// Of these transactions, those at the end that move value and do nothing else, deposits left out.
    pub fn transfers_at_end(&self, transactions: Range<usize>) -> Range<usize> {
        let is_transfer = |index: &usize| self.sender(*index).is_some() && self.call(*index).is_none();
        let count = transactions.clone().rev().take_while(is_transfer).count();
        transactions.end - count..transactions.end
    }

    /// Whether an access list tells all that such a block does. Under the rules from before EIP-161 it does not tell which accounts
    /// are there and empty.
    pub fn is_told_by_lists(&self) -> bool {
        match self.work {
            Work::Rollup { .. } => true,
            Work::Ethereum { cfg, .. } => cfg.spec.is_enabled_in(SpecId::SPURIOUS_DRAGON),
        }
    }

    pub(crate) fn rules(&self) -> CfgEnv {
        match self.work {
            Work::Rollup { config, .. } => chain_rules(config.chain_id),
            Work::Ethereum { cfg, .. } => cfg.clone(),
        }
    }

    pub(crate) fn env(&self) -> BlockEnv {
        match self.work {
            Work::Ethereum { env, .. } => env.clone(),
            Work::Rollup { input, .. } => BlockFacts {
                number: input.number.0,
                timestamp: input.timestamp,
                beneficiary: input.beneficiary,
                gas_limit: self.gas_limit,
                base_fee_wei: self.base_fee_wei,
                prev_randao: input.l1_origin.prev_randao,
            }
            .into(),
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let (executed, receipts) = (Vec::with_capacity(self.len()), Vec::with_capacity(self.len()));
        Outcome { base_fee_wei: self.base_fee_wei, executed, receipts, ..Outcome::default() }
    }

    /// Calls in the name of the protocol, before the transactions.
    pub(crate) fn system_calls(&self) -> Vec<(Address, Bytes)> {
        match self.work {
            Work::Rollup { parent_hash, input, .. } => {
                let history = parent_hash.map(|hash| (HISTORY, hash.into()));
                history.into_iter().chain([(L1_BLOCK, set_l1_block(input))]).collect()
            }
            Work::Ethereum { system_call, .. } => {
                system_call.map(|(contract, word)| (contract, word.into())).into_iter().collect()
            }
        }
    }

    /// Sender and nonce of the signed transaction at `index`.
    pub(crate) fn sender(&self, index: usize) -> Option<(Address, u64)> {
        match self.work {
            Work::Ethereum { transactions, .. } => Some((transactions[index].caller, transactions[index].nonce)),
            Work::Rollup { input, .. } => match &input.transactions[index] {
                InputTransaction { sender, transaction: Transaction::Signed(signed) } => {
                    Some((*sender, signed.nonce()))
                }
                InputTransaction { transaction: Transaction::Deposit(_), .. } => None,
            },
        }
    }

    /// Why the transaction at `index` may not run when those before have used `gas_used`.
    pub(crate) fn refuses(&self, index: usize, gas_used: u64) -> Option<Skip> {
        self.sender(index)?;
        let gas_limit = self.gas_limit_of(index);
        let available = self.gas_limit.saturating_sub(gas_used);
        (gas_limit > available).then_some(Skip::BlockGas { gas_limit, available })
    }

    /// True when those before the transaction at `index`, which may be a deposit, have left as much gas as it asks for.
    pub(crate) fn has_gas_for(&self, index: usize, gas_used: u64) -> bool {
        self.gas_limit_of(index) <= self.gas_limit.saturating_sub(gas_used)
    }

    fn gas_limit_of(&self, index: usize) -> u64 {
        match self.work {
            Work::Ethereum { transactions, .. } => transactions[index].gas_limit,
            Work::Rollup { input, .. } => match &input.transactions[index].transaction {
                Transaction::Signed(signed) => signed.gas_limit(),
                Transaction::Deposit(deposit) => deposit.gas_limit,
            },
        }
    }

    /// Executes the transaction at `index`. What an executed one did stays in the machine, to be settled; a skipped one leaves
    /// nothing.
    pub(crate) fn execute(
        &self,
        machine: &mut Machine<'_>,
        index: usize,
        gas_used: u64,
    ) -> Result<Result<Receipt, Skip>, Error<Failed>> {
        if let Some(skip) = self.refuses(index, gas_used) {
            return Ok(Err(skip));
        }
        match self.work {
            Work::Ethereum { transactions, .. } => self.execute_ethereum(machine, &transactions[index]),
            Work::Rollup { config, input, .. } => {
                let InputTransaction { sender, transaction } = &input.transactions[index];
                match transaction {
                    Transaction::Deposit(deposit) => {
                        debug_assert_eq!(deposit.from, *sender, "a deposit's sender is the one it names");
                        Ok(Ok(execute_deposit(machine, deposit, self.gas_limit - gas_used)?))
                    }
                    Transaction::Signed(signed) if signed.is_eip4844() => {
                        Ok(Err(Skip::Invalid(sluice_types::Error::BlobTransaction.to_string())))
                    }
                    Transaction::Signed(signed) => {
                        let l1_fee_wei = l1_data_fee(&signed.encoded_2718(), &input.l1_origin, &config.l1_fee);
                        self.execute_signed(machine, signed, *sender, l1_fee_wei)
                    }
                }
            }
        }
    }

    fn execute_ethereum(&self, machine: &mut Machine<'_>, tx: &TxEnv) -> Result<Result<Receipt, Skip>, Error<Failed>> {
        match machine.execute(tx.clone(), Payment::Ethereum) {
            Ok(result) => {
                let price_wei =
                    U256::from(revm::context::Transaction::effective_gas_price(tx, self.base_fee_wei.into()));
                let paid = Paid { effective_gas_price: price_wei, l1_fee_wei: U256::ZERO };
                Ok(Ok(receipt(tx.tx_type, tx.nonce, paid, result)))
            }
            Err(Refusal::Invalid(reason)) => {
                machine.forget();
                Ok(Err(skip(reason, tx.gas_price, self.base_fee_wei)))
            }
            Err(Refusal::Failure(error)) => Err(error),
        }
    }

    fn execute_signed(
        &self,
        machine: &mut Machine<'_>,
        signed: &SignedTransaction,
        sender: Address,
        l1_fee_wei: U256,
    ) -> Result<Result<Receipt, Skip>, Error<Failed>> {
        match machine.execute(signed_env(signed, sender), Payment::Rollup { l1_fee_wei }) {
            Ok(result) => {
                let price_wei = U256::from(signed.effective_gas_price(Some(self.base_fee_wei)));
                let paid = Paid { effective_gas_price: price_wei, l1_fee_wei };
                Ok(Ok(receipt(signed.ty(), signed.nonce(), paid, result)))
            }
            Err(Refusal::Invalid(reason)) => {
                machine.forget();
                Ok(Err(skip(reason, signed.max_fee_per_gas(), self.base_fee_wei)))
            }
            Err(Refusal::Failure(error)) => Err(error),
        }
    }

    /// Adds what became of the transaction at `index`.
    pub(crate) fn count(&self, outcome: &mut Outcome, index: usize, done: Result<Receipt, Skip>) {
        match done {
            Ok(mut receipt) => {
                outcome.gas_used += receipt.gas_used;
                receipt.cumulative_gas_used = outcome.gas_used;
                outcome.executed.push(index);
                outcome.receipts.push(receipt);
            }
            Err(reason) => outcome.skipped.push(SkippedTransaction { index, reason }),
        }
    }
}

fn follows(parent: &Header, input: &BlockInput) -> Result<(), Error<Failed>> {
    if input.number.0 != parent.number + 1 {
        return Err(Error::NotNext { number: input.number, parent: parent.number.into() });
    }
    if input.timestamp < parent.timestamp {
        return Err(Error::Timestamp { timestamp: input.timestamp, parent: parent.timestamp });
    }
    Ok(())
}

fn set_l1_block(input: &BlockInput) -> Bytes {
    let origin = &input.l1_origin;
    let words = [
        U256::from(origin.number.0),
        U256::from(origin.timestamp),
        U256::from(origin.base_fee_wei),
        U256::from(origin.blob_base_fee_wei),
        origin.hash.into(),
        U256::from(input.inbox_count.0),
    ];
    let mut call = Vec::with_capacity(4 + words.len() * 32);
    call.extend_from_slice(&keccak256(SET_L1_BLOCK)[..4]);
    words.iter().for_each(|word| call.extend_from_slice(&word.to_be_bytes::<32>()));
    call.into()
}

/// Executes a deposit, whatever happens.
///
/// A deposit that asks for more gas than the block has left cannot be in a valid input, because the inbox comes first and its
/// messages ask for at most [`ChainConfig::inbox_gas_per_block`] together. Should one come, it fails, uses up what is left, and
/// keeps its mint: skipping it would destroy money that left L1.
fn execute_deposit(
    machine: &mut Machine<'_>,
    deposit: &DepositTransaction,
    available: u64,
) -> Result<Receipt, Error<Failed>> {
    let nonce = machine.nonce(deposit.from)?;
    let too_large = deposit.gas_limit > available;
    let tx = TxEnv {
        tx_type: DEPOSIT_TX_TYPE,
        caller: deposit.from,
        // With no gas it fails before it starts, which is what a deposit that is too large must do.
        gas_limit: if too_large { 0 } else { deposit.gas_limit },
        gas_price: 0,
        kind: deposit.to,
        value: deposit.value,
        data: deposit.input.clone(),
        nonce,
        chain_id: None,
        ..TxEnv::default()
    };
    let mut result = match machine.execute(tx, Payment::Deposit { mint_wei: deposit.mint }) {
        Ok(result) => result,
        Err(Refusal::Failure(error)) => return Err(error),
        Err(Refusal::Invalid(reason)) => return Err(Error::Engine(format!("a deposit was refused: {reason}"))),
    };
    if too_large {
        result = ExecutionResult::Halt {
            reason: HaltReason::OutOfGas(OutOfGasError::Basic),
            gas: ResultGas::default().with_total_gas_spent(available),
            logs: Vec::new(),
        };
    }
    Ok(receipt(DEPOSIT_TX_TYPE, nonce, Paid::default(), result))
}

/// Prices in a receipt.
#[derive(Clone, Copy, Default)]
pub(crate) struct Paid {
    pub(crate) effective_gas_price: U256,
    pub(crate) l1_fee_wei: U256,
}

/// The receipt, but for the gas of those before.
pub(crate) fn receipt(tx_type: u8, sender_nonce: u64, paid: Paid, result: ExecutionResult) -> Receipt {
    Receipt {
        tx_type,
        success: result.is_success(),
        cumulative_gas_used: 0,
        gas_used: result.tx_gas_used(),
        effective_gas_price: paid.effective_gas_price,
        l1_fee_wei: paid.l1_fee_wei,
        sender_nonce,
        contract_address: result.created_address().unwrap_or_default(),
        logs: result.into_logs(),
    }
}

/// A signed transaction as the engine takes it.
pub(crate) fn signed_env(signed: &SignedTransaction, caller: Address) -> TxEnv {
    TxEnv {
        tx_type: signed.ty(),
        caller,
        gas_limit: signed.gas_limit(),
        gas_price: signed.max_fee_per_gas(),
        kind: match signed.to() {
            Some(to) => TxKind::Call(to),
            None => TxKind::Create,
        },
        value: signed.value(),
        data: signed.input().clone(),
        nonce: signed.nonce(),
        chain_id: signed.chain_id(),
        access_list: signed.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: signed.max_priority_fee_per_gas(),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: signed
            .authorization_list()
            .unwrap_or_default()
            .iter()
            .map(|authorization| Either::Left(authorization.clone()))
            .collect(),
    }
}

/// The reason as the chain names it.
pub(crate) fn skip(reason: InvalidTransaction, fee_cap_wei: u128, base_fee_wei: u64) -> Skip {
    match reason {
        InvalidTransaction::NonceTooHigh { tx, state } => Skip::NonceTooHigh { tx, state },
        InvalidTransaction::NonceTooLow { tx, state } => Skip::NonceTooLow { tx, state },
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
            Skip::InsufficientFunds { cost: *fee, balance: *balance }
        }
        InvalidTransaction::GasPriceLessThanBasefee => {
            Skip::FeeTooLow(format!("maxFeePerGas: {fee_cap_wei}, baseFee: {base_fee_wei}"))
        }
        other => Skip::Invalid(other.to_string()),
    }
}
