//! Jobs beside blocks: under every schedule they are done once, one at a time and in order, none after one that ends them, and nobody waits
//! for ever.

use shuttle::thread;

use crate::{
    beside::{BESIDE_JOBS_MAX, Beside},
    block::lock,
    calls::Calls,
    crew::{EXPECTED, Panics, Scope},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        panic,
    },
    under_all_schedules,
};

/// Jobs of each giver: more than there is room for.
const JOBS: usize = BESIDE_JOBS_MAX + 4;

/// How a job ends all jobs.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// It says that none follows.
    Says,
    Panics,
}

/// Jobs that are given, and what becomes of them.
struct Jobs {
    givers: usize,
    /// The job of the first giver that ends all jobs, if there is one.
    ending: Option<(usize, End)>,
    calls: Calls,
    panics: Panics,
    at_work: AtomicUsize,
    /// Each with who gave it, in the order in which they were done.
    done: Mutex<Vec<(usize, usize)>>,
    /// How many were taken, by giver.
    taken: Mutex<Vec<usize>>,
}

impl Jobs {
    /// Gives jobs to workers who are called, or lets those who give them do them.
    fn give(givers: usize, are_called: bool, ending: Option<(usize, End)>) {
        let (done, taken) = (Mutex::new(Vec::new()), Mutex::new(vec![0; givers]));
        let (calls, panics) = (Calls::default(), Panics::default());
        let jobs = Self { givers, ending, calls, panics, at_work: AtomicUsize::new(0), done, taken };
        thread::scope(|workers| {
            let jobs = &jobs;
            // In a thread of its own, because a model's scope would wake who waits in it for something else.
            workers.spawn(move || {
                let scope = Scope::new(move |work| drop(workers.spawn(move || jobs.panics.catch(work))));
                let beside = &Beside::new(are_called.then_some(&scope), &jobs.calls);
                thread::scope(|scope| {
                    for giver in 0..givers {
                        scope.spawn(move || jobs.give_all(giver, beside));
                    }
                });
            });
        });
        jobs.check();
    }

    fn give_all<'scope>(&'scope self, giver: usize, beside: &Beside<'_, 'scope>) {
        let mut is_taken = true;
        for n in 0..JOBS {
            let was_taken = is_taken;
            // Whoever does jobs while it gives one may panic, and the one that it gives is taken then.
            is_taken = true;
            self.panics.catch(|| is_taken = beside.spawn(move || self.work(giver, n)));
            if is_taken {
                assert!(was_taken, "none is taken after one that was not");
                let mut taken = lock(&self.taken);
                taken[giver] += 1;
                let (taken, done) = (taken.iter().sum::<usize>(), lock(&self.done).len());
                // Those that wait, and the one that is about to be done.
                assert!(taken <= done + BESIDE_JOBS_MAX + 1, "{taken} are taken when {done} are done");
            } else {
                let is_done = |n| lock(&self.done).contains(&(0, n));
                assert!(self.ending.is_some_and(|(ending, _)| is_done(ending)), "nothing speaks against it yet");
            }
        }
    }

    fn work(&self, giver: usize, n: usize) -> bool {
        assert_eq!(self.at_work.fetch_add(1, Ordering::Relaxed), 0, "one at a time");
        lock(&self.done).push((giver, n));
        self.at_work.fetch_sub(1, Ordering::Relaxed);
        match self.ending.filter(|(ending, _)| (giver, n) == (0, *ending)) {
            None => true,
            Some((_, End::Says)) => false,
            Some((_, End::Panics)) => panic(EXPECTED),
        }
    }

    /// What must hold when all is over.
    fn check(self) {
        let Self { givers, ending, calls, panics, done, taken, .. } = self;
        let (done, taken) = (lock(&done), lock(&taken));
        for giver in 0..givers {
            let own_done: Vec<_> = done.iter().filter(|(other, _)| *other == giver).map(|(_, n)| *n).collect();
            assert!(own_done.iter().copied().eq(0..own_done.len()), "in order: {own_done:?}");
            assert!(own_done.len() <= taken[giver], "{own_done:?} of {}", taken[giver]);
            assert!(ending.is_some() || own_done.len() == JOBS, "all are done: {own_done:?}");
        }
        if let Some((n, _)) = ending {
            assert_eq!(done.last(), Some(&(0, n)), "none is done after it");
        }
        assert_eq!(panics.count(), usize::from(ending.is_some_and(|(_, end)| end == End::Panics)));
        assert_eq!(calls.lent(), 0, "nobody is lent any more");
    }
}

/// The first job ends all, one in the middle, and the last.
fn all_ends(end: End) -> [Option<(usize, End)>; 3] {
    [0, 2, JOBS - 1].map(|n| Some((n, end)))
}

#[test]
fn all_jobs_are_done() {
    under_all_schedules(|threads| Jobs::give(threads - 1, true, None));
}

#[test]
fn none_follows_a_job_that_says_so() {
    for ending in all_ends(End::Says) {
        under_all_schedules(move |threads| Jobs::give(threads - 1, true, ending));
    }
}

#[test]
fn none_follows_a_job_that_panics() {
    for ending in all_ends(End::Panics) {
        under_all_schedules(move |threads| Jobs::give(threads - 1, true, ending));
    }
}

#[test]
fn givers_do_the_jobs_where_nobody_is_called() {
    for ending in [None].into_iter().chain(all_ends(End::Says)).chain(all_ends(End::Panics)) {
        under_all_schedules(move |threads| Jobs::give(threads, false, ending));
    }
}
