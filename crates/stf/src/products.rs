//! What a block leaves behind: its changes and its access list, made from the ledger in one pass over the sorted accounts.
//!
//! The ledger is only read, so that several workers can make a piece each: accounts of different addresses have nothing in common, nor
//! have slots of different keys.

use alloc::vec::Vec;
use core::mem::take;

use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_types::{AccountChange, BlockAccessList, LiteMap, StateChanges};

use crate::{
    ledger::{Ledger, LedgerRow, Settled, SlotKeys},
    noted::Logs,
    shares::{Key, Part, Share},
};

/// What is made of one share.
#[derive(Debug)]
pub struct Piece(Kind);

#[derive(Debug)]
enum Kind {
    Accounts(Accounts),
    /// Of the account in this row, which is complete with the last of them.
    Slots {
        row: u32,
        changed: Vec<(U256, U256)>,
        list: BlockAccessList,
        is_last: bool,
    },
}

/// What a block did to some accounts, in order.
#[derive(Debug, Default)]
pub struct Accounts {
    pub(crate) changes: ChangedAccounts,
    pub(crate) list: BlockAccessList,
}

/// Pieces that are put together so far.
#[derive(Debug, Default)]
pub struct Joined {
    accounts: Accounts,
    /// Slots of the account that is not complete yet.
    changed: Vec<(U256, U256)>,
}

/// What a block changes, of some accounts, in order.
#[derive(Debug, Default)]
pub struct ChangedAccounts {
    pub(crate) accounts: Vec<(Address, AccountChange)>,
    pub(crate) codes: Vec<(B256, Bytes)>,
}

/// Makes all at once.
pub(crate) fn make(ledger: &Ledger) -> Accounts {
    accounts(ledger, &ledger.slot_keys(), ledger.keys())
}

/// Makes what the ledger does not have.
pub(crate) fn apart(settled: &Settled) -> Accounts {
    let accounts = settled.sorted();
    let mut changes = ChangedAccounts { accounts: Vec::with_capacity(accounts.len()), codes: Vec::new() };
    let mut list = BlockAccessList::default();
    for (account, logs) in accounts {
        changes.add(account, Vec::new());
        end(&mut list, account, logs);
    }
    Accounts { changes, list }
}

/// Makes the piece of a share.
pub(crate) fn piece(ledger: &Ledger, slots: &SlotKeys, Share(part): Share) -> Piece {
    Piece(match part {
        Part::Accounts(keys) => Kind::Accounts(accounts(ledger, slots, keys)),
        Part::Slots { row, mut slots, is_last } => {
            ledger.sort_slots(&mut slots);
            let mut list = BlockAccessList::default();
            let changed = storage(ledger, ledger.account(row), &slots, &mut list);
            Kind::Slots { row, changed, list, is_last }
        }
    })
}

/// Makes all of these accounts, which come in any order.
fn accounts(ledger: &Ledger, slots: &SlotKeys, mut keys: Vec<Key>) -> Accounts {
    ledger.sort(&mut keys);
    let mut changes = ChangedAccounts { accounts: Vec::with_capacity(keys.len()), codes: Vec::new() };
    let (mut list, mut sorted) = (BlockAccessList::default(), Vec::new());
    for (_, row) in keys {
        let (account, logs) = ledger.account(row);
        sorted.clear();
        sorted.extend_from_slice(slots.of(row));
        ledger.sort_slots(&mut sorted);
        changes.add(account, storage(ledger, (account, logs), &sorted, &mut list));
        end(&mut list, account, logs);
    }
    Accounts { changes, list }
}

/// What these slots of an account, which are in order, are now where that is not as before the block. Adds all of them to the list.
fn storage(
    ledger: &Ledger,
    (account, logs): (&LedgerRow, &Logs),
    sorted: &[Key],
    list: &mut BlockAccessList,
) -> Vec<(U256, U256)> {
    let slots = || sorted.iter().map(|(_, slot)| &ledger.slots[*slot as usize]);
    let mut changed = Vec::with_capacity(slots().filter(|slot| !slot.history.is_empty()).count());
    for slot in slots() {
        if account.has_changed(slot) {
            changed.push((slot.key, slot.now));
        }
        if slot.history.is_empty() {
            list.read(slot.key);
        } else {
            list.write(slot.key, |values| logs.words.add_to(values, slot.history, || slot.now));
        }
    }
    changed
}

/// Adds an account to the list, whose slots are there.
fn end(list: &mut BlockAccessList, row: &LedgerRow, logs: &Logs) {
    list.end_account(row.address, |balances, nonces, codes| {
        logs.words.add_to(balances, row.balances, || row.now.balance);
        logs.nonces.add_to(nonces, row.nonces, || row.now.nonce);
        logs.codes.add_to(codes, row.codes, || row.code());
    });
}

impl Joined {
    /// Adds the piece that follows.
    pub(crate) fn add(&mut self, ledger: &Ledger, Piece(piece): Piece) {
        let Self { accounts: Accounts { changes, list: all }, changed: before } = self;
        match piece {
            Kind::Accounts(accounts) => {
                changes.append(accounts.changes);
                all.append(accounts.list);
            }
            Kind::Slots { row, changed, list, is_last } => {
                append(before, changed);
                all.append(list);
                if is_last {
                    let (account, logs) = ledger.account(row);
                    changes.add(account, take(before));
                    end(all, account, logs);
                }
            }
        }
    }

    /// What all pieces together change.
    pub fn take_changes(&mut self) -> ChangedAccounts {
        debug_assert!(self.changed.is_empty(), "an account ends with the last of its slots");
        take(&mut self.accounts.changes)
    }

    /// The list of all pieces together.
    pub fn take_list(&mut self) -> BlockAccessList {
        take(&mut self.accounts.list)
    }
}

/// Changes of accounts that the ledger does not have.
#[derive(Debug, Default)]
pub struct ApartChanges(pub(crate) Vec<ChangedAccounts>);

/// Lists of accounts that the ledger does not have, which are in order and one after another.
#[derive(Debug, Default)]
pub struct ApartLists(pub(crate) Vec<BlockAccessList>);

impl ApartChanges {
    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts them between all others, which makes the changes of the block.
    pub fn put_into(self, mut all: ChangedAccounts) -> StateChanges {
        let Self(parts) = self;
        let (lists, codes): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.accounts, part.codes)).unzip();
        all.accounts = merge(all.accounts, lists);
        all.codes.extend(codes.into_iter().flatten());
        all.into()
    }
}

impl ApartLists {
    /// Puts them between all others, which makes the list of the block.
    pub fn put_into(self, all: BlockAccessList) -> BlockAccessList {
        let Self(parts) = self;
        if parts.is_empty() { all } else { merge_lists(&all, &parts) }
    }
}

/// As [`merge`], of access lists.
fn merge_lists(all: &BlockAccessList, lists: &[BlockAccessList]) -> BlockAccessList {
    let (mut merged, mut next) = (BlockAccessList::default(), 0);
    merged.reserve_for(lists.iter().chain([all]));
    for list in lists {
        let mut added = 0;
        while let Some(account) = list.get(added) {
            let until = all.find_among(account.address(), next..all.len()).unwrap_or_else(|place| place);
            merged.append_accounts(all, next..until);
            next = until;
            let other = all.get(next).map(|other| other.address());
            let until = other.map_or(list.len(), |other| {
                // One that both had would be there twice, and not be waited for.
                list.find_among(other, added..list.len()).map_or_else(|place| place, |place| place + 1)
            });
            merged.append_accounts(list, added..until);
            added = until;
        }
    }
    merged.append_accounts(all, next..all.len());
    merged
}

/// Adds what follows. What comes first is moved, and not copied.
fn append<T>(all: &mut Vec<T>, mut others: Vec<T>) {
    if all.is_empty() {
        *all = others;
    } else {
        all.append(&mut others);
    }
}

/// Puts lists, which are in order and one after another, between what is in order already.
fn merge<T>(all: Vec<(Address, T)>, lists: Vec<Vec<(Address, T)>>) -> Vec<(Address, T)> {
    if lists.is_empty() {
        return all;
    }
    let mut merged = Vec::with_capacity(all.len() + lists.iter().map(Vec::len).sum::<usize>());
    let mut all = all.into_iter().peekable();
    for mut list in lists {
        let Some((last, _)) = list.last() else { continue };
        if all.peek().is_none_or(|(next, _)| next > last) {
            merged.append(&mut list);
            continue;
        }
        for account in list {
            while let Some(next) = all.next_if(|(next, _)| *next < account.0) {
                merged.push(next);
            }
            merged.push(account);
        }
    }
    merged.extend(all);
    merged
}

impl From<ChangedAccounts> for StateChanges {
    fn from(ChangedAccounts { accounts, codes }: ChangedAccounts) -> Self {
        debug_assert!(accounts.is_sorted_by(|(a, _), (b, _)| a < b), "each is there once, in order");
        Self { accounts: LiteMap::from_sorted_store_unchecked(accounts), codes: codes.into_iter().collect() }
    }
}

impl ChangedAccounts {
    /// Adds what the block changes of the accounts that follow.
    pub fn append(&mut self, others: Self) {
        append(&mut self.accounts, others.accounts);
        append(&mut self.codes, others.codes);
    }

    fn add(&mut self, account: &LedgerRow, slots: Vec<(U256, U256)>) {
        debug_assert!(slots.is_sorted_by(|(a, _), (b, _)| a < b), "they are sorted by their keys");
        if let Some(change) = account.change(LiteMap::from_sorted_store_unchecked(slots)) {
            self.codes.extend(account.new_code());
            self.accounts.push((account.address, change));
        }
    }
}
