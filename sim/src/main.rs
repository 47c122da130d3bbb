//! Runs seeds and says what happened.

use clap::Parser;
use sluice_sim::{Plan, STEADY_PART_MS, Scenario, run};

/// Simulates networks of sequencers. A run that breaks a law ends the program with an error.
#[derive(Debug, Parser)]
struct Arguments {
    /// The seed to run.
    #[arg(long, default_value_t = 0, conflicts_with = "seeds")]
    seed: u64,
    /// Several seeds: from, and up to but not including.
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Option<std::ops::Range<u64>>,
    /// Instead of seeds, measure networks of 4 to 32 honest seats with links of 50 ms. Build with --release.
    #[arg(long, conflicts_with_all = ["seed", "seeds"])]
    figures: bool,
    /// What may happen.
    #[arg(long, value_enum, default_value = "mixed")]
    scenario: Scenario,
}

fn range(text: &str) -> Result<std::ops::Range<u64>, String> {
    let bad = || format!("{text} is not A..B; give for example 0..100");
    let (from, to) = text.split_once("..").ok_or_else(bad)?;
    Ok(from.parse().map_err(|_| bad())?..to.parse().map_err(|_| bad())?)
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    if arguments.figures {
        return figures();
    }
    let seeds = arguments.seeds.unwrap_or(arguments.seed..arguments.seed + 1);
    let mut broken = 0;
    for seed in seeds {
        let plan = Plan::new(seed, arguments.scenario);
        let started = std::time::Instant::now();
        let outcome = run(&plan);
        println!(
            "{plan}: heights {:?}, evidence {:?}, refused {}, restarts {}, waited {} ms, took {} ms",
            outcome.heights,
            outcome.evidence,
            outcome.refused,
            outcome.restarts,
            outcome.ordered_ms_max,
            started.elapsed().as_millis()
        );
        for law in &outcome.broken {
            println!("  broken: {law}");
        }
        broken += usize::from(!outcome.broken.is_empty());
    }
    if broken == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

/// Measures steady work, and prints a line of a table for each size of a network.
fn figures() -> std::process::ExitCode {
    println!("| seats | blocks/s | finality p50 | p99 | CPU per block and seat |");
    println!("|---|---|---|---|---|");
    for seats in [4, 7, 16, 32] {
        let plan = Plan::steady(seats, 50);
        let started = std::time::Instant::now();
        let outcome = run(&plan);
        let spent = started.elapsed();
        if !outcome.broken.is_empty() {
            println!("broken: {:?}", outcome.broken);
            return std::process::ExitCode::FAILURE;
        }
        let blocks = outcome.heights.values().copied().min().unwrap_or_default();
        let part = |percent: usize| outcome.finality_ms[(outcome.finality_ms.len() - 1) * percent / 100];
        let per_block =
            spent / u32::try_from(blocks).expect("a run is short") / u32::try_from(seats).expect("seats are few");
        println!(
            "| {seats} | {:.1} | {} ms | {} ms | {:.2} ms |",
            outcome.trace.blocks_per_second(STEADY_PART_MS),
            part(50),
            part(99),
            per_block.as_secs_f64() * 1_000.0
        );
    }
    std::process::ExitCode::SUCCESS
}
