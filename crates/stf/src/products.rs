//! What a block leaves behind: its changes and its access list, made from the ledger in one pass over the sorted accounts.
//!
//! The ledger is only read, so that several workers can make a part each: accounts of different addresses have nothing in common.

use alloc::{vec, vec::Vec};
use core::iter;

use alloy_eip7928::{
    AccountChanges, BalanceChange, BlockAccessList, CodeChange, NonceChange, SlotChanges, StorageChange,
};
use alloy_primitives::{Address, B256, Bytes};
use sluice_types::{AccountChange, LiteMap, StateChanges};

use crate::ledger::{Ledger, LedgerRow, Logs};

/// Fewest accounts of a share, so that it is worth handing over.
const SHARE_ACCOUNTS_MIN: usize = 64;

/// What the first byte of an address can be.
const FIRST_BYTES: usize = 1 << u8::BITS;

/// Accounts with addresses between two, to be sorted by one worker.
#[derive(Debug)]
pub struct Share {
    keys: Vec<(u64, u32)>,
}

/// Accounts in order of their addresses, with their slots in order of their keys.
#[derive(Debug)]
pub struct Sorted {
    keys: Vec<(u64, u32)>,
    slots: Vec<(u64, u32)>,
    /// Where the slots of each account end.
    ends: Vec<usize>,
}

/// Makes changes and list, by one worker.
pub(crate) fn make(ledger: &Ledger) -> (StateChanges, BlockAccessList) {
    let mut keys = ledger.keys();
    ledger.sort(&mut keys);
    let mut changes = Changes::with_capacity(keys.len());
    let mut access_list = BlockAccessList::with_capacity(keys.len());
    let mut slots = Vec::new();
    for (_, row) in keys {
        let (account, logs) = ledger.account(row);
        slots.clear();
        account.sort_slots(&ledger.slots, &mut slots);
        changes.add(ledger, account, logs, &slots);
        access_list.push(access(ledger, account, logs, &slots));
    }
    (changes.end(), access_list)
}

/// Divides the accounts into about so many shares, in order of their addresses.
pub(crate) fn shares(ledger: &Ledger, count: usize) -> Vec<Share> {
    let keys = ledger.keys();
    let size = keys.len().div_ceil(count.max(1)).max(SHARE_ACCOUNTS_MIN);
    if keys.len() <= size {
        return vec![Share { keys }];
    }
    // Addresses are hashes, so that their first bytes divide them well.
    let first_byte = |key: u64| usize::from(key.to_be_bytes()[0]);
    let mut counts = [0; FIRST_BYTES];
    keys.iter().for_each(|(key, _)| counts[first_byte(*key)] += 1);
    let (mut share_of, mut sizes) = ([0; FIRST_BYTES], vec![0]);
    for (share, count) in share_of.iter_mut().zip(counts) {
        if sizes.last().is_some_and(|last| *last > 0 && last + count / 2 > size) {
            sizes.push(0);
        }
        *share = sizes.len() - 1;
        *sizes.last_mut().expect("there is one from the start") += count;
    }
    let mut divided: Vec<_> = sizes.into_iter().map(Vec::with_capacity).collect();
    keys.into_iter().for_each(|key| divided[share_of[first_byte(key.0)]].push(key));
    divided.into_iter().flat_map(|keys| split(ledger, keys, size)).collect()
}

/// Divides accounts further whose addresses somebody has chosen to start alike.
fn split(ledger: &Ledger, mut rest: Vec<(u64, u32)>, size: usize) -> impl Iterator<Item = Share> {
    let mut shares = Vec::with_capacity(1);
    // From the end, so that cutting off moves nothing.
    while rest.len() > 2 * size {
        let start = (rest.len() - 1) / size * size;
        ledger.split(&mut rest, start);
        shares.push(Share { keys: rest.split_off(start) });
    }
    shares.push(Share { keys: rest });
    shares.into_iter().rev()
}

/// Sorts a share.
pub(crate) fn sort(ledger: &Ledger, Share { mut keys }: Share) -> Sorted {
    ledger.sort(&mut keys);
    let (mut slots, mut ends) = (Vec::new(), Vec::with_capacity(keys.len()));
    for (_, row) in &keys {
        ledger.account(*row).0.sort_slots(&ledger.slots, &mut slots);
        ends.push(slots.len());
    }
    Sorted { keys, slots, ends }
}

/// Makes the changes of all accounts.
pub(crate) fn changes<'s>(ledger: &Ledger, sorted: impl Iterator<Item = &'s Sorted> + Clone) -> StateChanges {
    let mut changes = Changes::with_capacity(sorted.clone().map(|sorted| sorted.keys.len()).sum());
    for (row, slots) in sorted.flat_map(Sorted::accounts) {
        let (account, logs) = ledger.account(row);
        changes.add(ledger, account, logs, slots);
    }
    changes.end()
}

/// Makes the list of some accounts, which may be all.
pub(crate) fn list<'s>(ledger: &Ledger, sorted: impl Iterator<Item = &'s Sorted> + Clone) -> BlockAccessList {
    let mut list = BlockAccessList::with_capacity(sorted.clone().map(|sorted| sorted.keys.len()).sum());
    for (row, slots) in sorted.flat_map(Sorted::accounts) {
        let (account, logs) = ledger.account(row);
        list.push(access(ledger, account, logs, slots));
    }
    list
}

impl Sorted {
    fn accounts(&self) -> impl Iterator<Item = (u32, &[(u64, u32)])> {
        let starts = iter::once(0).chain(self.ends.iter().copied());
        let slots = starts.zip(&self.ends).map(|(start, end)| &self.slots[start..*end]);
        self.keys.iter().map(|(_, row)| *row).zip(slots)
    }
}

/// Changes that are being made.
struct Changes {
    accounts: Vec<(Address, AccountChange)>,
    codes: Vec<(B256, Bytes)>,
}

impl Changes {
    fn with_capacity(count: usize) -> Self {
        Self { accounts: Vec::with_capacity(count), codes: Vec::new() }
    }

    fn add(&mut self, ledger: &Ledger, account: &LedgerRow, logs: &Logs, slots: &[(u64, u32)]) {
        if let Some(change) = account.change(&ledger.slots, slots) {
            self.codes.extend(account.new_code(logs));
            self.accounts.push((account.address, change));
        }
    }

    /// From a sorted run, which is kept as it is.
    fn end(self) -> StateChanges {
        debug_assert!(self.accounts.is_sorted_by(|(a, _), (b, _)| a < b), "each is added once, in order");
        StateChanges {
            accounts: LiteMap::from_sorted_store_unchecked(self.accounts),
            codes: self.codes.into_iter().collect(),
        }
    }
}

/// An account's part of the access list.
fn access(ledger: &Ledger, row: &LedgerRow, logs: &Logs, sorted: &[(u64, u32)]) -> AccountChanges {
    let has_changed = |(_, slot): &&(u64, u32)| !ledger.slots[*slot as usize].history.is_empty();
    let changed = sorted.iter().filter(has_changed).count();
    let mut access = AccountChanges::new(row.address);
    access.storage_changes.reserve_exact(changed);
    access.storage_reads.reserve_exact(sorted.len() - changed);
    for &(_, slot) in sorted {
        let slot = &ledger.slots[slot as usize];
        if slot.history.is_empty() {
            access.storage_reads.push(slot.key);
        } else {
            let changes = ledger.logs.words.changes(slot.history, StorageChange::new);
            access.storage_changes.push(SlotChanges::new(slot.key, changes));
        }
    }
    access.balance_changes = logs.words.changes(row.balances, BalanceChange::new);
    access.nonce_changes = logs.nonces.changes(row.nonces, NonceChange::new);
    access.code_changes = logs.codes.changes(row.codes, |at, code| CodeChange::new(at, code.bytes));
    access
}
