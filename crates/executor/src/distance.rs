//! How far workers are from each other: what it costs that one reads what another wrote.
//!
//! Cores that have a cache in common are some tens of nanoseconds apart, others five times as far. On a virtual machine that changes
//! while it runs. Blocks of cheap transactions gain from sharing only where cores are near.

use std::{
    iter,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use crate::{closing::look_for, crew::Crew};

/// What is taken for the distance of which nothing is known yet: that of cores with a common cache.
const NEAR: Duration = Duration::from_nanos(30);
/// Most that is taken for it, so that one that was held up does not count for more than any machine has.
const FAR: Duration = Duration::from_nanos(500);
/// Ways there and back that are timed together.
const TRIPS: u32 = 8;
/// How often they are, of which the quickest counts: nobody was held up meanwhile.
const ROUNDS: u32 = 3;
/// How often one looks for the ball without a pause.
const LOOKS: u32 = 1_000;
/// Time after which it is measured again while the other worker is awake.
const FRESH_TIME: Duration = Duration::from_millis(50);
/// Time for which a measurement then still holds where the other worker would have to be woken, which takes longer than to measure.
const HELD_TIME: Duration = Duration::from_millis(200);
/// By how much longer a measurement is fresh than it took. It takes long where other threads have the cores, and must not keep them.
const FRESH_OF_TIME: u32 = 200;
/// Where the ball is when nobody plays any more.
const OVER: u32 = u32::MAX;

/// How far two of a crew's workers are apart.
#[derive(Debug)]
pub(crate) struct Distance {
    one_way: Duration,
    /// `None` where it was never measured.
    fresh_until: Option<Instant>,
}

impl Default for Distance {
    fn default() -> Self {
        Self { one_way: NEAR, fresh_until: None }
    }
}

impl Distance {
    /// Time for one line of memory from one worker to the other, measured again if that was long ago.
    pub(crate) fn now(&mut self, crew: &Crew) -> Duration {
        self.measure_after(HELD_TIME, crew);
        self.one_way
    }

    /// Measures it again, unless that was only just, when the others have worked and are still awake.
    pub(crate) fn renew(&mut self, crew: &Crew) {
        self.measure_after(Duration::ZERO, crew);
    }

    /// Measures it if it has not been fresh for so long.
    fn measure_after(&mut self, stale: Duration, crew: &Crew) {
        let start = Instant::now();
        if crew.free() == 1 || self.fresh_until.is_some_and(|until| start < until + stale) {
            return;
        }
        if let Some(one_way) = measure(crew) {
            self.one_way = one_way.min(FAR);
            metrics::gauge!("executor_distance_seconds").set(self.one_way);
        }
        self.fresh_until = Some(start + FRESH_TIME.max(start.elapsed() * FRESH_OF_TIME));
    }
}

/// A line of its own, so that nothing else moves with it.
#[derive(Default)]
#[repr(align(128))]
struct Ball(AtomicU32);

impl Ball {
    /// Waits for the ball; false when the other does not play.
    fn catch(&self, at: u32) -> bool {
        let place = || self.0.load(Ordering::Acquire);
        // Without a pause first, which would take as long as the ball does.
        (0..LOOKS).any(|_| place() == at) || look_for(|| [at, OVER].contains(&place())) && place() == at
    }

    fn throw(&self, to: u32) {
        self.0.store(to, Ordering::Release);
    }
}

/// `None` when the other worker does not come soon.
pub(crate) fn measure(crew: &Crew) -> Option<Duration> {
    let ball = Ball::default();
    let mut quickest = None;
    crew.work(
        iter::once(()),
        |()| {
            (0..=ROUNDS * TRIPS).all(|trip| {
                let is_caught = ball.catch(2 * trip + 1);
                if is_caught {
                    ball.throw(2 * trip + 2);
                }
                is_caught
            });
        },
        |join| {
            join();
            let mut start = Instant::now();
            for trip in 0..=ROUNDS * TRIPS {
                ball.throw(2 * trip + 1);
                if !ball.catch(2 * trip + 2) {
                    ball.throw(OVER);
                    return;
                }
                if trip % TRIPS > 0 {
                    continue;
                }
                // The first way is that of being woken.
                if trip > 0 {
                    let one_way = start.elapsed() / (2 * TRIPS);
                    quickest = Some(quickest.map_or(one_way, |quickest: Duration| quickest.min(one_way)));
                }
                start = Instant::now();
            }
        },
    );
    quickest
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn crew(workers: usize) -> Crew {
        Crew::new(NonZeroUsize::new(workers).expect("there is a worker"))
    }

    #[test]
    fn two_workers_are_apart_and_a_measurement_holds_until_it_is_old() {
        let (crew, mut distance) = (crew(2), Distance::default());
        let now = Instant::now();
        let one_way = distance.now(&crew);
        assert!(one_way > Duration::ZERO && one_way <= FAR, "{one_way:?}");
        assert!(distance.fresh_until >= Some(now + FRESH_TIME), "it was measured");

        let fresh = Some(Instant::now() + Duration::from_secs(3_600));
        distance.fresh_until = fresh;
        distance.renew(&crew);
        assert_eq!((distance.now(&crew), distance.fresh_until), (one_way, fresh));

        let stale = Some(Instant::now());
        distance.fresh_until = stale;
        distance.renew(&crew);
        assert!(distance.fresh_until > stale, "it was renewed");

        let old = Instant::now().checked_sub(HELD_TIME);
        assert!(old.is_some());
        distance.fresh_until = old;
        distance.now(&crew);
        assert!(distance.fresh_until > stale, "it was measured again");
    }

    #[test]
    fn stale_it_holds_where_the_other_would_have_to_be_woken() {
        let crew = crew(2);
        // Some time, this thread is not held up for long.
        assert!((0..100).any(|_| {
            let fresh_until = Some(Instant::now());
            let mut stale = Distance { one_way: FAR, fresh_until };
            (stale.now(&crew), stale.fresh_until) == (FAR, fresh_until)
        }));
    }

    #[test]
    fn who_works_alone_measures_nothing() {
        let (alone, lender, mut distance) = (crew(1), crew(2), Distance::default());
        let _loan = lender.calls.lend();
        assert_eq!([distance.now(&alone), distance.now(&lender)], [NEAR; 2]);
        assert!(distance.fresh_until.is_none());
        assert_eq!([measure(&alone), measure(&lender)], [None; 2]);
    }
}
