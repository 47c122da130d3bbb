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
    primitives::StorageKeyMap,
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
#[derive(Debug, Default)]
struct Slot {
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
    storage: StorageKeyMap<Slot>,
    /// Destroyed in this block: what the parent's state holds in its storage is no longer there.
    storage_gone: bool,
    /// Touched by a transaction that counts; a skipped one leaves no trace.
    accessed: bool,
    balances: Vec<BalanceChange>,
    nonces: Vec<NonceChange>,
    codes: Vec<(u64, B256, Bytes)>,
}

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
        Self { state, codes, index_of: AddressMap::default(), entries: Vec::new(), access_index: 0 }
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
            storage: StorageKeyMap::default(),
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
        if let Some(known) = entry.storage.get(&slot) {
            return Ok(known.now);
        }
        // An account that was not there has no storage; asking would only cost.
        let value = if entry.storage_gone || entry.before.is_none() {
            U256::ZERO
        } else {
            self.state.storage(entry.address, slot)?
        };
        entry.storage.insert(slot, Slot { before: value, now: value, history: Vec::new() });
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
                let known = entry.storage.entry(*key).or_default();
                if account.is_touched() && !destroyed && known.now != slot.present_value {
                    known.now = slot.present_value;
                    note(&mut known.history, index, &known.before, known.now);
                }
            }
            if destroyed {
                entry.storage_gone = true;
                for slot in entry.storage.values_mut().filter(|slot| !slot.now.is_zero()) {
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
        let mut access_list = BlockAccessList::with_capacity(self.entries.len());
        let mut accounts = Vec::with_capacity(self.entries.len());
        for position in self.sorted() {
            let entry = &mut self.entries[position];
            if let Some(change) = entry.change() {
                changes.codes.extend(entry.new_code());
                accounts.push((entry.address, change));
            }
            if entry.accessed {
                access_list.push(entry.take_access());
            }
        }
        // From a sorted run, so built in one pass.
        changes.accounts = accounts.into_iter().collect();
        (changes, access_list)
    }

    /// Positions in order of the addresses. Entries are large and far apart, so a short key is sorted in their place.
    fn sorted(&self) -> impl Iterator<Item = usize> + use<> {
        let start = |address: &Address| u64::from_be_bytes(*address.first_chunk().expect("an address has 20 bytes"));
        let entries = self.entries.iter().enumerate();
        let mut keys: Vec<_> = entries.map(|(position, entry)| (start(&entry.address), position)).collect();
        keys.sort_unstable_by(|(a, i), (b, j)| {
            a.cmp(b).then_with(|| self.entries[*i].address.cmp(&self.entries[*j].address))
        });
        keys.into_iter().map(|(_, position)| position)
    }
}

impl Entry {
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
    fn change(&self) -> Option<AccountChange> {
        let account = self.now.as_ref().map(|info| Account {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
        });
        let wiped = self.wiped();
        let differs = |slot: &Slot| if wiped { !slot.now.is_zero() } else { slot.now != slot.before };
        let storage: BTreeMap<_, _> =
            self.storage.iter().filter(|(_, slot)| differs(slot)).map(|(key, slot)| (*key, slot.now)).collect();
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
    fn take_access(&mut self) -> AccountChanges {
        let mut storage_changes = Vec::new();
        let mut storage_reads = Vec::new();
        for (slot, known) in self.storage.drain() {
            if known.history.is_empty() {
                storage_reads.push(slot);
            } else {
                storage_changes.push(SlotChanges::new(slot, known.history));
            }
        }
        storage_changes.sort_unstable_by_key(|change| change.slot);
        storage_reads.sort_unstable();
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
