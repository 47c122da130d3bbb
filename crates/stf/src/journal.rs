//! The engine's journal over the [`Table`]: what a transaction does, what it must be able to undo, and what it has learnt.

use alloc::{borrow::Cow, vec::Vec};

use alloy_primitives::{
    Address, B256, Bytes, Log, U256,
    map::{AddressMap, AddressSet, HashSet},
};
use revm::{
    Database,
    bytecode::Bytecode,
    context::{
        JournalTr,
        journaled_state::{
            AccountInfoLoad, AccountLoad, JournalCheckpoint, JournalLoadError, StateLoad, TransferError,
            account::JournaledAccountTr,
        },
    },
    context_interface::{
        ErasedError,
        context::{SStoreResult, SelfDestructResult},
        journaled_state::JournalLoadErasedError,
    },
    primitives::hardfork::SpecId,
    state::{Account, AccountInfo, EvmStorageSlot, TransientStorage},
};
use sluice_types::EMPTY_CODE_HASH;

use crate::{
    reader::Failed,
    table::{Table, seen},
    warm::Warm,
};

/// RIPEMD-160's precompile, which stays touched when its call is undone.
///
/// Source: the state clearing of block 2,675,119 on mainnet, which every client repeats.
const RIPEMD: Address = Address::with_last_byte(3);

/// The parent's state as the engine asks for it. Only block hashes come this way; accounts and slots come through the table.
pub(crate) struct Base<'a>(Table<'a>);

impl Database for Base<'_> {
    type Error = Failed;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Failed> {
        let row = self.0.row(address)? as usize;
        let row = &self.0.accounts[row];
        Ok(row.exists.then(|| row.account.info.clone()))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Failed> {
        self.0.code(hash)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Failed> {
        self.0.state.storage(address, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Failed> {
        self.0.state.block_hash(number)
    }
}

/// How to undo one step. Rows, not addresses: undoing looks nothing up.
enum Undo {
    Warmed(u32),
    SlotWarmed(u32),
    Touched(u32),
    Balance(u32, U256),
    Nonce(u32, u64),
    Code(u32, B256, Option<Bytecode>),
    Created(u32, bool),
    Destroyed { row: u32, first: bool, first_here: bool },
    Slot(u32, U256),
    Transient(Address, U256, U256),
}

/// The journal of one transaction after another.
pub(crate) struct Journal<'a> {
    base: Base<'a>,
    pub(crate) warm: Warm,
    undo: Vec<Undo>,
    logs: Vec<Log>,
    transient: TransientStorage,
    depth: usize,
    pub(crate) spec: SpecId,
    nothing: (),
}

impl<'a> Journal<'a> {
    pub(crate) fn over(table: Table<'a>) -> Self {
        Self::new(Base(table))
    }

    pub(crate) fn table(&self) -> &Table<'a> {
        &self.base.0
    }

    pub(crate) fn table_mut(&mut self) -> &mut Table<'a> {
        &mut self.base.0
    }

    /// Marks an account as loaded, so that undoing makes it cold again.
    pub(crate) fn load(&mut self, address: Address, skip_cold_load: bool) -> Result<Loaded, JournalLoadError<Failed>> {
        let (row, is_cold) = self.base.0.load(address, &self.warm, skip_cold_load)?;
        if is_cold {
            self.undo.push(Undo::Warmed(row));
        }
        Ok((row, is_cold))
    }

    fn must_load(&mut self, address: Address) -> Result<Loaded, Failed> {
        self.load(address, false).map_err(JournalLoadError::unwrap_db_error)
    }

    fn load_with_code(&mut self, address: Address, skip_cold_load: bool) -> Result<Loaded, JournalLoadError<Failed>> {
        let loaded = self.load(address, skip_cold_load)?;
        self.base.0.load_code(loaded.0)?;
        Ok(loaded)
    }

    fn is_empty(&self, row: u32) -> bool {
        let row = &self.base.0.accounts[row as usize];
        row.learn_emptiness();
        row.account.state_clear_aware_is_empty(self.spec)
    }

    fn load_slot(&mut self, row: u32, key: U256, skip_cold_load: bool) -> Result<Loaded, JournalLoadError<Failed>> {
        let (slot, is_cold) = self.base.0.load_slot(row, key, &self.warm, skip_cold_load)?;
        if is_cold {
            self.undo.push(Undo::SlotWarmed(slot));
        }
        Ok((slot, is_cold))
    }

    fn store_slot(
        &mut self,
        row: u32,
        key: U256,
        new_value: U256,
        skip_cold_load: bool,
    ) -> Result<StateLoad<SStoreResult>, JournalLoadError<Failed>> {
        self.touch(row);
        let (index, is_cold) = self.load_slot(row, key, skip_cold_load)?;
        let slot = &mut self.base.0.slots[index as usize].slot;
        let result = SStoreResult { original_value: slot.original_value, present_value: slot.present_value, new_value };
        if slot.present_value != new_value {
            self.undo.push(Undo::Slot(index, slot.present_value));
            slot.present_value = new_value;
        }
        Ok(StateLoad::new(result, is_cold))
    }

    pub(crate) fn touch(&mut self, row: u32) {
        let account = &mut self.base.0.accounts[row as usize].account;
        if !account.is_touched() {
            account.mark_touch();
            self.undo.push(Undo::Touched(row));
        }
    }

    fn set_balance(&mut self, row: u32, balance: U256) {
        self.touch(row);
        let now = &mut self.base.0.accounts[row as usize].account.info.balance;
        if *now != balance {
            self.undo.push(Undo::Balance(row, *now));
            *now = balance;
        }
    }

    /// Adds to a balance, and learns of it only when a word would not hold it.
    pub(crate) fn credit(&mut self, row: u32, amount: U256) -> bool {
        let account = &self.base.0.accounts[row as usize];
        let balance = account.account.info.balance;
        if is_huge(&balance) || is_huge(&amount) {
            account.learn(seen::BALANCE);
        }
        match balance.checked_add(amount) {
            Some(balance) => {
                self.set_balance(row, balance);
                true
            }
            None => {
                self.touch(row);
                false
            }
        }
    }

    /// Takes from a balance, and learns only that it was enough.
    pub(crate) fn debit(&mut self, row: u32, amount: U256) -> bool {
        let account = &mut self.base.0.accounts[row as usize];
        if !account.covers(amount) {
            return false;
        }
        let balance = account.account.info.balance - amount;
        self.set_balance(row, balance);
        true
    }

    pub(crate) fn set_nonce(&mut self, row: u32, nonce: u64) {
        self.touch(row);
        let now = &mut self.base.0.accounts[row as usize].account.info.nonce;
        self.undo.push(Undo::Nonce(row, *now));
        *now = nonce;
    }

    fn set_code_at(&mut self, row: u32, hash: B256, code: Bytecode) {
        self.touch(row);
        self.base.0.accounts[row as usize].learn(seen::CODE);
        let info = &mut self.base.0.accounts[row as usize].account.info;
        self.undo.push(Undo::Code(row, info.code_hash, info.code.take()));
        (info.code_hash, info.code) = (hash, Some(code));
    }

    fn move_funds(&mut self, from: u32, to: u32, amount: U256) -> Option<TransferError> {
        if from == to {
            return (!self.base.0.accounts[from as usize].covers(amount)).then_some(TransferError::OutOfFunds);
        }
        if amount.is_zero() {
            self.touch(to);
            return None;
        }
        self.touch(from);
        if !self.debit(from, amount) {
            return Some(TransferError::OutOfFunds);
        }
        (!self.credit(to, amount)).then_some(TransferError::OverflowPayment)
    }

    fn revert_to(&mut self, length: usize, keep_transient: bool) {
        let table = &mut self.base.0;
        for undo in self.undo.drain(length..).rev() {
            match undo {
                Undo::Warmed(row) => table.accounts[row as usize].account.mark_cold(),
                Undo::SlotWarmed(slot) => table.slots[slot as usize].slot.mark_cold(),
                Undo::Touched(row) => {
                    let row = &mut table.accounts[row as usize];
                    if row.address != RIPEMD || !self.spec.is_enabled_in(SpecId::SPURIOUS_DRAGON) {
                        row.account.unmark_touch();
                    }
                }
                Undo::Balance(row, balance) => table.accounts[row as usize].account.info.balance = balance,
                Undo::Nonce(row, nonce) => table.accounts[row as usize].account.info.nonce = nonce,
                Undo::Code(row, hash, code) => {
                    let info = &mut table.accounts[row as usize].account.info;
                    (info.code_hash, info.code) = (hash, code);
                }
                Undo::Created(row, first) => {
                    let account = &mut table.accounts[row as usize].account;
                    account.unmark_created_locally();
                    if first {
                        account.unmark_created();
                    }
                }
                Undo::Destroyed { row, first, first_here } => {
                    let account = &mut table.accounts[row as usize].account;
                    if first {
                        account.unmark_selfdestruct();
                    }
                    if first_here {
                        account.unmark_selfdestructed_locally();
                    }
                }
                Undo::Slot(slot, value) => table.slots[slot as usize].slot.present_value = value,
                Undo::Transient(..) if !keep_transient => {}
                Undo::Transient(address, key, value) if value.is_zero() => {
                    self.transient.remove_value(address, key);
                }
                Undo::Transient(address, key, value) => {
                    self.transient.insert_value(address, key, value);
                }
            }
        }
    }

    fn note_nonce_bump(&mut self, row: u32) {
        let before = self.base.0.accounts[row as usize].account.info.nonce.saturating_sub(1);
        self.undo.push(Undo::Nonce(row, before));
    }

    fn end_frames(&mut self) {
        self.undo.clear();
        self.logs.clear();
        if !self.transient.is_empty() {
            self.transient.clear();
        }
        self.depth = 0;
        self.warm.end_transaction();
    }
}

/// A row, and whether it was cold.
type Loaded = (u32, bool);

/// So large that two of them may not fit one word.
pub(crate) fn is_huge(amount: &U256) -> bool {
    amount.bit(255)
}

impl<'a> JournalTr for Journal<'a> {
    type Database = Base<'a>;
    type State = ();
    type JournaledAccount<'b>
        = JournaledAccount<'b, 'a>
    where
        Self: 'b;

    fn new(base: Base<'a>) -> Self {
        Self {
            base,
            warm: Warm::default(),
            undo: Vec::new(),
            logs: Vec::new(),
            transient: TransientStorage::default(),
            depth: 0,
            spec: SpecId::default(),
            nothing: (),
        }
    }

    fn db_and_state(&self) -> (&Base<'a>, &()) {
        (&self.base, &self.nothing)
    }

    fn db_and_state_mut(&mut self) -> (&mut Base<'a>, &mut ()) {
        (&mut self.base, &mut self.nothing)
    }

    fn sload_skip_cold_load(
        &mut self,
        address: Address,
        key: U256,
        skip_cold_load: bool,
    ) -> Result<StateLoad<U256>, JournalLoadError<Failed>> {
        let row = self.base.0.loaded_row(&address);
        let (slot, is_cold) = self.load_slot(row, key, skip_cold_load)?;
        Ok(StateLoad::new(self.base.0.slots[slot as usize].slot.present_value, is_cold))
    }

    fn sstore_skip_cold_load(
        &mut self,
        address: Address,
        key: U256,
        value: U256,
        skip_cold_load: bool,
    ) -> Result<StateLoad<SStoreResult>, JournalLoadError<Failed>> {
        let row = self.base.0.loaded_row(&address);
        self.store_slot(row, key, value, skip_cold_load)
    }

    fn tload(&mut self, address: Address, key: U256) -> U256 {
        self.transient.get_value(address, key)
    }

    fn tstore(&mut self, address: Address, key: U256, value: U256) {
        let before = if value.is_zero() {
            self.transient.remove_value(address, key)
        } else {
            self.transient.insert_value(address, key, value)
        };
        let before = before.unwrap_or_default();
        if before != value {
            self.undo.push(Undo::Transient(address, key, before));
        }
    }

    fn log(&mut self, log: Log) {
        self.logs.push(log);
    }

    fn take_logs(&mut self) -> Vec<Log> {
        core::mem::take(&mut self.logs)
    }

    fn logs(&self) -> &[Log] {
        &self.logs
    }

    fn selfdestruct(
        &mut self,
        address: Address,
        target: Address,
        skip_cold_load: bool,
    ) -> Result<StateLoad<SelfDestructResult>, JournalLoadError<Failed>> {
        let (to, is_cold) = self.load(target, skip_cold_load)?;
        let target_exists = !self.is_empty(to);
        let from = self.base.0.loaded_row(&address);
        let row = &self.base.0.accounts[from as usize];
        row.learn(seen::BALANCE);
        let account = &row.account;
        let balance = account.info.balance;
        let first = !account.is_selfdestructed();
        let first_here = !account.is_selfdestructed_locally();
        if from != to {
            self.touch(to);
            // All wei that exist fit a word; a list on which they do not is wrong, which shows elsewhere.
            self.credit(to, balance);
        }
        // EIP-6780: destroyed only when created in the same transaction.
        if account_dies(&self.base.0.accounts[from as usize].account, self.spec) {
            // An account that goes takes everything that was known of it along.
            self.base.0.accounts[from as usize].learn(seen::ALL);
            self.undo.push(Undo::Destroyed { row: from, first, first_here });
            self.base.0.accounts[from as usize].account.mark_selfdestructed_locally();
            self.empty(from);
        } else if from != to {
            self.empty(from);
        }
        let result = SelfDestructResult {
            had_value: !balance.is_zero(),
            target_exists,
            previously_destroyed: !first && !first_here,
        };
        Ok(StateLoad::new(result, is_cold))
    }

    fn warm_access_list(&mut self, list: AddressMap<HashSet<U256>>) {
        self.warm.list = list;
    }

    fn warm_coinbase_account(&mut self, address: Address) {
        self.warm.beneficiary = Some(address);
    }

    fn warm_precompiles(&mut self, addresses: &AddressSet) {
        self.warm.precompiles.clone_from(addresses);
    }

    fn precompile_addresses(&self) -> &AddressSet {
        &self.warm.precompiles
    }

    fn set_spec_id(&mut self, spec: SpecId) {
        self.spec = spec;
    }

    /// Both are about forks that this chain does not have.
    fn set_eip7708_config(&mut self, _: bool, _: bool) {}

    fn touch_account(&mut self, address: Address) {
        if let Some(row) = self.base.0.known(&address) {
            self.touch(row);
        }
    }

    fn transfer(&mut self, from: Address, to: Address, amount: U256) -> Result<Option<TransferError>, Failed> {
        let (from, _) = self.must_load(from)?;
        let (to, _) = self.must_load(to)?;
        Ok(self.move_funds(from, to, amount))
    }

    fn transfer_loaded(&mut self, from: Address, to: Address, amount: U256) -> Option<TransferError> {
        let row = self.base.0.loaded_row(&to);
        if amount.is_zero() {
            // The sender of a system call is not loaded.
            if from != to {
                self.touch(row);
            }
            return None;
        }
        let from = self.base.0.loaded_row(&from);
        self.move_funds(from, row, amount)
    }

    fn caller_accounting_journal_entry(&mut self, address: Address, old_balance: U256, bump_nonce: bool) {
        let row = self.base.0.loaded_row(&address);
        self.base.0.accounts[row as usize].learn(seen::ALL);
        self.undo.push(Undo::Balance(row, old_balance));
        self.undo.push(Undo::Touched(row));
        if bump_nonce {
            self.note_nonce_bump(row);
        }
    }

    fn balance_incr(&mut self, address: Address, amount: U256) -> Result<(), Failed> {
        let (row, _) = self.must_load(address)?;
        self.credit(row, amount);
        Ok(())
    }

    fn nonce_bump_journal_entry(&mut self, address: Address) {
        let row = self.base.0.loaded_row(&address);
        self.note_nonce_bump(row);
    }

    fn load_account(&mut self, address: Address) -> Result<StateLoad<&Account>, Failed> {
        let (row, is_cold) = self.must_load(address)?;
        Ok(StateLoad::new(&self.base.0.accounts[row as usize].account, is_cold))
    }

    /// The engine asks this for code only; what else it looks at goes through [`JournaledAccount`].
    fn load_account_with_code(&mut self, address: Address) -> Result<StateLoad<&Account>, Failed> {
        let (row, is_cold) = self.load_with_code(address, false).map_err(JournalLoadError::unwrap_db_error)?;
        self.base.0.accounts[row as usize].learn(seen::CODE);
        Ok(StateLoad::new(&self.base.0.accounts[row as usize].account, is_cold))
    }

    fn load_account_delegated(&mut self, address: Address) -> Result<StateLoad<AccountLoad>, Failed> {
        let (row, is_cold) = self.load_with_code(address, false).map_err(JournalLoadError::unwrap_db_error)?;
        self.base.0.accounts[row as usize].learn(seen::CODE);
        let is_empty = self.is_empty(row);
        let delegate =
            self.base.0.accounts[row as usize].account.info.code.as_ref().and_then(Bytecode::eip7702_address);
        let is_delegate_account_cold = match delegate {
            Some(delegate) if self.spec.is_enabled_in(SpecId::PRAGUE) => {
                let loaded = self.load_with_code(delegate, false).map_err(JournalLoadError::unwrap_db_error)?;
                self.base.0.accounts[loaded.0 as usize].learn(seen::CODE);
                Some(loaded.1)
            }
            _ => None,
        };
        Ok(StateLoad::new(AccountLoad { is_delegate_account_cold, is_empty }, is_cold))
    }

    fn load_account_mut_skip_cold_load(
        &mut self,
        address: Address,
        skip_cold_load: bool,
    ) -> Result<StateLoad<JournaledAccount<'_, 'a>>, JournalLoadError<Failed>> {
        let (row, is_cold) = self.load(address, skip_cold_load)?;
        Ok(StateLoad::new(JournaledAccount { journal: self, row }, is_cold))
    }

    fn load_account_mut_optional_code(
        &mut self,
        address: Address,
        load_code: bool,
    ) -> Result<StateLoad<JournaledAccount<'_, 'a>>, Failed> {
        let loaded = if load_code { self.load_with_code(address, false) } else { self.load(address, false) };
        let (row, is_cold) = loaded.map_err(JournalLoadError::unwrap_db_error)?;
        Ok(StateLoad::new(JournaledAccount { journal: self, row }, is_cold))
    }

    fn set_code_with_hash(&mut self, address: Address, code: Bytecode, hash: B256) {
        let row = self.base.0.loaded_row(&address);
        self.set_code_at(row, hash, code);
    }

    fn code(&mut self, address: Address) -> Result<StateLoad<Bytes>, Failed> {
        let (row, is_cold) = self.load_with_code(address, false).map_err(JournalLoadError::unwrap_db_error)?;
        self.base.0.accounts[row as usize].learn(seen::CODE);
        let code = self.base.0.load_code(row)?.original_bytes();
        Ok(StateLoad::new(code, is_cold))
    }

    fn code_hash(&mut self, address: Address) -> Result<StateLoad<B256>, Failed> {
        let (row, is_cold) = self.must_load(address)?;
        let row = &self.base.0.accounts[row as usize];
        row.learn(seen::ALL);
        let info = &row.account.info;
        Ok(StateLoad::new(if info.is_empty() { B256::ZERO } else { info.code_hash }, is_cold))
    }

    fn checkpoint(&mut self) -> JournalCheckpoint {
        self.depth += 1;
        JournalCheckpoint { log_i: self.logs.len(), journal_i: self.undo.len(), selfdestructed_i: 0 }
    }

    fn checkpoint_commit(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn checkpoint_revert(&mut self, checkpoint: JournalCheckpoint) {
        self.depth = self.depth.saturating_sub(1);
        self.logs.truncate(checkpoint.log_i);
        self.revert_to(checkpoint.journal_i.min(self.undo.len()), true);
    }

    fn create_account_checkpoint(
        &mut self,
        caller: Address,
        address: Address,
        balance: U256,
        spec: SpecId,
    ) -> Result<JournalCheckpoint, TransferError> {
        let checkpoint = self.checkpoint();
        let row = self.base.0.loaded_row(&address);
        let target = &mut self.base.0.accounts[row as usize];
        target.learn(seen::CODE | seen::NONCE);
        if target.account.info.code_hash != EMPTY_CODE_HASH || target.account.info.nonce != 0 {
            self.checkpoint_revert(checkpoint);
            return Err(TransferError::CreateCollision);
        }
        let first = target.account.mark_created_locally();
        target.account.info.code = None;
        self.undo.push(Undo::Created(row, first));
        if spec.is_enabled_in(SpecId::SPURIOUS_DRAGON) {
            self.set_nonce(row, 1);
        }
        self.touch(row);
        if balance.is_zero() {
            return Ok(checkpoint);
        }
        if !self.credit(row, balance) {
            self.checkpoint_revert(checkpoint);
            return Err(TransferError::OverflowPayment);
        }
        let caller = self.base.0.loaded_row(&caller);
        if !self.debit(caller, balance) {
            self.checkpoint_revert(checkpoint);
            return Err(TransferError::OutOfFunds);
        }
        Ok(checkpoint)
    }

    fn depth(&self) -> usize {
        self.depth
    }

    /// What was loaded and changed stays known until the owner settles or drops the transaction.
    fn commit_tx(&mut self) {
        self.end_frames();
    }

    fn discard_tx(&mut self) {
        self.revert_to(0, false);
        self.end_frames();
    }

    fn finalize(&mut self) {
        self.end_frames();
    }

    /// With code: the caller wants the code, and whether there is an account at all. Without: it wants the rest.
    fn load_account_info_skip_cold_load(
        &mut self,
        address: Address,
        load_code: bool,
        skip_cold_load: bool,
    ) -> Result<AccountInfoLoad<'_>, JournalLoadError<Failed>> {
        let (row, is_cold) =
            if load_code { self.load_with_code(address, skip_cold_load)? } else { self.load(address, skip_cold_load)? };
        self.base.0.accounts[row as usize].learn(if load_code { seen::CODE } else { seen::ALL });
        let is_empty = self.is_empty(row);
        let info = &self.base.0.accounts[row as usize].account.info;
        Ok(AccountInfoLoad { account: Cow::Borrowed(info), is_cold, is_empty })
    }
}

impl Journal<'_> {
    fn empty(&mut self, row: u32) {
        let now = &mut self.base.0.accounts[row as usize].account.info.balance;
        if !now.is_zero() {
            self.undo.push(Undo::Balance(row, *now));
            *now = U256::ZERO;
        }
        self.touch(row);
    }
}

/// Source: EIP-6780.
fn account_dies(account: &Account, spec: SpecId) -> bool {
    account.is_created_locally() || !spec.is_enabled_in(SpecId::CANCUN)
}

/// One loaded account, for the engine's own hands.
pub(crate) struct JournaledAccount<'b, 'a> {
    journal: &'b mut Journal<'a>,
    row: u32,
}

impl JournaledAccount<'_, '_> {
    fn info(&self) -> &AccountInfo {
        &self.journal.base.0.accounts[self.row as usize].account.info
    }

    fn learn(&self, what: u8) {
        self.journal.base.0.accounts[self.row as usize].learn(what);
    }
}

fn erased(error: JournalLoadError<Failed>) -> JournalLoadErasedError {
    error.map(ErasedError::new)
}

impl JournaledAccountTr for JournaledAccount<'_, '_> {
    fn account(&self) -> &Account {
        self.learn(seen::ALL);
        &self.journal.base.0.accounts[self.row as usize].account
    }

    fn sload(
        &mut self,
        key: U256,
        skip_cold_load: bool,
    ) -> Result<StateLoad<&mut EvmStorageSlot>, JournalLoadErasedError> {
        let (slot, is_cold) = self.journal.load_slot(self.row, key, skip_cold_load).map_err(erased)?;
        Ok(StateLoad::new(&mut self.journal.base.0.slots[slot as usize].slot, is_cold))
    }

    fn sstore(
        &mut self,
        key: U256,
        new: U256,
        skip_cold_load: bool,
    ) -> Result<StateLoad<SStoreResult>, JournalLoadErasedError> {
        self.journal.store_slot(self.row, key, new, skip_cold_load).map_err(erased)
    }

    fn load_code(&mut self) -> Result<&Bytecode, JournalLoadErasedError> {
        self.learn(seen::CODE);
        self.journal.base.0.load_code(self.row).map_err(|error| erased(error.into()))
    }

    fn balance(&self) -> &U256 {
        self.learn(seen::BALANCE);
        &self.info().balance
    }

    fn nonce(&self) -> u64 {
        self.learn(seen::NONCE);
        self.info().nonce
    }

    fn code_hash(&self) -> &B256 {
        self.learn(seen::CODE);
        &self.info().code_hash
    }

    fn code(&self) -> Option<&Bytecode> {
        self.learn(seen::CODE);
        self.info().code.as_ref()
    }

    fn touch(&mut self) {
        self.journal.touch(self.row);
    }

    fn unsafe_mark_cold(&mut self) {
        self.journal.base.0.accounts[self.row as usize].account.mark_cold();
    }

    fn set_balance(&mut self, balance: U256) {
        self.learn(seen::BALANCE);
        self.journal.set_balance(self.row, balance);
    }

    fn incr_balance(&mut self, amount: U256) -> bool {
        self.journal.credit(self.row, amount)
    }

    fn decr_balance(&mut self, amount: U256) -> bool {
        self.journal.touch(self.row);
        self.journal.debit(self.row, amount)
    }

    fn bump_nonce(&mut self) -> bool {
        self.touch();
        let Some(nonce) = self.nonce().checked_add(1) else { return false };
        self.journal.set_nonce(self.row, nonce);
        true
    }

    fn set_nonce(&mut self, nonce: u64) {
        self.learn(seen::NONCE);
        self.journal.set_nonce(self.row, nonce);
    }

    fn unsafe_set_nonce(&mut self, nonce: u64) {
        self.learn(seen::NONCE);
        self.journal.base.0.accounts[self.row as usize].account.info.nonce = nonce;
    }

    fn set_code(&mut self, hash: B256, code: Bytecode) {
        self.journal.set_code_at(self.row, hash, code);
    }

    fn set_code_and_hash_slow(&mut self, code: Bytecode) {
        self.set_code(code.hash_slow(), code);
    }

    fn delegate(&mut self, address: Address) {
        let (hash, code) = if address.is_zero() {
            (EMPTY_CODE_HASH, Bytecode::default())
        } else {
            let code = Bytecode::new_eip7702(address);
            (code.hash_slow(), code)
        };
        self.set_code(hash, code);
        self.bump_nonce();
    }
}
