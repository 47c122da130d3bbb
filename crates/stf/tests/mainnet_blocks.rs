//! Ethereum mainnet blocks, Frontier to Cancun, through the same path as our own blocks.
//!
//! Held against the chain: gas used and logs bloom of every block, and the receipts root. Before Byzantium a receipt holds the
//! state root after its transaction, and the vectors hold no whole state, so there the receipts root says nothing.

mod vectors;

use std::{collections::BTreeMap, convert::Infallible};

use alloy_consensus::{Receipt, ReceiptEnvelope, ReceiptWithBloom, TxType, proofs::calculate_receipt_root};
use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::{Address, B256, Bloom, Bytes, U256, keccak256};
use revm::primitives::hardfork::SpecId;
use sluice_stf::{
    Workspace,
    engine::{Engine, Payment, Reader},
};
use sluice_types::{AccessedAccount, Account, BlockAccessList, EMPTY_CODE_HASH, StateChanges, StateRead};
use vectors::{MainnetBlock, MapState, mainnet_blocks};

struct Done {
    receipts: Vec<ReceiptEnvelope>,
    gas_by_tx: Vec<u64>,
    changes: StateChanges,
    access_list: BlockAccessList,
}

fn execute(block: &MainnetBlock, workspace: &mut Workspace) -> Done {
    let reader = Reader::new(&block.state);
    let mut engine = Engine::new(block.cfg.clone(), block.env.clone(), &reader, workspace);
    if let Some(root) = block.beacon_root {
        engine.system_call(BEACON_ROOTS_ADDRESS, root.into()).expect("system call");
    }
    let (mut receipts, mut gas_by_tx, mut cumulative_gas_used) = (Vec::new(), Vec::new(), 0);
    for (index, tx) in block.txs.iter().enumerate() {
        let result = engine
            .transact(tx.clone(), Payment::Ethereum)
            .unwrap_or_else(|refusal| panic!("block {} tx {index}: {refusal:?}", block.number));
        gas_by_tx.push(result.tx_gas_used());
        cumulative_gas_used += result.tx_gas_used();
        let status = result.is_success().into();
        let receipt = Receipt { status, cumulative_gas_used, logs: result.into_logs() };
        let ty = TxType::try_from(tx.tx_type).expect("a known type");
        receipts.push(ReceiptEnvelope::from_typed(ty, ReceiptWithBloom::from(receipt)));
    }
    let (changes, access_list) = engine.finish();
    Done { receipts, gas_by_tx, changes, access_list }
}

#[test]
fn mainnet_blocks_give_the_chains_gas_receipts_and_bloom() {
    let blocks = mainnet_blocks();
    let mut workspace = Workspace::default();
    let (mut txs, mut gas, mut roots) = (0, 0, 0);
    for block in &blocks {
        let done = execute(block, &mut workspace);
        let used = done.receipts.last().map_or(0, ReceiptEnvelope::cumulative_gas_used);
        assert_eq!(used, block.gas_used, "gas of block {}", block.number);
        let bloom = done.receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | *receipt.logs_bloom());
        assert_eq!(bloom, block.logs_bloom, "bloom of block {}", block.number);
        if block.cfg.spec.is_enabled_in(SpecId::BYZANTIUM) {
            let root = calculate_receipt_root(&done.receipts);
            assert_eq!(root, block.receipts_root, "receipts root of block {}", block.number);
            roots += 1;
        }
        check_list(block, &done);
        txs += block.txs.len();
        gas += used;
    }
    println!("{} blocks, {txs} transactions, {gas} gas, {roots} receipts roots", blocks.len());
    assert_eq!(blocks.len(), 41, "every vector ran");
    assert!(roots > 20);
}

/// The list is in the order of EIP-7928, and its last values are those of the changes.
fn check_list(block: &MainnetBlock, done: &Done) {
    assert!(done.access_list.accounts().is_sorted_by(|a, b| a.address() < b.address()));
    let mut in_changes = 0;
    for account in done.access_list.accounts() {
        let address = *account.address();
        assert!(account.storage_changes().is_sorted_by(|a, b| a.slot < b.slot));
        assert!(account.storage_reads().is_sorted_by(|a, b| a < b));
        assert!(account.storage_changes().all(|written| !account.storage_reads().contains(&written.slot)));
        let before = block.state.account(address).expect("a map").unwrap_or_default();
        let change = done.changes.accounts.get(&address);
        let after = change.map_or(before, |change| change.account.unwrap_or_default());
        let balance = account.balance_changes().last().map_or(before.balance, |change| change.value);
        let nonce = account.nonce_changes().last().map_or(before.nonce, |change| change.value);
        let code = account.code_changes().last().map_or(before.code_hash, |change| hash_of(&change.value));
        assert_eq!((balance, nonce, code), (after.balance, after.nonce, after.code_hash), "{address}");
        in_changes += usize::from(change.is_some());
        for written in account.storage_changes() {
            let last = written.changes.last().expect("a written slot has a change").value;
            let before = block.state.storage(address, written.slot).expect("a map");
            let after = change.and_then(|change| change.storage.get(&written.slot).copied());
            let wiped = change.is_some_and(|change| change.storage_wiped);
            assert_eq!(last, after.unwrap_or(if wiped { U256::ZERO } else { before }));
        }
    }
    assert_eq!(in_changes, done.changes.accounts.len(), "what changed is listed, in block {}", block.number);
}

fn hash_of(code: &Bytes) -> B256 {
    if code.is_empty() { EMPTY_CODE_HASH } else { keccak256(code) }
}

/// The state that a transaction sees, from the state before the block and the access list alone.
struct FromList<'a> {
    before: &'a MapState,
    list: BTreeMap<Address, AccessedAccount<'a>>,
    codes: BTreeMap<B256, Bytes>,
    /// EIP-7928 index of the transaction; it sees what was written at lower ones.
    index: u64,
}

impl<'a> FromList<'a> {
    fn new(before: &'a MapState, list: &'a BlockAccessList, index: u64) -> Self {
        let codes = list.accounts().flat_map(|account| account.code_changes());
        Self {
            before,
            list: list.accounts().map(|account| (*account.address(), account)).collect(),
            codes: codes.map(|change| (hash_of(&change.value), change.value.clone())).collect(),
            index,
        }
    }

    fn listed(&self, address: Address) -> AccessedAccount<'a> {
        *self.list.get(&address).unwrap_or_else(|| panic!("{address} was read but is not listed"))
    }
}

impl StateRead for FromList<'_> {
    type Error = Infallible;
    fn account(&self, address: Address) -> Result<Option<Account>, Infallible> {
        let (listed, mut account) = (self.listed(address), self.before.account(address)?.unwrap_or_default());
        let seen = |index: u64| index < self.index;
        if let Some(change) = listed.balance_changes().iter().rfind(|change| seen(change.index)) {
            account.balance = change.value;
        }
        if let Some(change) = listed.nonce_changes().iter().rfind(|change| seen(change.index)) {
            account.nonce = change.value;
        }
        if let Some(change) = listed.code_changes().iter().rfind(|change| seen(change.index)) {
            account.code_hash = hash_of(&change.value);
        }
        Ok((!account.is_empty()).then_some(account))
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        let listed = self.listed(address);
        if let Some(written) = listed.storage_changes().find(|written| written.slot == slot) {
            let seen = written.changes.iter().rfind(|change| change.index < self.index);
            return seen.map_or_else(|| self.before.storage(address, slot), |change| Ok(change.value));
        }
        assert!(listed.storage_reads().contains(&slot), "slot {slot} of {address} was read but is not listed");
        self.before.storage(address, slot)
    }
    fn code(&self, hash: B256) -> Result<Bytes, Infallible> {
        self.codes.get(&hash).cloned().map_or_else(|| self.before.code(hash), Ok)
    }
    fn block_hash(&self, number: u64) -> Result<B256, Infallible> {
        self.before.block_hash(number)
    }
}

/// What EIP-7928 is for: each transaction alone, on the state before the block and the list, does what it did in the block.
#[test]
fn any_transaction_runs_alone_from_the_access_list() {
    let mut ran = 0;
    // Before Cancun `SELFDESTRUCT` removes storage that no list names.
    for block in mainnet_blocks().iter().filter(|block| block.cfg.spec.is_enabled_in(SpecId::CANCUN)) {
        let mut workspace = Workspace::default();
        let done = execute(block, &mut workspace);
        for (position, tx) in block.txs.iter().enumerate() {
            let index = position as u64 + 1;
            let state = FromList::new(&block.state, &done.access_list, index);
            let reader = Reader::new(&state);
            let mut engine = Engine::new(block.cfg.clone(), block.env.clone(), &reader, &mut workspace);
            let result = engine.transact(tx.clone(), Payment::Ethereum).expect("it ran in the block");
            assert_eq!(result.tx_gas_used(), done.gas_by_tx[position], "block {} tx {position}", block.number);
            assert_eq!(result.is_success(), done.receipts[position].status());
            let (_, alone) = engine.finish();
            check_alone(&alone, &done.access_list, index);
            ran += 1;
        }
    }
    println!("{ran} transactions ran alone");
    assert!(ran > 100);
}

/// The balances that the lone transaction wrote are those that the list names at its index.
fn check_alone(alone: &BlockAccessList, list: &BlockAccessList, index: u64) {
    for account in list.accounts() {
        let there = account.balance_changes().iter().find(|change| change.index == index);
        let here = alone.account(account.address()).and_then(|other| other.balance_changes().last());
        assert_eq!(here.map(|change| change.value), there.map(|change| change.value));
    }
}
