//! Executing one block.

use alloc::{format, string::ToString, vec::Vec};

use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::{Encodable2718, Typed2718};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use revm::{
    context::{
        TxEnv,
        either::Either,
        result::{ExecutionResult, HaltReason, InvalidTransaction, OutOfGasError, ResultGas},
    },
    primitives::TxKind,
};
use sluice_types::{
    BlockInput, ChainConfig, DEPOSIT_TX_TYPE, DepositTransaction, Header, Outcome, Receipt, SignedTransaction, Skip,
    SkippedTransaction, StateRead, Transaction, l1_data_fee,
    predeploys::{HISTORY, L1_BLOCK},
};

use crate::{
    Codes, Error,
    engine::{BlockFacts, Engine, Failed, Payment, Reader, Refusal, chain_rules},
};

/// Signature of the system call that tells contracts about the L1 block.
///
/// Source: `contracts/src/l2/L1Block.sol`.
const SET_L1_BLOCK: &str = "setL1Block(uint64,uint64,uint256,uint256,bytes32,uint64)";

/// Executes the block after `parent` on the state that `parent` left, keeping analysed code in `codes`.
pub fn execute_block_with<S: StateRead>(
    config: &ChainConfig,
    parent: &Header,
    input: &BlockInput,
    state: &S,
    codes: &mut Codes,
) -> Result<Outcome, Error<S::Error>> {
    let reader = Reader::new(state);
    let facts = facts(config, parent, input);
    let mut engine = Engine::new(chain_rules(config.chain_id), facts.into(), &reader, codes);
    let outcome = follows(parent, input).and_then(|()| {
        let mut outcome = run(config, parent, input, &mut engine)?;
        (outcome.changes, outcome.access_list) = engine.finish();
        Ok(outcome)
    });
    outcome.map_err(|error| reader.explain(error))
}

fn facts(config: &ChainConfig, parent: &Header, input: &BlockInput) -> BlockFacts {
    BlockFacts {
        number: input.number.0,
        timestamp: input.timestamp,
        beneficiary: input.beneficiary,
        gas_limit: config.block_gas_limit,
        base_fee_wei: config.next_base_fee_wei(parent),
        prev_randao: input.l1_origin.prev_randao,
    }
}

/// Runs the system calls and the transactions; what they changed stays in the engine.
fn run(
    config: &ChainConfig,
    parent: &Header,
    input: &BlockInput,
    engine: &mut Engine<'_>,
) -> Result<Outcome, Error<Failed>> {
    let base_fee_wei = config.next_base_fee_wei(parent);
    engine.system_call(HISTORY, parent.hash_slow().into())?;
    engine.system_call(L1_BLOCK, set_l1_block(input))?;

    let mut outcome = Outcome { base_fee_wei, ..Outcome::default() };
    for (index, tx) in input.transactions.iter().enumerate() {
        let available = config.block_gas_limit - outcome.gas_used;
        let (sender, done) = match &tx.transaction {
            Transaction::Deposit(deposit) => (deposit.from, Ok(execute_deposit(engine, deposit, available)?)),
            Transaction::Signed(signed) => {
                let l1_fee_wei = l1_data_fee(&signed.encoded_2718(), &input.l1_origin, &config.l1_fee);
                let offer = Offer { signed, sender: tx.sender, l1_fee_wei, base_fee_wei, available };
                (tx.sender, execute_signed(engine, &offer)?)
            }
        };
        debug_assert_eq!(sender, tx.sender, "a deposit's sender is the one it names");
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
    Ok(outcome)
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

/// A signed transaction and what it meets.
struct Offer<'a> {
    signed: &'a SignedTransaction,
    sender: Address,
    l1_fee_wei: U256,
    base_fee_wei: u64,
    available: u64,
}

fn execute_signed(engine: &mut Engine<'_>, offer: &Offer<'_>) -> Result<Result<Receipt, Skip>, Error<Failed>> {
    let Offer { signed, sender, l1_fee_wei, base_fee_wei, available } = *offer;
    if signed.is_eip4844() {
        return Ok(Err(Skip::Invalid(sluice_types::Error::BlobTransaction.to_string())));
    }
    let gas_limit = signed.gas_limit();
    if gas_limit > available {
        return Ok(Err(Skip::BlockGas { gas_limit, available }));
    }
    match engine.transact(signed_env(signed, sender), Payment::Rollup { l1_fee_wei }) {
        Ok(result) => {
            let price_wei = U256::from(signed.effective_gas_price(Some(base_fee_wei)));
            let paid = Paid { effective_gas_price: price_wei, l1_fee_wei };
            Ok(Ok(receipt(signed.ty(), signed.nonce(), paid, result)))
        }
        Err(Refusal::Invalid(reason)) => Ok(Err(skip(reason, signed.max_fee_per_gas(), base_fee_wei))),
        Err(Refusal::Failure(error)) => Err(error),
    }
}

/// Executes a deposit, whatever happens.
///
/// A deposit that asks for more gas than the block has left cannot be in a valid input, because the inbox comes first and its
/// messages ask for at most [`ChainConfig::inbox_gas_per_block`] together. Should one come, it fails, uses up what is left, and
/// keeps its mint: skipping it would destroy money that left L1.
fn execute_deposit(
    engine: &mut Engine<'_>,
    deposit: &DepositTransaction,
    available: u64,
) -> Result<Receipt, Error<Failed>> {
    let nonce = engine.nonce(deposit.from)?;
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
    let mut result = match engine.transact(tx, Payment::Deposit { mint_wei: deposit.mint }) {
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
struct Paid {
    effective_gas_price: U256,
    l1_fee_wei: U256,
}

/// The receipt, but for the gas of those before.
fn receipt(tx_type: u8, sender_nonce: u64, paid: Paid, result: ExecutionResult) -> Receipt {
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
fn signed_env(signed: &SignedTransaction, caller: Address) -> TxEnv {
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
