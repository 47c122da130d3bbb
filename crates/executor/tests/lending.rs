//! A core that is lent is not used, and used again when it is given back; neither changes an outcome.

#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;
#[path = "../../stf/tests/world/mod.rs"]
mod world;

use std::{
    collections::HashSet,
    convert::Infallible,
    num::NonZeroUsize,
    sync::Mutex,
    thread::{self, ThreadId},
    time::Duration,
};

use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_executor::{Executor, Loan};
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

/// Knows who reads it, and gives a loan back when a certain account is asked for.
struct Watched<'a> {
    state: &'a MapState,
    readers: Mutex<HashSet<ThreadId>>,
    loan: Mutex<Option<Loan>>,
    gives_back_at: Option<Address>,
}

impl<'a> Watched<'a> {
    fn new(state: &'a MapState, loan: Option<Loan>, gives_back_at: Option<Address>) -> Self {
        Self { state, readers: Mutex::default(), loan: Mutex::new(loan), gives_back_at }
    }

    fn readers(&self) -> usize {
        self.readers.lock().expect("nobody panicked").len()
    }
}

impl StateRead for Watched<'_> {
    type Error = Infallible;

    fn account(&self, address: Address) -> Result<Option<Account>, Infallible> {
        self.readers.lock().expect("nobody panicked").insert(thread::current().id());
        if self.gives_back_at == Some(address) {
            self.loan.lock().expect("nobody panicked").take();
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

#[test]
fn who_has_a_core_keeps_it_and_all_others_work() {
    let (world, input) = calls();
    let expected = world.run(input.transactions.clone());
    assert_eq!(expected.executed.len(), usize::from(CALLS));
    for (workers, lent, at_most) in [(2, false, 2), (2, true, 1), (4, true, 3), (1, true, 1)] {
        let executor = executor(workers);
        let loans = [lent.then(|| executor.lender().lend()), lent.then(|| executor.lender().lend())];
        let state = Watched::new(&world.state, None, None);
        let outcome = executor.execute(&world.config, &world.parent, &input, &state).unwrap();
        assert_eq!(outcome, expected);
        assert!(state.readers() <= at_most, "{} threads of {workers}, lent: {lent}", state.readers());
        assert!(state.readers() == at_most || workers > 2, "{} threads of {workers}, lent: {lent}", state.readers());
        // The same from the list.
        let state = Watched::new(&world.state, None, None);
        let (list, plan) = (&expected.access_list, Plan::new(&world.config, &world.parent, &input).unwrap());
        let outcome = executor.execute_from_list(&plan, &state, list.clone(), access_list_hash(list)).unwrap();
        assert_eq!(outcome, expected);
        assert!(state.readers() <= at_most);
        drop(loans);
    }
}

#[test]
fn a_core_that_is_given_back_during_a_block_is_used_for_the_rest() {
    let (world, input) = calls();
    let expected = world.run(input.transactions.clone());
    let executor = executor(2);
    let given_back = Some(address(1, CALLS / 4));
    let state = Watched::new(&world.state, Some(executor.lender().lend()), given_back);
    let outcome = executor.execute(&world.config, &world.parent, &input, &state).unwrap();
    assert_eq!(outcome, expected);
    assert_eq!(state.readers(), 2);
}

#[test]
fn what_took_long_because_a_core_was_lent_does_not_speak_against_sharing() {
    let (world, mut input) = calls();
    // Of few functions, so that each is learnt from in every block.
    let calls =
        (0..CALLS).map(|n| Draft::new(address(1, n), 0, address(2, n % 4)).data(vec![1; 4]).gas(60_000).type_2());
    input.transactions = calls.collect();
    let executor = Executor::with_workers(NonZeroUsize::MIN.saturating_add(1));
    let readers = || {
        let state = Watched::new(&world.state, None, None);
        executor.execute(&world.config, &world.parent, &input, &state).unwrap();
        state.readers()
    };
    let loan = executor.lender().lend();
    (0..12).for_each(|_| assert_eq!(readers(), 1));
    drop(loan);
    assert_eq!(readers(), 2);
}

#[test]
fn who_is_busy_borrows_when_it_comes_to_it() {
    let executor = executor(2);
    let lender = executor.lender();
    assert!(lender.lend_to_waiting().is_none(), "nobody waits");
    let lent = lender.waiting(|| executor.lender().lend_to_waiting());
    assert!(lent.is_some(), "somebody waited");
    assert!(lender.lend_to_waiting().is_none(), "nobody waits any more");
}

#[test]
fn transfers_at_the_end_of_a_block_are_settled_by_who_is_there() {
    let mut world = World::new();
    (0..CALLS).for_each(|n| world.state.insert(address(1, n), 0, U256::from(ETHER), Bytes::new()));
    let transfers = (0..CALLS).map(|n| Draft::new(address(1, n), 0, address(3, n)).value(1).gas(21_000).type_2());
    let input = world.input(transfers.collect());
    let expected = world.run(input.transactions.clone());
    let executor = executor(2);
    let _loan = executor.lender().lend();
    let state = Watched::new(&world.state, None, None);
    assert_eq!(executor.execute(&world.config, &world.parent, &input, &state).unwrap(), expected);
    assert_eq!(state.readers(), 1);
}
