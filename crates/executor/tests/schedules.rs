//! The scheduler of a block under thousands of schedules: it ends under each, and with the outcome of sequential execution. So does a block
//! from its access list (`lists`), and jobs beside blocks are done in order (`jobs`).
//!
//! What works on blocks is compiled here once more, with the locks and atomics of a model that runs one thread at a time and switches where
//! a seed says. A failure prints what replays it. The model knows deadlocks and any order of steps, but not weak memory: each atomic is
//! taken as sequentially consistent.

#[path = "../src/beside.rs"]
#[allow(dead_code, unreachable_pub, reason = "only what gives and does jobs is driven here")]
mod beside;
#[path = "../src/block.rs"]
#[allow(dead_code, unreachable_pub, reason = "only what works on a block is driven here")]
mod block;
#[path = "../src/calls.rs"]
mod calls;
#[path = "../src/closing.rs"]
#[allow(dead_code, unreachable_pub, reason = "nothing panics here")]
mod closing;
#[path = "../src/cut.rs"]
#[allow(dead_code, unreachable_pub, reason = "only what estimates need is used here")]
mod cut;
#[path = "../src/estimate.rs"]
#[allow(dead_code, unreachable_pub, reason = "only its clock and its lessons are used here")]
mod estimate;
#[path = "../src/list.rs"]
#[allow(dead_code, unreachable_pub, reason = "only what works on a block is driven here")]
mod list;
#[path = "../src/order.rs"]
#[allow(dead_code, unreachable_pub, reason = "only what a block needs is used here")]
mod order;
#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;
#[path = "../../stf/tests/world/mod.rs"]
mod world;

#[path = "schedules/crew.rs"]
mod crew;
#[path = "schedules/jobs.rs"]
mod jobs;
#[path = "schedules/lists.rs"]
mod lists;
#[path = "schedules/sync.rs"]
mod sync;

use std::{ops::Range, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, U256};
use block::{Block, Worker};
use closing::Closing;
use order::Runs;
use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
};
use sluice_stf::{
    Error, Plan, Workspace,
    engine::Reader,
    lanes::{Committer, Lane, LedgerMemory},
};
use sluice_types::{Account, BlockInput, InputTransaction, Outcome, StateRead};
use vectors::MapState;
use world::{Draft, ETHER, World};

/// Schedules of each block, for each kind of scheduler and number of threads.
const SCHEDULES: usize = 400;
/// Where the schedules start; the same each time.
const SEED: u64 = 0x51_1ce;
/// Orders among threads that a scheduler of priorities changes in one schedule.
const PRIORITY_CHANGES: usize = 4;
/// Stack of a thread that executes transactions.
const STACK_BYTES: usize = 1 << 20;
/// Counts its calls in slot 0.
const COUNTER: Address = Address::repeat_byte(0xc0);
const COUNTER_CODE: Bytes = Bytes::from_static(&[0x5f, 0x54, 0x60, 1, 0x01, 0x5f, 0x55, 0x00]);
/// An account that cannot be read, where reads fail.
const UNREADABLE: Address = Address::repeat_byte(0xdd);

fn user(n: u16) -> Address {
    Address::left_padding_from(&[&[0xaa], &n.to_be_bytes()[..]].concat())
}

fn world() -> World {
    let mut world = World::new();
    world.state.insert(COUNTER, 1, U256::ZERO, COUNTER_CODE);
    (0..100).for_each(|n| world.state.insert(user(n), 0, U256::from(ETHER), Bytes::new()));
    world
}

/// Pays somebody whom nobody else pays.
fn alone(n: u16) -> InputTransaction {
    Draft::new(user(n), 0, user(1_000 + n)).value(1).gas(21_000).type_2()
}

/// Writes what all others like it read.
fn count(n: u16) -> InputTransaction {
    Draft::new(user(n), 0, COUNTER).gas(60_000).type_2()
}

/// Has a nonce that does not come.
fn invalid(n: u16) -> InputTransaction {
    Draft::new(user(n), 7, COUNTER).gas(60_000).type_2()
}

/// A state in which one account cannot be read.
struct Failing<'a>(&'a MapState);

#[derive(Debug, thiserror::Error)]
#[error("this account cannot be read")]
struct Unreadable;

impl StateRead for Failing<'_> {
    type Error = Unreadable;

    fn account(&self, address: Address) -> Result<Option<Account>, Unreadable> {
        if address == UNREADABLE { Err(Unreadable) } else { Ok(self.0.account(address).expect("a map does not fail")) }
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Unreadable> {
        Ok(self.0.storage(address, slot).expect("a map does not fail"))
    }

    fn code(&self, hash: B256) -> Result<Bytes, Unreadable> {
        Ok(self.0.code(hash).expect("a map does not fail"))
    }

    fn block_hash(&self, number: u64) -> Result<B256, Unreadable> {
        Ok(self.0.block_hash(number).expect("a map does not fail"))
    }
}

/// In which order runs are claimed.
type Order = fn(usize) -> Vec<usize>;

/// Runs of this length.
fn ranges(transactions: usize, run_length: usize) -> Vec<Range<usize>> {
    (0..transactions).step_by(run_length).map(|start| start..(start + run_length).min(transactions)).collect()
}

/// Executes a block in runs of this length, on threads of the model. As the executor does it.
fn execute<S: StateRead + Sync>(
    (world, input, state): (&World, &BlockInput, &S),
    (threads, run_length, order): (usize, usize, Order),
) -> Result<Outcome, Error<S::Error>>
where
    S::Error: Send,
{
    let plan = Plan::new(&world.config, &world.parent, input).expect("it follows the parent");
    let runs = ranges(plan.len(), run_length);
    let waits = (0..runs.len()).map(|run| run % 3 == 1).collect();
    let runs = Runs { order: order(runs.len()), ranges: runs, waits };
    let block = Block::new(&plan, runs, Committer::new(&plan, threads, LedgerMemory::default()));
    let closing = Closing::new(threads);
    let failure = sync::Mutex::new(None);
    shuttle::thread::scope(|scope| {
        for id in 0..threads {
            let (plan, block, closing, failure) = (&plan, &block, &closing, &failure);
            scope.spawn(move || {
                let reader = Reader::new(state);
                let mut workspace = Workspace::default();
                let mut worker = Worker::new(Lane::new(plan, id, &reader, &mut workspace));
                // All may start whenever the schedule wants, which is as good as joining.
                if let Err(error) = block.work(&mut worker, &mut || ()) {
                    block.stop();
                    block::lock(failure).get_or_insert(reader.explain(error));
                    closing.give_up();
                } else {
                    if let Some(committer) = block.take() {
                        closing.start(committer);
                    }
                    closing.work();
                }
            });
        }
    });
    match failure.into_inner().expect("nobody panicked") {
        Some(error) => Err(error),
        None => Ok(closing.end().expect("somebody ends the block").0),
    }
}

/// Under all schedulers, with two threads and with three.
fn under_all_schedules(check: impl Fn(usize) + Send + Sync + 'static) {
    let check = Arc::new(check);
    for threads in [2, 3] {
        let run = || {
            let check = Arc::clone(&check);
            move || check(threads)
        };
        under(RandomScheduler::new_from_seed(SEED, SCHEDULES), run());
        under(PctScheduler::new_from_seed(SEED, PRIORITY_CHANGES, SCHEDULES), run());
    }
}

/// Under one scheduler.
fn under(scheduler: impl Scheduler + 'static, check: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::default();
    config.stack_size = STACK_BYTES;
    Runner::new(scheduler, config).run(check);
}

/// Every schedule of these transactions has the outcome of sequential execution.
fn equals_sequential(run_length: usize, transactions: Vec<InputTransaction>) -> Outcome {
    equals_sequential_in(|count| (0..count).collect(), run_length, transactions)
}

/// As [`equals_sequential`], where runs are claimed in another order.
fn equals_sequential_in(order: Order, run_length: usize, transactions: Vec<InputTransaction>) -> Outcome {
    let world = world();
    let sequential = world.run(transactions.clone());
    let (input, expected) = (world.input(transactions), sequential.clone());
    under_all_schedules(move |threads| {
        let outcome = execute((&world, &input, &world.state), (threads, run_length, order));
        assert_eq!(outcome.expect("a map does not fail"), expected);
    });
    sequential
}

#[test]
fn independent_transactions() {
    let outcome = equals_sequential(2, (0..12).map(alone).collect());
    assert_eq!(outcome.executed.len(), 12);
}

#[test]
fn what_is_made_in_several_shares() {
    let outcome = equals_sequential(48, (0..96).map(alone).collect());
    assert!(outcome.access_list.len() > 128, "one share has at most that");
}

#[test]
fn a_chain_to_the_end_of_the_block() {
    // Known for one only at its end, shortly before, and long before.
    for length in [25, 28, 70] {
        let outcome = equals_sequential(1, (0..length).map(count).collect());
        assert_eq!(outcome.changes.accounts[&COUNTER].storage[&U256::ZERO], U256::from(length));
    }
}

#[test]
fn a_chain_in_the_middle() {
    let transactions = (0..4).map(alone).chain((4..64).map(count)).chain((64..80).map(alone));
    assert_eq!(equals_sequential(1, transactions.collect()).executed.len(), 80);
}

#[test]
fn runs_that_begin_early() {
    let last_first: Order = |count| (count - 1..count).chain(0..count - 1).collect();
    let middle_first: Order =
        |count| [count / 2].into_iter().chain((0..count).filter(|run| *run != count / 2)).collect();
    let backwards: Order = |count| (0..count).rev().collect();
    for order in [last_first, middle_first, backwards] {
        let mixed = (0..16).map(|n| if n % 3 == 0 { count(n) } else { alone(n) });
        assert_eq!(equals_sequential_in(order, 1, mixed.collect()).executed.len(), 16);
        // A chain is known where the early one is claimed, and where it is not.
        let outcome = equals_sequential_in(order, 1, (0..60).map(count).collect());
        assert_eq!(outcome.changes.accounts[&COUNTER].storage[&U256::ZERO], U256::from(60));
    }
}

#[test]
fn a_hot_key_among_others() {
    let mixed = (0..24).map(|n| if n % 3 == 0 { count(n) } else { alone(n) });
    assert_eq!(equals_sequential(2, mixed.collect()).executed.len(), 24);
}

#[test]
fn an_invalid_transaction_in_the_middle() {
    let mixed = (0..12).map(|n| if n == 5 { invalid(n) } else { count(n) });
    assert_eq!(equals_sequential(2, mixed.collect()).skipped.len(), 1);
}

#[test]
fn a_failing_read_stops_the_block_and_everybody() {
    for failing in [0, 9, 50, 59] {
        under_all_schedules(move |threads| {
            let world = world();
            let transactions = (0..60).map(|n| match n {
                n if n == failing => Draft::new(user(n), 0, UNREADABLE).value(1).gas(21_000).type_2(),
                n => count(n),
            });
            let input = world.input(transactions.collect());
            let in_order: Order = |count| (0..count).collect();
            let error =
                execute((&world, &input, &Failing(&world.state)), (threads, 1, in_order)).expect_err("a read fails");
            assert!(matches!(error, Error::State(Unreadable)), "{error:?}");
        });
    }
}
