//! Where parallel execution goes wrong elsewhere, each by name; and thousands of blocks made of all of it.
//!
//! Everything is executed sequentially, in interleavings that seeds decide, on threads, and from its access list. All must agree in
//! receipts, gas, logs, what was skipped and why, changes and access list. A failure prints the seed that replays it.

#[path = "../../stf/tests/dice/mod.rs"]
mod dice;
#[path = "../../stf/tests/falsified/mod.rs"]
mod falsified;
#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;
#[path = "../../stf/tests/world/mod.rs"]
mod world;

#[path = "hostile/blocks.rs"]
mod blocks;
#[path = "hostile/counted.rs"]
mod counted;
#[path = "hostile/lists.rs"]
mod lists;
#[path = "hostile/schedule.rs"]
mod schedule;

use std::{num::NonZeroUsize, time::Duration};

use alloy_primitives::{Address, B256, Bytes, U256};
use blocks::{
    BALANCER, COUNTER, FACTORY, FORWARDER, GIVER, HASHER, MISER, MORTAL, PAIRER, PHOENIX, block, child, creation,
    transfer, word,
};
use counted::{LISTS_NOT_USED, counted};
use dice::Dice;
use sluice_executor::{BULK_TRANSFERS_MIN, Executor};
use sluice_stf::{Plan, execute_block};
use sluice_types::{
    Account, BlockAccessList, BlockInput, InputTransaction, Outcome, Skip, StateRead, access_list_hash,
    predeploys::FEE_VAULT,
};
use world::{BENEFICIARY, Draft, ETHER, STORER, World, authority, authorize, user};

/// Blocks in the random test; `SLUICE_HOSTILE_BLOCKS` sets another number, `SLUICE_HOSTILE_SEED` the first seed.
const BLOCKS: u64 = 10_000;
/// Interleavings of each block that is made by hand.
const INTERLEAVINGS: u64 = 200;
/// Times that threads execute each block that is made by hand.
const THREADED: u64 = 20;

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

fn threads() -> Executor {
    Executor::with_workers(NonZeroUsize::new(3).expect("three")).sharing_from(Duration::ZERO)
}

/// A block without what was skipped of it, and its outcome, which is otherwise the same: what is skipped leaves no trace.
fn without_skipped(world: &World, input: &BlockInput, outcome: &Outcome) -> (BlockInput, Outcome) {
    let transactions = outcome.executed.iter().map(|index| input.transactions[*index].clone()).collect();
    let (executed, skipped) = ((0..outcome.executed.len()).collect(), Vec::new());
    (world.input(transactions), Outcome { executed, skipped, ..outcome.clone() })
}

/// Executes a block on threads from its list, and asserts that it was the list that was used.
fn from_list_alone(executor: &Executor, plan: &Plan<'_>, world: &World, list: &BlockAccessList) -> Outcome {
    let hash = access_list_hash(list);
    let execute = || executor.execute_from_list(plan, &world.state, list.clone(), hash);
    let (outcome, times_without) = counted(LISTS_NOT_USED, execute);
    assert_eq!(times_without, 0, "the list tells all that is to be known");
    outcome.expect("the list is right")
}

/// Executes a block in every way, and gives the outcome that all agree on.
fn agreed(world: &World, transactions: Vec<InputTransaction>) -> Outcome {
    let input = world.input(transactions);
    let expected = execute_block(&world.config, &world.parent, &input, &world.state).expect("a map does not fail");
    let plan = Plan::new(&world.config, &world.parent, &input).expect("a map does not fail");
    for seed in 0..INTERLEAVINGS {
        let (outcome, _) = schedule::execute(&plan, &world.state, &mut Dice(seed)).expect("a map does not fail");
        assert_eq!(outcome, expected, "interleaving {seed}");
    }
    let executor = threads();
    for _ in 0..THREADED {
        assert_eq!(
            executor.execute(&world.config, &world.parent, &input, &world.state).expect("a map does not fail"),
            expected,
            "threads"
        );
    }
    let list = &expected.access_list;
    let from_list = executor.execute_from_list(&plan, &world.state, list.clone(), access_list_hash(list));
    assert_eq!(from_list.expect("the list is right"), expected, "with its list");

    let (told, told_expected) = without_skipped(world, &input, &expected);
    let plan = Plan::new(&world.config, &world.parent, &told).expect("a map does not fail");
    for seed in 0..INTERLEAVINGS {
        let outcome = schedule::execute_told(&plan, &world.state, list, &mut Dice(seed));
        assert_eq!(outcome.as_ref(), Some(&told_expected), "from the list, in order {seed}");
    }
    for _ in 0..THREADED {
        assert_eq!(from_list_alone(&executor, &plan, world, list), told_expected, "from the list, threads");
    }
    expected
}

fn stored(world: &World, outcome: &Outcome, contract: Address, key: Address) -> U256 {
    let state = world.after(outcome);
    state.accounts[&contract].1.get(&key.into_word().into()).copied().unwrap_or_default()
}

#[test]
fn any_interleaving_of_any_block_gives_what_sequential_execution_gives() {
    let world = blocks::world();
    let executor = threads();
    let first = setting("SLUICE_HOSTILE_SEED", 0);
    let (mut executed, mut skipped, mut held, mut failed) = (0, 0, 0, 0);
    for seed in first..first + setting("SLUICE_HOSTILE_BLOCKS", BLOCKS) {
        let replay = format!("replay with SLUICE_HOSTILE_SEED={seed} SLUICE_HOSTILE_BLOCKS=1");
        let mut dice = Dice(seed);
        let mut world = world.clone();
        if dice.one_in(4) {
            world.config.block_gas_limit = 700_000;
        }
        let input = world.input(block(24, &mut dice));
        let expected = execute_block(&world.config, &world.parent, &input, &world.state).unwrap();
        let plan = Plan::new(&world.config, &world.parent, &input).unwrap();
        for _ in 0..2 {
            let (outcome, as_foreseen) = schedule::execute(&plan, &world.state, &mut dice).unwrap();
            assert_eq!(outcome, expected, "{replay}");
            held += as_foreseen;
        }
        let (told, told_expected) = without_skipped(&world, &input, &expected);
        if !expected.skipped.is_empty() {
            let outcome = execute_block(&world.config, &world.parent, &told, &world.state).unwrap();
            assert_eq!(outcome, told_expected, "without what is skipped, {replay}");
        }
        let told_plan = Plan::new(&world.config, &world.parent, &told).unwrap();
        let list = &expected.access_list;
        let outcome = schedule::execute_told(&told_plan, &world.state, list, &mut dice);
        assert_eq!(outcome.as_ref(), Some(&told_expected), "from the list, {replay}");
        let outcome = executor.execute(&world.config, &world.parent, &input, &world.state).unwrap();
        assert_eq!(outcome, expected, "threads, {replay}");
        let outcome = from_list_alone(&executor, &told_plan, &world, list);
        assert_eq!(outcome, told_expected, "from the list on threads, {replay}");
        if seed % 16 == 0 {
            let outcome = executor.execute_from_list(&plan, &world.state, list.clone(), access_list_hash(list));
            assert_eq!(outcome.unwrap(), expected, "with the list, {replay}");
        }
        executed += expected.executed.len();
        skipped += expected.skipped.len();
        failed += expected.receipts.iter().filter(|receipt| !receipt.success).count();
    }
    println!("{executed} executed ({failed} failed), {skipped} skipped; {held} as foreseen");
    // The blocks are what they are meant to be: something of everything.
    assert!(held > executed / 4 && skipped > executed / 50 && failed > executed / 50);
}

#[test]
fn beneficiary_as_sender_recipient_and_heir() {
    let world = blocks::world();
    let heir = creation(0, &MORTAL);
    let mortal = child(FACTORY, 0, &MORTAL);
    let outcome = agreed(
        &world,
        vec![
            transfer(user(0), 0, BENEFICIARY, 5),
            transfer(BENEFICIARY, 0, user(1), ETHER / 2),
            transfer(user(1), 0, user(2), 7),
            Draft::new(user(2), 0, FACTORY).value(9).data(heir).gas(150_000).type_2(),
            Draft::new(user(3), 0, mortal).data(word(BENEFICIARY)).type_2(),
            Draft::new(user(3), 1, BALANCER).data(word(BENEFICIARY)).type_2(),
            transfer(BENEFICIARY, 1, BENEFICIARY, 1),
            transfer(user(0), 1, user(1), 1),
        ],
    );
    assert_eq!(outcome.executed.len(), 8);
    assert!(outcome.receipts.iter().all(|receipt| receipt.success));
}

#[test]
fn contract_is_destroyed_and_revived_at_the_same_address() {
    let world = blocks::world();
    let again = |nonce| Draft::new(user(0), nonce, PHOENIX).data(creation(0, &MORTAL)).gas(150_000).type_2();
    let mortal = child(PHOENIX, 0, &MORTAL);
    let hash = |from, nonce| Draft::new(from, nonce, HASHER).data(word(mortal)).type_2();
    let outcome = agreed(
        &world,
        vec![
            again(0),
            hash(user(1), 0),
            transfer(user(2), 0, mortal, 3),
            again(1),
            hash(user(1), 1),
            again(2),
            transfer(user(3), 0, mortal, 3),
            hash(user(2), 1),
        ],
    );
    assert_eq!(outcome.executed.len(), 8);
    let state = world.after(&outcome);
    assert_eq!(state.balance(mortal), U256::from(3), "what came after its last end stays");
    assert_eq!(state.accounts[&mortal].0.nonce, 0, "and nothing else does");
}

#[test]
fn account_with_money_is_destroyed_by_whom_is_created_there() {
    let world = blocks::world();
    let mortal = child(PHOENIX, 1, &MORTAL);
    let again = |nonce| Draft::new(user(0), nonce, PHOENIX).data(creation(1, &MORTAL)).gas(150_000).type_2();
    let ask = |from, nonce, what| Draft::new(from, nonce, what).data(word(mortal)).type_2();
    let outcome = agreed(&world, vec![ask(user(1), 0, BALANCER), again(0), ask(user(2), 0, HASHER), again(1)]);
    assert_eq!(stored(&world, &outcome, BALANCER, mortal), U256::from(5));
    assert!(stored(&world, &outcome, HASHER, mortal).is_zero());
    let change = &outcome.changes.accounts[&mortal];
    assert!(change.account.is_none() && change.storage_wiped);
}

#[test]
fn delegation_is_set_changed_and_cleared_in_one_block() {
    let world = blocks::world();
    let (key, signer) = authority(0);
    let delegate = |from, nonce, code, at| {
        Draft::new(from, nonce, signer).gas(200_000).data([7; 32]).type_4(vec![authorize(&key, code, at)])
    };
    let call = |from, nonce, to| Draft::new(from, nonce, to).data([9; 32]).type_2();
    let outcome = agreed(
        &world,
        vec![
            delegate(user(0), 0, STORER, 0),
            call(user(1), 0, signer),
            delegate(user(2), 0, MISER, 1),
            call(user(1), 1, signer),
            // The delegated account goes on sending transactions of its own, and its own nonce counts.
            transfer(signer, 2, user(3), 4),
            delegate(user(0), 1, Address::ZERO, 3),
            call(user(1), 2, signer),
            Draft::new(user(3), 0, HASHER).data(word(signer)).type_2(),
        ],
    );
    assert_eq!((outcome.executed.len(), outcome.skipped.len()), (8, 0));
    assert!(
        outcome.receipts[6].gas_used < outcome.receipts[3].gas_used,
        "no code ran after the delegation was cleared"
    );
}

#[test]
fn code_hash_and_balance_of_a_fresh_account() {
    let world = blocks::world();
    let fresh = Address::repeat_byte(0xd7);
    let ask = |from, nonce, what| Draft::new(from, nonce, what).data(word(fresh)).type_2();
    let outcome = agreed(
        &world,
        vec![
            ask(user(0), 0, HASHER),
            transfer(user(1), 0, fresh, 11),
            ask(user(2), 0, BALANCER),
            ask(user(3), 0, HASHER),
            transfer(user(1), 1, fresh, 0),
        ],
    );
    assert_eq!(stored(&world, &outcome, BALANCER, fresh), U256::from(11));
    assert_eq!(stored(&world, &outcome, HASHER, fresh), U256::from_be_bytes(sluice_types::EMPTY_CODE_HASH.0));
    // A touch with nothing leaves nothing.
    let outcome = agreed(&world, vec![transfer(user(1), 0, fresh, 0), ask(user(0), 0, HASHER)]);
    assert!(stored(&world, &outcome, HASHER, fresh).is_zero());
    assert!(!world.after(&outcome).accounts.contains_key(&fresh));
}

#[test]
fn money_that_is_there_only_after_somebody_paid() {
    let world = blocks::world();
    let poor = user(9);
    // One transfer takes 105,000,000 and the L1 fee at most.
    let gift = |nonce| transfer(user(0), nonce, poor, 200_000_000);
    let spend = |nonce| transfer(poor, nonce, user(1), 100_000_000);
    let outcome =
        agreed(&world, vec![spend(0), spend(1), gift(0), spend(1), gift(1), spend(2), spend(3), spend(4), spend(5)]);
    assert!(outcome.skipped.iter().any(|skipped| matches!(skipped.reason, Skip::InsufficientFunds { .. })));
    assert!(outcome.executed.len() >= 5);
}

#[test]
fn invalid_transaction_in_the_middle_leaves_the_later_ones_alone() {
    let world = blocks::world();
    let outcome = agreed(
        &world,
        vec![
            transfer(user(0), 0, user(1), 1),
            transfer(user(0), 7, user(1), 1),
            transfer(user(8), 0, user(1), ETHER),
            Draft::new(user(2), 0, COUNTER).gas(10).type_2(),
            transfer(user(0), 1, user(1), 1),
            Draft::new(user(2), 0, COUNTER).data([0; 32]).type_2(),
            transfer(user(0), 1, user(1), 1),
        ],
    );
    assert_eq!(outcome.executed, [0, 4, 5]);
    assert_eq!(outcome.skipped.len(), 4);
}

#[test]
fn one_sender_sends_them_all() {
    let world = blocks::world();
    let outcome = agreed(&world, (0..40).map(|nonce| transfer(user(0), nonce, user(1), nonce)).collect());
    assert_eq!(outcome.executed.len(), 40);
    let plan_input = world.input((0..40).map(|nonce| transfer(user(0), nonce, user(1), nonce)).collect());
    let plan = Plan::new(&world.config, &world.parent, &plan_input).unwrap();
    // A nonce is known beforehand, and a balance need only be enough: nothing is executed twice.
    let held: usize = (0..20).map(|seed| schedule::execute(&plan, &world.state, &mut Dice(seed)).unwrap().1).sum();
    assert!(held > 300, "only {held} were as foreseen");
}

#[test]
fn chain_of_dependent_transactions_ends() {
    let world = blocks::world();
    // Long enough to be taken for a chain, again and again, and to end in the middle of one.
    let count = |n: u64| Draft::new(user(0), n, COUNTER).data([5; 32]).gas(60_000).type_2();
    let other = |n: u64| transfer(user(1), n, user(2), 1);
    for length in [25, 40, 64, 200, 333] {
        let input = world
            .input((0..length).flat_map(|n| [count(n), other(n)]).take(usize::try_from(length).unwrap()).collect());
        let expected = execute_block(&world.config, &world.parent, &input, &world.state).unwrap();
        for workers in 2..5 {
            let executor = Executor::with_workers(NonZeroUsize::new(workers).unwrap()).sharing_from(Duration::ZERO);
            for _ in 0..20 {
                let outcome = executor.execute(&world.config, &world.parent, &input, &world.state).unwrap();
                assert_eq!(outcome, expected, "{length} transactions, {workers} workers");
            }
        }
        let input = world.input((0..length).map(count).collect());
        let expected = execute_block(&world.config, &world.parent, &input, &world.state).unwrap();
        let executor = threads();
        for _ in 0..20 {
            let outcome = executor.execute(&world.config, &world.parent, &input, &world.state).unwrap();
            assert_eq!(outcome, expected, "{length} transactions");
        }
    }
}

#[test]
fn contracts_read_the_fee_vault_and_their_own_balance_while_everybody_pays() {
    let world = blocks::world();
    let look = |from, nonce, at| Draft::new(from, nonce, BALANCER).data(word(at)).type_2();
    let outcome = agreed(
        &world,
        vec![
            transfer(user(0), 0, user(1), 1),
            look(user(2), 0, FEE_VAULT),
            transfer(user(1), 0, MISER, 5),
            Draft::new(user(3), 0, MISER).value(2).type_2(),
            look(user(2), 1, FEE_VAULT),
            transfer(user(0), 1, FEE_VAULT, 1),
            look(user(2), 2, FEE_VAULT),
            Draft::new(user(4), 0, FORWARDER).value(3).data(word(MISER)).type_2(),
            Draft::new(user(5), 0, GIVER).data(word(FEE_VAULT)).type_2(),
            look(user(2), 3, MISER),
        ],
    );
    assert_eq!(outcome.executed.len(), 10);
    assert!(!stored(&world, &outcome, BALANCER, FEE_VAULT).is_zero());
}

#[test]
fn gas_runs_out_at_the_edge() {
    let world = blocks::world();
    let call = |from, nonce, gas| Draft::new(from, nonce, COUNTER).data([1; 32]).gas(gas).type_2();
    let needed = agreed(&world, vec![call(user(0), 0, 100_000)]).receipts[0].gas_used;
    let outcome = agreed(
        &world,
        vec![
            call(user(0), 0, needed - 1),
            call(user(1), 0, needed),
            call(user(2), 0, needed),
            call(user(3), 0, needed - 20_000),
        ],
    );
    let success: Vec<_> = outcome.receipts.iter().map(|receipt| receipt.success).collect();
    assert_eq!(success, [false, true, true, false], "the slot costs less once it is not zero");
    assert!(outcome.receipts[2].gas_used < needed);
}

#[test]
fn precompiles_fail_alike() {
    let world = blocks::world();
    let pair = |from, nonce, input: Vec<u8>| Draft::new(from, nonce, PAIRER).data(input).gas(200_000).type_2();
    let outcome = agreed(
        &world,
        vec![
            pair(user(0), 0, vec![1; 192]),
            pair(user(1), 0, Vec::new()),
            pair(user(2), 0, vec![0; 192]),
            Draft::new(user(3), 0, Address::with_last_byte(8)).data(vec![1; 191]).type_2(),
            transfer(user(4), 0, Address::with_last_byte(2), 3),
        ],
    );
    assert_eq!(outcome.executed.len(), 5);
    assert!(!outcome.receipts[3].success);
}

#[test]
fn keys_that_differ_in_one_byte_are_different_keys() {
    let world = blocks::world();
    // At every place in turn: whatever takes less than the whole key for it takes some of them for the same. What a table does with keys
    // that have the same hash, stf tests with a hash that is the same for all.
    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
    let key = |n: usize| {
        let mut key = [0; 32];
        key[n % 32] = 1 + (n / 32) as u8;
        key
    };
    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
    let count = |n: usize| Draft::new(user((n % 8) as u8), (n / 8) as u64, COUNTER).data(key(n)).gas(60_000).type_2();
    let outcome = agreed(&world, (0..96).map(count).collect());
    assert_eq!(outcome.executed.len(), 96);
    assert_eq!(outcome.changes.accounts[&COUNTER].storage.len(), 96);
}

/// Accounts and slots are sorted and found by the first eight bytes of their keys, and by all of them where those are the same.
#[test]
fn keys_that_start_alike_are_sorted_and_found_by_the_rest() {
    const SENDERS: u8 = 8;
    const CONTRACTS: u8 = 3;
    const KEYS: u8 = 136;
    let mut world = blocks::world();
    // In an order that is not that of the numbers.
    let address = |n: u8| {
        let mut address = Address::repeat_byte(0xee);
        address[8 + usize::from(n % 12)] = n;
        address
    };
    let key = |n: u8| {
        let mut key = [0xee; 32];
        key[8 + usize::from(n % 24)] = n;
        key
    };
    let (contract, stranger) =
        (|n: u8| address(SENDERS + n % CONTRACTS), |n: u8| address(SENDERS + CONTRACTS + n % 40));
    (0..SENDERS).for_each(|n| world.state.insert(address(n), 0, U256::from(ETHER), Bytes::new()));
    let code = world.state.codes[&world.state.accounts[&COUNTER].0.code_hash].clone();
    (0..CONTRACTS).for_each(|n| world.state.insert(contract(n), 1, U256::ZERO, code.clone()));
    // One contract has so many of the slots that several workers sort them.
    let mut calls: Vec<_> = (0..KEYS).map(|n| (contract(0), 0, key(n).into())).collect();
    for n in 0..24 {
        calls.push((contract(n), 0, key(n).into()));
        calls.push((BALANCER, 0, word(stranger(n))));
        calls.push((stranger(n / 2), 1, Bytes::new()));
    }
    Dice(0).shuffle(&mut calls);
    let senders = (0..).flat_map(|nonce| (0..SENDERS).map(move |n| (n, nonce)));
    let call = |((to, value, data), (n, nonce)): ((_, _, Bytes), _)| {
        Draft::new(address(n), nonce, to).value(value).data(data).gas(60_000).type_2()
    };
    let outcome = agreed(&world, calls.into_iter().zip(senders).map(call).collect());
    assert!(outcome.skipped.is_empty() && outcome.receipts.iter().all(|receipt| receipt.success));
    // Sequential execution sorts in the same way, so that agreeing is not enough.
    let list = &outcome.access_list;
    assert!(list.accounts().is_sorted_by(|a, b| a.address() < b.address()));
    for account in list.accounts() {
        assert!(account.storage_changes().is_sorted_by(|a, b| a.slot < b.slot), "{}", account.address());
    }
    assert_eq!(list.account(&contract(0)).map(|account| account.storage_changes().len()), Some(KEYS.into()));
    for n in 0..KEYS {
        let times = if n < 24 && n % CONTRACTS == 0 { 2 } else { 1 };
        let slot = U256::from_be_bytes(key(n));
        assert_eq!(outcome.changes.accounts[&contract(0)].storage[&slot], U256::from(times), "slot {n}");
    }
}

/// A state that breaks when it is asked for one account.
struct Broken<'a>(&'a World, Address);

impl StateRead for Broken<'_> {
    type Error = std::convert::Infallible;
    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        assert!(address != self.1, "broken");
        self.0.state.account(address)
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        self.0.state.storage(address, slot)
    }
    fn code(&self, hash: B256) -> Result<Bytes, Self::Error> {
        self.0.state.code(hash)
    }
    fn block_hash(&self, number: u64) -> Result<B256, Self::Error> {
        self.0.state.block_hash(number)
    }
}

#[test]
fn nobody_waits_for_a_worker_that_panics() {
    let world = blocks::world();
    let count = |n: u8| Draft::new(user(n % 7), u64::from(n / 7), COUNTER).data([n; 32]).gas(60_000).type_2();
    let executor = threads();
    let mut txs: Vec<_> = (0..70).map(count).collect();
    // Only one transaction needs what breaks, so that the others have no reason to stop.
    txs.insert(35, transfer(user(7), 0, user(0), 1));
    let input = world.input(txs);
    for _ in 0..8 {
        let state = Broken(&world, user(7));
        let execute = || executor.execute(&world.config, &world.parent, &input, &state);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(execute)).is_err(), "the panic is passed on");
    }
    // What it left behind does no harm.
    let expected = execute_block(&world.config, &world.parent, &input, &world.state).unwrap();
    assert_eq!(executor.execute(&world.config, &world.parent, &input, &world.state), Ok(expected));
}

/// A world in which 40 users have enough, and one that has hardly any.
fn rich_world() -> World {
    let mut world = blocks::world();
    world.config.block_gas_limit = 100_000_000;
    (20..60).for_each(|n| world.state.insert(user(n), 0, U256::from(ETHER), Bytes::new()));
    world
}

/// Transfers of the 40 users among each other and to others, each with its right nonce.
fn transfers(count: usize, dice: &mut Dice) -> Vec<InputTransaction> {
    let mut nonces = [0_u64; 60];
    let transfer = |_| {
        let from = 20 + dice.byte(40);
        let nonce = nonces[usize::from(from)];
        nonces[usize::from(from)] += 1;
        // Users, some who have nothing, themselves.
        let (other, stranger) = (20 + dice.byte(40), 100 + dice.byte(100));
        let to = user(dice.pick(&[from, other, other, stranger]));
        let draft = Draft::new(user(from), nonce, to).value(dice.pick(&[0, 1, 1_000_000])).gas(21_000);
        if dice.one_in(3) { draft.legacy(Some(901)) } else { draft.type_2() }
    };
    (0..count).map(transfer).collect()
}

/// What executors do with a block whose transfers at its end are many, and whether those could be settled account by account.
fn settled(world: &World, transactions: Vec<InputTransaction>, what: &str) -> bool {
    let input = world.input(transactions);
    let plan = Plan::new(&world.config, &world.parent, &input).expect("a map does not fail");
    let expected = execute_block(&world.config, &world.parent, &input, &world.state).expect("a map does not fail");
    let mut is_settled = Vec::new();
    for workers in 1..4 {
        let outcome = schedule::settle(&plan, &world.state, workers);
        is_settled.push(outcome.is_some());
        if let Some(outcome) = outcome {
            assert_eq!(outcome, expected, "{what}, settled by {workers}");
        }
    }
    let executor = threads();
    for _ in 0..2 {
        let outcome =
            executor.execute(&world.config, &world.parent, &input, &world.state).expect("a map does not fail");
        assert_eq!(outcome, expected, "{what}, threads");
    }
    assert!(is_settled.iter().all(|is| *is == is_settled[0]), "{what}: what is certain does not depend on the workers");
    is_settled[0]
}

#[test]
fn transfers_are_settled_account_by_account() {
    let world = rich_world();
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut txs = blocks::block(12, &mut dice);
        // What comes before it is not one of them.
        txs.push(Draft::new(user(7), 0, COUNTER).data([3; 32]).type_2());
        let head = txs.len();
        txs.extend(transfers(BULK_TRANSFERS_MIN + dice.roll(700), &mut dice));
        assert!(settled(&world, txs.clone(), &format!("seed {seed}")), "seed {seed} has nothing uncertain");
        txs.drain(..head);
        assert!(settled(&world, txs, &format!("seed {seed} alone")), "seed {seed} has nothing uncertain");
    }
}

/// Accounts are divided among workers by the starts of their addresses, which anybody may choose.
#[test]
fn addresses_that_start_alike_are_divided_too() {
    let world = rich_world();
    let paid = |n: u16| {
        let mut to = Address::repeat_byte(0xee);
        // Some differ in the first bytes, some only in the last, in an order of neither.
        to[if n.is_multiple_of(3) { 1 } else { 18 }..][..2].copy_from_slice(&n.wrapping_mul(0x9e37).to_be_bytes());
        transfer(user((n % 8) as u8), u64::from(n / 8), to, 1)
    };
    assert!(settled(&world, (0..1_500).map(paid).collect(), "addresses that start alike"));
}

#[test]
fn transfers_that_are_not_certain_are_executed() {
    let world = rich_world();
    let (key, delegated) = authority(0);
    let vault_owner = |from, to| Draft::new(from, 0, to).value(1).gas(21_000).type_2();
    let odd: Vec<(&str, Vec<InputTransaction>)> = vec![
        // One transfer takes 105,000,000 and the L1 fee at most: the third is one too many.
        ("funds run out", (0..4).map(|nonce| transfer(user(9), nonce, user(20), 50_000_000)).collect()),
        ("a nonce is left out", vec![transfer(user(0), 0, user(20), 1), transfer(user(0), 2, user(20), 1)]),
        ("a nonce comes twice", vec![transfer(user(0), 0, user(20), 1), transfer(user(0), 0, user(20), 1)]),
        ("a contract is paid", vec![Draft::new(user(0), 0, MISER).value(1).gas(100_000).type_2()]),
        ("a contract refuses", vec![Draft::new(user(0), 0, PAIRER).value(1).gas(21_001).type_2()]),
        ("a precompile is paid", vec![Draft::new(user(0), 0, Address::with_last_byte(2)).value(1).type_2()]),
        ("the beneficiary is paid", vec![transfer(user(0), 0, BENEFICIARY, 1)]),
        ("the beneficiary pays", vec![transfer(BENEFICIARY, 0, user(1), 1)]),
        ("the vault is paid", vec![transfer(user(0), 0, FEE_VAULT, 1)]),
        ("the vault would pay", vec![vault_owner(FEE_VAULT, user(1))]),
        ("too little gas", vec![Draft::new(user(0), 0, user(1)).value(1).gas(20_999).type_2()]),
        ("too much gas", vec![Draft::new(user(0), 0, user(1)).value(1).gas(99_000_000).type_2()]),
    ];
    for (what, odd) in odd {
        for at in [0, 77, BULK_TRANSFERS_MIN] {
            let mut txs = transfers(BULK_TRANSFERS_MIN, &mut Dice(7));
            txs.splice(at..at, odd.clone());
            assert!(!settled(&world, txs, what), "{what}");
        }
    }
    // A sender that has become a delegate before.
    let mut txs = vec![Draft::new(user(0), 0, user(1)).gas(200_000).data([1]).type_4(vec![authorize(&key, STORER, 0)])];
    txs.extend(transfers(BULK_TRANSFERS_MIN, &mut Dice(8)));
    assert!(settled(&world, txs.clone(), "nobody pays the delegate"));
    txs.push(transfer(user(2), 0, delegated, 1));
    assert!(!settled(&world, txs.clone(), "a delegate is paid"));
    txs.pop();
    txs.push(transfer(delegated, 1, user(2), 1));
    assert!(!settled(&world, txs, "a delegate pays"));
}

#[test]
fn what_comes_before_the_transfers_counts_for_them() {
    let world = rich_world();
    // Who has nothing is paid by a contract's call, then pays; and a contract looks at what later changes.
    let poor = user(70);
    let mut txs = vec![
        Draft::new(user(0), 0, FORWARDER).value(ETHER / 4).data(word(poor)).type_2(),
        Draft::new(user(1), 0, BALANCER).data(word(FEE_VAULT)).type_2(),
        Draft::new(user(1), 1, BALANCER).data(word(BENEFICIARY)).type_2(),
        transfer(user(2), 0, user(3), 0),
        Draft::new(user(1), 2, BALANCER).data(word(user(3))).type_2(),
    ];
    txs.extend(transfers(BULK_TRANSFERS_MIN, &mut Dice(9)));
    txs.push(transfer(poor, 0, user(3), 5));
    txs.push(transfer(user(3), 0, poor, 5));
    assert!(settled(&world, txs, "paid before"));
}
