//! Sequential against parallel execution of 41 mainnet blocks, interleaved in one run, without sender recovery.
//!
//! `cargo bench -p sluice-executor` uses as many workers as there are cores; `-- workers=4` sets them, `-- 15537393` runs one block.

#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;

use std::{
    hint::black_box,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::B256;
use sluice_executor::Executor;
use sluice_stf::Plan;
use sluice_types::{BlockAccessList, Outcome, access_list_hash};
use vectors::{MainnetBlock, mainnet_blocks};

/// The node's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs of each block on each side.
const ROUNDS: usize = 21;

fn execute(executor: &Executor, block: &MainnetBlock, list: Option<(&BlockAccessList, B256)>) -> (Duration, Outcome) {
    let system_call = block.beacon_root.map(|root| (BEACON_ROOTS_ADDRESS, root));
    let plan = Plan::ethereum(&block.cfg, &block.env, system_call, &block.txs);
    executor.forget_preimages();
    let start = Instant::now();
    let outcome = match list {
        None => executor.execute_plan(&plan, &block.state).expect("a map does not fail"),
        // Checking the list's hash is part of the time.
        Some((list, hash)) => executor.execute_from_list(&plan, &block.state, list, hash).expect("the list is right"),
    };
    let time = start.elapsed();
    assert_eq!(outcome.gas_used, block.gas_used);
    (time, black_box(outcome))
}

/// (minimum, median) in milliseconds.
fn summary(times: &mut [Duration]) -> (f64, f64) {
    times.sort_unstable();
    (times[0].as_secs_f64() * 1e3, times[times.len() / 2].as_secs_f64() * 1e3)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let only: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let workers = arguments.iter().find_map(|argument| argument.strip_prefix("workers=")?.parse().ok());
    let sequential = Executor::with_workers(NonZeroUsize::MIN);
    let parallel = workers.map_or_else(Executor::new, Executor::with_workers);
    println!("{} workers; milliseconds (medians): one worker, all, all from the list", parallel.workers());
    println!("{:>9} {:>5}  {:>8} {:>8} {:>8}  speed-up: all, from the list", "block", "txs", "one", "all", "list");
    let (mut sums, mut minima, mut worst) = ([0.0; 3], [0.0; 3], f64::MAX);
    for block in mainnet_blocks().iter().filter(|block| only.is_empty() || only.contains(&block.number)) {
        let list = execute(&sequential, block, None).1.access_list;
        let hash = access_list_hash(&list);
        let mut times = [const { Vec::new() }; 3];
        for round in 0..=ROUNDS {
            let round_times = [
                execute(&sequential, block, None).0,
                execute(&parallel, block, None).0,
                execute(&parallel, block, Some((&list, hash))).0,
            ];
            // The first round fills the code cache, as the block before would have.
            if round > 0 {
                times.iter_mut().zip(round_times).for_each(|(times, time)| times.push(time));
            }
        }
        let summaries = times.each_mut().map(|times| summary(times));
        let [one, all, listed] = summaries.map(|(_, median)| median);
        worst = worst.min(one / all);
        println!(
            "{:>9} {:>5}  {one:>8.3} {all:>8.3} {listed:>8.3}  {:.2} {:.2}",
            block.number,
            block.txs.len(),
            one / all,
            one / listed,
        );
        for ((sum, minimum), summary) in sums.iter_mut().zip(&mut minima).zip(summaries) {
            *minimum += summary.0;
            *sum += summary.1;
        }
    }
    for (name, [one, all, listed]) in [("medians", sums), ("minima", minima)] {
        println!(
            "sums of {name}: one {one:.1}, all {all:.1} ({:.3} times as fast), from the list {listed:.1} ({:.3})",
            one / all,
            one / listed
        );
    }
    println!("worst block {worst:.2}");
}
