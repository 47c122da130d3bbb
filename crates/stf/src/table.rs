//! The state while transactions execute: dense rows of accounts and slots, over what the parent left.
//!
//! A location is found once by its full key and named by its row from then on. Rows live as long as the table; what belongs to one
//! transaction is told from older marks by the transaction's number, so that nothing is swept between transactions.

use alloc::vec::Vec;
use core::{
    cell::Cell,
    hash::{Hash, Hasher},
    mem::{replace, take},
};

use alloy_primitives::{Address, B256, U256, map::B256Map};
use revm::{
    bytecode::Bytecode,
    context::journaled_state::JournalLoadError,
    primitives::hardfork::SpecId,
    state::{AccountInfo, AccountStatus, EvmStorageSlot, TransactionId},
};
use sluice_types::{Account, EMPTY_CODE_HASH};

use crate::{
    codes::Codes,
    foresight::Telling,
    index::{AddressIndex, Index},
    news::{Found, Heard, address_of, place_of},
    reader::{Failed, Source},
    warm::Warm,
};

/// What a transaction learnt about an account. What it did not learn cannot have steered it.
pub(crate) mod seen {
    /// The exact balance.
    pub(crate) const BALANCE: u8 = 1;
    /// The nonce.
    pub(crate) const NONCE: u8 = 2;
    /// The code hash.
    pub(crate) const CODE: u8 = 4;
    /// All of it.
    pub(crate) const ALL: u8 = BALANCE | NONCE | CODE;
}

/// An account as it stood at one moment. In this order, every part begins at a word; it is copied often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Moment {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code_hash: B256,
    pub(crate) exists: bool,
}

impl Moment {
    pub(crate) const ABSENT: Self = Self { exists: false, nonce: 0, balance: U256::ZERO, code_hash: EMPTY_CODE_HASH };

    pub(crate) fn account(&self) -> Option<Account> {
        self.exists.then_some(Account { nonce: self.nonce, balance: self.balance, code_hash: self.code_hash })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == EMPTY_CODE_HASH
    }
}

impl From<Option<Account>> for Moment {
    fn from(account: Option<Account>) -> Self {
        account.map_or(Self::ABSENT, |Account { nonce, balance, code_hash }| Self {
            exists: true,
            nonce,
            balance,
            code_hash,
        })
    }
}

/// One account.
pub(crate) struct AccountRow {
    pub(crate) address: Address,
    /// Now, with the marks of the transaction `account.transaction_id`. Slots have rows of their own, so its storage stays empty.
    pub(crate) account: revm::state::Account,
    /// There is such an account, were the transaction to end now without touching it.
    pub(crate) exists: bool,
    /// At the start of the transaction.
    pub(crate) start: Moment,
    /// That is what an earlier transaction of the run is foreseen to leave, and nobody may have committed it.
    pub(crate) is_foreseen: bool,
    /// What the transaction has learnt, from [`seen`].
    pub(crate) seen: Cell<u8>,
    /// By how much the balance at the start could have been lower without any check of funds failing.
    pub(crate) slack: U256,
    /// The last of its slots; each knows the one before.
    pub(crate) last_slot: u32,
    /// The last of its slots that are news, which are no rows yet; each knows the one before.
    pub(crate) last_news: u32,
    /// What the parent's state holds in its storage is no longer there.
    pub(crate) storage_gone: bool,
    /// The same before the run that has saved the row.
    was_storage_gone: bool,
    /// The run whose roll-back knows this row.
    saved_in: u32,
}

impl AccountRow {
    pub(crate) fn learn(&self, what: u8) {
        self.seen.set(self.seen.get() | what);
    }

    /// Learns whether the account is empty. Its balance matters only when nothing else speaks against it.
    pub(crate) fn learn_emptiness(&self) {
        let info = &self.account.info;
        self.learn(match (info.code_hash == EMPTY_CODE_HASH, info.nonce == 0) {
            (false, _) => seen::CODE,
            (true, false) => seen::CODE | seen::NONCE,
            (true, true) => seen::ALL,
        });
    }

    /// Learns that the balance covers `amount`, or exactly what it is where it does not.
    pub(crate) fn covers(&mut self, amount: U256) -> bool {
        match self.account.info.balance.checked_sub(amount) {
            Some(left) => {
                self.slack = self.slack.min(left);
                true
            }
            None => {
                self.learn(seen::BALANCE);
                false
            }
        }
    }

    pub(crate) fn now(&self) -> Moment {
        let AccountInfo { balance, nonce, code_hash, .. } = self.account.info;
        Moment { exists: self.exists, nonce, balance, code_hash }
    }

    fn set(&mut self, now: Moment, code: Option<Bytecode>) {
        self.exists = now.exists;
        let info = &mut self.account.info;
        (info.balance, info.nonce, info.code_hash) = (now.balance, now.nonce, now.code_hash);
        // No code is not put there either before somebody asks: all cores would count its users in one place.
        info.code = code;
    }
}

/// One storage slot.
pub(crate) struct SlotRow {
    pub(crate) account: u32,
    pub(crate) key: U256,
    pub(crate) slot: EvmStorageSlot,
    /// The account's slot before this one, or [`NONE`].
    pub(crate) previous: u32,
    /// As [`AccountRow::is_foreseen`].
    pub(crate) is_foreseen: bool,
    saved_in: u32,
}

/// A slot of an account's row. Hashed word by word, which is quicker than as the bytes that its parts say they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) u32, pub(crate) U256);

impl Hash for Place {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u32(self.0);
        self.1.as_limbs().iter().for_each(|limb| hasher.write_u64(*limb));
    }
}

/// No row.
pub(crate) const NONE: u32 = u32::MAX;

/// Most rows for which memory is kept between blocks. Beyond that a block was unusual, and emptying its maps costs more than new ones.
pub(crate) const ROWS_KEPT_MAX: usize = 1 << 18;

/// The memory of a table, kept from block to block so that it need not grow anew.
#[derive(Default)]
pub(crate) struct Rows {
    row_of: AddressIndex,
    slot_of: Index,
    accounts: Vec<AccountRow>,
    slots: Vec<SlotRow>,
    loaded: Vec<u32>,
    loaded_slots: Vec<u32>,
    heard: Heard,
}

impl Rows {
    fn clear(&mut self) {
        // News have places in them, too.
        if self.row_of.len() > ROWS_KEPT_MAX || self.slot_of.len() > ROWS_KEPT_MAX {
            *self = Self::default();
        }
        self.row_of.clear();
        self.slot_of.clear();
        self.accounts.clear();
        self.slots.clear();
        self.loaded.clear();
        self.loaded_slots.clear();
    }
}

/// What to put back when a run is rolled back.
#[derive(Default)]
struct Saved {
    accounts: Vec<(u32, Moment)>,
    slots: Vec<(u32, U256)>,
}

/// The rows.
pub(crate) struct Table<'a> {
    pub(crate) state: &'a dyn Source,
    codes: &'a mut Codes,
    kept: &'a mut Rows,
    /// Code deployed since the parent, which the parent's state does not have.
    new_codes: B256Map<Bytecode>,
    /// Rows, or [news](crate::news).
    pub(crate) row_of: AddressIndex,
    pub(crate) slot_of: Index,
    /// The row that was found last.
    found: Cell<u32>,
    /// A new account, without even the code that is no code.
    blank: revm::state::Account,
    pub(crate) accounts: Vec<AccountRow>,
    pub(crate) slots: Vec<SlotRow>,
    /// The transaction that executes.
    pub(crate) tx: TransactionId,
    /// Accounts that it has loaded, in order.
    pub(crate) loaded: Vec<u32>,
    /// Slots that it has loaded, in order.
    pub(crate) loaded_slots: Vec<u32>,
    /// The run that executes, when runs are rolled back.
    run: u32,
    saved: Saved,
    /// What other tables have committed.
    pub(crate) heard: Heard,
    /// What a list tells, when the block is executed from one. Rows then hold what it says at the transaction that executes.
    pub(crate) telling: Option<Telling<'a>>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(state: &'a dyn Source, codes: &'a mut Codes, kept: &'a mut Rows) -> Self {
        kept.clear();
        let Rows { row_of, slot_of, accounts, slots, loaded, loaded_slots, heard } = take(kept);
        let mut tx = TransactionId::ZERO;
        // Rows that no transaction has loaded are marked with zero.
        tx.increment();
        let mut blank = revm::state::Account::default();
        blank.info.code = None;
        Self {
            state,
            codes,
            kept,
            new_codes: B256Map::default(),
            row_of,
            slot_of,
            found: Cell::new(NONE),
            blank,
            accounts,
            slots,
            tx,
            loaded,
            loaded_slots,
            // Rows that no run has saved are marked with zero.
            run: 1,
            saved: Saved::default(),
            heard,
            telling: None,
        }
    }

    /// Row of an account, if it has one.
    pub(crate) fn known(&self, address: &Address) -> Option<u32> {
        // A contract asks for itself again and again.
        let last = self.found.get();
        if self.accounts.get(last as usize).is_some_and(|account| account.address == *address) {
            return Some(last);
        }
        let Found::Row(row) = self.found(address)? else { return None };
        self.found.set(row);
        Some(row)
    }

    /// Row of an account, which is read when it is new.
    pub(crate) fn row(&mut self, address: Address) -> Result<u32, Failed> {
        let row = match self.known(&address) {
            Some(row) => row,
            None => self.read(address)?,
        };
        if self.accounts[row as usize].account.transaction_id != self.tx {
            self.tell(row);
        }
        Ok(row)
    }

    fn read(&mut self, address: Address) -> Result<u32, Failed> {
        if let Some(news) = self.news_of(&address) {
            return Ok(self.take_account(news));
        }
        let now = self.state.account(address)?.into();
        Ok(self.insert(address, now))
    }

    /// Puts into a row what a list says of it, if there is one.
    fn tell(&mut self, row: u32) {
        let Some(telling) = &mut self.telling else { return };
        let (now, code) = telling.account(row);
        let account = &mut self.accounts[row as usize];
        let code = match code {
            None if account.account.info.code_hash == now.code_hash => account.account.info.code.take(),
            code => code.cloned(),
        };
        account.set(now, code);
    }

    pub(crate) fn insert(&mut self, address: Address, now: Moment) -> u32 {
        let row = u32::try_from(self.accounts.len()).expect("a block touches fewer than 2^32 accounts");
        let mut account = AccountRow {
            address,
            account: self.blank.clone(),
            exists: now.exists,
            start: now,
            is_foreseen: false,
            seen: Cell::new(0),
            slack: U256::MAX,
            last_slot: NONE,
            last_news: NONE,
            storage_gone: !now.exists,
            was_storage_gone: false,
            saved_in: 0,
        };
        account.set(now, None);
        if let Some(telling) = &mut self.telling {
            telling.add(&address, now);
        }
        self.accounts.push(account);
        self.row_of.set(&address, row, |named| address_of(&self.accounts, &self.heard, named));
        self.take_waiting(row);
        row
    }

    /// Row of an account that the transaction has loaded.
    pub(crate) fn loaded_row(&self, address: &Address) -> u32 {
        self.known(address).expect("the engine loads an account before it asks for its parts")
    }

    /// Marks an account as loaded by this transaction, and says whether it was cold.
    pub(crate) fn load(
        &mut self,
        address: Address,
        warm: &Warm,
        skip_cold_load: bool,
    ) -> Result<(u32, bool), JournalLoadError<Failed>> {
        let known = self.known(&address);
        if let Some(row) = known {
            let account = &self.accounts[row as usize].account;
            if !account.is_cold_transaction_id(self.tx) {
                return Ok((row, false));
            }
        }
        let is_cold = !warm.is_warm(&address);
        if is_cold && skip_cold_load {
            return Err(JournalLoadError::ColdLoadSkipped);
        }
        let row = match known {
            Some(row) => row,
            None => self.read(address)?,
        };
        self.enter(row);
        Ok((row, is_cold))
    }

    /// Marks an account as loaded and warm in this transaction.
    pub(crate) fn enter(&mut self, row: u32) {
        let tx = self.tx;
        if self.telling.is_some() && self.accounts[row as usize].account.transaction_id != tx {
            self.tell(row);
        }
        let account = &mut self.accounts[row as usize];
        if account.account.transaction_id != tx {
            account.start = account.now();
            account.is_foreseen = account.saved_in == self.run;
            account.seen.set(0);
            account.slack = U256::MAX;
            account.account.status =
                if account.exists { AccountStatus::empty() } else { AccountStatus::LoadedAsNotExisting };
            self.loaded.push(row);
        }
        account.account.mark_warm_with_transaction_id(tx);
    }

    /// Loads the code of an account into its row.
    pub(crate) fn load_code(&mut self, row: u32) -> Result<&Bytecode, Failed> {
        if self.accounts[row as usize].account.info.code.is_none() {
            let code = self.code(self.accounts[row as usize].account.info.code_hash)?;
            self.accounts[row as usize].account.info.code = Some(code);
        }
        Ok(self.accounts[row as usize].account.info.code.as_ref().expect("it was just put there"))
    }

    /// The code with this hash.
    pub(crate) fn code(&mut self, hash: B256) -> Result<Bytecode, Failed> {
        if hash == EMPTY_CODE_HASH {
            return Ok(Bytecode::default());
        }
        match self.new_codes.get(&hash) {
            Some(code) => Ok(code.clone()),
            None => self.codes.get(hash, self.state),
        }
    }

    /// Row of a slot, which is read when it is new. The boolean tells whether it is cold.
    pub(crate) fn load_slot(
        &mut self,
        row: u32,
        key: U256,
        warm: &Warm,
        skip_cold_load: bool,
    ) -> Result<(u32, bool), JournalLoadError<Failed>> {
        let place = Place(row, key);
        let known = self.found_slot(&place);
        let is_cold = match known {
            Some(Found::Row(slot)) if !self.slots[slot as usize].slot.is_cold_transaction_id(self.tx) => {
                return Ok((slot, false));
            }
            _ => !warm.is_slot_warm(&self.accounts[row as usize].address, &key),
        };
        if is_cold && skip_cold_load {
            return Err(JournalLoadError::ColdLoadSkipped);
        }
        let slot = match known {
            Some(Found::Row(slot)) => slot,
            Some(Found::News(news)) => self.take_slot(row, news),
            None => {
                let account = &self.accounts[row as usize];
                if account.storage_gone || account.account.is_created() {
                    let before = self.after_roll_back(row, key)?;
                    let slot = self.insert_slot(place, U256::ZERO);
                    if let Some(before) = before {
                        self.slots[slot as usize].saved_in = self.run;
                        self.saved.slots.push((slot, before));
                    }
                    slot
                } else {
                    let value = self.state.storage(account.address, key)?;
                    self.insert_slot(place, value)
                }
            }
        };
        let known = &mut self.slots[slot as usize];
        if known.slot.transaction_id != self.tx {
            known.is_foreseen = known.saved_in == self.run;
            self.loaded_slots.push(slot);
            if let Some(telling) = &mut self.telling {
                known.slot.present_value = telling.slot(slot);
            }
        }
        known.slot.mark_warm_with_transaction_id(self.tx);
        Ok((slot, is_cold))
    }

    /// What a slot holds again when the run is rolled back, where it is only foreseen to be gone with all others.
    fn after_roll_back(&self, row: u32, key: U256) -> Result<Option<U256>, Failed> {
        let account = &self.accounts[row as usize];
        if account.saved_in != self.run || account.was_storage_gone {
            return Ok(None);
        }
        self.state.storage(account.address, key).map(Some)
    }

    pub(crate) fn insert_slot(&mut self, place: Place, value: U256) -> u32 {
        let slot = u32::try_from(self.slots.len()).expect("a block touches fewer than 2^32 slots");
        let Place(account, key) = place;
        let previous = replace(&mut self.accounts[account as usize].last_slot, slot);
        if let Some(telling) = &mut self.telling {
            telling.add_slot(account, key, value);
        }
        let value = EvmStorageSlot::new(value, TransactionId::ZERO);
        self.slots.push(SlotRow { account, key, slot: value, previous, is_foreseen: false, saved_in: 0 });
        self.slot_of.set(&place, slot, |named| place_of(&self.slots, &self.heard, named));
        slot
    }

    /// Ends a transaction: what it did now stands in the rows.
    ///
    /// `rolls_back` keeps what the rows held before, for [`Table::roll_back`].
    pub(crate) fn settle(&mut self, spec: SpecId, rolls_back: bool) {
        for index in 0..self.loaded.len() {
            let row = self.loaded[index];
            let account = &mut self.accounts[row as usize];
            if !account.account.is_touched() {
                continue;
            }
            if rolls_back && account.saved_in != self.run {
                account.saved_in = self.run;
                account.was_storage_gone = account.storage_gone;
                self.saved.accounts.push((row, account.start));
            }
            let info = &account.account.info;
            if info.code_hash != account.start.code_hash
                && let Some(code) = info.code.as_ref().filter(|code| !code.is_empty())
            {
                self.new_codes.insert(info.code_hash, code.clone());
            }
            match end(account, spec) {
                End::Stays => account.exists = true,
                End::Empty => account.set(Moment::ABSENT, None),
                End::Destroyed => {
                    account.set(Moment::ABSENT, None);
                    account.storage_gone = true;
                    self.clear_slots(row, rolls_back);
                }
            }
        }
        if rolls_back {
            for &index in &self.loaded_slots {
                let slot = &mut self.slots[index as usize];
                if slot.saved_in != self.run && slot.slot.is_changed() {
                    slot.saved_in = self.run;
                    self.saved.slots.push((index, slot.slot.original_value));
                }
            }
        }
        self.next();
    }

    fn clear_slots(&mut self, row: u32, rolls_back: bool) {
        self.take_slots(row);
        let mut index = self.accounts[row as usize].last_slot;
        while index != NONE {
            let slot = &mut self.slots[index as usize];
            let before =
                if slot.slot.transaction_id == self.tx { slot.slot.original_value } else { slot.slot.present_value };
            if rolls_back && slot.saved_in != self.run {
                slot.saved_in = self.run;
                self.saved.slots.push((index, before));
            }
            slot.slot.present_value = U256::ZERO;
            index = slot.previous;
        }
    }

    /// Forgets the marks of a transaction, so that the next one may start.
    pub(crate) fn next(&mut self) {
        self.loaded.clear();
        self.loaded_slots.clear();
        self.tx.increment();
    }

    /// Puts back what the transactions changed since the last time, and ends the run that they were.
    pub(crate) fn roll_back(&mut self) {
        for (row, before) in self.saved.accounts.drain(..) {
            let account = &mut self.accounts[row as usize];
            let keeps_code = account.account.info.code_hash == before.code_hash;
            let code = if keeps_code { account.account.info.code.take() } else { None };
            account.set(before, code);
            account.storage_gone = account.was_storage_gone;
        }
        for (slot, before) in self.saved.slots.drain(..) {
            self.slots[slot as usize].slot.present_value = before;
        }
        self.run += 1;
    }

    /// Foresees a nonce: transactions of one sender follow each other, so this one's predecessors will have executed.
    pub(crate) fn foresee_nonce(&mut self, row: u32, nonce: u64) {
        let account = &mut self.accounts[row as usize];
        if account.saved_in != self.run {
            account.saved_in = self.run;
            account.was_storage_gone = account.storage_gone;
            self.saved.accounts.push((row, account.now()));
        }
        account.account.info.nonce = nonce;
    }

    /// Takes over an account that others have committed.
    pub(crate) fn put(&mut self, row: u32, now: Moment, code: Option<Bytecode>, storage_gone: bool) {
        if let Some(code) = &code {
            self.new_codes.insert(now.code_hash, code.clone());
        }
        let account = &mut self.accounts[row as usize];
        let code = match code {
            None if account.account.info.code_hash == now.code_hash => account.account.info.code.take(),
            code => code,
        };
        account.set(now, code);
        if storage_gone {
            account.storage_gone = true;
            self.take_slots(row);
            let mut index = self.accounts[row as usize].last_slot;
            while index != NONE {
                let slot = &mut self.slots[index as usize];
                slot.slot.present_value = U256::ZERO;
                index = slot.previous;
            }
        }
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        self.heard.clear();
        *self.kept = Rows {
            row_of: take(&mut self.row_of),
            slot_of: take(&mut self.slot_of),
            accounts: take(&mut self.accounts),
            slots: take(&mut self.slots),
            loaded: take(&mut self.loaded),
            loaded_slots: take(&mut self.loaded_slots),
            heard: take(&mut self.heard),
        };
    }
}

/// How a touched account ends its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Stays,
    Empty,
    Destroyed,
}

/// How a touched account ends its transaction under these rules.
///
/// Source: EIP-161.
pub(crate) fn end(row: &AccountRow, spec: SpecId) -> End {
    let account = &row.account;
    if account.is_selfdestructed() {
        End::Destroyed
    } else if account.info.is_empty() && !account.is_created() && spec.is_enabled_in(SpecId::SPURIOUS_DRAGON) {
        End::Empty
    } else {
        End::Stays
    }
}

/// The start of an address, by which most are told apart.
pub(crate) fn start_of(address: &Address) -> u64 {
    u64::from_be_bytes(*address.first_chunk().expect("an address has 20 bytes"))
}
