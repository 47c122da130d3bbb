//! Our sequential path against plain revm on a hash map, on 41 mainnet blocks, interleaved in one run.
//!
//! Both start from the same accounts, copied anew into memory, with analysed code at hand, and end with the changes applied: plain revm commits
//! each transaction into its map, ours also keeps what is needed for the changes and the access list, and makes both.

#[path = "../tests/vectors/mod.rs"]
mod vectors;

use std::{
    convert::Infallible,
    hint::black_box,
    time::{Duration, Instant},
};

use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, B256Map, HashMap},
};
use revm::{
    Context, Database, DatabaseCommit, ExecuteCommitEvm, MainBuilder, MainContext, SystemCallCommitEvm,
    bytecode::Bytecode,
    primitives::StorageKeyMap,
    state::{Account, AccountInfo},
};
use sluice_stf::{
    Workspace,
    engine::{Engine, Payment, Reader},
};
use sluice_types::StateRead;
use vectors::{MainnetBlock, mainnet_blocks};

/// The node's allocator.
#[global_allocator]
static ALLOCATOR: sluice_memory::Allocator = sluice_memory::Allocator;

/// Runs of each block on each side.
const ROUNDS: usize = 31;

#[derive(Clone, Default)]
struct MemoryAccount {
    info: AccountInfo,
    storage: StorageKeyMap<U256>,
}

/// The plainest database: what revm's users write first.
#[derive(Clone, Default)]
struct Memory {
    accounts: AddressMap<MemoryAccount>,
    codes: B256Map<Bytecode>,
    block_hashes: HashMap<u64, B256>,
}

impl Memory {
    fn new(block: &MainnetBlock) -> Self {
        let codes: B256Map<Bytecode> =
            block.state.codes.iter().map(|(hash, code)| (*hash, Bytecode::new_raw(code.clone()))).collect();
        let accounts = block.state.accounts.iter().map(|(address, (account, storage))| {
            let info = AccountInfo {
                balance: account.balance,
                nonce: account.nonce,
                code_hash: account.code_hash,
                account_id: None,
                code: codes.get(&account.code_hash).cloned(),
            };
            (*address, MemoryAccount { info, storage: storage.iter().map(|(slot, value)| (*slot, *value)).collect() })
        });
        Self { accounts: accounts.collect(), block_hashes: block.state.block_hashes.clone(), codes }
    }
}

impl Database for Memory {
    type Error = Infallible;
    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.accounts.get(&address).map(|account| account.info.clone()))
    }
    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Infallible> {
        Ok(self.codes.get(&hash).cloned().unwrap_or_default())
    }
    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Infallible> {
        let account = self.accounts.get(&address);
        Ok(account.and_then(|account| account.storage.get(&slot).copied()).unwrap_or_default())
    }
    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        Ok(self.block_hashes.get(&number).copied().unwrap_or_default())
    }
}

impl DatabaseCommit for Memory {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            if account.is_selfdestructed() || (account.is_empty() && !account.is_created()) {
                self.accounts.remove(&address);
                continue;
            }
            let known = self.accounts.entry(address).or_default();
            let code = known.info.code.take();
            known.info = account.info;
            if known.info.code.is_none() {
                known.info.code = code;
            }
            let changed = account.storage.into_iter().filter(|(_, slot)| slot.is_changed());
            known.storage.extend(changed.map(|(key, slot)| (key, slot.present_value)));
        }
    }
}

/// Time and gas of plain revm.
fn plain(block: &MainnetBlock, memory: Memory) -> (Duration, u64) {
    let txs = block.txs.clone();
    let start = Instant::now();
    let mut evm =
        Context::mainnet().with_db(memory).with_cfg(block.cfg.clone()).with_block(block.env.clone()).build_mainnet();
    if let Some(root) = block.beacon_root {
        evm.system_call_commit(BEACON_ROOTS_ADDRESS, root.into()).expect("system call");
    }
    let mut gas = 0;
    for tx in txs {
        let result = evm.transact_commit(tx).expect("a valid transaction");
        gas += result.tx_gas_used();
        black_box(result.into_logs());
    }
    let time = start.elapsed();
    black_box(&evm);
    (time, gas)
}

/// Time and gas of our path.
fn ours<S: StateRead>(block: &MainnetBlock, state: &S, workspace: &mut Workspace) -> (Duration, u64) {
    let txs = block.txs.clone();
    let start = Instant::now();
    let reader = Reader::new(state);
    let mut engine = Engine::new(block.cfg.clone(), block.env.clone(), &reader, workspace);
    if let Some(root) = block.beacon_root {
        engine.system_call(BEACON_ROOTS_ADDRESS, root.into()).expect("system call");
    }
    let mut gas = 0;
    for tx in txs {
        let result = engine.transact(tx, Payment::Ethereum).expect("a valid transaction");
        gas += result.tx_gas_used();
        black_box(result.into_logs());
    }
    let done = engine.finish();
    let time = start.elapsed();
    black_box(done);
    (time, gas)
}

/// (minimum, median) in milliseconds.
fn summary(times: &mut [Duration]) -> (f64, f64) {
    times.sort_unstable();
    (times[0].as_secs_f64() * 1e3, times[times.len() / 2].as_secs_f64() * 1e3)
}

fn main() {
    sluice_memory::keep_freed();
    let mut workspace = Workspace::default();
    let mut sums = [0.0; 4];
    let (mut all_gas, mut all_txs) = (0, 0);
    println!(
        "{:>9} {:>5} {:>11}  {:>8} {:>8}  {:>8} {:>8}  ratio (min)",
        "block", "txs", "gas", "plain", "", "ours", ""
    );
    // `cargo bench -p sluice-stf -- 13287210` runs that block alone.
    let only: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    for block in mainnet_blocks().iter().filter(|block| only.is_empty() || only.contains(&block.number)) {
        let memory = Memory::new(block);
        let (mut plain_times, mut our_times) = (Vec::new(), Vec::new());
        let rounds = if only.is_empty() { ROUNDS } else { 20 * ROUNDS };
        for round in 0..=rounds {
            let (plain_time, plain_gas) = plain(block, memory.clone());
            // The block's own hashes are not known before it.
            workspace.forget_preimages();
            let (our_time, our_gas) = ours(block, &block.state.clone(), &mut workspace);
            assert_eq!(plain_gas, our_gas, "both sides do the same work in block {}", block.number);
            // The first round fills the code cache, as the block before would have.
            if round > 0 {
                plain_times.push(plain_time);
                our_times.push(our_time);
            }
        }
        let (plain_min, plain_median) = summary(&mut plain_times);
        let (our_min, our_median) = summary(&mut our_times);
        println!(
            "{:>9} {:>5} {:>11}  {plain_min:>8.3} {plain_median:>8.3}  {our_min:>8.3} {our_median:>8.3}  {:.3}",
            block.number,
            block.txs.len(),
            block.gas_used,
            our_min / plain_min
        );
        for (sum, value) in sums.iter_mut().zip([plain_min, plain_median, our_min, our_median]) {
            *sum += value;
        }
        all_gas += block.gas_used;
        all_txs += block.txs.len();
    }
    let [plain_min, plain_median, our_min, our_median] = sums;
    println!("all: {all_txs} transactions, {all_gas} gas, milliseconds (minimum, median)");
    println!("plain {plain_min:.1} {plain_median:.1}; ours {our_min:.1} {our_median:.1}");
    println!("ratio {:.3} (minima), {:.3} (medians)", our_min / plain_min, our_median / plain_median);
}
