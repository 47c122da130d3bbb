//! Plain transfers at the end of a block, settled account by account.
//!
//! A transfer changes its sender, its recipient, and who receives the fees. Where it is certain of each of many that it succeeds,
//! nobody needs to execute one after another: whoever follows one account through all of them, in their order, knows all that
//! becomes of it. So workers share the accounts, and nothing is left to commit one by one.
//!
//! It is certain only when all is done. Where anything is not as simple as that, all is given up, and executed like anything else.

use alloc::vec::Vec;
use core::ops::Range;

use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::{Encodable2718, Typed2718};
use alloy_primitives::{Address, U256};
use revm::context::{BlockEnv, CfgEnv};
use sluice_types::{
    EMPTY_CODE_HASH, InputTransaction, Receipt, StateRead, Transaction, l1_data_fee, predeploys::FEE_VAULT,
};

use crate::{
    Plan,
    block::{Paid, Work, receipt, signed_env},
    lanes::Committer,
    ledger::{Ledger, LedgerRow, Logs, Settled},
    reader::{Reader, Source},
    table::Moment,
    transfer::{self, TRANSFER_GAS},
};

/// The transfers at the end of a block of which all else is committed.
#[expect(missing_debug_implementations, reason = "large, and nothing in it to read")]
pub struct Bulk<'p> {
    plan: &'p Plan<'p>,
    transactions: Range<usize>,
    cfg: CfgEnv,
    env: BlockEnv,
    /// Gas used before them.
    gas_before: u64,
    /// EIP-7928 index of the first of them.
    first_at: u64,
    /// Who receives the fees that the beneficiary does not.
    vault: Option<Address>,
    /// Once they are prepared.
    chunks: Vec<Chunk>,
}

/// Some transfers, as far as they are known without any account.
#[expect(missing_debug_implementations, reason = "large, and nothing in it to read")]
pub struct Chunk {
    transfers: Vec<Transfer>,
    receipts: Vec<Receipt>,
}

struct Transfer {
    from: Address,
    nonce: u64,
    value: U256,
    plan: transfer::Plan,
}

impl<'p> Bulk<'p> {
    /// These transactions, which must be the last of the block; the committer has committed all before them.
    pub fn new(plan: &'p Plan<'p>, transactions: Range<usize>, committer: &Committer) -> Self {
        let vault = match plan.work {
            Work::Rollup { .. } => Some(FEE_VAULT),
            Work::Ethereum { .. } => None,
        };
        let (gas_before, index) = committer.so_far();
        let (cfg, env, first_at, chunks) = (plan.rules(), plan.env(), index + 1, Vec::new());
        Self { plan, transactions, cfg, env, gas_before, first_at, vault, chunks }
    }

    /// The transactions.
    pub fn transactions(&self) -> Range<usize> {
        self.transactions.clone()
    }

    /// Prepares some of the transactions. `None` when one of them is not certain to be a transfer and no more.
    pub fn prepare(&self, transactions: Range<usize>) -> Option<Chunk> {
        let count = transactions.len();
        let mut chunk = Chunk { transfers: Vec::with_capacity(count), receipts: Vec::with_capacity(count) };
        let mut encoded = Vec::new();
        for index in transactions {
            let before = u64::try_from(index - self.transactions.start).ok()?;
            let gas_used = self.gas_before.checked_add(before.checked_mul(TRANSFER_GAS)?)?;
            if self.plan.refuses(index, gas_used).is_some() {
                return None;
            }
            let (transfer, mut receipt) = self.transfer(index, &mut encoded)?;
            // A precompile runs when it is paid, and all of them have such addresses.
            if transfer.plan.to[..8] == [0; 8] || [transfer.from, transfer.plan.to].iter().any(|at| self.has_fees(at)) {
                return None;
            }
            receipt.cumulative_gas_used = gas_used + TRANSFER_GAS;
            chunk.transfers.push(transfer);
            chunk.receipts.push(receipt);
        }
        Some(chunk)
    }

    /// Takes what was prepared: all of it, in order.
    #[must_use]
    pub fn with(self, chunks: Vec<Chunk>) -> Self {
        Self { chunks, ..self }
    }

    /// The receipts of all, in order.
    pub(crate) fn into_receipts(self) -> impl Iterator<Item = Vec<Receipt>> {
        self.chunks.into_iter().map(|chunk| chunk.receipts)
    }

    /// All transfers, with the indices of their changes.
    fn transfers(&self) -> impl Iterator<Item = (u64, &Transfer)> {
        (self.first_at..).zip(self.chunks.iter().flat_map(|chunk| &chunk.transfers))
    }

    fn has_fees(&self, address: &Address) -> bool {
        self.env.beneficiary == *address || self.vault == Some(*address)
    }

    fn transfer(&self, index: usize, encoded: &mut Vec<u8>) -> Option<(Transfer, Receipt)> {
        let base_fee_wei = self.plan.base_fee_wei;
        match self.plan.work {
            Work::Ethereum { transactions, .. } => {
                let tx = &transactions[index];
                let plan = transfer::Plan::new(tx, &self.env, &self.cfg, None)?;
                let price_wei = revm::context::Transaction::effective_gas_price(tx, base_fee_wei.into());
                let paid = Paid { effective_gas_price: U256::from(price_wei), l1_fee_wei: U256::ZERO };
                let receipt = receipt(tx.tx_type, tx.nonce, paid, transfer::success());
                Some((Transfer { from: tx.caller, nonce: tx.nonce, value: tx.value, plan }, receipt))
            }
            Work::Rollup { config, input, .. } => {
                let InputTransaction { sender, transaction: Transaction::Signed(signed) } = &input.transactions[index]
                else {
                    return None;
                };
                encoded.clear();
                signed.encode_2718(encoded);
                let l1_fee_wei = l1_data_fee(encoded, &input.l1_origin, &config.l1_fee);
                let tx = signed_env(signed, *sender);
                let plan = transfer::Plan::new(&tx, &self.env, &self.cfg, Some(l1_fee_wei))?;
                let price_wei = signed.effective_gas_price(Some(base_fee_wei));
                let paid = Paid { effective_gas_price: U256::from(price_wei), l1_fee_wei };
                let receipt = receipt(signed.ty(), tx.nonce, paid, transfer::success());
                Some((Transfer { from: tx.caller, nonce: tx.nonce, value: tx.value, plan }, receipt))
            }
        }
    }

    /// Settles the accounts of one of so many parts. `None` when not every transfer is certain to succeed.
    pub fn settle<S: StateRead>(
        &self,
        committer: &Committer,
        state: &Reader<'_, S>,
        (part, parts): (usize, usize),
        mut settled: Settled,
    ) -> Option<Settled> {
        // Who makes all addresses fall to one part makes it no faster than one worker is.
        let is_own = |address: &Address| usize::from(address[0]) * parts / 256 == part;
        let ledger = committer.ledger();
        for (at, transfer) in self.transfers() {
            let Transfer { from, nonce, value, plan } = transfer;
            if is_own(from) {
                let (sender, logs) = account(&mut settled, ledger, state, *from)?;
                let now = sender.now;
                if now.code_hash != EMPTY_CODE_HASH || now.nonce != *nonce || now.balance < plan.most_wei {
                    return None;
                }
                // It pays itself: one change, or none.
                let back = if *from == plan.to { *value } else { U256::ZERO };
                sender.set_nonce(logs, at, nonce.checked_add(1)?);
                sender.set_balance(
                    logs,
                    at,
                    now.balance.checked_sub(plan.fee_wei)?.checked_sub(*value)?.checked_add(back)?,
                );
            }
            if is_own(&plan.to) && *from != plan.to {
                let (recipient, logs) = account(&mut settled, ledger, state, plan.to)?;
                if recipient.now.code_hash != EMPTY_CODE_HASH {
                    return None;
                }
                let balance = recipient.now.balance.checked_add(*value)?;
                recipient.set_balance(logs, at, balance);
            }
        }
        Some(settled)
    }

    /// Settles who receives the fees. `None` when that is not certain.
    pub fn settle_fees<S: StateRead>(
        &self,
        committer: &Committer,
        state: &Reader<'_, S>,
        mut settled: Settled,
    ) -> Option<Settled> {
        let tip: fn(&Transfer) -> U256 = |transfer| transfer.plan.tip_wei;
        let rest: fn(&Transfer) -> U256 = |transfer| transfer.plan.fee_wei - transfer.plan.tip_wei;
        if self.vault == Some(self.env.beneficiary) {
            return None;
        }
        for (address, fee) in [(self.env.beneficiary, tip)].into_iter().chain(self.vault.map(|vault| (vault, rest))) {
            let (account, logs) = account(&mut settled, committer.ledger(), state, address)?;
            for (at, transfer) in self.transfers() {
                let balance = account.now.balance.checked_add(fee(transfer))?;
                account.set_balance(logs, at, balance);
            }
        }
        Some(settled)
    }
}

/// An account as the transfers before have left it. `None` when it cannot be read; who needs it then will say so.
fn account<'s>(
    settled: &'s mut Settled,
    ledger: &Ledger,
    state: &dyn Source,
    address: Address,
) -> Option<(&'s mut LedgerRow, &'s mut Logs)> {
    settled.account(ledger, address, || state.account(address).map(Moment::from)).ok()
}
