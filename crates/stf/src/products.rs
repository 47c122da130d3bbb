//! What a block leaves behind: its changes and its access list, made from the ledger in one pass over the sorted accounts.
//!
//! The ledger is only read, so that several workers can make a piece each: accounts of different addresses have nothing in common, nor
//! have slots of different keys.

use alloc::vec::Vec;
use core::mem::take;

use alloy_eip7928::{
    AccountChanges, BalanceChange, BlockAccessList, CodeChange, NonceChange, SlotChanges, StorageChange,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_types::{AccountChange, LiteMap, StateChanges};

use crate::{
    ledger::{Ledger, LedgerRow, Logs, Settled},
    shares::{Key, Part, Share, one_share},
};

/// A piece of the changes, from one share.
#[derive(Debug)]
pub struct ChangesPiece(Piece<ChangedAccounts, Vec<(U256, U256)>>);

/// A piece of the access list, from one share.
#[derive(Debug)]
pub struct ListPiece(Piece<BlockAccessList, AccessedSlots>);

#[derive(Debug)]
enum Piece<A, S> {
    Accounts(A),
    /// Of the account in this row, which is complete with the last of them.
    Slots {
        row: u32,
        slots: S,
        is_last: bool,
    },
    /// In order among themselves, and in no other piece.
    Apart(A),
}

/// What a block changes, of some accounts, in order.
#[derive(Debug, Default)]
pub struct ChangedAccounts {
    pub(crate) accounts: Vec<(Address, AccountChange)>,
    pub(crate) codes: Vec<(B256, Bytes)>,
}

#[derive(Debug, Default)]
struct AccessedSlots {
    changed: Vec<SlotChanges>,
    read: Vec<U256>,
}

/// Makes changes and list, by one worker. Some of their pieces are made already.
pub(crate) fn make(ledger: &Ledger, made: Vec<(ChangesPiece, ListPiece)>) -> (StateChanges, BlockAccessList) {
    let (changes, list) = [pieces(ledger, one_share(ledger))].into_iter().chain(made).unzip();
    (join_changes(ledger, changes), join_list(ledger, list))
}

/// Makes the pieces of accounts that the ledger does not have.
pub(crate) fn apart(settled: &Settled) -> (ChangesPiece, ListPiece) {
    let accounts = settled.sorted();
    let mut changes = ChangedAccounts { accounts: Vec::with_capacity(accounts.len()), codes: Vec::new() };
    let mut list = BlockAccessList::with_capacity(accounts.len());
    for (account, logs) in accounts {
        changes.add(account, logs, Vec::new());
        list.push(access(account, logs, AccessedSlots::default()));
    }
    (ChangesPiece(Piece::Apart(changes)), ListPiece(Piece::Apart(list)))
}

/// Makes the pieces of a share.
pub(crate) fn pieces(ledger: &Ledger, Share(part): Share) -> (ChangesPiece, ListPiece) {
    let (changes, list) = match part {
        Part::Accounts(mut keys) => {
            ledger.sort(&mut keys);
            let (changes, list) = accounts(ledger, &keys);
            (Piece::Accounts(changes), Piece::Accounts(list))
        }
        Part::Slots { row, mut slots, is_last } => {
            ledger.sort_slots(&mut slots);
            let (account, logs) = ledger.account(row);
            let changes = account.changed_slots(&ledger.slots, &slots).collect();
            let list = AccessedSlots::new(ledger, logs, &slots);
            (Piece::Slots { row, slots: changes, is_last }, Piece::Slots { row, slots: list, is_last })
        }
    };
    (ChangesPiece(changes), ListPiece(list))
}

fn accounts(ledger: &Ledger, keys: &[Key]) -> (ChangedAccounts, BlockAccessList) {
    let mut changes = ChangedAccounts { accounts: Vec::with_capacity(keys.len()), codes: Vec::new() };
    let mut list = BlockAccessList::with_capacity(keys.len());
    let mut slots = Vec::new();
    for (_, row) in keys {
        let (account, logs) = ledger.account(*row);
        slots.clear();
        account.slot_keys(&ledger.slots, &mut slots);
        ledger.sort_slots(&mut slots);
        changes.add(account, logs, account.changed_slots(&ledger.slots, &slots).collect());
        list.push(access(account, logs, AccessedSlots::new(ledger, logs, &slots)));
    }
    (changes, list)
}

/// Puts all pieces of the changes together, in order.
pub(crate) fn join_changes(ledger: &Ledger, pieces: Vec<ChangesPiece>) -> StateChanges {
    let (mut all, mut storage, mut apart) = (ChangedAccounts::default(), Vec::new(), Vec::new());
    let mut pieces = pieces.into_iter();
    while let Some(ChangesPiece(piece)) = pieces.next() {
        let following = || pieces.as_slice().iter().map(|ChangesPiece(piece)| piece);
        match piece {
            Piece::Accounts(changes) => {
                let left = || following().map(|piece| piece.accounts_left(|changes| changes.accounts.len())).sum();
                append(&mut all.accounts, changes.accounts, left);
                all.codes.extend(changes.codes);
            }
            Piece::Slots { row, slots, is_last } => {
                append(&mut storage, slots, || following().map_while(|piece| piece.slots_left(row, Vec::len)).sum());
                if is_last {
                    let (account, logs) = ledger.account(row);
                    all.add(account, logs, take(&mut storage));
                }
            }
            Piece::Apart(changes) => {
                apart.push(changes.accounts);
                all.codes.extend(changes.codes);
            }
        }
    }
    all.accounts = merge(all.accounts, apart, |(address, _)| *address);
    all.into()
}

/// Puts all pieces of the list together, in order.
pub(crate) fn join_list(ledger: &Ledger, pieces: Vec<ListPiece>) -> BlockAccessList {
    let (mut all, mut accessed, mut apart) = (BlockAccessList::new(), AccessedSlots::default(), Vec::new());
    let mut pieces = pieces.into_iter();
    while let Some(ListPiece(piece)) = pieces.next() {
        let following = || pieces.as_slice().iter().map(|ListPiece(piece)| piece);
        match piece {
            Piece::Accounts(list) => {
                append(&mut all, list, || following().map(|piece| piece.accounts_left(Vec::len)).sum());
            }
            Piece::Slots { row, slots: AccessedSlots { changed, read }, is_last } => {
                let left = |len: fn(&AccessedSlots) -> usize| {
                    following().map_while(move |piece| piece.slots_left(row, len)).sum()
                };
                append(&mut accessed.changed, changed, || left(|slots| slots.changed.len()));
                append(&mut accessed.read, read, || left(|slots| slots.read.len()));
                if is_last {
                    let (account, logs) = ledger.account(row);
                    all.push(access(account, logs, take(&mut accessed)));
                }
            }
            Piece::Apart(list) => apart.push(list),
        }
    }
    merge(all, apart, |account| account.address)
}

/// Appends a piece. The first makes room for those that are `left`, because growing with each would take longer than appending.
fn append<T>(all: &mut Vec<T>, mut piece: Vec<T>, left: impl FnOnce() -> usize) {
    if all.is_empty() {
        *all = piece;
        all.reserve_exact(left());
    } else {
        all.append(&mut piece);
    }
}

/// Puts pieces, which are in order, between what is in order already.
fn merge<T>(all: Vec<T>, pieces: Vec<Vec<T>>, address: impl Fn(&T) -> Address) -> Vec<T> {
    if pieces.is_empty() {
        return all;
    }
    let mut merged = Vec::with_capacity(all.len() + pieces.iter().map(Vec::len).sum::<usize>());
    let mut all = all.into_iter().peekable();
    for mut piece in pieces {
        let Some(last) = piece.last().map(&address) else { continue };
        if all.peek().is_none_or(|next| address(next) > last) {
            merged.append(&mut piece);
            continue;
        }
        for account in piece {
            while let Some(next) = all.next_if(|next| address(next) < address(&account)) {
                merged.push(next);
            }
            merged.push(account);
        }
    }
    merged.extend(all);
    merged
}

impl<A, S> Piece<A, S> {
    /// How many accounts it adds.
    fn accounts_left(&self, len: impl FnOnce(&A) -> usize) -> usize {
        match self {
            Self::Accounts(accounts) => len(accounts),
            Self::Slots { is_last, .. } => usize::from(*is_last),
            Self::Apart(_) => 0,
        }
    }

    /// How many slots it adds to the account in a row, if it is of that.
    fn slots_left(&self, of: u32, len: impl FnOnce(&S) -> usize) -> Option<usize> {
        match self {
            Self::Slots { row, slots, .. } if *row == of => Some(len(slots)),
            _ => None,
        }
    }
}

impl From<ChangedAccounts> for StateChanges {
    fn from(ChangedAccounts { accounts, codes }: ChangedAccounts) -> Self {
        debug_assert!(accounts.is_sorted_by(|(a, _), (b, _)| a < b), "each is there once, in order");
        Self { accounts: LiteMap::from_sorted_store_unchecked(accounts), codes: codes.into_iter().collect() }
    }
}

impl ChangedAccounts {
    /// Adds what the block changes of the accounts that follow.
    pub fn append(&mut self, mut others: Self) {
        self.accounts.append(&mut others.accounts);
        self.codes.append(&mut others.codes);
    }

    fn add(&mut self, account: &LedgerRow, logs: &Logs, slots: Vec<(U256, U256)>) {
        debug_assert!(slots.is_sorted_by(|(a, _), (b, _)| a < b), "they are sorted by their keys");
        if let Some(change) = account.change(LiteMap::from_sorted_store_unchecked(slots)) {
            self.codes.extend(account.new_code(logs));
            self.accounts.push((account.address, change));
        }
    }
}

impl AccessedSlots {
    fn new(ledger: &Ledger, logs: &Logs, sorted: &[Key]) -> Self {
        let has_changed = |(_, slot): &&Key| !ledger.slots[*slot as usize].history.is_empty();
        let changed = sorted.iter().filter(has_changed).count();
        let mut slots = Self { changed: Vec::with_capacity(changed), read: Vec::with_capacity(sorted.len() - changed) };
        for &(_, slot) in sorted {
            let slot = &ledger.slots[slot as usize];
            if slot.history.is_empty() {
                slots.read.push(slot.key);
            } else {
                let changes = logs.words.changes(slot.history, StorageChange::new);
                slots.changed.push(SlotChanges::new(slot.key, changes));
            }
        }
        slots
    }
}

/// An account's part of the access list.
fn access(row: &LedgerRow, logs: &Logs, slots: AccessedSlots) -> AccountChanges {
    let mut access = AccountChanges::new(row.address);
    access.storage_changes = slots.changed;
    access.storage_reads = slots.read;
    access.balance_changes = logs.words.changes(row.balances, BalanceChange::new);
    access.nonce_changes = logs.nonces.changes(row.nonces, NonceChange::new);
    access.code_changes = logs.codes.changes(row.codes, |at, code| CodeChange::new(at, code.bytes));
    access
}
