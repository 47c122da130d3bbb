//! What a block leaves behind: its changes and its access list, made from the ledger in one pass over the sorted accounts.

use alloc::vec::Vec;
use core::mem::take;

use alloy_eip7928::{AccountChanges, BlockAccessIndex, BlockAccessList, CodeChange, SlotChanges};
use sluice_types::StateChanges;

use crate::ledger::Ledger;

/// Makes both. The ledger's histories move into the list.
pub(crate) fn make(ledger: &mut Ledger) -> (StateChanges, BlockAccessList) {
    let mut changes = StateChanges::default();
    let mut accounts = Vec::with_capacity(ledger.rows.len());
    let mut access_list = BlockAccessList::with_capacity(ledger.rows.len());
    let mut sorted = Vec::new();
    for row in ledger.sorted() {
        let known = &ledger.rows[row as usize];
        known.sort_slots(&ledger.slots, &mut sorted);
        if let Some(change) = known.change(&ledger.slots, &sorted) {
            changes.codes.extend(known.new_code());
            accounts.push((known.address, change));
        }
        access_list.push(access(ledger, row, &sorted));
    }
    // From a sorted run, so built in one pass.
    changes.accounts = accounts.into_iter().collect();
    (changes, access_list)
}

/// An account's part of the access list.
fn access(ledger: &mut Ledger, row: u32, sorted: &[(u64, u32)]) -> AccountChanges {
    let mut storage_changes = Vec::new();
    let mut storage_reads = Vec::new();
    for &(_, slot) in sorted {
        let slot = &mut ledger.slots[slot as usize];
        if slot.history.is_empty() {
            storage_reads.push(slot.key);
        } else {
            storage_changes.push(SlotChanges::new(slot.key, take(&mut slot.history)));
        }
    }
    let row = &mut ledger.rows[row as usize];
    let code = |(at, _, code)| CodeChange::new(BlockAccessIndex::new(at), code);
    AccountChanges {
        address: row.address,
        storage_changes,
        storage_reads,
        balance_changes: take(&mut row.balances),
        nonce_changes: take(&mut row.nonces),
        code_changes: take(&mut row.codes).into_iter().map(code).collect(),
    }
}
