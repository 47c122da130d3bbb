//! A block that executes before its parent is sealed is the block that would have executed afterwards.

#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;
#[path = "../../stf/tests/world/mod.rs"]
mod world;

use std::{sync::Arc, thread, time::Duration};

use alloy_primitives::{Address, B256, Bytes, U256, address, bytes};
use sluice_executor::{Ahead, AheadError, ExecutedBlock, Executor, hash_promise};
use sluice_stf::execute_block;
use sluice_types::{BlockInput, InputTransaction, L2Number, Outcome, SealedBlock, StateRead, predeploys::HISTORY};
use world::{Draft, World, user};

/// Stores the hash of the block before in slot 0, and what the history contract says of the number in its input in slot 1.
const ASKER: Address = address!("00000000000000000000000000000000000c0a5c");
/// `sstore(0, blockhash(number - 1))`, then a call with the input's first word, whose answer goes to slot 1.
const ASKER_CODE: Bytes = bytes!(
    "6001430340600055600035600052602060206020600060007300000000000000000000000000000000000000005af15060205160015500"
);

fn world() -> World {
    let mut world = World::new();
    let mut code = ASKER_CODE.to_vec();
    let place = code.windows(20).position(|bytes| bytes.iter().all(|byte| *byte == 0)).expect("room for the address");
    code[place..place + 20].copy_from_slice(HISTORY.as_slice());
    world.state.insert(ASKER, 1, U256::ZERO, code.into());
    world.state.block_hashes.insert(0, world.parent.hash_slow());
    world
}

fn ask(sender: u8, nonce: u64, number: u64) -> InputTransaction {
    Draft::new(user(sender), nonce, ASKER).data(word(number)).gas(200_000).type_2()
}

fn word(number: u64) -> Vec<u8> {
    U256::from(number).to_be_bytes_vec()
}

/// Inputs of blocks 1 to 4: in some of them contracts ask for hashes of blocks that are not sealed when they execute.
fn inputs(world: &World) -> Vec<BlockInput> {
    let pay = |sender, nonce| Draft::new(user(sender), nonce, user(7)).value(5).type_2();
    let pay_history = |number| Draft::new(user(5), 0, HISTORY).value(1).data(word(number)).gas(100_000).type_2();
    let blocks = [
        vec![pay(0, 0), ask(1, 0, 0)],
        vec![ask(0, 1, 0), ask(1, 1, 1), pay(2, 0)],
        vec![pay(0, 2), pay(1, 2)],
        vec![ask(2, 1, 3), ask(3, 0, 2), ask(4, 0, 1), pay_history(3)],
    ];
    let numbered = (1..).zip(blocks).map(|(number, transactions)| {
        let mut input = world.input(transactions);
        input.number = L2Number(number);
        input
    });
    numbered.collect()
}

/// The header of a block as far as execution knows it, and its hash, which depends on all that it did.
fn seal(world: &World, input: &BlockInput, outcome: &Outcome, parent_hash: B256) -> (sluice_types::Header, B256) {
    let sealed = SealedBlock::seal(&world.config, parent_hash, input.clone(), outcome, B256::ZERO);
    (sealed.block.header, sealed.hash)
}

/// One block after the other.
fn sequentially(world: &World) -> Vec<(Outcome, B256)> {
    let mut parent = (world.parent.clone(), world.parent.hash_slow());
    let mut state = world.state.clone();
    let mut blocks = Vec::new();
    for input in inputs(world) {
        let outcome = execute_block(&world.config, &parent.0, &input, &state).expect("a map does not fail");
        assert_eq!(outcome.executed.len(), input.transactions.len());
        state.apply(&outcome.changes);
        parent = seal(world, &input, &outcome, parent.1);
        state.block_hashes.insert(input.number.0, parent.1);
        blocks.push((outcome, parent.1));
    }
    blocks
}

#[test]
fn executed_ahead_of_their_parents_hashes_blocks_are_the_same() {
    let world = world();
    let expected = sequentially(&world);
    // What the test is about happens: hashes were read, and from contracts.
    let asked = &expected[3].0.changes.accounts[&ASKER].storage;
    assert_eq!(asked[&U256::ZERO], U256::from_be_bytes(expected[2].1.0));
    assert_eq!(expected[3].0.changes.accounts[&HISTORY].account.map(|account| account.balance), Some(U256::from(1)));

    let base = world.state.clone();
    let executor = Executor::default();
    let mut parent = world.parent.clone();
    let mut blocks: Vec<Arc<ExecutedBlock>> = Vec::new();
    thread::scope(|scope| {
        for (place, input) in inputs(&world).into_iter().enumerate() {
            let state = Ahead::new(base.clone(), 0, &blocks);
            let outcome = executor.execute_ahead(&world.config, &parent, &input, &state).expect("hashes come");
            // What the next block may know: the header without what depends on the hash below.
            parent = seal(&world, &input, &outcome, B256::ZERO).0;
            let (sender, promise) = hash_promise();
            let executed = ExecutedBlock::new(input.number.0, Arc::new(outcome.changes.clone()), promise);
            blocks.push(Arc::new(executed));
            let (world, expected) = (&world, &expected);
            // Sealing takes its time, and happens elsewhere.
            scope.spawn(move || {
                let mut outcome = outcome;
                thread::sleep(Duration::from_millis(20));
                state.write_parent_hash(&mut outcome).expect("the parent is sealed before");
                assert_eq!(outcome, expected[place].0, "block {}", input.number);
                let below = state.block_hash(state.number()).expect("it is known by now");
                let (_, hash) = seal(world, &input, &outcome, below);
                assert_eq!(hash, expected[place].1);
                sender.send(hash);
            });
        }
    });
}

#[test]
fn a_hash_that_never_comes_is_an_error_and_no_wait() {
    let world = world();
    let (sender, promise) = hash_promise();
    let first = ExecutedBlock::new(1, Arc::default(), promise);
    let state = Ahead::new(world.state.clone(), 0, &[Arc::new(first)]);
    drop(sender);
    let mut parent = world.parent.clone();
    parent.number = 1;
    let mut input = world.input(vec![ask(0, 0, 0)]);
    input.number = L2Number(2);
    let error = Executor::default().execute_ahead(&world.config, &parent, &input, &state).expect_err("no hash");
    assert!(matches!(error, sluice_stf::Error::State(AheadError::Unsealed(1))), "{error}");
    assert!(error.to_string().contains("was not sealed"), "{error}");
    // Who does not ask does not mind.
    input.transactions = vec![Draft::new(user(0), 0, user(7)).value(5).type_2()];
    let outcome = Executor::default().execute_ahead(&world.config, &parent, &input, &state).expect("nothing is asked");
    assert_eq!(outcome.executed, [0]);
    assert!(matches!(state.write_parent_hash(&mut outcome.clone()), Err(AheadError::Unsealed(1))));
}

#[test]
fn a_chain_without_the_history_contract_is_refused() {
    let mut world = world();
    world.state.accounts.remove(&HISTORY);
    let state = Ahead::new(world.state.clone(), 0, &[]);
    let input = world.input(Vec::new());
    let error = Executor::default().execute_ahead(&world.config, &world.parent, &input, &state).expect_err("refused");
    assert!(error.to_string().contains("EIP-2935"), "{error}");
}
