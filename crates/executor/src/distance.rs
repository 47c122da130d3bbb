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
/// Time for which a measurement holds. The other worker must be woken for the next, which takes longer than that itself.
const AGE_MAX: Duration = Duration::from_millis(250);
/// Age from which on it is measured again while the other worker is awake.
const RENEWED_AGE: Duration = Duration::from_millis(50);
/// By how much longer a measurement holds than it took. It takes long where other threads have the cores, and must not keep them.
const AGE_OF_TIME: u32 = 200;
/// Where the ball is when nobody plays any more.
const OVER: u32 = u32::MAX;

/// How far two of a crew's workers are apart.
#[derive(Debug)]
pub(crate) struct Distance {
    one_way: Duration,
    /// From when on it is measured again while the other worker is awake.
    fresh_until: Option<Instant>,
    until: Option<Instant>,
}

impl Default for Distance {
    fn default() -> Self {
        Self { one_way: NEAR, fresh_until: None, until: None }
    }
}

impl Distance {
    /// Time for one line of memory from one worker to the other, measured again if that was long ago.
    pub(crate) fn now(&mut self, crew: &Crew) -> Duration {
        if self.until.is_none_or(|until| until <= Instant::now()) {
            self.measure(crew);
        }
        self.one_way
    }

    /// Measures it again, unless that was only just, when the others have worked and are still awake.
    pub(crate) fn renew(&mut self, crew: &Crew) {
        if self.fresh_until.is_none_or(|until| until <= Instant::now()) {
            self.measure(crew);
        }
    }

    fn measure(&mut self, crew: &Crew) {
        if crew.free() == 1 {
            return;
        }
        let start = Instant::now();
        if let Some(one_way) = measure(crew) {
            self.one_way = one_way.min(FAR);
            metrics::gauge!("executor_distance_seconds").set(self.one_way);
        }
        let least = start.elapsed() * AGE_OF_TIME;
        self.fresh_until = Some(start + RENEWED_AGE.max(least));
        self.until = Some(start + AGE_MAX.max(least));
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
        assert!(distance.until >= Some(now + AGE_MAX), "it was measured");
        assert!(distance.fresh_until >= Some(now + RENEWED_AGE) && distance.fresh_until <= distance.until);

        let later = Some(Instant::now() + Duration::from_secs(3_600));
        distance.until = later;
        assert_eq!((distance.now(&crew), distance.until), (one_way, later));

        let now = Instant::now();
        distance.until = Some(now);
        distance.now(&crew);
        assert!(distance.until >= Some(now + AGE_MAX), "it was measured again");

        let (fresh, held) = (Some(Instant::now() + Duration::from_secs(3_600)), distance.until);
        distance.fresh_until = fresh;
        distance.renew(&crew);
        assert_eq!(distance.until, held, "it was fresh");
        distance.fresh_until = Some(Instant::now());
        distance.renew(&crew);
        assert!(distance.fresh_until < fresh && distance.until > held, "it was renewed, though it still held");
    }

    #[test]
    fn who_works_alone_measures_nothing() {
        let (alone, lender, mut distance) = (crew(1), crew(2), Distance::default());
        let _loan = lender.lend();
        assert_eq!([distance.now(&alone), distance.now(&lender)], [NEAR; 2]);
        assert!(distance.until.is_none());
        assert_eq!([measure(&alone), measure(&lender)], [None; 2]);
    }
}
