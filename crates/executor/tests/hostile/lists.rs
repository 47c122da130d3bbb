//! Lists that are not the block's. No engine takes one for the block's, and who believes nobody is not misled by one.

use std::sync::Arc;

use alloy_eips::eip7928::AccountChanges;
use alloy_primitives::{Address, B256, U256, address, bytes, hex};
use sluice_executor::{Ahead, Error, ExecutedBlock, Executor, RUN_TRANSACTIONS_MAX, hash_promise};
use sluice_stf::{Plan, execute_block, history_slot};
use sluice_types::{
    BlockAccessList, BlockInput, Header, InputTransaction, L2Number, Outcome, StateChanges, access_list_hash,
    predeploys::HISTORY,
};

use crate::{
    blocks::{self, BALANCER, COUNTER, FACTORY, FORWARDER, GIVER, MORTAL, STILLBORN, block, creation, transfer, word},
    counted::{LISTS_USED, counted},
    dice::Dice,
    falsified::{WAYS, balances, falsified, nonces},
    schedule, threads,
    vectors::MapState,
    without_skipped,
    world::{BENEFICIARY, Draft, READER, STORER, World, authority, authorize, deposit, input_of, user},
};

/// Random blocks whose lists are falsified, in every way.
const FALSIFIED_BLOCKS: u64 = 300;
/// Of the lists, the threads are given one in so many.
const THREADED_PART: usize = 6;
/// Times that a way must have been possible, for the test to have tried it.
const TRIES_MIN: usize = 20;

/// Asserts that all see that the list is not the block's, or only who has one thread. `expected` is what the block does, without anything
/// that is skipped.
fn assert_refused(
    what: &str,
    (world, input, expected): (&World, &BlockInput, &Outcome),
    list: &BlockAccessList,
    executor: Option<&Executor>,
    dice: &mut Dice,
) {
    let plan = Plan::new(&world.config, &world.parent, input).expect("a map does not fail");
    assert_eq!(schedule::execute_told(&plan, &world.state, list, dice), None, "{what}");
    let Some(executor) = executor else { return };
    let (made, given) = (access_list_hash(&expected.access_list), access_list_hash(list));
    let execute = |committed| executor.execute_from_list(&plan, &world.state, list.clone(), committed);
    assert_eq!(execute(made), Err(Error::ListHash { given, committed: made }), "{what}");
    // Somebody made a block around it.
    assert_eq!(execute(given), Err(Error::WrongList { made, committed: given }), "{what}");
}

/// A block, and what it does.
fn executed(world: &World, transactions: Vec<InputTransaction>) -> (BlockInput, Outcome) {
    let input = world.input(transactions);
    let outcome = execute_block(&world.config, &world.parent, &input, &world.state).expect("a map does not fail");
    (input, outcome)
}

#[test]
fn wrong_missing_and_padded_lists_are_refused() {
    let (world, executor) = (blocks::world(), threads());
    let (key, signer) = authority(0);
    let count = |n: u8| Draft::new(user(n % 4), u64::from(n / 4), COUNTER).data([n % 3; 32]).gas(60_000).type_2();
    let mut txs: Vec<_> = (0..24).map(count).collect();
    // Slots and accounts that are only read, and code.
    txs.push(Draft::new(user(4), 0, READER).type_2());
    txs.push(Draft::new(user(4), 1, BALANCER).data(word(user(99))).type_2());
    txs.push(Draft::new(user(4), 2, user(1)).gas(200_000).type_4(vec![authorize(&key, STORER, 0)]));
    txs.push(Draft::new(user(4), 3, signer).data([7; 32]).type_2());
    let (input, outcome) = executed(&world, txs);
    assert!(outcome.skipped.is_empty() && outcome.receipts.iter().all(|receipt| receipt.success));
    for (what, way) in WAYS {
        for seed in 0..6 {
            let mut dice = Dice(seed);
            let list = falsified(&outcome.access_list, *way, &mut dice).expect("it has something of everything");
            assert_refused(what, (&world, &input, &outcome), &list, Some(&executor), &mut dice);
        }
    }
    let plan = Plan::new(&world.config, &world.parent, &input).unwrap();
    let right = access_list_hash(&outcome.access_list);
    let execute = |committed| executor.execute_from_list(&plan, &world.state, outcome.access_list.clone(), committed);
    // What execution makes is not what the block commits to.
    let committed = B256::repeat_byte(7);
    assert_eq!(execute(committed), Err(Error::ListHash { given: right, committed }));
    assert_eq!(execute(right), Ok(outcome.clone()));
}

#[test]
fn falsified_lists_of_any_block_are_refused() {
    let (world, executor) = (blocks::world(), threads());
    let mut tries = vec![0; WAYS.len()];
    for seed in 0..FALSIFIED_BLOCKS {
        let mut dice = Dice(seed);
        let (input, outcome) = executed(&world, block(24, &mut dice));
        let (input, outcome) = without_skipped(&world, &input, &outcome);
        for ((what, way), tries) in WAYS.iter().zip(&mut tries) {
            let Some(list) = falsified(&outcome.access_list, *way, &mut dice) else { continue };
            let what = format!("seed {seed}: {what}");
            let executor = dice.one_in(THREADED_PART).then_some(&executor);
            assert_refused(&what, (&world, &input, &outcome), &list, executor, &mut dice);
            *tries += 1;
        }
    }
    for ((what, _), tries) in WAYS.iter().zip(&tries) {
        assert!(*tries >= TRIES_MIN, "{what}: only {tries} times");
    }
    println!("{} falsified lists", tries.iter().sum::<usize>());
}

/// Wherever money goes, and whatever counts, there can be more on a list than fits.
#[test]
fn a_list_of_more_than_there_can_be_is_refused() {
    let world = blocks::world();
    let (heir, (key, signer)) = (user(40), authority(0));
    let txs = vec![
        input_of(deposit(user(0), heir, 7, 3)),
        input_of(deposit(user(0), heir, 7, 3)),
        transfer(user(1), 0, heir, 1),
        transfer(user(2), 0, heir, 1),
        transfer(user(2), 1, BENEFICIARY, 1),
        Draft::new(user(3), 0, FORWARDER).value(3).data(word(heir)).type_2(),
        Draft::new(user(3), 1, GIVER).data(word(heir)).type_2(),
        Draft::new(user(3), 2, FACTORY).value(2).data(creation(0, &STILLBORN)).gas(150_000).type_2(),
        Draft::new(user(3), 3, FACTORY).value(2).data(creation(0, &MORTAL)).gas(150_000).type_2(),
        Draft::new(user(4), 0, signer).gas(200_000).type_4(vec![authorize(&key, STORER, 0)]),
        Draft::new(user(4), 1, signer).gas(200_000).type_4(vec![authorize(&key, GIVER, 1)]),
        transfer(signer, 2, user(5), 1),
        transfer(user(5), 0, heir, 1),
    ];
    let (input, outcome) = executed(&world, txs);
    assert!(outcome.skipped.is_empty() && outcome.receipts.iter().all(|receipt| receipt.success));
    let right: Vec<AccountChanges> = (&outcome.access_list).into();
    let largest = |place: usize| -> Option<BlockAccessList> {
        let mut accounts = right.clone();
        let counts = balances(&mut accounts).flatten().map(|to| &mut to.post_balance);
        let is_balance = counts.into_iter().nth(place).map(|balance| *balance = U256::MAX).is_some();
        if !is_balance {
            let place = place - balances(&mut accounts).flatten().count();
            nonces(&mut accounts).flatten().nth(place)?.new_nonce = u64::MAX;
        }
        Some(accounts.into())
    };
    let lists: Vec<_> = (0..).map_while(largest).collect();
    assert!(lists.len() > 40, "only {} things change", lists.len());
    for (place, list) in lists.iter().enumerate() {
        // What comes after it is executed before, in some orders.
        for seed in 0..20 {
            assert_refused(&format!("{place}"), (&world, &input, &outcome), list, None, &mut Dice(seed));
        }
    }
}

/// What the last transactions would do is in the list, and the block has no gas for them.
#[test]
fn a_list_of_more_than_the_block_has_gas_for_is_refused() {
    let (world, executor) = (blocks::world(), threads());
    let mut limited = world.clone();
    let mut refused = 0;
    for seed in 0..FALSIFIED_BLOCKS {
        let mut dice = Dice(seed);
        let (input, outcome) = executed(&world, block(24, &mut dice));
        let (input, outcome) = without_skipped(&world, &input, &outcome);
        // The lowest is not enough for two deposits, which are not skipped.
        limited.config.block_gas_limit = dice.pick(&[150_000, 400_000, 700_000]);
        let (input, expected) = executed(&limited, input.transactions);
        let plan = Plan::new(&limited.config, &limited.parent, &input).unwrap();
        let list = &expected.access_list;
        let from_list = executor.execute_from_list(&plan, &world.state, list.clone(), access_list_hash(list));
        assert_eq!(from_list.as_ref(), Ok(&expected), "seed {seed}");
        if *list != outcome.access_list {
            let block = (&limited, &input, &expected);
            assert_refused(&format!("seed {seed}"), block, &outcome.access_list, Some(&executor), &mut dice);
            refused += 1;
        }
    }
    assert!(refused > FALSIFIED_BLOCKS / 4, "only {refused} did not have enough");
}

/// A world whose state answers for the hash of the parent.
fn sealed_world() -> World {
    let mut world = blocks::world();
    world.state.block_hashes.insert(world.parent.number, world.parent.hash_slow());
    world
}

/// Executes a block on a parent that may not be sealed. Also tells whether it was done from the list.
fn ahead(
    executor: &Executor,
    world: &World,
    input: &BlockInput,
    state: &Ahead<&MapState>,
    list: Option<&BlockAccessList>,
) -> (Outcome, bool) {
    let parent = Header { number: state.number(), ..world.parent.clone() };
    let execute =
        || executor.execute_ahead_told(&world.config, &parent, (input, list.map(|list| || Some(list.clone()))), state);
    let (outcome, used) = counted(LISTS_USED, execute);
    (outcome.expect("no hash is missing"), used == 1)
}

#[test]
fn a_list_that_nobody_vouches_for_never_changes_the_outcome() {
    let (world, executor) = (sealed_world(), threads());
    let (mut used, mut falsified_count) = (0, 0);
    for seed in 0..FALSIFIED_BLOCKS {
        let mut dice = Dice(seed);
        let (mut input, mut complete) = executed(&world, block(24, &mut dice));
        // Half of them without what is skipped.
        if dice.one_in(2) {
            (input, complete) = without_skipped(&world, &input, &complete);
        }
        let state = Ahead::new(&world.state, world.parent.number, &[]);
        let (expected, _) = ahead(&executor, &world, &input, &state, None);
        assert_eq!(executor.execute_ahead(&world.config, &world.parent, &input, &state).unwrap(), expected);
        let mut written = expected.clone();
        state.write_parent_hash(&mut written).unwrap();
        assert_eq!(written, complete, "seed {seed}");

        let (outcome, is_used) = ahead(&executor, &world, &input, &state, Some(&complete.access_list));
        assert_eq!(outcome, expected, "seed {seed}");
        assert!(!is_used || complete.skipped.is_empty(), "seed {seed}: no list tells of what is skipped");
        used += usize::from(is_used);
        for (what, way) in WAYS {
            if dice.one_in(THREADED_PART)
                && let Some(list) = falsified(&complete.access_list, *way, &mut dice)
            {
                // It is used where only the parent's hash is wrong, which nobody takes from it.
                let (outcome, _) = ahead(&executor, &world, &input, &state, Some(&list));
                assert_eq!(outcome, expected, "seed {seed}: {what}");
                falsified_count += 1;
            }
        }
    }
    println!("{used} of the right lists used, {falsified_count} falsified");
    // The others have something that is skipped, or are so short that one works alone.
    assert!(used as u64 > FALSIFIED_BLOCKS / 4);
}

/// Stores what [`HISTORY`] says is the hash of the block that its input names.
const ASKER: Address = address!("00000000000000000000000000000000000d00a5");
/// Stores the hash of block 1, which it does not ask that contract for.
const LOOKER: Address = address!("00000000000000000000000000000000000d00a6");

/// Block 1 is executed, and block 2 is to be executed before the state root of block 1 is known.
struct Chain {
    world: World,
    changes: Arc<StateChanges>,
    /// Of block 1.
    parent: Header,
}

impl Chain {
    fn new() -> Self {
        let mut world = sealed_world();
        let asker = [&hex!("5f355f526020602060205f73")[..], HISTORY.as_slice(), &hex!("5afa506020515f5500")].concat();
        world.state.insert(ASKER, 1, U256::ZERO, asker.into());
        world.state.insert(LOOKER, 1, U256::ZERO, bytes!("6001405f5500"));
        let (_, first) = executed(&world, vec![transfer(user(7), 0, user(6), 1)]);
        let parent = Header { number: 1, ..world.parent.clone() };
        Self { world, changes: Arc::new(first.changes), parent }
    }

    /// The state after block 1, whose hash is known or will never be.
    fn state(&self, is_sealed: bool) -> Ahead<&MapState> {
        let (sender, promise) = hash_promise();
        if is_sealed {
            sender.send(self.parent.hash_slow());
        }
        let first = ExecutedBlock::new(self.parent.number, self.changes.clone(), promise);
        Ahead::new(&self.world.state, self.world.parent.number, &[Arc::new(first)])
    }

    /// Block 2, with so many transfers that several workers share it, and what it does, executed when all is sealed.
    fn second(&self, mut transactions: Vec<InputTransaction>) -> (BlockInput, Outcome) {
        for nonce in 0..=RUN_TRANSACTIONS_MAX as u64 {
            transactions.push(transfer(user(0), nonce, user(40), 1));
        }
        let input = BlockInput { number: L2Number(2), ..self.world.input(transactions) };
        let mut state = self.world.state.clone();
        state.apply(&self.changes);
        state.block_hashes.insert(self.parent.number, self.parent.hash_slow());
        let outcome = execute_block(&self.world.config, &self.parent, &input, &state).expect("a map does not fail");
        assert!(outcome.skipped.is_empty() && outcome.receipts.iter().all(|receipt| receipt.success));
        (input, outcome)
    }

    /// Executes block 2 with a list, and adds the hash of block 1. Also tells whether it was done from the list.
    fn execute(
        &self,
        executor: &Executor,
        input: &BlockInput,
        list: &BlockAccessList,
        is_sealed: bool,
    ) -> (Outcome, bool) {
        let (mut outcome, is_used) = ahead(executor, &self.world, input, &self.state(is_sealed), Some(list));
        self.state(true).write_parent_hash(&mut outcome).expect("it is known by now");
        (outcome, is_used)
    }
}

/// The list, with another hash of block 1.
fn with_another_hash(list: &BlockAccessList) -> BlockAccessList {
    let mut accounts: Vec<AccountChanges> = list.into();
    let history = accounts.iter_mut().find(|account| account.address == HISTORY).expect("the hash was written");
    let slot = history.storage_changes.iter_mut().find(|slot| slot.slot == history_slot(1)).expect("there");
    slot.changes[0].new_value = U256::from(7);
    accounts.into()
}

#[test]
fn a_list_is_used_before_the_parent_is_sealed() {
    let (chain, executor) = (Chain::new(), threads());
    let (input, expected) = chain.second((0..4).map(|n| transfer(user(1), n, user(2), n)).collect());
    let list = &expected.access_list;
    assert_eq!(chain.execute(&executor, &input, list, false), (expected.clone(), true));
    // The list says which hash the parent has, and nobody takes that from it.
    assert_eq!(chain.execute(&executor, &input, &with_another_hash(list), false), (expected.clone(), true));
    let mut dice = Dice(0);
    for (what, way) in WAYS {
        // What is not in it cannot be falsified.
        if let Some(list) = falsified(list, *way, &mut dice) {
            assert_eq!(chain.execute(&executor, &input, &list, false).0, expected, "{what}");
        }
    }
}

#[test]
fn hashes_that_are_asked_for_are_not_taken_from_a_list() {
    let (chain, executor) = (Chain::new(), threads());
    let number = |number: u64| U256::from(number).to_be_bytes::<32>();
    let ask = |of| Draft::new(user(1), 0, ASKER).data(number(of));
    let asking = [
        ("the parent's hash, where it was written", ask(1)),
        ("the hash before", ask(0)),
        ("the parent's hash, from the block", Draft::new(user(1), 0, LOOKER)),
        ("the contract's balance", Draft::new(user(1), 0, BALANCER).data(word(HISTORY))),
        ("the contract is paid", Draft::new(user(1), 0, HISTORY).value(1).data(number(1))),
    ];
    let mut dice = Dice(0);
    for (what, draft) in asking {
        let (input, expected) = chain.second(vec![draft.type_2()]);
        let list = &expected.access_list;
        assert_eq!(chain.execute(&executor, &input, list, true).0, expected, "{what}");
        assert_eq!(chain.execute(&executor, &input, &with_another_hash(list), true).0, expected, "{what}, another");
        for (way, falsify) in WAYS {
            if let Some(list) = falsified(list, *falsify, &mut dice) {
                assert_eq!(chain.execute(&executor, &input, &list, true).0, expected, "{what}, {way}");
            }
        }
    }
    let stored = |draft: Draft, at| chain.second(vec![draft.type_2()]).1.changes.accounts[&at].storage[&U256::ZERO];
    let parent = U256::from_be_bytes(chain.parent.hash_slow().0);
    assert_eq!(
        [stored(ask(1), ASKER), stored(Draft::new(user(1), 0, LOOKER), LOOKER)],
        [parent; 2],
        "it was asked for"
    );
}
