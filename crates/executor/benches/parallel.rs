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
use sluice_executor::Executor;
use sluice_stf::Plan;
use vectors::{MainnetBlock, mainnet_blocks};

/// The node's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs of each block on each side.
const ROUNDS: usize = 21;

fn execute(executor: &Executor, block: &MainnetBlock) -> Duration {
    let system_call = block.beacon_root.map(|root| (BEACON_ROOTS_ADDRESS, root));
    let plan = Plan::ethereum(&block.cfg, &block.env, system_call, &block.txs);
    executor.forget_preimages();
    let start = Instant::now();
    let outcome = executor.execute_plan(&plan, &block.state).expect("a map does not fail");
    let time = start.elapsed();
    assert_eq!(outcome.gas_used, block.gas_used);
    black_box(outcome);
    time
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
    println!("{} workers; milliseconds (minimum, median)", parallel.workers());
    println!("{:>9} {:>5}  {:>8} {:>8}  {:>8} {:>8}  speed-up (min, median)", "block", "txs", "one", "", "all", "");
    let (mut sums, mut worst) = ([0.0; 4], f64::MAX);
    for block in mainnet_blocks().iter().filter(|block| only.is_empty() || only.contains(&block.number)) {
        let (mut one, mut all) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let times = (execute(&sequential, block), execute(&parallel, block));
            // The first round fills the code cache, as the block before would have.
            if round > 0 {
                one.push(times.0);
                all.push(times.1);
            }
        }
        let ((one_min, one_median), (all_min, all_median)) = (summary(&mut one), summary(&mut all));
        let speed_up = (one_min / all_min, one_median / all_median);
        worst = worst.min(speed_up.1);
        println!(
            "{:>9} {:>5}  {one_min:>8.3} {one_median:>8.3}  {all_min:>8.3} {all_median:>8.3}  {:.2} {:.2}",
            block.number,
            block.txs.len(),
            speed_up.0,
            speed_up.1,
        );
        for (sum, value) in sums.iter_mut().zip([one_min, one_median, all_min, all_median]) {
            *sum += value;
        }
    }
    let [one_min, one_median, all_min, all_median] = sums;
    println!("sums: one {one_min:.1} {one_median:.1}, all {all_min:.1} {all_median:.1}");
    println!(
        "speed-up {:.3} (minima), {:.3} (medians); worst block {worst:.2} (medians)",
        one_min / all_min,
        one_median / all_median
    );
}
