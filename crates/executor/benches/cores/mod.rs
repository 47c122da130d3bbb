//! How far two cores are from each other. On a virtual machine that changes from second to second: a line of memory takes 30 ns from one
//! core to another that has the same cache, and five times as long to one that has not. Two workers on one block feel that.

use std::{
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// There and back so often for one look.
const ROUND_TRIPS: u64 = 200;
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

    /// Adds a run of each side.
    pub(crate) fn add(&mut self, cores: &Cores, run: impl FnOnce() -> [Duration; SIDES]) {
        let before = cores.are_near();
        let times = run();
        self.0.push(((cores.are_near() == before).then_some(before), times));
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

/// A line of its own, so that nothing else moves with it.
#[derive(Default)]
#[repr(align(128))]
struct Ball(AtomicU64);

/// A second thread to measure with.
pub(crate) struct Cores {
    ball: Arc<Ball>,
    begin: SyncSender<()>,
}

impl Cores {
    /// Starts the thread, which sleeps until it is needed.
    pub(crate) fn new() -> Self {
        let ball = Arc::new(Ball::default());
        let (begin, begun) = sync_channel(0);
        let theirs = ball.clone();
        thread::spawn(move || {
            while let Ok(()) = begun.recv() {
                for trip in 0..ROUND_TRIPS {
                    await_ball(&theirs, 2 * trip + 1);
                    theirs.0.store(2 * trip + 2, Ordering::Release);
                }
            }
        });
        Self { ball, begin }
    }

    /// Whether the two cores have the same cache now.
    pub(crate) fn are_near(&self) -> bool {
        self.ball.0.store(0, Ordering::Release);
        self.begin.send(()).expect("the thread lives as long as this");
        // The first way is that of being woken.
        self.ball.0.store(1, Ordering::Release);
        await_ball(&self.ball, 2);
        let start = Instant::now();
        for trip in 1..ROUND_TRIPS {
            self.ball.0.store(2 * trip + 1, Ordering::Release);
            await_ball(&self.ball, 2 * trip + 2);
        }
        start.elapsed() < NEAR_MAX * u32::try_from(2 * (ROUND_TRIPS - 1)).expect("it is small")
    }
}

fn await_ball(ball: &Ball, at: u64) {
    while ball.0.load(Ordering::Acquire) != at {
        spin_loop();
    }
}
