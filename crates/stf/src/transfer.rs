//! Plain transfers without an interpreter.
//!
//! Only for what is certain to succeed in 21,000 gas. Everything else, invalid transactions too, goes the long way, so that there
//! is one place that knows how things fail.

use alloc::vec::Vec;

use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Typed2718;
use alloy_primitives::{Address, Bytes, U256};
use revm::{
    context::{
        BlockEnv, Cfg, CfgEnv, JournalTr, TxEnv,
        journaled_state::JournalLoadError,
        result::{ExecutionResult, Output, ResultGas, SuccessReason},
    },
    primitives::hardfork::SpecId,
};
use sluice_types::{EMPTY_CODE_HASH, SignedTransaction, predeploys::FEE_VAULT};

use crate::{engine::Payment, handler::Evm, journal::Journal, reader::Failed, table::seen};

/// Gas of a transaction that does nothing else.
///
/// Source: EIP-2028, Yellow Paper appendix G.
pub(crate) const TRANSFER_GAS: u64 = 21_000;

/// Executes the transaction if it is a plain transfer that succeeds. `None` leaves it as if nothing had been tried.
pub(crate) fn execute(evm: &mut Evm<'_>, payment: Payment) -> Result<Option<ExecutionResult>, Failed> {
    let l1_fee_wei = match payment {
        Payment::Rollup { l1_fee_wei } => Some(l1_fee_wei),
        Payment::Ethereum => None,
        Payment::Deposit { .. } | Payment::Simulated => return Ok(None),
    };
    let context = &mut evm.ctx;
    let Some(plan) = Plan::new(&Asked::from(&context.tx), &context.block, &context.cfg, l1_fee_wei) else {
        return Ok(None);
    };
    let journal = &mut context.journaled_state;
    // They are told to the journal with the first transaction that goes the long way.
    if journal.warm.precompiles.is_empty() || journal.warm.is_precompile(&plan.to) {
        return Ok(None);
    }
    let (from, to) = (load(journal, context.tx.caller)?, load(journal, plan.to)?);
    let accounts = &mut journal.table_mut().accounts;
    accounts[from as usize].learn(seen::CODE | seen::NONCE);
    accounts[to as usize].learn(seen::CODE);
    let [sender, recipient] = [from, to].map(|row| &accounts[row as usize].account.info);
    // All wei that exist fit a word, but a list that is wrong may say that there are more.
    let simple = sender.code_hash == EMPTY_CODE_HASH
        && recipient.code_hash == EMPTY_CODE_HASH
        && sender.nonce == context.tx.nonce
        && sender.balance >= plan.most_wei
        && recipient.balance.checked_add(context.tx.value).is_some();
    if !simple {
        // The long way loads the same again, and learns what matters.
        return Ok(None);
    }
    accounts[from as usize].covers(plan.most_wei);
    journal.set_nonce(from, context.tx.nonce + 1);
    let (value, fee_wei) = (context.tx.value, plan.fee_wei);
    let paid = journal.debit(from, fee_wei + value) && journal.credit(to, value);
    debug_assert!(paid, "what covers the most covers less");
    let beneficiary = load(journal, context.block.beneficiary)?;
    journal.credit(beneficiary, plan.tip_wei);
    if l1_fee_wei.is_some() {
        let vault = load(journal, FEE_VAULT)?;
        journal.credit(vault, fee_wei - plan.tip_wei);
    }
    journal.commit_tx();
    Ok(Some(success()))
}

/// The result of every plain transfer.
pub(crate) fn success() -> ExecutionResult {
    ExecutionResult::Success {
        reason: SuccessReason::Stop,
        gas: ResultGas::default().with_total_gas_spent(TRANSFER_GAS),
        logs: Vec::new(),
        output: Output::Call(Bytes::new()),
    }
}

fn load(journal: &mut Journal<'_>, address: Address) -> Result<u32, Failed> {
    let loaded = journal.load(address, false).map_err(JournalLoadError::unwrap_db_error);
    loaded.map(|(row, _)| row)
}

/// What a plain transfer moves, known before any account is.
pub(crate) struct Plan {
    pub(crate) to: Address,
    /// What the sender must have.
    pub(crate) most_wei: U256,
    /// What it pays for a unit of gas.
    pub(crate) price_wei: u128,
    /// What it pays beside the value.
    pub(crate) fee_wei: U256,
    /// The beneficiary's part of that.
    pub(crate) tip_wei: U256,
}

/// What a transaction asks for.
pub(crate) struct Asked {
    pub(crate) tx_type: u8,
    /// `None` for a creation.
    pub(crate) to: Option<Address>,
    pub(crate) value: U256,
    pub(crate) nonce: u64,
    pub(crate) gas_limit: u64,
    pub(crate) fee_cap_wei: u128,
    pub(crate) tip_cap_wei: Option<u128>,
    pub(crate) chain_id: Option<u64>,
    /// It has neither input nor access list.
    pub(crate) is_bare: bool,
}

impl From<&TxEnv> for Asked {
    fn from(tx: &TxEnv) -> Self {
        Self {
            tx_type: tx.tx_type,
            to: tx.kind.into_to(),
            value: tx.value,
            nonce: tx.nonce,
            gas_limit: tx.gas_limit,
            fee_cap_wei: tx.gas_price,
            tip_cap_wei: tx.gas_priority_fee,
            chain_id: tx.chain_id,
            is_bare: tx.data.is_empty() && tx.access_list.0.is_empty(),
        }
    }
}

impl From<&SignedTransaction> for Asked {
    fn from(signed: &SignedTransaction) -> Self {
        Self {
            tx_type: signed.ty(),
            to: signed.to(),
            value: signed.value(),
            nonce: signed.nonce(),
            gas_limit: signed.gas_limit(),
            fee_cap_wei: signed.max_fee_per_gas(),
            tip_cap_wei: signed.max_priority_fee_per_gas(),
            chain_id: signed.chain_id(),
            is_bare: signed.input().is_empty() && signed.access_list().is_none_or(|list| list.0.is_empty()),
        }
    }
}

impl Plan {
    /// `None` for anything that is not a plain transfer, or not certain to be valid.
    pub(crate) fn new(tx: &Asked, block: &BlockEnv, cfg: &CfgEnv, l1_fee_wei: Option<U256>) -> Option<Self> {
        let to = tx.to?;
        let base_fee_wei = if cfg.spec.is_enabled_in(SpecId::LONDON) { u128::from(block.basefee) } else { 0 };
        let plain = tx.is_bare
            && cfg.spec.is_enabled_in(SpecId::SPURIOUS_DRAGON)
            && (tx.tx_type == 0 || (tx.tx_type <= 2 && cfg.spec.is_enabled_in(SpecId::LONDON)));
        let asked = !(cfg.is_nonce_check_disabled()
            || cfg.is_balance_check_disabled()
            || cfg.is_base_fee_check_disabled()
            || cfg.is_fee_charge_disabled());
        let priced = tx.fee_cap_wei >= base_fee_wei && tx.tip_cap_wei.is_none_or(|tip| tip <= tx.fee_cap_wei);
        let limited = (TRANSFER_GAS..=cfg.tx_gas_limit_cap().min(block.gas_limit)).contains(&tx.gas_limit);
        let here = tx.chain_id == Some(cfg.chain_id) || (tx.tx_type == 0 && tx.chain_id.is_none());
        if !(plain && asked && priced && limited && here) || tx.nonce == u64::MAX {
            return None;
        }
        let l1_fee_wei = l1_fee_wei.unwrap_or_default();
        let most_gas_wei = u128::from(tx.gas_limit).checked_mul(tx.fee_cap_wei)?;
        let most_wei = U256::from(most_gas_wei).checked_add(tx.value)?.checked_add(l1_fee_wei)?;
        // EIP-1559: a transaction without a cap of the tip pays what it offers.
        let tip_cap_wei = tx.tip_cap_wei.filter(|_| tx.tx_type == 2);
        let price_wei = tip_cap_wei.map_or(tx.fee_cap_wei, |tip| tx.fee_cap_wei.min(base_fee_wei.saturating_add(tip)));
        let gas = U256::from(TRANSFER_GAS);
        Some(Self {
            to,
            most_wei,
            price_wei,
            fee_wei: U256::from(price_wei) * gas + l1_fee_wei,
            tip_wei: U256::from(price_wei - base_fee_wei) * gas,
        })
    }
}
