//! Sequential against parallel execution of 41 mainnet blocks, interleaved in one run, without sender recovery.
//!
//! `cargo bench -p sluice-executor` uses as many workers as there are cores; `-- workers=4` sets them, `-- 15537393` runs one block.

mod cores;
#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;

use std::{
    hint::black_box,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::B256;
use cores::{Runs, WHEN};
use sluice_executor::Executor;
use sluice_stf::Plan;
use sluice_types::{BlockAccessList, Outcome, access_list_hash};
use vectors::{MainnetBlock, mainnet_blocks};

/// The node's allocator.
#[global_allocator]
static ALLOCATOR: sluice_memory::Allocator = sluice_memory::Allocator;

/// How often all blocks are gone through, so that each is seen while cores are near and while they are not.
const SWEEPS: usize = 6;
/// Runs of each block on each side, each time.
const ROUNDS: usize = 7;
/// One worker, all, all from the list.
const SIDES: usize = 3;

fn execute(executor: &Executor, block: &MainnetBlock, list: Option<(&BlockAccessList, B256)>) -> (Duration, Outcome) {
    let system_call = block.beacon_root.map(|root| (BEACON_ROOTS_ADDRESS, root));
    let plan = Plan::ethereum(&block.cfg, &block.env, system_call, &block.txs);
    executor.forget_preimages();
    // Whoever has a list gives it away.
    let list = list.map(|(list, hash)| (list.clone(), hash));
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

fn main() {
    sluice_memory::keep_freed();
    let arguments: Vec<String> = std::env::args().collect();
    let only: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let workers = arguments.iter().find_map(|argument| argument.strip_prefix("workers=")?.parse().ok());
    let sequential = Executor::with_workers(NonZeroUsize::MIN);
    let parallel = workers.map_or_else(Executor::new, Executor::with_workers);
    println!("{} workers; milliseconds (medians): one worker, all, all from the list", parallel.workers());
    let mut blocks = mainnet_blocks();
    blocks.retain(|block| only.is_empty() || only.contains(&block.number));
    let lists: Vec<_> = blocks
        .iter()
        .map(|block| {
            let list = execute(&sequential, block, None).1.access_list;
            let hash = access_list_hash(&list);
            (list, hash)
        })
        .collect();
    let mut runs: Vec<Runs<SIDES>> = blocks.iter().map(|_| Runs::new()).collect();
    for _ in 0..SWEEPS {
        for ((block, (list, hash)), runs) in blocks.iter().zip(&lists).zip(&mut runs) {
            let run = || {
                [
                    execute(&sequential, block, None).0,
                    execute(&parallel, block, None).0,
                    execute(&parallel, block, Some((list, *hash))).0,
                ]
            };
            // Fills caches, as the block before would have.
            run();
            (0..ROUNDS).for_each(|_| runs.add(&parallel, run));
        }
    }
    for (name, are_near) in WHEN {
        report(name, &blocks, &runs, are_near);
    }
}

fn report(name: &str, blocks: &[MainnetBlock], runs: &[Runs<SIDES>], are_near: Option<bool>) {
    println!(
        "{name}\n{:>9} {:>5}  {:>8} {:>8} {:>8}  speed-up: all, from the list",
        "block", "txs", "one", "all", "list"
    );
    let (mut medians, mut minima, mut worst, mut missing) = ([0.0; SIDES], [0.0; SIDES], (f64::MAX, 0), 0);
    for (block, runs) in blocks.iter().zip(runs) {
        let Some(summaries) = runs.summaries(are_near) else {
            missing += 1;
            continue;
        };
        let [one, all, listed] = summaries.map(|summary| summary.median_ms);
        worst = if one / all < worst.0 { (one / all, block.number) } else { worst };
        println!(
            "{:>9} {:>5}  {one:>8.3} {all:>8.3} {listed:>8.3}  {:.2} {:.2}",
            block.number,
            block.txs.len(),
            one / all,
            one / listed,
        );
        for ((median, minimum), summary) in medians.iter_mut().zip(&mut minima).zip(summaries) {
            *minimum += summary.minimum_ms;
            *median += summary.median_ms;
        }
    }
    if missing == blocks.len() {
        println!("{name}: too few runs");
        return;
    }
    for (kind, [one, all, listed]) in [("medians", medians), ("minima", minima)] {
        println!(
            "{name}, sums of {kind}: one {one:.1}, all {all:.1} ({:.3} times as fast), from the list {listed:.1} ({:.3})",
            one / all,
            one / listed
        );
    }
    println!("{name}, worst block: {:.2} ({}); blocks with too few runs: {missing}", worst.0, worst.1);
}
