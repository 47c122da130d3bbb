//! A block from its access list: it ends under every schedule, and what comes of it is the outcome of sequential execution if the list is
//! right, and nothing if it is not.

use std::sync::Arc;

use alloy_eips::eip7928::AccountChanges;
use alloy_primitives::{Address, B256, U256};
use shuttle::scheduler::RandomScheduler;
use sluice_stf::{Plan, Workspace, engine::Reader};
use sluice_types::{BlockAccessList, BlockInput, InputTransaction, Outcome, StateRead, access_list_hash};

use crate::{
    Failing, SEED, UNREADABLE, alone, count, invalid,
    list::Listed,
    order::Runs,
    ranges, under, under_all_schedules, user,
    world::{Draft, World},
};

/// Executes a block from a list, in runs of two. As the executor does it, but who leads may also come last.
fn execute<S: StateRead + Sync>(
    (world, input, state): (&World, &BlockInput, &S),
    (list, committed): (&BlockAccessList, Option<B256>),
    threads: usize,
) -> Option<Outcome> {
    let plan = Plan::new(&world.config, &world.parent, input).expect("it follows the parent");
    let listed = Listed::new(&plan, list, committed, Runs::in_order(ranges(plan.len(), 2)));
    shuttle::thread::scope(|scope| {
        for id in 0..threads {
            let listed = &listed;
            scope.spawn(move || {
                let (reader, mut workspace) = (Reader::new(state), Workspace::default());
                if id == 0 { listed.lead(&reader, &mut workspace) } else { listed.work(&reader, &mut workspace) }
            });
        }
    });
    let (outcome, _) = listed.end()?;
    Some(Outcome { access_list: list.clone(), ..outcome })
}

/// What comes of these transactions and this list under every schedule, with each of these hashes.
fn makes(
    transactions: &[InputTransaction],
    list: &BlockAccessList,
    committed: impl IntoIterator<Item = Option<B256>>,
    expected: Option<&Outcome>,
) {
    for committed in committed {
        let world = crate::world();
        let (input, list, expected) = (world.input(transactions.to_vec()), list.clone(), expected.cloned());
        let check = Arc::new(move |threads| {
            assert_eq!(execute((&world, &input, &world.state), (&list, committed), threads), expected);
        });
        let alone = Arc::clone(&check);
        under_all_schedules(move |threads| check(threads));
        // Who leads alone has one schedule.
        under(RandomScheduler::new_from_seed(SEED, 1), move || alone(1));
    }
}

/// A list with its own hash, and without.
fn own_or_none(list: &BlockAccessList) -> [Option<B256>; 2] {
    [Some(access_list_hash(list)), None]
}

fn is_used_if_right(transactions: Vec<InputTransaction>) {
    let expected = crate::world().run(transactions.clone());
    assert_eq!(expected.executed.len(), transactions.len());
    let right = &expected.access_list;
    makes(&transactions, right, own_or_none(right), Some(&expected));
    makes(&transactions, right, [Some(B256::ZERO)], None);
}

#[test]
fn a_list_of_independent_transactions_is_used_if_its_hash_is_right() {
    is_used_if_right((0..8).map(alone).collect());
}

#[test]
fn a_list_of_dependent_transactions_is_used_if_its_hash_is_right() {
    is_used_if_right((0..8).map(count).collect());
}

#[test]
fn a_list_of_few_transactions_or_none_is_used_if_its_hash_is_right() {
    is_used_if_right(Vec::new());
    is_used_if_right(vec![count(0)]);
}

#[test]
fn a_wrong_list_is_not_used() {
    let transactions: Vec<_> = (0..6).map(|n| if n % 3 == 0 { count(n) } else { alone(n) }).collect();
    let right: Vec<AccountChanges> = (&crate::world().run(transactions.clone()).access_list).into();
    let payer = right.iter().position(|account| account.address == user(4)).expect("it pays");
    // One transaction sees the first, all together the second, and who reads the list the third.
    let is_wrong = |list: &mut Vec<AccountChanges>| list[payer].balance_changes[0].post_balance += U256::from(1);
    let is_padded = |list: &mut Vec<AccountChanges>| list.push(AccountChanges::new(Address::repeat_byte(0xff)));
    let is_out_of_order = |list: &mut Vec<AccountChanges>| list.swap(payer, payer + 1);
    for falsify in [&is_wrong as &dyn Fn(&mut Vec<AccountChanges>), &is_padded, &is_out_of_order] {
        let mut list = right.clone();
        falsify(&mut list);
        let list = BlockAccessList::from(list);
        makes(&transactions, &list, own_or_none(&list), None);
    }
}

#[test]
fn a_list_is_not_used_where_a_transaction_is_skipped() {
    let transactions: Vec<_> = (0..6).map(|n| if n == 3 { invalid(n) } else { count(n) }).collect();
    let outcome = crate::world().run(transactions.clone());
    assert_eq!(outcome.skipped.len(), 1);
    makes(&transactions, &outcome.access_list, own_or_none(&outcome.access_list), None);
}

#[test]
fn a_list_is_not_used_where_a_read_fails() {
    for failing in [0, 5] {
        let pays = |n| Draft::new(user(n), 0, UNREADABLE).value(1).gas(21_000).type_2();
        let transactions: Vec<_> = (0..6).map(|n| if n == failing { pays(n) } else { count(n) }).collect();
        let world = crate::world();
        let list = world.run(transactions.clone()).access_list;
        let input = world.input(transactions);
        under_all_schedules(move |threads| {
            let state = Failing(&world.state);
            assert_eq!(execute((&world, &input, &state), (&list, None), threads), None);
        });
    }
}
