//! Accounts and slots that a transaction used, before and after.

use alloc::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, U256};
use revm::primitives::hardfork::SpecId;
use sluice_types::EMPTY_CODE_HASH;

use crate::{
    reader::Failed,
    table::{End, Moment, Table, end},
};

/// An account at one moment, and those of its slots that the transaction used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    /// Wei.
    pub balance: U256,
    /// Nonce.
    pub nonce: u64,
    /// Code.
    pub code: Bytes,
    /// Slots with their values.
    pub storage: BTreeMap<U256, U256>,
}

/// Accounts before and after; `None` where there is none.
pub type States = BTreeMap<Address, (Option<AccountState>, Option<AccountState>)>;

/// Reads what the unsettled transaction has used.
pub(super) fn read(table: &mut Table<'_>, spec: SpecId) -> Result<States, Failed> {
    let mut states = States::new();
    for index in 0..table.loaded.len() {
        let row = table.loaded[index];
        let account = &table.accounts[row as usize];
        let info = &account.account.info;
        let stands = Moment { exists: true, nonce: info.nonce, balance: info.balance, code_hash: info.code_hash };
        let (address, start) = (account.address, account.start);
        let (now, new_code) = match account.account.is_touched().then(|| end(account, spec)) {
            None => (start, None),
            Some(End::Stays) => (stands, info.code.clone()),
            Some(End::Empty | End::Destroyed) => (Moment::ABSENT, None),
        };
        let before = state(table, start, None)?;
        let after = state(table, now, new_code.filter(|_| now.code_hash != start.code_hash))?;
        states.insert(address, (before, after));
    }
    for slot in &table.loaded_slots {
        let row = &table.slots[*slot as usize];
        let Some((before, after)) = states.get_mut(&table.accounts[row.account as usize].address) else { continue };
        if let Some(before) = before {
            before.storage.insert(row.key, row.slot.original_value);
        }
        if let Some(after) = after {
            after.storage.insert(row.key, row.slot.present_value);
        }
    }
    Ok(states)
}

fn state(
    table: &mut Table<'_>,
    moment: Moment,
    new_code: Option<revm::bytecode::Bytecode>,
) -> Result<Option<AccountState>, Failed> {
    if !moment.exists {
        return Ok(None);
    }
    let code = match new_code {
        Some(code) => code.original_bytes(),
        None if moment.code_hash == EMPTY_CODE_HASH => Bytes::new(),
        None => table.code(moment.code_hash)?.original_bytes(),
    };
    Ok(Some(AccountState { balance: moment.balance, nonce: moment.nonce, code, storage: BTreeMap::new() }))
}
