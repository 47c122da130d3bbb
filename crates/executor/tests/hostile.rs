//! Where parallel execution goes wrong elsewhere, each by name; and thousands of blocks made of all of it.
//!
//! Everything is executed sequentially, in interleavings that seeds decide, and on threads. All must agree in receipts, gas, logs,
//! what was skipped and why, changes and access list. A failure prints the seed that replays it.

#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;
#[path = "../../stf/tests/world/mod.rs"]
mod world;

#[path = "hostile/blocks.rs"]
mod blocks;
#[path = "hostile/schedule.rs"]
mod schedule;

use std::{num::NonZeroUsize, time::Duration};

use alloy_eips::eip7928::{AccountChanges, BlockAccessIndex, CodeChange, SlotChanges};
use alloy_primitives::{Address, B256, Bytes, U256};
use blocks::{
    BALANCER, COUNTER, FACTORY, FORWARDER, GIVER, HASHER, MISER, MORTAL, PAIRER, PHOENIX, block, child, creation,
    transfer, word,
};
use schedule::Dice;
use sluice_executor::{BULK_TRANSFERS_MIN, Error, Executor};
use sluice_stf::{Plan, execute_block};
use sluice_types::{
    Account, BlockAccessList, InputTransaction, Outcome, Skip, StateRead, access_list_hash, predeploys::FEE_VAULT,
};
use world::{BENEFICIARY, Draft, ETHER, STORER, World, authority, authorize, user};

/// Blocks in the random test; `SLUICE_HOSTILE_BLOCKS` sets another number, `SLUICE_HOSTILE_SEED` the first seed.
const BLOCKS: u64 = 10_000;
/// Interleavings of each block that is made by hand.
const INTERLEAVINGS: u64 = 200;

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

fn threads() -> Executor {
    Executor::with_workers(NonZeroUsize::new(3).expect("three")).sharing_from(Duration::ZERO)
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
    for _ in 0..20 {
        assert_eq!(
            executor.execute(&world.config, &world.parent, &input, &world.state).expect("a map does not fail"),
            expected,
            "threads"
        );
    }
    let hash = access_list_hash(&expected.access_list);
    let from_list = executor.execute_from_list(&plan, &world.state, expected.access_list.clone(), hash);
    assert_eq!(from_list.expect("the list is right"), expected, "from the list");
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
            assert_eq!(outcome, expected, "replay with SLUICE_HOSTILE_SEED={seed} SLUICE_HOSTILE_BLOCKS=1");
            held += as_foreseen;
        }
        if seed % 8 == 0 {
            let outcome = executor.execute(&world.config, &world.parent, &input, &world.state).unwrap();
            assert_eq!(outcome, expected, "threads, seed {seed}");
            let hash = access_list_hash(&expected.access_list);
            let outcome = executor.execute_from_list(&plan, &world.state, expected.access_list.clone(), hash).unwrap();
            assert_eq!(outcome, expected, "from the list, seed {seed}");
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
fn keys_made_to_collide_are_only_keys() {
    let world = blocks::world();
    // Slots and addresses that differ in one byte only, at every place, as a poor hash would take for the same.
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

/// Every way in which a list can be wrong.
fn falsified(list: &BlockAccessList) -> Vec<(&'static str, BlockAccessList)> {
    let list: Vec<AccountChanges> = list.into();
    let at = |address| list.iter().position(|account| account.address == address).expect("it is in the list");
    let (payer, counter) = (at(user(0)), at(COUNTER));
    let changed = |change: &dyn Fn(&mut Vec<AccountChanges>)| {
        let mut list = list.clone();
        change(&mut list);
        BlockAccessList::from(list)
    };
    vec![
        ("nothing", BlockAccessList::default()),
        (
            "an account is missing",
            changed(&|list| {
                list.remove(payer);
            }),
        ),
        ("a balance is wrong", changed(&|list| list[payer].balance_changes[0].post_balance += U256::from(1))),
        ("a nonce is wrong", changed(&|list| list[payer].nonce_changes[0].new_nonce += 1)),
        (
            "a change is missing",
            changed(&|list| {
                list[payer].balance_changes.remove(0);
            }),
        ),
        ("a slot is wrong", changed(&|list| list[counter].storage_changes[0].changes[0].new_value += U256::from(1))),
        (
            "a slot is missing",
            changed(&|list| {
                list[counter].storage_changes.remove(0);
            }),
        ),
        ("a read is padded", changed(&|list| list[counter].storage_reads.push(U256::from(77)))),
        (
            "an account is padded",
            changed(&|list| {
                list.extend(list.first().cloned().map(|mut account| {
                    account.address = Address::repeat_byte(0xff);
                    account
                }))
            }),
        ),
        (
            "a change is padded",
            changed(&|list| {
                let again = list[payer].balance_changes[0].clone();
                list[payer].balance_changes.push(again);
            }),
        ),
        ("accounts are out of order", changed(&|list| list.swap(payer, counter))),
        (
            "an account is there twice",
            changed(&|list| {
                let again = list[payer].clone();
                list.insert(payer, again);
            }),
        ),
        (
            "a change changes nothing",
            changed(&|list| {
                let mut again = list[payer].nonce_changes.last().cloned().expect("a sender has some");
                again.block_access_index = BlockAccessIndex::new(24);
                list[payer].nonce_changes.push(again);
            }),
        ),
        (
            "a change is after the last transaction",
            changed(&|list| {
                let mut more = list[payer].balance_changes.last().cloned().expect("a sender has some");
                more.block_access_index = BlockAccessIndex::new(25);
                more.post_balance += U256::from(1);
                list[payer].balance_changes.push(more);
            }),
        ),
        (
            "a change comes too early",
            changed(&|list| {
                let change = &mut list[payer].nonce_changes[1];
                change.block_access_index = BlockAccessIndex::new(change.block_access_index.get() - 1);
            }),
        ),
        ("changes are out of order", changed(&|list| list[payer].balance_changes.swap(0, 1))),
        (
            "a slot changes and is read",
            changed(&|list| {
                let slot = list[counter].storage_changes[0].slot;
                list[counter].storage_reads.push(slot);
                list[counter].storage_reads.sort_unstable();
            }),
        ),
        (
            "a slot that changes never changes",
            changed(&|list| {
                list[counter].storage_changes.push(SlotChanges::new(U256::MAX, Vec::new()));
            }),
        ),
        (
            "an account is given code",
            changed(&|list| {
                list[payer].code_changes.push(CodeChange::new(BlockAccessIndex::new(3), Bytes::from_static(&[0])));
            }),
        ),
    ]
}

#[test]
fn wrong_missing_and_padded_lists_are_refused() {
    let world = blocks::world();
    let count = |n: u8| Draft::new(user(n % 4), u64::from(n / 4), COUNTER).data([n % 3; 32]).gas(60_000).type_2();
    let input = world.input((0..24).map(count).collect());
    let expected = execute_block(&world.config, &world.parent, &input, &world.state).unwrap();
    let plan = Plan::new(&world.config, &world.parent, &input).unwrap();
    let executor = threads();
    let right = access_list_hash(&expected.access_list);
    for (what, list) in falsified(&expected.access_list) {
        let given = access_list_hash(&list);
        assert_eq!(
            executor.execute_from_list(&plan, &world.state, list.clone(), right),
            Err(Error::ListHash { given, committed: right }),
            "{what}"
        );
        // Somebody made a block around it.
        assert_eq!(
            executor.execute_from_list(&plan, &world.state, list, given),
            Err(Error::WrongList { made: right, committed: given }),
            "{what}"
        );
    }
    assert_eq!(executor.execute_from_list(&plan, &world.state, expected.access_list.clone(), right), Ok(expected));
}
