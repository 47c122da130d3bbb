//! Access lists that are wrong, each in one way.
#![allow(dead_code, unreachable_pub, reason = "a module of tests that need each some of it")]

use alloy_eips::eip7928::{
    AccountChanges, BalanceChange, BlockAccessIndex, CodeChange, NonceChange, SlotChanges, StorageChange,
};
use alloy_primitives::{Bytes, U256};
use sluice_types::BlockAccessList;

use crate::{dice::Dice, world::user};

/// One way in which a list can be wrong. `None` where it has no such entry.
pub type Way = fn(&mut Vec<AccountChanges>, &mut Dice) -> Option<()>;

/// All of them, each with its name.
pub const WAYS: &[(&str, Way)] = &[
    ("it is empty", |list, _| {
        list.clear();
        Some(())
    }),
    ("a balance is one too high", |list, dice| {
        edit(balances(list), dice, |to| to.post_balance = to.post_balance.wrapping_add(U256::ONE))
    }),
    ("a balance is one too low", |list, dice| {
        edit(balances(list), dice, |to| to.post_balance = to.post_balance.wrapping_sub(U256::ONE))
    }),
    ("a balance is all there can be", |list, dice| edit(balances(list), dice, |to| to.post_balance = U256::MAX)),
    ("a balance is missing", |list, dice| remove(balances(list), dice)),
    ("a balance is there twice", |list, dice| double(balances(list), dice)),
    ("two balances are exchanged", |list, dice| {
        exchange(balances(list), dice, |one, other| std::mem::swap(&mut one.post_balance, &mut other.post_balance))
    }),
    ("a nonce is one too high", |list, dice| {
        edit(nonces(list), dice, |to| to.new_nonce = to.new_nonce.wrapping_add(1))
    }),
    ("a nonce is one too low", |list, dice| edit(nonces(list), dice, |to| to.new_nonce = to.new_nonce.wrapping_sub(1))),
    ("a nonce is the last", |list, dice| edit(nonces(list), dice, |to| to.new_nonce = u64::MAX)),
    ("a nonce is missing", |list, dice| remove(nonces(list), dice)),
    ("a nonce is there twice", |list, dice| double(nonces(list), dice)),
    ("a value is one too high", |list, dice| {
        edit(values(list), dice, |to| to.new_value = to.new_value.wrapping_add(U256::ONE))
    }),
    ("a value is another", |list, dice| edit(values(list), dice, |to| to.new_value = !to.new_value)),
    ("a value is missing", |list, dice| remove(values(list), dice)),
    ("a value is there twice", |list, dice| double(values(list), dice)),
    ("two values are exchanged", |list, dice| {
        exchange(values(list), dice, |one, other| std::mem::swap(&mut one.new_value, &mut other.new_value))
    }),
    ("a slot is missing", |list, dice| remove(slots(list), dice)),
    ("a slot is there twice", |list, dice| double(slots(list), dice)),
    ("a slot that changes is only read", |list, dice| {
        let account = any(list.iter_mut().filter(|account| !account.storage_changes.is_empty()), dice)?;
        let slot = account.storage_changes.remove(dice.roll(account.storage_changes.len())).slot;
        account.storage_reads.push(slot);
        account.storage_reads.sort_unstable();
        Some(())
    }),
    ("a slot that changes is also read", |list, dice| {
        let account = any(list.iter_mut().filter(|account| !account.storage_changes.is_empty()), dice)?;
        account.storage_reads.push(account.storage_changes[dice.roll(account.storage_changes.len())].slot);
        account.storage_reads.sort_unstable();
        Some(())
    }),
    ("a slot that is read changes", |list, dice| {
        let account = any(list.iter_mut().filter(|account| !account.storage_reads.is_empty()), dice)?;
        let slot = account.storage_reads.remove(dice.roll(account.storage_reads.len()));
        let change = StorageChange::new(BlockAccessIndex::new(dice.roll(9) as u64), U256::from(dice.roll(2)));
        account.storage_changes.push(SlotChanges::new(slot, vec![change]));
        account.storage_changes.sort_unstable_by_key(|changes| changes.slot);
        Some(())
    }),
    ("a read is missing", |list, dice| remove(reads(list), dice)),
    ("a read is there twice", |list, dice| double(reads(list), dice)),
    ("a balance is padded", |list, dice| {
        let balances = any(balances(list).filter(|balances| balances.is_empty()), dice)?;
        balances.push(BalanceChange::new(BlockAccessIndex::new(dice.roll(2) as u64), U256::ONE));
        Some(())
    }),
    ("a slot is padded", |list, dice| {
        let change = StorageChange::new(BlockAccessIndex::new(dice.roll(2) as u64), U256::ONE);
        any(list.iter_mut(), dice)?.storage_changes.push(SlotChanges::new(U256::MAX, vec![change]));
        Some(())
    }),
    ("a read is padded", |list, dice| {
        let account = any(list.iter_mut(), dice)?;
        account.storage_reads.push(U256::MAX);
        Some(())
    }),
    ("a code has another byte", |list, dice| {
        let change = any(codes(list).flatten(), dice)?;
        let mut code = change.new_code.to_vec();
        match code.len() {
            0 => code.push(0),
            length => code[dice.roll(length)] ^= 1,
        }
        change.new_code = code.into();
        Some(())
    }),
    ("a code is missing", |list, dice| remove(codes(list), dice)),
    ("a code is there twice", |list, dice| double(codes(list), dice)),
    ("an account is given code", |list, dice| {
        let account = any(list.iter_mut().filter(|account| account.code_changes.is_empty()), dice)?;
        let at = BlockAccessIndex::new(1 + dice.roll(9) as u64);
        account.code_changes.push(CodeChange::new(at, Bytes::from_static(&[0x5f, 0x5f, 0xfd])));
        Some(())
    }),
    ("a change is one later", |list, dice| {
        let index = any(indices(list), dice)?;
        *index = BlockAccessIndex::new(index.get() + 1);
        Some(())
    }),
    ("a change is one earlier", |list, dice| {
        let index = any(indices(list).filter(|index| index.get() > 0), dice)?;
        *index = BlockAccessIndex::new(index.get() - 1);
        Some(())
    }),
    ("a change is after the last transaction", |list, dice| {
        let index = any(indices(list), dice)?;
        *index = BlockAccessIndex::new(dice.pick(&[1_000, u64::from(u32::MAX), u64::MAX]));
        Some(())
    }),
    ("a change changes nothing", |list, dice| {
        let nonces = any(nonces(list).filter(|nonces| !nonces.is_empty()), dice)?;
        let last = nonces.last()?.clone();
        let at = BlockAccessIndex::new(last.block_access_index.get() + 1 + dice.roll(3) as u64);
        nonces.push(NonceChange::new(at, last.new_nonce));
        Some(())
    }),
    ("changes are out of order", |list, dice| exchange(balances(list), dice, std::mem::swap)),
    ("values are out of order", |list, dice| exchange(values(list), dice, std::mem::swap)),
    ("slots are out of order", |list, dice| exchange(slots(list), dice, std::mem::swap)),
    ("a slot that changes never changes", |list, dice| {
        any(list.iter_mut(), dice)?.storage_changes.push(SlotChanges::new(U256::MAX, Vec::new()));
        Some(())
    }),
    ("accounts are out of order", |list, dice| exchange([list].into_iter(), dice, std::mem::swap)),
    ("an account is there twice", |list, dice| double([list].into_iter(), dice)),
    ("an account is missing", |list, dice| remove([list].into_iter(), dice)),
    ("an account that is only read is missing", |list, dice| {
        let is_only_read = |account: &AccountChanges| {
            account.storage_changes.is_empty()
                && account.balance_changes.is_empty()
                && account.nonce_changes.is_empty()
                && account.code_changes.is_empty()
        };
        let places: Vec<_> = (0..list.len()).filter(|place| is_only_read(&list[*place])).collect();
        let place = (!places.is_empty()).then(|| dice.pick(&places))?;
        list.remove(place);
        Some(())
    }),
    ("an account is padded", |list, dice| {
        list.push(AccountChanges::new(user(200 + dice.byte(50))));
        list.sort_by_key(|account| account.address);
        Some(())
    }),
    ("an account is another", |list, dice| {
        let account = any(list.iter_mut(), dice)?;
        account.address.0[dice.roll(20)] ^= 0x80;
        list.sort_by_key(|account| account.address);
        Some(())
    }),
];

pub fn balances(list: &mut [AccountChanges]) -> impl Iterator<Item = &mut Vec<BalanceChange>> {
    list.iter_mut().map(|account| &mut account.balance_changes)
}

pub fn nonces(list: &mut [AccountChanges]) -> impl Iterator<Item = &mut Vec<NonceChange>> {
    list.iter_mut().map(|account| &mut account.nonce_changes)
}

fn codes(list: &mut [AccountChanges]) -> impl Iterator<Item = &mut Vec<CodeChange>> {
    list.iter_mut().map(|account| &mut account.code_changes)
}

fn slots(list: &mut [AccountChanges]) -> impl Iterator<Item = &mut Vec<SlotChanges>> {
    list.iter_mut().map(|account| &mut account.storage_changes)
}

fn values(list: &mut [AccountChanges]) -> impl Iterator<Item = &mut Vec<StorageChange>> {
    slots(list).flatten().map(|slot| &mut slot.changes)
}

fn reads(list: &mut [AccountChanges]) -> impl Iterator<Item = &mut Vec<U256>> {
    list.iter_mut().map(|account| &mut account.storage_reads)
}

/// When anything changes.
fn indices(list: &mut [AccountChanges]) -> impl Iterator<Item = &mut BlockAccessIndex> {
    list.iter_mut().flat_map(|account| {
        let values = account.storage_changes.iter_mut().flat_map(|slot| &mut slot.changes);
        let values = values.map(|to| &mut to.block_access_index);
        let balances = account.balance_changes.iter_mut().map(|to| &mut to.block_access_index);
        let nonces = account.nonce_changes.iter_mut().map(|to| &mut to.block_access_index);
        let codes = account.code_changes.iter_mut().map(|to| &mut to.block_access_index);
        values.chain(balances).chain(nonces).chain(codes)
    })
}

/// One of those, if there are any.
fn any<T>(things: impl Iterator<Item = T>, dice: &mut Dice) -> Option<T> {
    let mut things: Vec<_> = things.collect();
    (!things.is_empty()).then(|| things.swap_remove(dice.roll(things.len())))
}

fn edit<'a, T: 'a>(
    lists: impl Iterator<Item = &'a mut Vec<T>>,
    dice: &mut Dice,
    edit: impl FnOnce(&mut T),
) -> Option<()> {
    edit(any(lists.flatten(), dice)?);
    Some(())
}

fn remove<'a, T: 'a>(lists: impl Iterator<Item = &'a mut Vec<T>>, dice: &mut Dice) -> Option<()> {
    let list = any(lists.filter(|list| !list.is_empty()), dice)?;
    list.remove(dice.roll(list.len()));
    Some(())
}

fn double<'a, T: Clone + 'a>(lists: impl Iterator<Item = &'a mut Vec<T>>, dice: &mut Dice) -> Option<()> {
    let list = any(lists.filter(|list| !list.is_empty()), dice)?;
    let place = dice.roll(list.len());
    list.insert(place, list[place].clone());
    Some(())
}

/// Exchanges something of two neighbours, which always differ.
fn exchange<'a, T: 'a>(
    lists: impl Iterator<Item = &'a mut Vec<T>>,
    dice: &mut Dice,
    swap: impl FnOnce(&mut T, &mut T),
) -> Option<()> {
    let list = any(lists.filter(|list| list.len() > 1), dice)?;
    let second = 1 + dice.roll(list.len() - 1);
    let (before, after) = list.split_at_mut(second);
    swap(before.last_mut()?, after.first_mut()?);
    Some(())
}

/// The list, wrong in one way.
pub fn falsified(list: &BlockAccessList, way: Way, dice: &mut Dice) -> Option<BlockAccessList> {
    let mut accounts: Vec<AccountChanges> = list.into();
    way(&mut accounts, dice)?;
    let falsified = accounts.into();
    assert_ne!(*list, falsified, "it is wrong");
    Some(falsified)
}
