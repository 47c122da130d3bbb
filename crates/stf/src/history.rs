//! The hash of a parent that is not sealed yet.
//!
//! A block's hash is known when its state root is, but the next block can execute before: of its parent's hash it needs only what
//! contracts ask for. Such a block is planned with [`Plan::ahead`](crate::Plan::ahead), its state answers for the hash, and
//! [`write_parent_hash`] adds to the outcome what the system call of EIP-2935 would have done.

use alloc::vec;

use alloy_eip7928::{AccountChanges, BlockAccessIndex, SlotChanges, StorageChange};
use alloy_eips::eip2935::HISTORY_SERVE_WINDOW;
use alloy_primitives::{B256, U256};
use sluice_types::{Account, AccountChange, Outcome, predeploys::HISTORY};

/// The slot of [`HISTORY`] that holds the hash of a block from the next one on.
///
/// Source: EIP-2935.
pub fn history_slot(number: u64) -> U256 {
    U256::from(number % HISTORY_SERVE_WINDOW as u64)
}

/// Adds to the outcome of a block planned [ahead](crate::Plan::ahead) that its parent's hash was written before its transactions.
///
/// `history` is the account [`HISTORY`] and `before` the slot's value, both as the parent left them.
pub fn write_parent_hash(outcome: &mut Outcome, parent: (u64, B256), history: Account, before: U256) {
    let (slot, hash) = (history_slot(parent.0), U256::from_be_bytes(parent.1.0));
    let differs = hash != before;
    if differs {
        let unchanged = AccountChange { account: Some(history), ..AccountChange::default() };
        outcome.changes.accounts.entry(HISTORY).or_insert(unchanged).storage.insert(slot, hash);
    }
    let list = &mut outcome.access_list;
    let place = list.binary_search_by_key(&HISTORY, |account| account.address).unwrap_or_else(|place| {
        list.insert(place, AccountChanges::new(HISTORY));
        place
    });
    let account = &mut list[place];
    if differs {
        // Who only reads the slot reads what is written here.
        account.storage_reads.retain(|read| *read != slot);
        let changes = SlotChanges::new(slot, vec![StorageChange::new(BlockAccessIndex::new(0), hash)]);
        let place = account.storage_changes.partition_point(|change| change.slot < slot);
        account.storage_changes.insert(place, changes);
    } else if !account.storage_reads.contains(&slot) {
        let place = account.storage_reads.partition_point(|read| *read < slot);
        account.storage_reads.insert(place, slot);
    }
}
