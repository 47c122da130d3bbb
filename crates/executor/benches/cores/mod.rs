//! How far two cores are from each other. On a virtual machine that changes from second to second: a line of memory takes 30 ns from one
//! core to another that has the same cache, and five times as long to one that has not. Two workers on one block feel that.

use std::time::Duration;

use sluice_executor::Executor;

/// Up to this time for one way, both cores have the same cache.
const NEAR_MAX: Duration = Duration::from_nanos(80);

/// Runs while cores are near, or far, below which they say nothing of that.
const RUNS_MIN: usize = 5;

/// Of which runs something is said, and what it is called.
pub(crate) const WHEN: [(&str, Option<bool>); 3] =
    [("at any time", None), ("cores near", Some(true)), ("cores far", Some(false))];

/// Runs of several sides, one after another in each, and whether cores were near meanwhile, unless they moved.
pub(crate) struct Runs<const SIDES: usize>(Vec<(Option<bool>, [Duration; SIDES])>);

/// Of some runs of one side.
#[derive(Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) minimum_ms: f64,
    pub(crate) median_ms: f64,
}

impl<const SIDES: usize> Runs<SIDES> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a run of each side, between two looks at how far the workers of an executor are.
    pub(crate) fn add(&mut self, executor: &Executor, run: impl FnOnce() -> [Duration; SIDES]) {
        let are_near = || executor.distance().map(|distance| distance <= NEAR_MAX);
        let before = are_near();
        let times = run();
        self.0.push((before.filter(|_| are_near() == before), times));
    }

    /// The sides at such times; `None` when there are too few runs.
    pub(crate) fn summaries(&self, are_near: Option<bool>) -> Option<[Summary; SIDES]> {
        let runs = self.0.iter().filter(|(near, _)| are_near.is_none() || *near == are_near);
        let mut sides = [const { Vec::new() }; SIDES];
        runs.for_each(|(_, times)| {
            sides.iter_mut().zip(times).for_each(|(side, time)| side.push(time.as_secs_f64() * 1e3))
        });
        let summary = |times: &mut Vec<f64>| {
            times.sort_unstable_by(f64::total_cmp);
            Summary { minimum_ms: times[0], median_ms: times[times.len() / 2] }
        };
        (sides[0].len() >= RUNS_MIN).then(|| sides.each_mut().map(summary))
    }
}
