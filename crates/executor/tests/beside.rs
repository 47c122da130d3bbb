//! Jobs beside blocks are done in order, by a worker who is not used for blocks meanwhile and is used again afterwards; neither changes
//! an outcome.

#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;
#[path = "../../stf/tests/world/mod.rs"]
mod world;

use std::{
    collections::HashSet,
    convert::Infallible,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_executor::{BESIDE_JOBS_MAX, Executor};
use sluice_stf::Plan;
use sluice_types::{Account, BlockInput, StateRead, access_list_hash};
use vectors::MapState;
use world::{Draft, ETHER, World};

/// Calls of a block, each of a contract of its own.
const CALLS: u16 = 400;
/// Loops for some microseconds.
const LOOP: Bytes = Bytes::from_static(&[0x61, 0x01, 0x00, 0x5b, 0x60, 0x01, 0x90, 0x03, 0x80, 0x60, 0x03, 0x57, 0x00]);

fn address(kind: u8, n: u16) -> Address {
    Address::left_padding_from(&[&[kind], &n.to_be_bytes()[..]].concat())
}

/// Knows who reads it, and ends a job beside when a certain account is asked for.
struct Watched<'a> {
    state: &'a MapState,
    readers: Mutex<HashSet<ThreadId>>,
    ends: Option<(Address, SyncSender<()>)>,
}

impl<'a> Watched<'a> {
    fn new(state: &'a MapState) -> Self {
        Self { state, readers: Mutex::default(), ends: None }
    }

    fn readers(&self) -> usize {
        self.readers.lock().expect("nobody panicked").len()
    }
}

impl StateRead for Watched<'_> {
    type Error = Infallible;

    fn account(&self, address: Address) -> Result<Option<Account>, Infallible> {
        self.readers.lock().expect("nobody panicked").insert(thread::current().id());
        if let Some((_, job)) = self.ends.as_ref().filter(|(at, _)| *at == address) {
            // A second time, nobody listens.
            let _ = job.send(());
        }
        // So long that everybody who is there reads something.
        thread::sleep(Duration::from_micros(20));
        self.state.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        self.state.storage(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Infallible> {
        self.state.code(hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, Infallible> {
        self.state.block_hash(number)
    }
}

fn calls() -> (World, BlockInput) {
    let mut world = World::new();
    for n in 0..CALLS {
        world.state.insert(address(1, n), 0, U256::from(ETHER), Bytes::new());
        world.state.insert(address(2, n), 1, U256::ZERO, LOOP);
    }
    let calls = (0..CALLS).map(|n| Draft::new(address(1, n), 0, address(2, n)).gas(60_000).type_2());
    let input = world.input(calls.collect());
    (world, input)
}

fn executor(workers: usize) -> Executor {
    Executor::with_workers(NonZeroUsize::new(workers).expect("there is a worker")).sharing_from(Duration::ZERO)
}

/// Does something while a job beside it goes on, and ends that.
fn beside_a_job<R>(executor: &Executor, work: impl FnOnce(SyncSender<()>) -> R) -> R {
    let (ending, ended) = sync_channel(1);
    executor.beside(|beside| {
        assert!(beside.spawn(move || {
            ended.recv().expect("somebody ends it");
            true
        }));
        let worked = work(ending.clone());
        let _ = ending.send(());
        worked
    })
}

#[test]
fn who_is_busy_stays_so_and_all_others_work() {
    let (world, input) = calls();
    let expected = world.run(input.transactions.clone());
    assert_eq!(expected.executed.len(), usize::from(CALLS));
    for (workers, is_busy, at_most) in [(2, false, 2), (2, true, 1), (4, true, 3), (1, true, 1)] {
        let executor = executor(workers);
        let run = || {
            let state = Watched::new(&world.state);
            let outcome = executor.execute(&world.config, &world.parent, &input, &state).unwrap();
            assert_eq!(outcome, expected);
            let readers = state.readers();
            assert!(readers <= at_most, "{readers} threads of {workers}, busy: {is_busy}");
            assert!(readers == at_most || workers > 2, "{readers} threads of {workers}, busy: {is_busy}");
            // The same from the list.
            let state = Watched::new(&world.state);
            let (list, plan) = (&expected.access_list, Plan::new(&world.config, &world.parent, &input).unwrap());
            let outcome = executor.execute_from_list(&plan, &state, list.clone(), access_list_hash(list)).unwrap();
            assert_eq!(outcome, expected);
            assert!(state.readers() <= at_most);
        };
        if is_busy { beside_a_job(&executor, |_| run()) } else { run() }
    }
}

#[test]
fn who_is_done_during_a_block_joins_it() {
    let (world, input) = calls();
    let expected = world.run(input.transactions.clone());
    let executor = executor(2);
    beside_a_job(&executor, |job| {
        let state = Watched { ends: Some((address(1, CALLS / 4), job)), ..Watched::new(&world.state) };
        let outcome = executor.execute(&world.config, &world.parent, &input, &state).unwrap();
        assert_eq!(outcome, expected);
        assert_eq!(state.readers(), 2);
    });
}

#[test]
fn what_took_long_because_somebody_was_busy_does_not_speak_against_sharing() {
    let (world, mut input) = calls();
    // Of few functions, so that each is learnt from in every block.
    let calls =
        (0..CALLS).map(|n| Draft::new(address(1, n), 0, address(2, n % 4)).data(vec![1; 4]).gas(60_000).type_2());
    input.transactions = calls.collect();
    let executor = Executor::with_workers(NonZeroUsize::MIN.saturating_add(1));
    let readers = || {
        let state = Watched::new(&world.state);
        executor.execute(&world.config, &world.parent, &input, &state).unwrap();
        state.readers()
    };
    beside_a_job(&executor, |_| (0..12).for_each(|_| assert_eq!(readers(), 1)));
    assert_eq!(readers(), 2);
}

#[test]
fn transfers_at_the_end_of_a_block_are_settled_by_who_is_there() {
    let mut world = World::new();
    (0..CALLS).for_each(|n| world.state.insert(address(1, n), 0, U256::from(ETHER), Bytes::new()));
    let transfers = (0..CALLS).map(|n| Draft::new(address(1, n), 0, address(3, n)).value(1).gas(21_000).type_2());
    let input = world.input(transfers.collect());
    let expected = world.run(input.transactions.clone());
    let executor = executor(2);
    beside_a_job(&executor, |_| {
        let state = Watched::new(&world.state);
        assert_eq!(executor.execute(&world.config, &world.parent, &input, &state).unwrap(), expected);
        assert_eq!(state.readers(), 1);
    });
}

#[test]
fn jobs_are_done_one_at_a_time_in_order_and_few_wait() {
    for workers in [1, 2, 4] {
        let executor = executor(workers);
        let (at_work, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let (at_work, done) = (&at_work, &done);
        executor.beside(|beside| {
            for n in 0..200 {
                assert!(beside.spawn(move || {
                    assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0);
                    if n % 8 == 0 {
                        thread::sleep(Duration::from_micros(n));
                    }
                    done.lock().unwrap().push(n);
                    at_work.fetch_sub(1, Ordering::SeqCst);
                    true
                }));
                // Itself, those that wait, and the one that is being done.
                let left = usize::try_from(n + 1).unwrap() - done.lock().unwrap().len();
                assert!(left <= BESIDE_JOBS_MAX + 1, "{left} of {workers} workers");
                if n % 16 == 0 {
                    thread::sleep(Duration::from_micros(300));
                }
            }
        });
        assert_eq!(*done.lock().unwrap(), (0..200).collect::<Vec<_>>());
    }
}

#[test]
fn after_a_job_that_says_so_none_follows() {
    for workers in [1, 2] {
        let executor = executor(workers);
        let (start, started) = sync_channel(1);
        let done = &AtomicUsize::new(0);
        executor.beside(|beside| {
            assert!(beside.spawn(move || {
                started.recv().unwrap();
                false
            }));
            let count = || {
                done.fetch_add(1, Ordering::SeqCst);
                true
            };
            assert!(beside.spawn(count), "nothing speaks against it yet");
            start.send(()).unwrap();
            while beside.spawn(count) {}
        });
        assert_eq!(done.load(Ordering::SeqCst), 0);
        // What comes later begins anew.
        assert!(executor.beside(|beside| beside.spawn(|| true)));
    }
}

#[test]
fn after_a_panic_no_job_follows_and_the_giver_panics() {
    for workers in [1, 2] {
        let (world, input) = calls();
        let executor = executor(workers);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            executor.beside(|beside| {
                beside.spawn(|| panic!("of a job"));
                while beside.spawn(|| true) {}
            });
        }));
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"of a job"));
        // Nobody is taken for busy any more.
        let state = Watched::new(&world.state);
        executor.execute(&world.config, &world.parent, &input, &state).unwrap();
        assert_eq!(state.readers(), workers);
    }
}
