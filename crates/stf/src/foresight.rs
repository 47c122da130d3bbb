//! What a block access list tells: the state before every transaction, and what each must do.
//!
//! Source: EIP-7928. Change `i` of a list is there when transaction `i`, counted from 1, has executed; 0 is what the protocol does
//! before.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::ops::Range;

use alloy_primitives::{Address, B256, U256};
use revm::bytecode::Bytecode;
use sluice_types::{
    AccessedAccount, AccountChange, BlockAccessList, Change, EMPTY_CODE_HASH, LiteMap, SlotChanges, keccak256,
};

use crate::{
    products::ChangedAccounts,
    table::{Moment, NONE, start_of},
};

/// A list in which accounts, slots and changes are found quickly.
#[derive(Debug)]
pub struct Foresight<'l> {
    list: &'l BlockAccessList,
    /// The starts of its addresses, which are enough to find most.
    starts: Vec<u64>,
    /// Number of each account's first slot: first those that change, then those that are read.
    first_slots: Vec<u32>,
    slots_count: usize,
    changes_count: usize,
    /// Codes by account and place in its changes.
    codes: BTreeMap<(u32, usize), (B256, Bytecode)>,
}

/// What one lane saw of a list, all of it as the list says.
#[derive(Debug, Default)]
pub struct Told {
    /// Changes of the list that its transactions made.
    made: usize,
    /// Accounts that they loaded, as they were before the block.
    accounts: Vec<(u32, Moment)>,
    /// Slots that they loaded, as they were before the block.
    slots: Vec<(u32, U256)>,
    /// Accounts that they destroyed.
    destroyed: Vec<u32>,
}

/// What all lanes saw of a list.
#[derive(Debug, Default)]
pub struct AllTold {
    made: usize,
    accounts_count: usize,
    slots_count: usize,
    /// By number, as they were before the block.
    accounts: Vec<Option<Moment>>,
    slots: Vec<Option<U256>>,
    destroyed: Vec<u32>,
}

impl AllTold {
    /// Adds what one lane saw of the same list.
    pub fn add(&mut self, told: Told) {
        self.made += told.made;
        self.destroyed.extend(told.destroyed);
        for (number, before) in told.accounts {
            self.accounts_count += usize::from(self.accounts[number as usize].replace(before).is_none());
        }
        for (number, before) in told.slots {
            self.slots_count += usize::from(self.slots[number as usize].replace(before).is_none());
        }
    }
}

/// Everything in a list, as it was before the block, when all of it was done.
#[derive(Debug)]
pub struct Befores {
    accounts: Vec<Option<Moment>>,
    slots: Vec<Option<U256>>,
    /// Sorted.
    destroyed: Vec<u32>,
}

/// What a table knows of a list: row by row, where its accounts and slots stand in it.
pub(crate) struct Telling<'a> {
    foresight: &'a Foresight<'a>,
    /// EIP-7928 index of the transaction that executes.
    pub(crate) at: u64,
    accounts: Vec<ToldAccount>,
    slots: Vec<ToldSlot<'a>>,
    told: Told,
}

struct ToldAccount {
    /// Place in the list, or [`NONE`].
    number: u32,
    before: Moment,
    /// Changes before the transaction that executes.
    balances: usize,
    nonces: usize,
    codes: usize,
    is_noted: bool,
}

struct ToldSlot<'a> {
    number: u32,
    before: U256,
    changes: &'a [Change<U256>],
    /// Changes before the transaction that executes.
    past: usize,
    is_noted: bool,
}

/// How many changes come before an index.
fn past<T>(changes: &[Change<T>], at: u64) -> usize {
    changes.partition_point(|change| change.index < at)
}

/// No change comes after a later one, nor are there two at one index.
fn is_in_order<T>(changes: &[Change<T>]) -> bool {
    changes.is_sorted_by(|a, b| a.index < b.index)
}

impl<'l> Foresight<'l> {
    /// Reads a list. `None` if anything in it is out of order or there twice, or code is malformed.
    pub fn new(list: &'l BlockAccessList) -> Option<Self> {
        let mut foresight = Self {
            list,
            starts: list.accounts().map(|account| start_of(account.address())).collect(),
            first_slots: Vec::with_capacity(list.len()),
            slots_count: 0,
            changes_count: 0,
            codes: BTreeMap::new(),
        };
        let mut is_good = list.accounts().is_sorted_by(|a, b| a.address() < b.address());
        for (number, account) in (0..).zip(list.accounts()) {
            let (balances, nonces) = (account.balance_changes(), account.nonce_changes());
            let (codes, reads) = (account.code_changes(), account.storage_reads());
            is_good &= is_in_order(balances)
                && is_in_order(nonces)
                && is_in_order(codes)
                && account.storage_changes().is_sorted_by(|a, b| a.slot < b.slot)
                && reads.is_sorted_by(|a, b| a < b);
            foresight.first_slots.push(u32::try_from(foresight.slots_count).ok()?);
            foresight.slots_count += account.storage_changes().len() + reads.len();
            foresight.changes_count += balances.len() + nonces.len() + codes.len();
            for SlotChanges { changes, .. } in account.storage_changes() {
                is_good &= !changes.is_empty() && is_in_order(changes);
                foresight.changes_count += changes.len();
            }
            for (place, Change { value: code, .. }) in codes.iter().enumerate() {
                let hash = if code.is_empty() { EMPTY_CODE_HASH } else { keccak256(code) };
                let code = Bytecode::new_raw_checked(code.clone()).ok()?;
                foresight.codes.insert((number, place), (hash, code));
            }
        }
        is_good.then_some(foresight)
    }

    fn account(&self, number: u32) -> Option<AccessedAccount<'l>> {
        self.list.get(number as usize)
    }

    /// Place of an account in the list, or [`NONE`].
    fn find(&self, address: &Address) -> u32 {
        let start = start_of(address);
        let first = self.starts.partition_point(|other| *other < start);
        let same = self.starts[first..].partition_point(|other| *other == start);
        let found = self.list.find_among(address, first..first + same);
        found.ok().and_then(|place| u32::try_from(place).ok()).unwrap_or(NONE)
    }

    /// Number of a slot, or [`NONE`], and its changes.
    fn find_slot(&self, number: u32, key: U256) -> (u32, &'l [Change<U256>]) {
        let Some(account) = self.account(number) else { return (NONE, &[]) };
        let first = self.first_slots[number as usize];
        let name = |place: usize| first + u32::try_from(place).expect("all slots together were counted so");
        if let Some((place, written)) = account.find_slot(&key) {
            return (name(place), written.changes);
        }
        let place = account.storage_reads().binary_search(&key);
        (place.map_or(NONE, |place| name(account.storage_changes().len() + place)), &[])
    }

    /// What lanes saw of this list: nothing yet.
    pub fn nothing_told(&self) -> AllTold {
        AllTold { accounts: vec![None; self.list.len()], slots: vec![None; self.slots_count], ..AllTold::default() }
    }

    /// What lanes saw, if together they made every change of the list and loaded all that is in it.
    pub fn all_told(&self, told: AllTold) -> Option<Befores> {
        let AllTold { made, accounts_count, slots_count, accounts, slots, mut destroyed } = told;
        if (made, accounts_count, slots_count) != (self.changes_count, self.list.len(), self.slots_count) {
            return None;
        }
        destroyed.sort_unstable();
        Some(Befores { accounts, slots, destroyed })
    }

    /// How many accounts the list has.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True when it has none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What the block changes of some accounts of the list.
    pub fn changes(&self, befores: &Befores, accounts: Range<usize>) -> ChangedAccounts {
        let Befores { accounts: before_accounts, slots, destroyed } = befores;
        let mut changes = ChangedAccounts { accounts: Vec::with_capacity(accounts.len()), codes: Vec::new() };
        for place in accounts {
            let (Some(account), Some(before)) = (self.list.get(place), &before_accounts[place]) else { continue };
            let number = u32::try_from(place).expect("a list was read only where its places are such numbers");
            let was_destroyed = !destroyed.is_empty() && destroyed.binary_search(&number).is_ok();
            let storage_wiped = was_destroyed && before.exists;
            let now = self.moment(number, before, [usize::MAX; 3]);
            let first = self.first_slots[place] as usize;
            let ends = account.storage_changes().zip(&slots[first..]).filter_map(|(slot, before)| {
                let now = slot.changes.last()?.value;
                let differs = if storage_wiped { !now.is_zero() } else { Some(now) != *before };
                differs.then_some((slot.slot, now))
            });
            let storage: LiteMap<_, _> = ends.collect();
            if now != *before || !storage.is_empty() || storage_wiped {
                changes
                    .accounts
                    .push((*account.address(), AccountChange { account: now.account(), storage_wiped, storage }));
            }
            if let Some(change) = account.code_changes().last()
                && now.code_hash != before.code_hash
                && now.code_hash != EMPTY_CODE_HASH
            {
                changes.codes.push((now.code_hash, change.value.clone()));
            }
        }
        changes
    }

    /// An account after so many changes of its balance, nonce and code.
    fn moment(&self, number: u32, before: &Moment, [balances, nonces, codes]: [usize; 3]) -> Moment {
        let mut now = *before;
        let Some(account) = self.account(number) else { return now };
        let (changed_balances, changed_nonces) = (account.balance_changes(), account.nonce_changes());
        let mut is_changed = false;
        if let Some(change) = changed_balances[..balances.min(changed_balances.len())].last() {
            now.balance = change.value;
            is_changed = true;
        }
        if let Some(change) = changed_nonces[..nonces.min(changed_nonces.len())].last() {
            now.nonce = change.value;
            is_changed = true;
        }
        if let Some(place) = codes.min(account.code_changes().len()).checked_sub(1) {
            now.code_hash = self.codes[&(number, place)].0;
            is_changed = true;
        }
        if is_changed {
            now.exists = !now.is_empty();
        }
        now
    }
}

impl<'a> Telling<'a> {
    pub(crate) fn new(foresight: &'a Foresight<'a>) -> Self {
        Self { foresight, at: 0, accounts: Vec::new(), slots: Vec::new(), told: Told::default() }
    }

    /// Takes note of the table's next row.
    pub(crate) fn add(&mut self, address: &Address, before: Moment) {
        let number = self.foresight.find(address);
        self.accounts.push(ToldAccount { number, before, balances: 0, nonces: 0, codes: 0, is_noted: false });
    }

    /// Takes note of the table's next slot.
    pub(crate) fn add_slot(&mut self, row: u32, key: U256, before: U256) {
        let (number, changes) = self.foresight.find_slot(self.accounts[row as usize].number, key);
        self.slots.push(ToldSlot { number, before, changes, past: 0, is_noted: false });
    }

    /// An account before the transaction that executes, and its code if the list has it.
    pub(crate) fn account(&mut self, row: u32) -> (Moment, Option<&'a Bytecode>) {
        let told = &mut self.accounts[row as usize];
        let Some(account) = self.foresight.account(told.number) else { return (told.before, None) };
        told.balances = past(account.balance_changes(), self.at);
        told.nonces = past(account.nonce_changes(), self.at);
        told.codes = past(account.code_changes(), self.at);
        let now = self.foresight.moment(told.number, &told.before, [told.balances, told.nonces, told.codes]);
        let place = told.codes.checked_sub(1);
        (now, place.map(|place| &self.foresight.codes[&(told.number, place)].1))
    }

    /// A slot before the transaction that executes.
    pub(crate) fn slot(&mut self, slot: u32) -> U256 {
        let told = &mut self.slots[slot as usize];
        told.past = past(told.changes, self.at);
        told.past.checked_sub(1).map_or(told.before, |place| told.changes[place].value)
    }

    /// Checks what the transaction did to an account that it loaded.
    pub(crate) fn check(&mut self, row: u32, start: &Moment, now: &Moment) -> bool {
        let told = &mut self.accounts[row as usize];
        let Some(account) = self.foresight.account(told.number) else { return false };
        let (at, mut expected, mut made, mut is_good) = (self.at, *start, 0, true);
        if let Some(change) = account.balance_changes().get(told.balances).filter(|change| change.index == at) {
            is_good &= change.value != start.balance;
            expected.balance = change.value;
            made += 1;
        }
        if let Some(change) = account.nonce_changes().get(told.nonces).filter(|change| change.index == at) {
            is_good &= change.value != start.nonce;
            expected.nonce = change.value;
            made += 1;
        }
        if account.code_changes().get(told.codes).is_some_and(|change| change.index == at) {
            expected.code_hash = self.foresight.codes[&(told.number, told.codes)].0;
            is_good &= expected.code_hash != start.code_hash;
            made += 1;
        }
        if made > 0 {
            expected.exists = !expected.is_empty();
        }
        self.told.made += made;
        if !core::mem::replace(&mut told.is_noted, true) {
            self.told.accounts.push((told.number, told.before));
        }
        is_good && *now == expected
    }

    /// Checks what the transaction did to a slot that it loaded.
    pub(crate) fn check_slot(&mut self, slot: u32, start: U256, now: U256) -> bool {
        let told = &mut self.slots[slot as usize];
        if told.number == NONE {
            return false;
        }
        if !core::mem::replace(&mut told.is_noted, true) {
            self.told.slots.push((told.number, told.before));
        }
        match told.changes.get(told.past).filter(|change| change.index == self.at) {
            Some(change) => {
                self.told.made += 1;
                change.value == now && now != start
            }
            None => now == start,
        }
    }

    /// Takes note that an account is destroyed, of which the transaction loaded so many slots. If it was not also created, others
    /// may have been in its storage, and must not be in the list.
    pub(crate) fn destroy(&mut self, row: u32, is_created: bool, loaded_slots: usize) -> bool {
        let number = self.accounts[row as usize].number;
        let Some(account) = self.foresight.account(number) else { return false };
        self.told.destroyed.push(number);
        is_created || account.storage_changes().len() + account.storage_reads().len() == loaded_slots
    }

    pub(crate) fn into_told(self) -> Told {
        self.told
    }
}
