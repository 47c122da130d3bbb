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
    ledger::{Ledger, LedgerRow, Logs},
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
}

#[derive(Debug, Default)]
struct ChangedAccounts {
    accounts: Vec<(Address, AccountChange)>,
    codes: Vec<(B256, Bytes)>,
}

#[derive(Debug, Default)]
struct AccessedSlots {
    changed: Vec<SlotChanges>,
    read: Vec<U256>,
}

/// Makes changes and list, by one worker.
pub(crate) fn make(ledger: &Ledger) -> (StateChanges, BlockAccessList) {
    let (changes, list) = pieces(ledger, one_share(ledger));
    (join_changes(ledger, Vec::from([changes])), join_list(ledger, Vec::from([list])))
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
    let count = |piece: &ChangesPiece| match &piece.0 {
        Piece::Accounts(changes) => changes.accounts.len(),
        Piece::Slots { is_last, .. } => usize::from(*is_last),
    };
    let (mut all, mut storage) = (ChangedAccounts::default(), Vec::new());
    let mut left: usize = pieces.iter().map(count).sum();
    for piece in pieces {
        left -= count(&piece);
        match piece.0 {
            Piece::Accounts(mut changes) => {
                append(&mut all.accounts, &mut changes.accounts, left);
                all.codes.append(&mut changes.codes);
            }
            Piece::Slots { row, mut slots, is_last } => {
                append(&mut storage, &mut slots, 0);
                if is_last {
                    let (account, logs) = ledger.account(row);
                    all.add(account, logs, take(&mut storage));
                }
            }
        }
    }
    debug_assert!(all.accounts.is_sorted_by(|(a, _), (b, _)| a < b), "each is added once, in order");
    StateChanges {
        accounts: LiteMap::from_sorted_store_unchecked(all.accounts),
        codes: all.codes.into_iter().collect(),
    }
}

/// Puts all pieces of the list together, in order.
pub(crate) fn join_list(ledger: &Ledger, pieces: Vec<ListPiece>) -> BlockAccessList {
    let count = |piece: &ListPiece| match &piece.0 {
        Piece::Accounts(list) => list.len(),
        Piece::Slots { is_last, .. } => usize::from(*is_last),
    };
    let (mut all, mut accessed) = (BlockAccessList::new(), AccessedSlots::default());
    let mut left: usize = pieces.iter().map(count).sum();
    for piece in pieces {
        left -= count(&piece);
        match piece.0 {
            Piece::Accounts(mut list) => append(&mut all, &mut list, left),
            Piece::Slots { row, mut slots, is_last } => {
                append(&mut accessed.changed, &mut slots.changed, 0);
                append(&mut accessed.read, &mut slots.read, 0);
                if is_last {
                    let (account, logs) = ledger.account(row);
                    all.push(access(account, logs, take(&mut accessed)));
                }
            }
        }
    }
    all
}

/// Appends where so many will still follow. The first piece is not copied if it is all.
fn append<T>(all: &mut Vec<T>, piece: &mut Vec<T>, left: usize) {
    if all.is_empty() && left == 0 {
        *all = take(piece);
    } else {
        all.reserve(piece.len() + left);
        all.append(piece);
    }
}

impl ChangedAccounts {
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
