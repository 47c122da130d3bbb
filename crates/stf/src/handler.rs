//! How one transaction is paid for: Ethereum's path with other hands at the cash desk.

use core::marker::PhantomData;

use alloc::boxed::Box;

use alloy_primitives::{Address, U256};
use revm::{
    Context,
    context::{
        BlockEnv, CfgEnv, ContextTr, JournalTr, LocalContextTr, Transaction, TxEnv,
        journaled_state::JournalLoadError,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction, OutOfGasError, ResultGas},
    },
    context_interface::{Block, Cfg, journaled_state::account::JournaledAccountTr},
    handler::{EvmTr, FrameResult, Handler, ItemOrResult, MainnetEvm, post_execution, pre_execution, validation},
    interpreter::{InitialAndFloorGas, interpreter_action::FrameInit},
};
use sluice_types::predeploys::FEE_VAULT;

use crate::{
    dispatch,
    journal::{Base, Journal},
    preimages::{HashHost, Preimages},
    reader::Failed,
    table::seen,
    trace::{Watcher, run_frame},
};

/// The engine on our table.
pub(crate) type Evm<'a> = MainnetEvm<Host<'a>>;

/// What the interpreter runs in.
pub(crate) type Host<'a> = Context<BlockEnv, TxEnv, CfgEnv, Base<'a>, Journal<'a>, &'a mut Preimages>;

impl HashHost for Host<'_> {
    fn preimages(&mut self) -> &mut Preimages {
        self.chain
    }
}

/// What stops a transaction.
pub(crate) type Stop = EVMError<Failed>;

/// Who pays what to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payment {
    /// As on Ethereum: the base fee is burnt, the tip goes to the beneficiary.
    Ethereum,
    /// As on this chain: the sender also pays for L1 data; that and the base fee go to the fee vault, the tip to the beneficiary.
    Rollup {
        /// Price of the transaction's bytes on L1, wei.
        l1_fee_wei: U256,
    },
    /// Nobody pays, since it was paid for on L1: `mint_wei` is created for the sender, and stays even if all else fails.
    Deposit {
        /// Wei created.
        mint_wei: U256,
    },
    /// A question: the sender needs what it would pay, but nobody receives it.
    Simulated,
}

/// Runs one transaction under one [`Payment`].
pub(crate) struct Cashier<'w, 'a> {
    payment: Payment,
    watcher: Option<&'w mut Watcher<'a>>,
    engine: PhantomData<fn(&'a ())>,
}

impl<'w, 'a> Cashier<'w, 'a> {
    pub(crate) fn new(payment: Payment) -> Self {
        Self { payment, watcher: None, engine: PhantomData }
    }

    /// While somebody watches.
    pub(crate) fn watched(payment: Payment, watcher: &'w mut Watcher<'a>) -> Self {
        Self { payment, watcher: Some(watcher), engine: PhantomData }
    }
}

impl<'a> Handler for Cashier<'_, 'a> {
    type Evm = Evm<'a>;
    type Error = Stop;
    type HaltReason = HaltReason;

    fn validate_env(&self, evm: &mut Self::Evm) -> Result<(), Self::Error> {
        if !matches!(self.payment, Payment::Deposit { .. }) {
            return validation::validate_env(evm.ctx());
        }
        // A deposit has no chain id, price or nonce to check, and was admitted on L1. Only EIP-3860 is about execution.
        let tx = evm.ctx_ref().tx();
        if tx.kind().is_create() && tx.input().len() > evm.ctx_ref().cfg().max_initcode_size() {
            return Err(InvalidTransaction::CreateInitCodeSizeLimit.into());
        }
        Ok(())
    }

    fn validate_against_state_and_deduct_caller(
        &self,
        evm: &mut Self::Evm,
        _: &mut InitialAndFloorGas,
    ) -> Result<(), Self::Error> {
        match self.payment {
            Payment::Simulated => pre_execution::validate_against_state_and_deduct_caller(evm.ctx()),
            Payment::Ethereum => deduct(evm, U256::ZERO),
            Payment::Rollup { l1_fee_wei } => deduct(evm, l1_fee_wei),
            Payment::Deposit { mint_wei } => {
                let is_call = evm.ctx_ref().tx().kind().is_call();
                // A creation moves the nonce when its frame is made.
                credit_depositor(evm, mint_wei, is_call)
            }
        }
    }

    fn run_exec_loop(&mut self, evm: &mut Self::Evm, first: FrameInit) -> Result<FrameResult, Self::Error> {
        let mut init = first;
        loop {
            if let Some(watcher) = &mut self.watcher {
                watcher.begin(&mut evm.ctx, &init)?;
            }
            let mut result = match evm.frame_init(init)? {
                ItemOrResult::Item(_) => None,
                ItemOrResult::Result(result) => Some(result),
            };
            init = loop {
                let ran = match (result.take(), &mut self.watcher) {
                    (Some(result), _) => ItemOrResult::Result(result),
                    (None, None) => dispatch::run_frame(evm)?,
                    (None, Some(watcher)) => run_frame(evm, watcher)?,
                };
                let ended = match ran {
                    ItemOrResult::Item(next) => break next,
                    ItemOrResult::Result(ended) => ended,
                };
                if let Some(watcher) = &mut self.watcher {
                    watcher.end(&mut evm.ctx, &ended)?;
                }
                // The outermost may have ended without code to run.
                if evm.frame_stack().index().is_none() {
                    return Ok(ended);
                }
                if let Some(last) = evm.frame_return_result(ended)? {
                    return Ok(last);
                }
            };
        }
    }

    fn reimburse_caller(&self, evm: &mut Self::Evm, result: &mut FrameResult) -> Result<(), Self::Error> {
        match self.payment {
            Payment::Deposit { .. } => Ok(()),
            _ => Ok(post_execution::reimburse_caller(evm.ctx(), result.gas(), U256::ZERO)?),
        }
    }

    fn reward_beneficiary(&self, evm: &mut Self::Evm, result: &mut FrameResult) -> Result<(), Self::Error> {
        match self.payment {
            Payment::Ethereum => Ok(post_execution::reward_beneficiary(evm.ctx(), result.gas())?),
            Payment::Simulated => Ok(()),
            Payment::Rollup { l1_fee_wei } => {
                // The engine pays the tip only, since every fork of this chain is past London.
                post_execution::reward_beneficiary(evm.ctx(), result.gas())?;
                let base_fee_wei = U256::from(evm.ctx_ref().block().basefee()) * U256::from(result.gas().used());
                let mut vault = evm.ctx().journal_mut().load_account_mut(FEE_VAULT)?;
                vault.incr_balance(base_fee_wei + l1_fee_wei);
                Ok(())
            }
            Payment::Deposit { .. } => settle_nonce(evm),
        }
    }

    fn catch_error(
        &self,
        evm: &mut Self::Evm,
        error: Self::Error,
    ) -> Result<ExecutionResult<Self::HaltReason>, Self::Error> {
        evm.ctx().local_mut().clear();
        evm.ctx().journal_mut().discard_tx();
        evm.frame_stack().clear();
        match (self.payment, error) {
            // What would make a transaction invalid makes a deposit fail, because nobody may leave it out.
            (Payment::Deposit { mint_wei }, EVMError::Transaction(_)) => {
                credit_depositor(evm, mint_wei, true)?;
                evm.ctx().journal_mut().commit_tx();
                let gas_limit = evm.ctx_ref().tx().gas_limit();
                Ok(ExecutionResult::Halt {
                    reason: HaltReason::OutOfGas(OutOfGasError::Basic),
                    gas: ResultGas::default().with_total_gas_spent(gas_limit),
                    logs: alloc::vec::Vec::new(),
                })
            }
            (_, error) => Err(error),
        }
    }
}

/// Checks nonce, code and balance of the sender, and takes gas and L1 data fee; the engine takes the value.
fn deduct(evm: &mut Evm<'_>, l1_fee_wei: U256) -> Result<(), Stop> {
    let (block, tx, cfg, journal, _, _) = evm.ctx().all_mut();
    let (row, _) = journal.load(tx.caller(), false).map_err(JournalLoadError::unwrap_db_error)?;
    journal.table_mut().load_code(row)?;
    let caller = &mut journal.table_mut().accounts[row as usize];
    caller.learn(seen::CODE | seen::NONCE);
    pre_execution::validate_account_nonce_and_code_with_components(&caller.account.info, tx, cfg)?;
    let overflow = || InvalidTransaction::OverflowPaymentInTransaction;
    let most = tx.max_balance_spending()?.checked_add(l1_fee_wei).ok_or_else(overflow)?;
    if !caller.covers(most) {
        let balance = Box::new(caller.account.info.balance);
        return Err(InvalidTransaction::LackOfFundForMaxFee { fee: Box::new(most), balance }.into());
    }
    let base_fee_wei = u128::from(block.basefee());
    let spent = tx.effective_balance_spending(base_fee_wei, block.blob_gasprice().unwrap_or_default())?;
    let nonce = caller.account.info.nonce;
    // Cannot fail: the effective price is at most the cap, and the cap was checked.
    journal.debit(row, spent - tx.value() + l1_fee_wei);
    if tx.kind().is_call() {
        journal.set_nonce(row, nonce.saturating_add(1));
    }
    Ok(())
}

/// Creates the mint. Saturating, since more wei than a word holds cannot come from L1.
fn credit_depositor(evm: &mut Evm<'_>, mint_wei: U256, bump: bool) -> Result<(), Stop> {
    let caller: Address = evm.ctx_ref().tx().caller();
    let mut caller = evm.ctx().journal_mut().load_account_with_code_mut(caller)?.data;
    let balance = caller.balance().saturating_add(mint_wei);
    caller.set_balance(balance);
    if bump {
        caller.bump_nonce();
    }
    Ok(())
}

/// A creation that failed before its frame was made has not moved the nonce; a deposit always does.
fn settle_nonce(evm: &mut Evm<'_>) -> Result<(), Stop> {
    let (caller, nonce) = (evm.ctx_ref().tx().caller(), evm.ctx_ref().tx().nonce());
    let mut caller = evm.ctx().journal_mut().load_account_mut(caller)?;
    if caller.nonce() == nonce {
        caller.bump_nonce();
    }
    Ok(())
}
