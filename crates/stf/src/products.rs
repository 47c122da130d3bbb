//! What a block leaves behind: its changes and its access list, made from the ledger in one pass over the sorted accounts.
//!
//! The ledger is only read, so that several workers can make a part each: accounts of different addresses have nothing in common.

use alloc::{vec, vec::Vec};

use alloy_eip7928::{
    AccountChanges, BalanceChange, BlockAccessList, CodeChange, NonceChange, SlotChanges, StorageChange,
};
use alloy_primitives::{Address, B256, Bytes};
use sluice_types::{AccountChange, StateChanges};

use crate::ledger::{Ledger, LedgerRow};

/// Fewest accounts of a share, so that it is worth handing over.
const SHARE_ACCOUNTS_MIN: usize = 64;

/// Accounts that one worker makes changes and access list of: all with addresses between two.
#[derive(Debug)]
pub struct Share {
    keys: Vec<(u64, u32)>,
}

/// Changes and access list of some accounts that follow each other.
#[derive(Debug, Default)]
pub struct Part {
    changes: Vec<(Address, AccountChange)>,
    codes: Vec<(B256, Bytes)>,
    access_list: BlockAccessList,
}

/// Makes the whole.
pub(crate) fn make(ledger: &Ledger) -> (StateChanges, BlockAccessList) {
    join(vec![make_part(ledger, Share { keys: ledger.keys() })])
}

/// Divides the accounts into about so many shares, in order of their addresses.
pub(crate) fn shares(ledger: &Ledger, count: usize) -> Vec<Share> {
    let mut rest = ledger.keys();
    let size = rest.len().div_ceil(count.max(1)).max(SHARE_ACCOUNTS_MIN);
    let mut shares = Vec::with_capacity(count);
    // From the end, so that cutting off moves nothing.
    while rest.len() > size {
        let start = (rest.len() - 1) / size * size;
        ledger.split(&mut rest, start);
        shares.push(Share { keys: rest.split_off(start) });
    }
    shares.push(Share { keys: rest });
    shares.reverse();
    shares
}

/// Makes one share's part.
pub(crate) fn make_part(ledger: &Ledger, Share { mut keys }: Share) -> Part {
    ledger.sort(&mut keys);
    let mut part = Part {
        changes: Vec::with_capacity(keys.len()),
        codes: Vec::new(),
        access_list: Vec::with_capacity(keys.len()),
    };
    let mut sorted = Vec::new();
    for (_, row) in keys {
        let known = &ledger.rows[row as usize];
        known.sort_slots(&ledger.slots, &mut sorted);
        if let Some(change) = known.change(&ledger.slots, &sorted) {
            part.codes.extend(known.new_code(&ledger.logs));
            part.changes.push((known.address, change));
        }
        part.access_list.push(access(ledger, known, &sorted));
    }
    part
}

/// Puts parts together, in order of their addresses.
pub(crate) fn join(parts: Vec<Part>) -> (StateChanges, BlockAccessList) {
    let mut all = Part::default();
    for mut part in parts {
        if all.access_list.is_empty() {
            all = part;
        } else {
            all.changes.append(&mut part.changes);
            all.codes.append(&mut part.codes);
            all.access_list.append(&mut part.access_list);
        }
    }
    // From a sorted run, so built in one pass.
    let accounts = all.changes.into_iter().collect();
    (StateChanges { accounts, codes: all.codes.into_iter().collect() }, all.access_list)
}

/// An account's part of the access list.
fn access(ledger: &Ledger, row: &LedgerRow, sorted: &[(u64, u32)]) -> AccountChanges {
    let logs = &ledger.logs;
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
            let changes = logs.words.changes(slot.history, StorageChange::new);
            access.storage_changes.push(SlotChanges::new(slot.key, changes));
        }
    }
    access.balance_changes = logs.words.changes(row.balances, BalanceChange::new);
    access.nonce_changes = logs.nonces.changes(row.nonces, NonceChange::new);
    access.code_changes = logs.codes.changes(row.codes, |at, code| CodeChange::new(at, code.bytes));
    access
}
