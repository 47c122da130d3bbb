//! An access list as the types that others use for it.

use alloc::vec::Vec;

use alloy_eip7928::{AccountChanges, BalanceChange, BlockAccessIndex, CodeChange, NonceChange, StorageChange};

use super::{BlockAccessList, Change, SlotChanges};

impl From<Vec<AccountChanges>> for BlockAccessList {
    fn from(accounts: Vec<AccountChanges>) -> Self {
        let mut list = Self::default();
        for account in accounts {
            for slot in account.storage_changes {
                let changes = slot.changes.into_iter();
                let changes = changes.map(|to| Change { index: to.block_access_index.get(), value: to.new_value });
                list.write(slot.slot, |values| values.extend(changes));
            }
            account.storage_reads.into_iter().for_each(|slot| list.read(slot));
            list.end_account(account.address, |balances, nonces, codes| {
                let to = account.balance_changes.into_iter();
                balances.extend(to.map(|to| Change { index: to.block_access_index.get(), value: to.post_balance }));
                let to = account.nonce_changes.into_iter();
                nonces.extend(to.map(|to| Change { index: to.block_access_index.get(), value: to.new_nonce }));
                let to = account.code_changes.into_iter();
                codes.extend(to.map(|to| Change { index: to.block_access_index.get(), value: to.new_code }));
            });
        }
        list
    }
}

impl From<&BlockAccessList> for Vec<AccountChanges> {
    fn from(list: &BlockAccessList) -> Self {
        let at = BlockAccessIndex::new;
        let accounts = list.accounts().map(|account| {
            let slots = account.storage_changes().map(|SlotChanges { slot, changes }| {
                let changes = changes.iter().map(|to| StorageChange::new(at(to.index), to.value));
                alloy_eip7928::SlotChanges::new(slot, changes.collect())
            });
            AccountChanges {
                address: *account.address(),
                storage_changes: slots.collect(),
                storage_reads: account.storage_reads().to_vec(),
                balance_changes: account
                    .balance_changes()
                    .iter()
                    .map(|to| BalanceChange::new(at(to.index), to.value))
                    .collect(),
                nonce_changes: account
                    .nonce_changes()
                    .iter()
                    .map(|to| NonceChange::new(at(to.index), to.value))
                    .collect(),
                code_changes: account
                    .code_changes()
                    .iter()
                    .map(|to| CodeChange::new(at(to.index), to.value.clone()))
                    .collect(),
            }
        });
        accounts.collect()
    }
}
