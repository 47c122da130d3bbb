//! What everybody measures: transfers, one token, swaps on many pools and on one. One worker against all, and all with the access list that
//! a follower's peer gives, interleaved, without sender recovery; with the L1 fee, changes and access list, as in a block of the chain.
//!
//! `cargo bench -p sluice-executor --bench synthetic`; `-- ERC` runs the workloads whose names have that in them.

mod cores;
#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;
#[path = "../../stf/tests/world/mod.rs"]
mod world;

use std::{
    hint::black_box,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes, U256, bytes, hex, keccak256};
use cores::{Runs, WHEN};
use sluice_executor::{Ahead, Executor};
use sluice_types::{BlockAccessList, BlockInput, InputTransaction};
use world::{Draft, ETHER, World};

/// The node's allocator.
#[global_allocator]
static ALLOCATOR: sluice_memory::Allocator = sluice_memory::Allocator;

/// Runs of each workload on each side.
const ROUNDS: usize = 21;
/// Transactions of the cheap workloads and of the swaps.
const CHEAP: usize = 20_000;
const SWAPS: usize = 3_000;

const TOKEN: Address = Address::repeat_byte(0x70);
const POOL: Address = Address::repeat_byte(0x71);

/// A constant-product pool: reserves in slots 0 and 1, the amount in is the input, and a loop that weighs some 30,000 gas.
const POOL_CODE: Bytes = bytes!("6103005b808002506001900380600357505f545f3581810160015480830282900490036001555f5500");

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

fn world() -> World {
    let mut world = World::new();
    world.config.block_gas_limit = 10_000_000_000;
    // The L1 fee of test transactions is far below this.
    (0..2 * CHEAP).for_each(|n| world.state.insert(user(n), 0, U256::from(ETHER), Bytes::new()));
    let artifact = std::fs::read_to_string(vectors::testdata().join("../contracts/artifacts/TestToken.json"));
    let artifact: serde_json::Value = serde_json::from_str(&artifact.expect("the artifact is there")).expect("JSON");
    let code = artifact["deployedBytecode"]["object"].as_str().expect("code");
    world.state.insert(TOKEN, 1, U256::ZERO, hex::decode(code).expect("hex").into());
    let balances = &mut world.state.accounts.get_mut(&TOKEN).expect("it was just put there").1;
    balances.extend((0..2 * CHEAP).map(|n| (balance_slot(user(n)), U256::from(1_000_000))));
    for address in (0..SWAPS).map(pool).chain([POOL]) {
        world.state.insert(address, 1, U256::ZERO, POOL_CODE);
        let slots = &mut world.state.accounts.get_mut(&address).expect("it was just put there").1;
        slots.extend([(U256::ZERO, U256::from(ETHER)), (U256::from(1), U256::from(ETHER))]);
    }
    world
}

fn token_transfer(from: Address, to: Address) -> InputTransaction {
    let call = [&keccak256("transfer(address,uint256)")[..4], to.into_word().as_slice(), &[0; 31], &[7]].concat();
    Draft::new(from, 0, TOKEN).data(call).type_2()
}

fn swap(from: Address, pool: Address) -> InputTransaction {
    Draft::new(from, 0, pool).data(U256::from(1_000).to_be_bytes::<32>()).gas(200_000).type_2()
}

fn transfer(from: Address, to: Address) -> InputTransaction {
    Draft::new(from, 0, to).value(1).gas(21_000).type_2()
}

fn execute(executor: &Executor, world: &World, input: &BlockInput) -> Duration {
    executor.forget_preimages();
    let start = Instant::now();
    let outcome = executor.execute(&world.config, &world.parent, input, &world.state).expect("a map does not fail");
    let time = start.elapsed();
    assert_eq!(outcome.executed.len(), input.transactions.len());
    assert!(outcome.receipts.iter().all(|receipt| receipt.success));
    black_box(outcome);
    time
}

/// The same of a block that comes with a list, as a follower executes it.
fn execute_told(executor: &Executor, world: &World, input: &BlockInput, list: &BlockAccessList) -> Duration {
    executor.forget_preimages();
    let state = Ahead::new(&world.state, world.parent.number, &[]);
    let start = Instant::now();
    let outcome =
        executor.execute_ahead_told(&world.config, &world.parent, (input, Some(|| Some(list.clone()))), &state);
    let outcome = outcome.expect("a map does not fail");
    let time = start.elapsed();
    assert_eq!(outcome.executed.len(), input.transactions.len());
    black_box(outcome);
    time
}

fn main() {
    sluice_memory::keep_freed();
    let arguments: Vec<String> = std::env::args().collect();
    let workers = arguments.iter().find_map(|argument| argument.strip_prefix("workers=")?.parse().ok());
    let world = world();
    let one = Executor::with_workers(NonZeroUsize::MIN);
    let all = workers.map_or_else(Executor::new, Executor::with_workers);
    let workloads: [(&str, Vec<InputTransaction>); 5] = [
        ("distinct transfers", (0..CHEAP).map(|n| transfer(user(n), user(CHEAP + n))).collect()),
        ("all pay one recipient", (0..CHEAP).map(|n| transfer(user(n), user(CHEAP))).collect()),
        ("one ERC-20, distinct users", (0..CHEAP).map(|n| token_transfer(user(n), user(CHEAP + n))).collect()),
        ("swaps, a pool each", (0..SWAPS).map(|n| swap(user(n), pool(n))).collect()),
        ("swaps, one pool", (0..SWAPS).map(|n| swap(user(n), POOL)).collect()),
    ];
    println!("{} workers; milliseconds and thousands of transactions per second (medians)", all.workers());
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>8}  speed-up (median, minimum) {:>8}  the same",
        "workload", "one", "kTx/s", "all", "kTx/s", "list"
    );
    let only: Vec<_> = arguments.iter().skip(1).filter(|argument| !argument.contains(['=', '-'])).collect();
    for (name, transactions) in workloads {
        if !only.is_empty() && !only.iter().any(|only| name.contains(only.as_str())) {
            continue;
        }
        let count = transactions.len();
        let input = world.input(transactions);
        let outcome = one.execute(&world.config, &world.parent, &input, &world.state).expect("a map does not fail");
        let list = outcome.access_list;
        let mut runs = Runs::<3>::new();
        let run = || {
            let told = execute_told(&all, &world, &input, &list);
            [execute(&one, &world, &input), execute(&all, &world, &input), told]
        };
        // Fills the code cache and the estimates, as blocks before would have.
        run();
        (0..ROUNDS).for_each(|_| runs.add(&all, run));
        let rate = |time: f64| count as f64 / time;
        for (when, are_near) in WHEN {
            let Some([one, all, told]) = runs.summaries(are_near) else { continue };
            println!(
                "{name:<28} {:>8.2} {:>8.0} {:>8.2} {:>8.0}  {:.2} {:.2} {:>24.2}  {:.2} {:.2}  {when}",
                one.median_ms,
                rate(one.median_ms),
                all.median_ms,
                rate(all.median_ms),
                one.median_ms / all.median_ms,
                one.minimum_ms / all.minimum_ms,
                told.median_ms,
                one.median_ms / told.median_ms,
                one.minimum_ms / told.minimum_ms,
            );
        }
    }
}
