//! What one transaction did, between the table in which it executed and the ledger that judges and keeps it.

use alloc::vec::Vec;

use alloy_primitives::{Address, U256};
use revm::{bytecode::Bytecode, primitives::hardfork::SpecId};

use crate::{
    journal::is_huge,
    ledger::{Ledger, Names},
    table::{AccountRow, End, Moment, Place, SlotRow, Table, end, seen},
};

/// Steps in which it is guessed whether the slots of one transaction hold. A transaction of usual size needs some hundred.
const GUESS_STEPS_MAX: usize = 1 << 12;

/// What a transaction did to an account, and what it learnt about it.
#[derive(Clone)]
pub(crate) struct AccountEffect {
    row: u32,
    address: Address,
    start: Moment,
    is_foreseen: bool,
    seen: u8,
    slack: U256,
    touched: bool,
    now: Moment,
    end: End,
    keeps_empty: bool,
    code: Option<Bytecode>,
}

/// What a transaction did to a slot. Slots are always learnt exactly, because the price of using one depends on its value.
#[derive(Clone, Copy)]
pub(crate) struct SlotEffect {
    slot: u32,
    account: u32,
    key: U256,
    start: U256,
    is_foreseen: bool,
    now: U256,
}

impl AccountEffect {
    pub(crate) fn of(row: u32, account: &AccountRow, spec: SpecId) -> Self {
        let info = &account.account.info;
        let touched = account.account.is_touched();
        Self {
            row,
            address: account.address,
            start: account.start,
            is_foreseen: account.is_foreseen,
            seen: account.seen.get(),
            slack: account.slack,
            touched,
            now: Moment { exists: true, nonce: info.nonce, balance: info.balance, code_hash: info.code_hash },
            end: if touched { end(account, spec) } else { End::Stays },
            keeps_empty: account.account.is_created() || !spec.is_enabled_in(SpecId::SPURIOUS_DRAGON),
            code: if info.code_hash == account.start.code_hash { None } else { info.code.clone() },
        }
    }

    /// The transaction would have done the same had it executed on what the ledger holds.
    fn holds(&self, ledger: &mut Ledger, names: &mut Names) -> bool {
        // What the ledger has no row for is as it was before the block. So it was read, unless the run itself had changed it.
        let Some(row) = ledger.find(names, self.row, self.address) else { return !self.is_foreseen };
        self.holds_on(&ledger.rows[row as usize].now)
    }

    /// The same where the account is so now.
    fn holds_on(&self, now: &Moment) -> bool {
        let balance = if now.balance == self.start.balance {
            true
        } else if self.seen & seen::BALANCE != 0 || is_huge(&now.balance) {
            false
        } else {
            now.balance.saturating_add(self.slack) >= self.start.balance
        };
        balance
            && (self.seen & seen::NONCE == 0 || now.nonce == self.start.nonce)
            && (self.seen & seen::CODE == 0 || now.code_hash == self.start.code_hash)
    }

    /// As [`AccountEffect::holds`], as far as a table knows, whose rows are other ones. What the run itself had changed is not judged.
    fn may_hold(&self, table: &Table<'_>) -> bool {
        self.is_foreseen || table.heard_account(&self.address).is_none_or(|now| self.holds_on(&now))
    }

    fn apply(&self, ledger: &mut Ledger, names: &mut Names) {
        let row = ledger.row(names, self.row, self.address, &self.start);
        if !self.touched {
            return;
        }
        if self.end == End::Destroyed {
            ledger.set(row, names.seat(self.row), Moment::ABSENT, None);
            return;
        }
        let mut now = ledger.rows[row as usize].now;
        // A difference and not a value, since others may have paid or been paid meanwhile.
        now.balance = now.balance.wrapping_add(self.now.balance).wrapping_sub(self.start.balance);
        if self.now.nonce != self.start.nonce {
            now.nonce = self.now.nonce;
        }
        if self.now.code_hash != self.start.code_hash {
            now.code_hash = self.now.code_hash;
        }
        now.exists = true;
        if now.is_empty() && !self.keeps_empty {
            now = Moment::ABSENT;
        }
        ledger.set(row, names.seat(self.row), now, self.code.as_ref());
    }
}

impl SlotEffect {
    pub(crate) fn of(slot: u32, row: &SlotRow) -> Self {
        Self {
            slot,
            account: row.account,
            key: row.key,
            start: row.slot.original_value,
            is_foreseen: row.is_foreseen,
            now: row.slot.present_value,
        }
    }

    fn holds(&self, ledger: &mut Ledger, names: &mut Names) -> bool {
        // The account was loaded before its slot, so it has its name by now if the ledger knows it.
        let Some(account) = names.row(self.account) else { return !self.is_foreseen };
        match ledger.find_slot(names, self.slot, account, self.key) {
            Some(slot) => ledger.slots[slot as usize].now == self.start,
            None if ledger.rows[account as usize].storage_gone => self.start.is_zero(),
            None => !self.is_foreseen,
        }
    }

    /// As [`AccountEffect::may_hold`].
    fn may_hold(&self, account: &Address, table: &Table<'_>) -> bool {
        self.is_foreseen || table.heard_slot(account, &self.key).is_none_or(|now| now == self.start)
    }

    fn apply(&self, ledger: &mut Ledger, names: &mut Names, destroyed: bool) {
        let account = names.row(self.account).expect("accounts are applied before their slots");
        let slot = ledger.slot(names, self.slot, Place(account, self.key), self.start);
        if !destroyed {
            ledger.set_slot(slot, names.seat(self.slot), self.now);
        }
    }
}

/// The effects of one transaction hold on what the ledger has now.
pub(crate) fn hold(accounts: &[AccountEffect], slots: &[SlotEffect], ledger: &mut Ledger, names: &mut Names) -> bool {
    accounts.iter().all(|effect| effect.holds(ledger, names)) && slots.iter().all(|effect| effect.holds(ledger, names))
}

/// The same as far as a table knows that has not executed it. Only a guess, which may be wrong either way.
pub(crate) fn may_hold(accounts: &[AccountEffect], slots: &[SlotEffect], table: &Table<'_>) -> bool {
    let address = |row: u32| accounts.iter().find(|account| account.row == row).map(|account| &account.address);
    // What the slots of a transaction are of is looked for, each time anew.
    let judged = &slots[..slots.len().min(GUESS_STEPS_MAX / accounts.len().max(1))];
    accounts.iter().all(|effect| effect.may_hold(table))
        && judged.iter().all(|effect| address(effect.account).is_none_or(|account| effect.may_hold(account, table)))
}

/// Commits the effects of one transaction.
pub(crate) fn apply(accounts: &[AccountEffect], slots: &[SlotEffect], ledger: &mut Ledger, names: &mut Names) {
    let mut any_destroyed = false;
    for effect in accounts {
        effect.apply(ledger, names);
        any_destroyed |= effect.end == End::Destroyed;
    }
    let destroyed = |row: u32| accounts.iter().any(|effect| effect.row == row && effect.end == End::Destroyed);
    for effect in slots {
        effect.apply(ledger, names, any_destroyed && destroyed(effect.account));
    }
    for effect in accounts.iter().filter(|effect| effect.end == End::Destroyed) {
        let row = names.row(effect.row).expect("it was applied above");
        ledger.wipe(row, names.seat(effect.row));
    }
}

/// Commits what the table's transaction did, without a detour over lists. The table held what the ledger holds.
pub(crate) fn apply_table(table: &Table<'_>, spec: SpecId, ledger: &mut Ledger, names: &mut Names) {
    let mut destroyed = Vec::new();
    for &row in &table.loaded {
        let account = &table.accounts[row as usize];
        let name = ledger.row(names, row, account.address, &account.start);
        if !account.account.is_touched() {
            continue;
        }
        let end = end(account, spec);
        if end == End::Stays {
            let info = &account.account.info;
            let now = Moment { exists: true, nonce: info.nonce, balance: info.balance, code_hash: info.code_hash };
            ledger.set(name, names.seat(row), now, info.code.as_ref());
        } else {
            ledger.set(name, names.seat(row), Moment::ABSENT, None);
        }
        if end == End::Destroyed {
            destroyed.push((row, name));
        }
    }
    for &slot in &table.loaded_slots {
        let row = &table.slots[slot as usize];
        let account = names.row(row.account).expect("accounts are applied before their slots");
        let name = ledger.slot(names, slot, Place(account, row.key), row.slot.original_value);
        if !destroyed.iter().any(|(destroyed, _)| *destroyed == row.account) {
            ledger.set_slot(name, names.seat(slot), row.slot.present_value);
        }
    }
    for (row, name) in destroyed {
        ledger.wipe(name, names.seat(row));
    }
}
