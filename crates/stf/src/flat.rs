//! The state while a block executes: one flat map over the parent's state, with the history that the access list needs.

use alloc::{collections::BTreeMap, vec::Vec};
use core::mem::take;

use alloy_eip7928::{
    AccountChanges, BalanceChange, BlockAccessIndex, BlockAccessList, CodeChange, NonceChange, SlotChanges,
    StorageChange,
};
use alloy_primitives::{Address, B256, Bytes, U256, map::AddressMap};
use revm::{
    Database,
    bytecode::Bytecode,
    primitives::{StorageKeyMap, hash_map::Entry as Slotted},
    state::{AccountId, AccountInfo, EvmState},
};
use sluice_types::{Account, AccountChange, EMPTY_CODE_HASH, StateChanges};

use crate::{
    codes::Codes,
    reader::{Failed, Source},
};

/// One change in the access list: where, and to what.
trait Change {
    type Value: PartialEq;
    fn index(&self) -> u64;
    fn value(&self) -> &Self::Value;
    fn new(index: u64, value: Self::Value) -> Self;
}

macro_rules! change {
    ($change:ident, $value:ty, $field:ident) => {
        impl Change for $change {
            type Value = $value;
            fn index(&self) -> u64 {
                self.block_access_index.get()
            }
            fn value(&self) -> &$value {
                &self.$field
            }
            fn new(index: u64, value: $value) -> Self {
                Self::new(BlockAccessIndex::new(index), value)
            }
        }
    };
}

change!(BalanceChange, U256, post_balance);
change!(NonceChange, u64, new_nonce);
change!(StorageChange, U256, new_value);

/// Notes that something now is `now`. Several changes at one index are one; a change back is none.
fn note<C: Change>(history: &mut Vec<C>, index: u64, before_block: &C::Value, now: C::Value) {
    if history.last().is_some_and(|last| last.index() == index) {
        history.pop();
        if *history.last().map_or(before_block, C::value) == now {
            return;
        }
    }
    if history.is_empty() {
        // Most things change once in a block.
        history.reserve_exact(1);
    }
    history.push(C::new(index, now));
}

/// One storage slot that was read or written. A transaction that is skipped is so before it gets to any slot, so each one counts.
#[derive(Debug)]
struct Slot {
    key: U256,
    before: U256,
    now: U256,
    history: Vec<StorageChange>,
}

/// One account that was read.
#[derive(Debug)]
struct Entry {
    address: Address,
    before: Option<Account>,
    now: Option<AccountInfo>,
    slot_of: StorageKeyMap<usize>,
    slots: Vec<Slot>,
    /// Destroyed in this block: what the parent's state holds in its storage is no longer there.
    storage_gone: bool,
    /// Touched by a transaction that counts; a skipped one leaves no trace.
    accessed: bool,
    balances: Vec<BalanceChange>,
    nonces: Vec<NonceChange>,
    codes: Vec<(u64, B256, Bytes)>,
}

/// Accounts that a block is made room for at once; more are no trouble.
const ACCOUNTS_EXPECTED: usize = 256;

/// The state of the parent, and over it what the block has read and written.
pub(crate) struct Flat<'a> {
    state: &'a dyn Source,
    codes: &'a mut Codes,
    index_of: AddressMap<usize>,
    entries: Vec<Entry>,
    /// EIP-7928 index of what is committed next.
    access_index: u64,
}

impl<'a> Flat<'a> {
    pub(crate) fn new(state: &'a dyn Source, codes: &'a mut Codes) -> Self {
        Self {
            state,
            codes,
            index_of: AddressMap::with_capacity_and_hasher(ACCOUNTS_EXPECTED, Default::default()),
            entries: Vec::with_capacity(ACCOUNTS_EXPECTED),
            access_index: 0,
        }
    }

    /// Sets the EIP-7928 index of what is committed next.
    pub(crate) fn set_access_index(&mut self, index: u64) {
        self.access_index = index;
    }

    /// Place of the account, which is read when it is new.
    fn position(&mut self, address: Address) -> Result<usize, Failed> {
        if let Some(&position) = self.index_of.get(&address) {
            return Ok(position);
        }
        let before = self.state.account(address)?;
        let position = self.entries.len();
        let now = before.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: AccountId::new(position),
            code: None,
        });
        self.entries.push(Entry {
            address,
            before,
            now,
            slot_of: StorageKeyMap::default(),
            slots: Vec::new(),
            storage_gone: false,
            accessed: false,
            balances: Vec::new(),
            nonces: Vec::new(),
            codes: Vec::new(),
        });
        self.index_of.insert(address, position);
        Ok(position)
    }

    fn slot(&mut self, position: usize, slot: U256) -> Result<U256, Failed> {
        let entry = &mut self.entries[position];
        let known = match entry.slot_of.entry(slot) {
            Slotted::Occupied(known) => return Ok(entry.slots[*known.get()].now),
            Slotted::Vacant(place) => place,
        };
        // An account that was not there has no storage; asking would only cost.
        let value = if entry.storage_gone || entry.before.is_none() {
            U256::ZERO
        } else {
            self.state.storage(entry.address, slot)?
        };
        known.insert(entry.slots.len());
        entry.slots.push(Slot { key: slot, before: value, now: value, history: Vec::new() });
        Ok(value)
    }

    /// Takes over what one transaction or system call touched, and leaves the map empty.
    pub(crate) fn commit(&mut self, touched: &mut EvmState) {
        let index = self.access_index;
        for (address, account) in touched.drain() {
            let position = account.info.account_id.map_or_else(|| self.index_of[&address], AccountId::get);
            let entry = &mut self.entries[position];
            entry.accessed = true;
            let destroyed = account.is_touched() && account.is_selfdestructed();
            // What was only read was noted when it was read, but for an account that was being created, even if that failed: its
            // slots are zero without asking.
            let unasked = entry.now.as_ref().is_none_or(|now| now.nonce == 0 && now.is_empty_code_hash());
            for (key, slot) in account.storage.iter().filter(|(_, slot)| unasked || slot.is_changed()) {
                let known = entry.known_slot(*key);
                if account.is_touched() && !destroyed && known.now != slot.present_value {
                    known.now = slot.present_value;
                    note(&mut known.history, index, &known.before, known.now);
                }
            }
            if destroyed {
                entry.storage_gone = true;
                for slot in entry.slots.iter_mut().filter(|slot| !slot.now.is_zero()) {
                    slot.now = U256::ZERO;
                    note(&mut slot.history, index, &slot.before, U256::ZERO);
                }
            }
            if !account.is_touched() {
                // Only read; its code may have been loaded meanwhile.
                if let Some(now) = &mut entry.now {
                    now.code = account.info.code;
                }
                continue;
            }
            // EIP-161. Before it, the engine marks an empty account that must stay as created.
            let gone = destroyed || (account.info.is_empty() && !account.is_created());
            entry.set((!gone).then_some(account.info), index, position, self.codes);
        }
    }

    /// What the block changed, and its access list.
    pub(crate) fn finish(mut self) -> (StateChanges, BlockAccessList) {
        let mut changes = StateChanges::default();
        let mut accounts = Vec::with_capacity(self.entries.len());
        let mut access_list = BlockAccessList::with_capacity(self.entries.len());
        for position in self.sorted() {
            let entry = &mut self.entries[position];
            let slots = entry.sorted();
            if let Some(change) = entry.change(&slots) {
                changes.codes.extend(entry.new_code());
                accounts.push((entry.address, change));
            }
            if entry.accessed {
                access_list.push(entry.take_access(&slots));
            }
        }
        // A sorted run goes into the map in one pass.
        changes.accounts = accounts.into_iter().collect();
        (changes, access_list)
    }

    /// Positions in order of the addresses.
    fn sorted(&self) -> Vec<usize> {
        let start = |address: &Address| u64::from_be_bytes(*address.first_chunk().expect("an address has 20 bytes"));
        order(&self.entries, |entry| (start(&entry.address), &entry.address))
    }
}

/// Positions in order of the keys. What is sorted is large and lies apart, so the first word of each key is sorted in its place.
fn order<T, K: Ord>(items: &[T], key: impl Fn(&T) -> (u64, &K)) -> Vec<usize> {
    let mut keys: Vec<_> = items.iter().enumerate().map(|(position, item)| (key(item).0, position)).collect();
    keys.sort_unstable_by(|(a, i), (b, j)| a.cmp(b).then_with(|| key(&items[*i]).1.cmp(key(&items[*j]).1)));
    keys.into_iter().map(|(_, position)| position).collect()
}

impl Entry {
    /// The slot, known from a read or else zero, as in a new account.
    fn known_slot(&mut self, key: U256) -> &mut Slot {
        let position = *self.slot_of.entry(key).or_insert_with(|| {
            self.slots.push(Slot { key, before: U256::ZERO, now: U256::ZERO, history: Vec::new() });
            self.slots.len() - 1
        });
        &mut self.slots[position]
    }

    /// Positions in order of the keys.
    fn sorted(&self) -> Vec<usize> {
        order(&self.slots, |slot| (slot.key.as_limbs()[3], &slot.key))
    }

    fn set(&mut self, now: Option<AccountInfo>, index: u64, position: usize, codes: &mut Codes) {
        let (old_balance, old_nonce, old_code) =
            self.now.as_ref().map_or((U256::ZERO, 0, EMPTY_CODE_HASH), |old| (old.balance, old.nonce, old.code_hash));
        let before = self.before.unwrap_or_default();
        let (balance, nonce, code_hash) =
            now.as_ref().map_or((U256::ZERO, 0, EMPTY_CODE_HASH), |new| (new.balance, new.nonce, new.code_hash));
        if balance != old_balance {
            note(&mut self.balances, index, &before.balance, balance);
        }
        if nonce != old_nonce {
            note(&mut self.nonces, index, &before.nonce, nonce);
        }
        if code_hash != old_code {
            let code = now.as_ref().and_then(|new| new.code.clone()).unwrap_or_default();
            let bytes = code.original_bytes();
            if !bytes.is_empty() {
                codes.insert(code_hash, code);
            }
            // As `note` does, but codes are compared by their hashes.
            if self.codes.last().is_some_and(|(last, ..)| *last == index) {
                self.codes.pop();
            }
            if self.codes.last().map_or(before.code_hash, |(_, hash, _)| *hash) != code_hash {
                self.codes.push((index, code_hash, bytes));
            }
        }
        self.now = now;
        if let Some(now) = &mut self.now {
            now.account_id = AccountId::new(position);
        }
    }

    fn wiped(&self) -> bool {
        self.storage_gone && self.before.is_some()
    }

    /// The difference from before the block, if there is one.
    fn change(&self, sorted: &[usize]) -> Option<AccountChange> {
        let account = self.now.as_ref().map(|info| Account {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
        });
        let wiped = self.wiped();
        let differs = |slot: &&Slot| if wiped { !slot.now.is_zero() } else { slot.now != slot.before };
        let changed = sorted.iter().map(|&position| &self.slots[position]).filter(differs);
        let storage: BTreeMap<_, _> = changed.map(|slot| (slot.key, slot.now)).collect();
        if account == self.before && storage.is_empty() && !wiped {
            return None;
        }
        Some(AccountChange { account, storage_wiped: wiped, storage })
    }

    /// The code that the account has now and did not have before the block.
    fn new_code(&self) -> Option<(B256, Bytes)> {
        let (_, hash, bytes) = self.codes.last()?;
        let before = self.before.map_or(EMPTY_CODE_HASH, |account| account.code_hash);
        (*hash != before && *hash != EMPTY_CODE_HASH).then(|| (*hash, bytes.clone()))
    }

    /// The account's part of the access list; it is gone from here then.
    fn take_access(&mut self, sorted: &[usize]) -> AccountChanges {
        let mut storage_changes = Vec::new();
        let mut storage_reads = Vec::new();
        for &position in sorted {
            let slot = &mut self.slots[position];
            if slot.history.is_empty() {
                storage_reads.push(slot.key);
            } else {
                storage_changes.push(SlotChanges::new(slot.key, take(&mut slot.history)));
            }
        }
        let codes = take(&mut self.codes).into_iter();
        AccountChanges {
            address: self.address,
            storage_changes,
            storage_reads,
            balance_changes: take(&mut self.balances),
            nonce_changes: take(&mut self.nonces),
            code_changes: codes.map(|(at, _, code)| CodeChange::new(BlockAccessIndex::new(at), code)).collect(),
        }
    }
}

impl Database for Flat<'_> {
    type Error = Failed;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let position = self.position(address)?;
        Ok(self.entries[position].now.clone())
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Self::Error> {
        self.codes.get(hash, self.state)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        let position = self.position(address)?;
        self.slot(position, slot)
    }

    fn storage_by_account_id(&mut self, _: Address, account: AccountId, slot: U256) -> Result<U256, Self::Error> {
        self.slot(account.get(), slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        self.state.block_hash(number)
    }
}
