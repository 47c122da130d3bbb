//! Plain transfers at the end of a block, settled account by account.
//!
//! A transfer changes its sender, its recipient, and who receives the fees. Where it is certain of each of many that it succeeds,
//! nobody needs to execute one after another: whoever follows one account through all of them, in their order, knows all that
//! becomes of it. So workers share the accounts, and nothing is left to commit one by one.
//!
//! It is certain only when all is done. Where anything is not as simple as that, all is given up, and executed like anything else.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, U256};
use revm::context::{BlockEnv, CfgEnv};
use sluice_types::{
    EMPTY_CODE_HASH, InputTransaction, Receipt, StateRead, Transaction, l1_data_fee, predeploys::FEE_VAULT,
};

use crate::{
    Plan,
    block::{Paid, Work, receipt},
    lanes::Committer,
    ledger::{Ledger, Settled},
    products::{self, Accounts},
    reader::{Reader, Source},
    transfer::{self, Asked, TRANSFER_GAS},
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
    /// Parts of the accounts that are settled apart from each other.
    parts: usize,
    /// Once they are prepared.
    chunks: Vec<Chunk>,
}

/// Some transfers, as far as they are known without any account.
#[expect(missing_debug_implementations, reason = "large, and nothing in it to read")]
pub struct Chunk {
    transfers: Vec<Transfer>,
    receipts: Vec<Option<Receipt>>,
    /// The two accounts of each transfer, in their order, but by part.
    sides: Vec<Side>,
    /// Where the sides of each part end.
    ends: Vec<usize>,
}

/// One account of a transfer of a chunk.
#[derive(Clone, Copy, Default)]
struct Side {
    transfer: u32,
    is_recipient: bool,
}

/// Wei in words that hold all that exist; who has or moves more is not settled here.
struct Transfer {
    from: Address,
    to: Address,
    nonce: u64,
    value: u128,
    /// What the sender must have.
    most_wei: u128,
    fee_wei: u128,
    tip_wei: u128,
}

/// Accounts that are settled.
#[expect(missing_debug_implementations, reason = "large, and nothing in it to read")]
pub enum Settlement {
    /// What is made of them, since nothing else happened to them in the block.
    Made(Accounts),
    /// The accounts, for the ledger to put them between its own: it has some of them as well, or they receive the fees.
    Known(Settled),
}

impl<'p> Bulk<'p> {
    /// These transactions, which must be the last of the block; the committer has committed all before them. Their accounts are divided
    /// into so many parts.
    pub fn new(plan: &'p Plan<'p>, transactions: Range<usize>, committer: &Committer, parts: usize) -> Self {
        let vault = match plan.work {
            Work::Rollup { .. } => Some(FEE_VAULT),
            Work::Ethereum { .. } => None,
        };
        let (gas_before, index) = committer.so_far();
        let (cfg, env, first_at, chunks) = (plan.rules(), plan.env(), index + 1, Vec::new());
        Self { plan, transactions, cfg, env, gas_before, first_at, vault, parts, chunks }
    }

    /// The transactions.
    pub fn transactions(&self) -> Range<usize> {
        self.transactions.clone()
    }

    /// Prepares some of the transactions. `None` when one of them is not certain to be a transfer and no more.
    pub fn prepare(&self, transactions: Range<usize>) -> Option<Chunk> {
        let count = transactions.len();
        let (mut transfers, mut receipts) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut encoded = Vec::new();
        for index in transactions {
            let before = u64::try_from(index - self.transactions.start).ok()?;
            let gas_used = self.gas_before.checked_add(before.checked_mul(TRANSFER_GAS)?)?;
            if self.plan.refuses(index, gas_used).is_some() {
                return None;
            }
            let (transfer, receipt) = self.transfer(index, &mut encoded)?;
            // A precompile runs when it is paid, and all of them have such addresses.
            if transfer.to[..8] == [0; 8] || [transfer.from, transfer.to].iter().any(|at| self.has_fees(at)) {
                return None;
            }
            transfers.push(transfer);
            receipts.push(Some(receipt));
        }
        let (sides, ends) = self.sides(&transfers)?;
        Some(Chunk { transfers, receipts, sides, ends })
    }

    /// Who makes all addresses fall to one part makes it no faster than one worker is.
    fn part_of(&self, address: &Address) -> usize {
        usize::from(address[0]) * self.parts / 256
    }

    /// The accounts of these transfers by part, and where those of each part end.
    fn sides(&self, transfers: &[Transfer]) -> Option<(Vec<Side>, Vec<usize>)> {
        let sides = (0u32..).zip(transfers).flat_map(|(transfer, Transfer { from, to, .. })| {
            let sender = (from, Side { transfer, is_recipient: false });
            // Who pays itself is settled once.
            [Some(sender), (from != to).then_some((to, Side { transfer, is_recipient: true }))].into_iter().flatten()
        });
        u32::try_from(transfers.len()).ok()?;
        let mut next = vec![0; self.parts + 1];
        sides.clone().for_each(|(address, _)| next[self.part_of(address) + 1] += 1);
        for part in 0..self.parts {
            next[part + 1] += next[part];
        }
        let mut sorted = vec![Side::default(); next[self.parts]];
        for (address, side) in sides {
            let place = &mut next[self.part_of(address)];
            sorted[*place] = side;
            *place += 1;
        }
        next.truncate(self.parts);
        Some((sorted, next))
    }

    /// Takes what was prepared: all of it, in order.
    #[must_use]
    pub fn with(self, chunks: Vec<Chunk>) -> Self {
        Self { chunks, ..self }
    }

    /// Gas that all of them use.
    pub(crate) fn gas_used(&self) -> u64 {
        self.transactions.len() as u64 * TRANSFER_GAS
    }

    /// The receipts of all, in order.
    pub(crate) fn into_receipts(self) -> impl Iterator<Item = Vec<Option<Receipt>>> {
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
        let (from, asked, l1_fee_wei) = match self.plan.work {
            Work::Ethereum { transactions, .. } => {
                let tx = &transactions[index];
                (tx.caller, Asked::from(tx), None)
            }
            Work::Rollup { config, input, .. } => {
                let InputTransaction { sender, transaction: Transaction::Signed(signed) } = &input.transactions[index]
                else {
                    return None;
                };
                encoded.clear();
                signed.encode_2718(encoded);
                let l1_fee_wei = l1_data_fee(encoded, &input.l1_origin, &config.l1_fee);
                (*sender, Asked::from(signed), Some(l1_fee_wei))
            }
        };
        let plan = transfer::Plan::new(&asked, &self.env, &self.cfg, l1_fee_wei)?;
        let l1_fee_wei = l1_fee_wei.unwrap_or_default();
        let paid = Paid { effective_gas_price: U256::from(plan.price_wei), l1_fee_wei };
        let receipt = receipt(asked.tx_type, asked.nonce, paid, transfer::success());
        Some((Transfer::new(from, &asked, &plan)?, receipt))
    }

    /// Settles the accounts of one part, and gives the memory back that it does not need any more. `None` when not every transfer is
    /// certain to succeed.
    pub fn settle<S: StateRead>(
        &self,
        committer: &Committer,
        state: &Reader<'_, S>,
        part: usize,
        mut settled: Settled,
    ) -> Option<(Settlement, Option<Settled>)> {
        let sides = self.chunks.iter().map(|chunk| {
            let start = part.checked_sub(1).map_or(0, |before| chunk.ends[before]);
            (&chunk.transfers, &chunk.sides[start..chunk.ends[part]])
        });
        let addresses = sides.clone().flat_map(|(transfers, sides)| {
            sides.iter().map(|side| {
                let Transfer { from, to, .. } = &transfers[side.transfer as usize];
                if side.is_recipient { *to } else { *from }
            })
        });
        // All accounts first, since most must come from far.
        let rows = accounts(&mut settled, committer.ledger(), state, &addresses.collect::<Vec<_>>())?;
        let (mut rows, mut first_at) = (rows.into_iter(), self.first_at);
        for (transfers, sides) in sides {
            for (side, row) in sides.iter().zip(&mut rows) {
                let (account, logs) = settled.at(row);
                let at = first_at + u64::from(side.transfer);
                let Transfer { from, to, nonce, value, most_wei, fee_wei, .. } = &transfers[side.transfer as usize];
                let now = account.now;
                if now.code_hash != EMPTY_CODE_HASH {
                    return None;
                }
                if side.is_recipient {
                    account.set_balance(logs, at, now.balance.checked_add(U256::from(*value))?);
                    continue;
                }
                if now.nonce != *nonce || now.balance < U256::from(*most_wei) {
                    return None;
                }
                // Who pays itself has one change, or none.
                let paid = if from == to { *fee_wei } else { fee_wei.checked_add(*value)? };
                account.set_nonce(logs, at, nonce.checked_add(1)?);
                account.set_balance(logs, at, now.balance.checked_sub(U256::from(paid))?);
            }
            first_at += transfers.len() as u64;
        }
        if !settled.is_apart() {
            return Some((Settlement::Known(settled), None));
        }
        // At once, while they are near.
        let accounts = products::apart(&settled);
        Some((Settlement::Made(accounts), settled.clear().then_some(settled)))
    }

    /// Settles who receives the fees. `None` when that is not certain.
    pub fn settle_fees<S: StateRead>(
        &self,
        committer: &Committer,
        state: &Reader<'_, S>,
        mut settled: Settled,
    ) -> Option<Settlement> {
        let tip: fn(&Transfer) -> u128 = |transfer| transfer.tip_wei;
        let rest: fn(&Transfer) -> u128 = |transfer| transfer.fee_wei - transfer.tip_wei;
        if self.vault == Some(self.env.beneficiary) {
            return None;
        }
        let fees = [(self.env.beneficiary, tip)].into_iter().chain(self.vault.map(|vault| (vault, rest)));
        let addresses: Vec<_> = fees.clone().map(|(address, _)| address).collect();
        let rows = accounts(&mut settled, committer.ledger(), state, &addresses)?;
        for ((_, fee), row) in fees.zip(rows) {
            let (account, logs) = settled.at(row);
            for (at, transfer) in self.transfers() {
                let balance = account.now.balance.checked_add(U256::from(fee(transfer)))?;
                account.set_balance(logs, at, balance);
            }
        }
        Some(Settlement::Known(settled))
    }
}

impl Transfer {
    /// `None` where a number does not fit.
    fn new(from: Address, asked: &Asked, plan: &transfer::Plan) -> Option<Self> {
        let small = |wei: U256| u128::try_from(wei).ok();
        let (value, most_wei) = (small(asked.value)?, small(plan.most_wei)?);
        let (fee_wei, tip_wei) = (small(plan.fee_wei)?, small(plan.tip_wei)?);
        Some(Self { from, to: plan.to, nonce: asked.nonce, value, most_wei, fee_wei, tip_wei })
    }
}

/// Rows of accounts. `None` when one cannot be read; who needs it then will say so.
fn accounts(settled: &mut Settled, ledger: &Ledger, state: &dyn Source, addresses: &[Address]) -> Option<Vec<u32>> {
    settled.rows(ledger, addresses, |address| state.account(address)).ok()
}
