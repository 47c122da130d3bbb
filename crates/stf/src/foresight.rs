//! What a block access list foretells, in the order in which it will be so.
//!
//! Source: EIP-7928. Change `i` of a list is there when transaction `i`, counted from 1, has executed; 0 is what the protocol does
//! before.

use alloc::{vec, vec::Vec};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use revm::bytecode::Bytecode;
use sluice_types::{BlockAccessList, EMPTY_CODE_HASH};

use crate::{reader::Failed, table::Table};

/// One change.
#[derive(Clone, Debug)]
enum What {
    Balance(U256),
    Nonce(u64),
    Code(B256, Bytes),
    Slot(U256, U256),
}

/// A list's changes, by the transaction that makes them.
#[derive(Clone, Debug)]
pub struct Foresight {
    changes: Vec<(Address, What)>,
    /// Where the changes of each access index end.
    ends: Vec<usize>,
}

impl Foresight {
    /// Reads a list for a block of so many transactions. Changes after the last of them are left out; whoever compares the list
    /// that execution makes finds them missing.
    pub fn new(list: &BlockAccessList, transactions: usize) -> Self {
        let mut by_index = vec![Vec::new(); transactions + 1];
        let mut add = |index: u64, address: Address, what: What| {
            if let Some(changes) = usize::try_from(index).ok().and_then(|index| by_index.get_mut(index)) {
                changes.push((address, what));
            }
        };
        for account in list {
            let address = account.address;
            for change in &account.balance_changes {
                add(change.block_access_index.get(), address, What::Balance(change.post_balance));
            }
            for change in &account.nonce_changes {
                add(change.block_access_index.get(), address, What::Nonce(change.new_nonce));
            }
            for change in &account.code_changes {
                let code = change.new_code.clone();
                let hash = if code.is_empty() { EMPTY_CODE_HASH } else { keccak256(&code) };
                add(change.block_access_index.get(), address, What::Code(hash, code));
            }
            for slot in &account.storage_changes {
                for change in &slot.changes {
                    add(change.block_access_index.get(), address, What::Slot(slot.slot, change.new_value));
                }
            }
        }
        let mut ends = Vec::with_capacity(by_index.len());
        let mut changes = Vec::new();
        for mut more in by_index {
            changes.append(&mut more);
            ends.push(changes.len());
        }
        Self { changes, ends }
    }

    /// Puts into the table what is so before the transaction at `index`, when it already holds the first `known` changes. Gives how
    /// many it holds then.
    pub(crate) fn tell(&self, table: &mut Table<'_>, index: usize, known: usize) -> Result<usize, Failed> {
        let end = self.ends.get(index).copied().unwrap_or(self.changes.len());
        for (address, what) in self.changes.get(known..end).unwrap_or_default() {
            match what {
                What::Balance(balance) => table.foretell(*address, |info| info.balance = *balance)?,
                What::Nonce(nonce) => table.foretell(*address, |info| info.nonce = *nonce)?,
                What::Slot(key, value) => table.foretell_slot(*address, *key, *value)?,
                What::Code(hash, code) => {
                    let code = Bytecode::new_raw_checked(code.clone()).map_err(|_| Failed::Code(*hash))?;
                    table.foretell(*address, |info| (info.code_hash, info.code) = (*hash, Some(code)))?;
                }
            }
        }
        Ok(end.max(known))
    }
}
