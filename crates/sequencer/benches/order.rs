//! What the order of a block's transactions is worth to the lanes that execute it: as they came, each hot key's together, and as the
//! proposer puts them, without and with cuts where the hot key changes. Interleaved, all at one tip; with what learning and ordering cost.
//!
//! `cargo bench -p sluice-sequencer --bench order`; `workers=4` for another number than two.

use std::{
    collections::HashMap,
    convert::Infallible,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, bytes, hex, keccak256};
use sluice_executor::Executor;
use sluice_sequencer::{HotKeys, PoolTransaction};
use sluice_types::{
    Account, BlockInput, ChainConfig, Header, InputTransaction, L1Contracts, L1FeeParams, L1Number, L1Origin, L2Number,
    MessageIndex, Outcome, SignedTransaction, StateRead, Transaction,
};

/// The node's allocator.
#[global_allocator]
static ALLOCATOR: sluice_memory::Allocator = sluice_memory::Allocator;

/// Runs of each workload in each order.
const ROUNDS: usize = 9;
/// Runs before those: the blocks before were ordered alike.
const WARM_UP_ROUNDS: usize = 16;
const USERS: usize = 20_000;
const POOLS: usize = 1_000;
const HOT_POOLS: usize = 4;
const TOKEN: Address = Address::repeat_byte(0x70);
const EXCHANGE: Address = Address::repeat_byte(0x72);
const ETHER: u64 = 1_000_000_000_000_000_000;

/// A constant-product pool: reserves in slots 0 and 1, the amount in is the input, and a loop that weighs some 30,000 gas.
const POOL_CODE: Bytes = bytes!("6103005b808002506001900380600357505f545f3581810160015480830282900490036001555f5500");

#[derive(Default)]
struct World {
    accounts: HashMap<Address, Account>,
    storage: HashMap<(Address, U256), U256>,
    codes: HashMap<B256, Bytes>,
}

impl World {
    fn insert(&mut self, address: Address, balance: U256, code: Bytes) {
        let code_hash = keccak256(&code);
        self.accounts.insert(address, Account { nonce: 0, balance, code_hash });
        self.codes.insert(code_hash, code);
    }
}

impl StateRead for World {
    type Error = Infallible;

    fn account(&self, address: Address) -> Result<Option<Account>, Infallible> {
        Ok(self.accounts.get(&address).copied())
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.storage.get(&(address, slot)).copied().unwrap_or_default())
    }

    fn code(&self, hash: B256) -> Result<Bytes, Infallible> {
        Ok(self.codes.get(&hash).cloned().unwrap_or_default())
    }

    fn block_hash(&self, _number: u64) -> Result<B256, Infallible> {
        Ok(B256::ZERO)
    }
}

fn config() -> ChainConfig {
    ChainConfig {
        chain_id: 901,
        name: "order".into(),
        block_gas_limit: 10_000_000_000,
        genesis_timestamp: 1_000,
        initial_base_fee_wei: 1_000,
        base_fee_min_wei: 7,
        base_fee_elasticity: 2,
        base_fee_denominator: 8,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: 1,
        batch_decompressed_size_max: 1_000_000,
        inbox_gas_per_block: 10_000_000,
        l1: L1Contracts {
            chain_id: 1,
            start_block: L1Number(10),
            rollup: Address::repeat_byte(0xa1),
            inbox: Address::repeat_byte(0xa2),
            bridge: Address::repeat_byte(0xa3),
            sequencers: None,
        },
        fee_recipient: Address::repeat_byte(0xfe),
        seat_fee_share_bps: 0,
        genesis_accounts: Vec::new(),
    }
}

fn user(n: usize) -> Address {
    Address::from_word(keccak256(n.to_be_bytes()))
}

fn pool(n: usize) -> Address {
    Address::from_word(keccak256([b"pool".as_slice(), &n.to_be_bytes()].concat()))
}

/// Where OpenZeppelin's ERC-20 keeps a balance.
fn balance_slot(owner: Address) -> U256 {
    keccak256([owner.into_word(), B256::ZERO].concat()).into()
}

fn world(config: &ChainConfig) -> World {
    let mut world = World::default();
    for (address, change) in sluice_stf::genesis(config).into_changes().accounts {
        world.accounts.extend(change.account.map(|account| (address, account)));
        world.storage.extend(change.storage.into_iter().map(|(slot, value)| ((address, slot), value)));
    }
    world.codes.extend(sluice_stf::genesis(config).into_changes().codes);
    (0..USERS).for_each(|n| world.insert(user(n), U256::from(ETHER), Bytes::new()));
    let artifact = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/artifacts/TestToken.json");
    let artifact = std::fs::read_to_string(artifact).expect("the artifact is there");
    let artifact: serde_json::Value = serde_json::from_str(&artifact).expect("JSON");
    let code = artifact["deployedBytecode"]["object"].as_str().expect("code");
    world.insert(TOKEN, U256::ZERO, hex::decode(code).expect("hex").into());
    let owners = (0..USERS).map(user).chain([EXCHANGE]);
    world.storage.extend(owners.map(|owner| ((TOKEN, balance_slot(owner)), U256::from(1_000_000))));
    for address in (0..POOLS + HOT_POOLS).map(pool) {
        world.insert(address, U256::ZERO, POOL_CODE);
        world.storage.extend([0, 1].map(|slot| ((address, U256::from(slot)), U256::from(ETHER))));
    }
    world
}

fn signed(from: usize, to: Address, gas_limit: u64, input: Bytes) -> Arc<PoolTransaction> {
    let tx = TxEip1559 {
        chain_id: 901,
        gas_limit,
        max_fee_per_gas: 1_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(to),
        input,
        ..TxEip1559::default()
    };
    let signature = Signature::new(U256::from(from + 1), U256::from(1), false);
    let transaction = SignedTransaction::from(tx.into_signed(signature));
    let raw = Bytes::from(Transaction::Signed(transaction.clone()).encode());
    Arc::new(PoolTransaction { transaction, raw, sender: user(from) })
}

fn token_transfer(from: usize, to: Address) -> Arc<PoolTransaction> {
    let call = [&keccak256("transfer(address,uint256)")[..4], to.into_word().as_slice(), &[0; 31], &[7]].concat();
    signed(from, TOKEN, 100_000, call.into())
}

fn swap(from: usize, at: usize) -> Arc<PoolTransaction> {
    signed(from, pool(at), 200_000, U256::from(1_000).to_be_bytes::<32>().into())
}

fn input(chosen: &[Arc<PoolTransaction>]) -> BlockInput {
    let transactions = chosen
        .iter()
        .map(|tx| InputTransaction { sender: tx.sender, transaction: Transaction::Signed(tx.transaction.clone()) });
    BlockInput {
        number: L2Number(1),
        timestamp: 1_001,
        l1_origin: L1Origin { number: L1Number(11), base_fee_wei: 3_000, blob_base_fee_wei: 5, ..L1Origin::default() },
        beneficiary: Address::repeat_byte(0xbe),
        inbox_count: MessageIndex(0),
        transactions: transactions.collect(),
        inbox_transactions: 0,
    }
}

/// The chain at its start.
struct Chain {
    config: ChainConfig,
    parent: Header,
    world: World,
}

impl Chain {
    fn execute(&self, executor: &Executor, input: &BlockInput) -> (Outcome, Duration) {
        executor.forget_preimages();
        let start = Instant::now();
        let outcome = executor.execute(&self.config, &self.parent, input, &self.world).expect("a map does not fail");
        let time = start.elapsed();
        assert!(outcome.receipts.iter().all(|receipt| receipt.success) && outcome.skipped.is_empty());
        (outcome, time)
    }

    /// Medians in milliseconds: sequential, as they came, together, spread, spread and cut; learning and ordering.
    fn measure(
        &self,
        workers: NonZeroUsize,
        came: Vec<Arc<PoolTransaction>>,
        hot: impl Fn(&PoolTransaction) -> usize,
    ) -> [f64; 7] {
        let mut together = came.clone();
        together.sort_by_key(|tx| hot(tx));
        let came_input = input(&came);
        let together_input = input(&together);
        let one = Executor::with_workers(NonZeroUsize::MIN);
        let all = [0; 4].map(|_| Executor::with_workers(workers));
        // Blocks before have filled the caches, the estimates and the memory.
        self.execute(&one, &came_input);
        let (outcome, _) = self.execute(&all[0], &came_input);
        let mut keys = HotKeys::default();
        let mut times = [const { Vec::new() }; 7];
        for round in 0..WARM_UP_ROUNDS + ROUNDS {
            let start = Instant::now();
            keys.learn(&came_input, &outcome, |contract, selector| all[2].call_time(contract, selector));
            let learning = start.elapsed();
            let chosen = came.clone();
            let start = Instant::now();
            let spread = keys.order(1_000, chosen);
            let ordering = start.elapsed();
            let spread = input(&spread);
            let start = Instant::now();
            all[3].cut_next(keys.cuts(&spread));
            let ordering = ordering + start.elapsed();
            let timed = [
                self.execute(&one, &came_input).1,
                self.execute(&all[0], &came_input).1,
                self.execute(&all[1], &together_input).1,
                self.execute(&all[2], &spread).1,
                self.execute(&all[3], &spread).1,
                learning,
                ordering,
            ];
            if round >= WARM_UP_ROUNDS {
                times.iter_mut().zip(timed).for_each(|(times, time)| times.push(time.as_secs_f64() * 1e3));
            }
        }
        times.map(|mut times| {
            times.sort_unstable_by(f64::total_cmp);
            times[times.len() / 2]
        })
    }
}

/// In the order of their hashes, which is any.
fn mixed(parts: impl IntoIterator<Item = Arc<PoolTransaction>>) -> Vec<Arc<PoolTransaction>> {
    let mut all: Vec<_> = parts.into_iter().collect();
    all.sort_by_key(|tx| tx.hash());
    all
}

fn main() {
    sluice_memory::keep_freed();
    let workers = std::env::args().find_map(|argument| argument.strip_prefix("workers=")?.parse().ok());
    let workers = workers.unwrap_or(NonZeroUsize::MIN.saturating_add(1));
    let config = config();
    let world = world(&config);
    let chain = Chain { parent: config.genesis_header(B256::ZERO), config, world };
    let hot_swaps = |count: usize, pools: usize| (0..count).map(move |n| swap(n, POOLS + n % pools));
    let cold_swaps = |count: usize| (0..count).map(|n| swap(5_000 + n, n));
    let transfers = |count: usize| (0..count).map(|n| token_transfer(5_000 + n, user(10_000 + n)));
    let deposits = |count: usize| (0..count).map(|n| token_transfer(n, EXCHANGE));
    let workloads = [
        ("swaps, half at one pool", mixed(hot_swaps(1_000, 1).chain(cold_swaps(1_000)))),
        ("swaps, a quarter at one pool", mixed(hot_swaps(333, 1).chain(cold_swaps(1_000)))),
        ("swaps, half at four pools", mixed(hot_swaps(1_000, 4).chain(cold_swaps(1_000)))),
        ("swaps, all at four pools", mixed(hot_swaps(1_000, 4))),
        ("500 swaps at one pool, 4,000 tokens", mixed(hot_swaps(500, 1).chain(transfers(4_000)))),
        ("tokens, half to one recipient", mixed(deposits(3_000).chain(transfers(3_000)))),
        ("tokens, a quarter to one recipient", mixed(deposits(1_000).chain(transfers(3_000)))),
        ("swaps, a pool each", mixed(cold_swaps(1_000))),
        ("tokens, distinct users", mixed(transfers(5_000))),
        ("swaps, all at one pool", mixed(hot_swaps(1_000, 1))),
    ];
    println!("{workers} workers; milliseconds (medians), speed-up over one worker in brackets");
    println!(
        "{:<36} {:>8} {:>15} {:>15} {:>15} {:>15} {:>7} {:>7}",
        "block", "one", "as came", "together", "spread", "and cut", "learn", "order"
    );
    for (name, came) in workloads {
        let hot = |tx: &PoolTransaction| match &tx.transaction {
            SignedTransaction::Eip1559(signed) => {
                let to = signed.tx().to.to().copied().unwrap_or_default();
                let pool = (0..HOT_POOLS).position(|at| to == pool(POOLS + at));
                let paid = (signed.tx().input.get(16..36) == Some(EXCHANGE.as_slice())).then_some(0);
                pool.or(paid).unwrap_or(HOT_POOLS)
            }
            _ => HOT_POOLS,
        };
        let [one, came, together, spread, cut, learning, ordering] = chain.measure(workers, came, hot);
        let speed = |time: f64| format!("{time:.1} ({:.2})", one / time);
        println!(
            "{name:<36} {one:>8.1} {:>15} {:>15} {:>15} {:>15} {learning:>7.2} {ordering:>7.2}",
            speed(came),
            speed(together),
            speed(spread),
            speed(cut)
        );
    }
}
