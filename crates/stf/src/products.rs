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
    shares::{Key, Part, Share, one_share},
};

/// A piece of the changes, from one share.
#[derive(Debug)]
pub struct ChangesPiece(Piece<ChangedAccounts, Vec<(U256, U256)>>);

/// A piece of the access list, from one share.
#[derive(Debug)]
pub struct ListPiece(Piece<BlockAccessList, BlockAccessList>);

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

/// Makes changes and list, by one worker. Some of their pieces are made already.
pub(crate) fn make(ledger: &Ledger, made: Vec<(ChangesPiece, ListPiece)>) -> (StateChanges, BlockAccessList) {
    let (changes, list) = [pieces(ledger, &ledger.slot_keys(), one_share(ledger))].into_iter().chain(made).unzip();
    (join_changes(ledger, changes), join_list(ledger, list))
}

/// Makes the pieces of accounts that the ledger does not have.
pub(crate) fn apart(settled: &Settled) -> (ChangesPiece, ListPiece) {
    let accounts = settled.sorted();
    let mut changes = ChangedAccounts { accounts: Vec::with_capacity(accounts.len()), codes: Vec::new() };
    let mut list = BlockAccessList::default();
    for (account, logs) in accounts {
        changes.add(account, Vec::new());
        end(&mut list, account, logs);
    }
    (ChangesPiece(Piece::Apart(changes)), ListPiece(Piece::Apart(list)))
}

/// Makes the pieces of a share.
pub(crate) fn pieces(ledger: &Ledger, slots: &SlotKeys, Share(part): Share) -> (ChangesPiece, ListPiece) {
    let (changes, list) = match part {
        Part::Accounts(mut keys) => {
            ledger.sort(&mut keys);
            let (changes, list) = accounts(ledger, slots, &keys);
            (Piece::Accounts(changes), Piece::Accounts(list))
        }
        Part::Slots { row, mut slots, is_last } => {
            ledger.sort_slots(&mut slots);
            let (account, logs) = ledger.account(row);
            let mut list = BlockAccessList::default();
            let changed = storage(ledger, (account, logs), &slots, &mut list);
            (Piece::Slots { row, slots: changed, is_last }, Piece::Slots { row, slots: list, is_last })
        }
    };
    (ChangesPiece(changes), ListPiece(list))
}

fn accounts(ledger: &Ledger, slots: &SlotKeys, keys: &[Key]) -> (ChangedAccounts, BlockAccessList) {
    let mut changes = ChangedAccounts { accounts: Vec::with_capacity(keys.len()), codes: Vec::new() };
    let (mut list, mut sorted) = (BlockAccessList::default(), Vec::new());
    for (_, row) in keys {
        let (account, logs) = ledger.account(*row);
        sorted.clear();
        sorted.extend_from_slice(slots.of(*row));
        ledger.sort_slots(&mut sorted);
        changes.add(account, storage(ledger, (account, logs), &sorted, &mut list));
        end(&mut list, account, logs);
    }
    (changes, list)
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
                    let (account, _) = ledger.account(row);
                    all.add(account, take(&mut storage));
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
pub(crate) fn join_list(ledger: &Ledger, mut pieces: Vec<ListPiece>) -> BlockAccessList {
    if let [ListPiece(Piece::Accounts(list))] = &mut pieces[..] {
        return take(list);
    }
    let (mut all, mut apart) = (BlockAccessList::default(), Vec::new());
    let lists = pieces.iter().filter_map(|ListPiece(piece)| match piece {
        Piece::Accounts(list) | Piece::Slots { slots: list, .. } => Some(list),
        Piece::Apart(_) => None,
    });
    all.reserve_for(lists);
    for ListPiece(piece) in pieces {
        match piece {
            Piece::Accounts(list) => all.append(&list),
            Piece::Slots { row, slots, is_last } => {
                all.append(&slots);
                if is_last {
                    let (account, logs) = ledger.account(row);
                    end(&mut all, account, logs);
                }
            }
            Piece::Apart(list) => apart.push(list),
        }
    }
    if apart.is_empty() { all } else { merge_lists(&all, &apart) }
}

/// Puts lists, which are in order and one after another, between what is in order already.
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

    fn add(&mut self, account: &LedgerRow, slots: Vec<(U256, U256)>) {
        debug_assert!(slots.is_sorted_by(|(a, _), (b, _)| a < b), "they are sorted by their keys");
        if let Some(change) = account.change(LiteMap::from_sorted_store_unchecked(slots)) {
            self.codes.extend(account.new_code());
            self.accounts.push((account.address, change));
        }
    }
}
