//! Runs many seeds, and sees that a seed stands for one run.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the right answer")]

use std::{
    panic::catch_unwind,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use sluice_sim::{Plan, Scenario, run};

/// So many seeds by default; `SLUICE_SIM_SEEDS` asks for another number.
const SEEDS: u64 = 500;
/// Seeds that run at the same time.
const THREADS: u64 = 2;

/// Which scenario a seed runs in: mostly everything at once.
fn scenario(seed: u64) -> Scenario {
    match seed % 8 {
        0 => Scenario::Faults,
        1 | 2 => Scenario::Byzantine,
        _ => Scenario::Mixed,
    }
}

fn name(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Calm => "calm",
        Scenario::Faults => "faults",
        Scenario::Byzantine => "byzantine",
        Scenario::Mixed => "mixed",
    }
}

/// What is wrong with a run, and how to see it again.
fn complaint(seed: u64, scenario: Scenario) -> Option<String> {
    let plan = Plan::new(seed, scenario);
    let broken = match catch_unwind(|| run(&plan).broken) {
        Ok(broken) if broken.is_empty() => return None,
        Ok(broken) => broken.join("\n  "),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            format!("it panicked: {}", text.unwrap_or_default())
        }
    };
    let name = name(scenario);
    Some(format!("{plan}\n  {broken}\n  again: cargo run -p sluice-sim -- --seed {seed} --scenario {name}"))
}

#[test]
fn every_law_holds_in_every_seed() {
    let seeds =
        std::env::var("SLUICE_SIM_SEEDS").map_or(SEEDS, |text| text.parse().expect("SLUICE_SIM_SEEDS: a number"));
    let (next, complaints) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    if let Some(complaint) = complaint(seed, scenario(seed)) {
                        println!("{complaint}");
                        complaints.lock().unwrap().push(complaint);
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    assert!(complaints.is_empty(), "{} of {seeds} seeds:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let twice = |seed| [0; 2].map(|_| run(&Plan::new(seed, Scenario::Mixed)));
    let [one, again] = twice(1);
    assert_eq!(one, again);
    let [other, again] = twice(5);
    assert_eq!(other, again);
    assert_ne!(one.state, other.state);
}

#[test]
fn without_trouble_nobody_waits_is_refused_or_accused() {
    let outcome = run(&Plan::new(3, Scenario::Calm));
    assert_eq!(outcome.broken, Vec::<String>::new());
    assert!(outcome.evidence.is_empty() && outcome.refused == 0 && outcome.restarts == 0, "{outcome:?}");
    // A block takes a heartbeat when there is nothing to order.
    assert!(outcome.heights.values().all(|height| *height >= 25), "{outcome:?}");
    assert!(outcome.ordered_ms_max < 1_500, "{outcome:?}");
}
