//! Access lists with a mistake.

use alloy_eips::eip7928::{AccountChanges, BalanceChange, BlockAccessIndex, SlotChanges, StorageChange};
use alloy_primitives::{Address, Bytes, U256};
use sluice_types::BlockAccessList;

/// The list with one thing changed, moved, added or left out, for all things in it, and what that is.
pub(crate) fn falsified(list: &BlockAccessList) -> Vec<(String, BlockAccessList)> {
    let right = Vec::<AccountChanges>::from(list);
    let mut lists = vec![("nothing is listed".to_owned(), Vec::new())];
    for (place, account) in right.iter().enumerate() {
        let mut add = |what: &str, falsify: &dyn Fn(&mut Vec<AccountChanges>)| {
            let mut wrong = right.clone();
            falsify(&mut wrong);
            lists.push((format!("{}: {what}", account.address), wrong));
        };
        add("it is missing", &|accounts| drop(accounts.remove(place)));
        add("it is there twice", &|accounts| accounts.insert(place, account.clone()));
        add("it is under another name", &|accounts| accounts[place].address.0[19] ^= 1);
        add("it is the last", &|accounts| accounts[place..].rotate_left(1));
        for (what, wrong) in falsified_account(account) {
            add(&what, &|accounts| accounts[place] = wrong.clone());
        }
    }
    let mut padded = right.clone();
    padded.push(AccountChanges { address: Address::repeat_byte(0xff), ..AccountChanges::default() });
    lists.push(("an account is padded".to_owned(), padded));
    let lists = lists.into_iter().filter(|(_, wrong)| *wrong != right);
    lists.map(|(what, wrong)| (what, wrong.into())).collect()
}

fn falsified_account(right: &AccountChanges) -> Vec<(String, AccountChanges)> {
    let with = |falsify: &dyn Fn(&mut AccountChanges)| {
        let mut wrong = right.clone();
        falsify(&mut wrong);
        wrong
    };
    let (far, one, first) = (U256::from(1_000_000), U256::from(1), BlockAccessIndex::new(1));
    let mut accounts = vec![
        ("a read is padded".to_owned(), with(&|account| account.storage_reads.push(far))),
        (
            "a slot is padded".to_owned(),
            with(&|account| {
                let change = StorageChange::new(first, one);
                account.storage_changes.push(SlotChanges::new(far, vec![change]));
            }),
        ),
        (
            "a balance is padded".to_owned(),
            with(&|account| account.balance_changes.insert(0, BalanceChange::new(BlockAccessIndex::new(0), one))),
        ),
    ];
    for (place, read) in right.storage_reads.iter().enumerate() {
        accounts.push((
            format!("the read of slot {read} is missing"),
            with(&|account| {
                account.storage_reads.remove(place);
            }),
        ));
        accounts.push((
            format!("slot {read} is read and changes"),
            with(&|account| {
                let change = StorageChange::new(first, one);
                account.storage_reads.remove(place);
                account.storage_changes.push(SlotChanges::new(*read, vec![change]));
                account.storage_changes.sort_by_key(|slot| slot.slot);
            }),
        ));
    }
    for (place, slot) in right.storage_changes.iter().enumerate() {
        let name = slot.slot;
        accounts
            .push((format!("slot {name} is missing"), with(&|account| drop(account.storage_changes.remove(place)))));
        accounts.push((
            format!("slot {name} is only read"),
            with(&|account| {
                account.storage_changes.remove(place);
                account.storage_reads.push(name);
                account.storage_reads.sort_unstable();
            }),
        ));
        let changes =
            falsified_changes(&slot.changes, |to| to.new_value ^= one, |to| &mut to.block_access_index).into_iter();
        accounts.extend(changes.map(|(what, changes)| {
            (format!("slot {name}, {what}"), with(&|account| account.storage_changes[place].changes = changes.clone()))
        }));
    }
    let balances = falsified_changes(
        &right.balance_changes,
        |to| to.post_balance += U256::from(1),
        |to| &mut to.block_access_index,
    );
    let balances = balances.into_iter();
    accounts.extend(balances.map(|(what, changes)| {
        (format!("balance, {what}"), with(&|account| account.balance_changes = changes.clone()))
    }));
    let nonces = falsified_changes(&right.nonce_changes, |to| to.new_nonce += 1, |to| &mut to.block_access_index);
    accounts.extend(
        nonces.into_iter().map(|(what, changes)| {
            (format!("nonce, {what}"), with(&|account| account.nonce_changes = changes.clone()))
        }),
    );
    // Another `STOP` does the same.
    let longer = |code: &Bytes| [code.as_ref(), &[0]].concat().into();
    let codes = falsified_changes(
        &right.code_changes,
        |to| to.new_code = longer(&to.new_code),
        |to| &mut to.block_access_index,
    );
    accounts.extend(
        codes
            .into_iter()
            .map(|(what, changes)| (format!("code, {what}"), with(&|account| account.code_changes = changes.clone()))),
    );
    accounts
}

/// What one thing became, with one mistake each.
fn falsified_changes<T: Clone>(
    right: &[T],
    other: impl Fn(&mut T),
    at: impl Fn(&mut T) -> &mut BlockAccessIndex,
) -> Vec<(String, Vec<T>)> {
    let mut all = Vec::new();
    for place in 0..right.len() {
        let mut add = |what: &str, falsify: &dyn Fn(&mut Vec<T>)| {
            let mut wrong = right.to_vec();
            falsify(&mut wrong);
            all.push((format!("change {place}: {what}"), wrong));
        };
        let moved = |change: &mut T, to: fn(u64) -> u64| *at(change) = BlockAccessIndex::new(to(at(change).get()));
        add("it has another value", &|changes| other(&mut changes[place]));
        add("it is missing", &|changes| drop(changes.remove(place)));
        add("it is there twice", &|changes| changes.insert(place, right[place].clone()));
        add("it comes too late", &|changes| moved(&mut changes[place], |index| index + 1));
        add("it comes too early", &|changes| moved(&mut changes[place], |index| index.saturating_sub(1)));
    }
    all
}
