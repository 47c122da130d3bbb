//! What a block accessed, account by account, as EIP-7928 lists it.
//!
//! A block has tens of thousands of accounts, slots and changes. They are in a few long lists, and each account knows where its part of
//! them ends: a list for each account and slot would be as many pieces of memory, made by one thread and freed by another.

use alloc::vec::Vec;
use core::ops::Range;

use alloy_primitives::{Address, Bytes, U256};

mod eip7928;
mod rlp;
#[cfg(test)]
mod tests;

pub use rlp::{ACCESS_LIST_BYTES_MAX, access_list_hash};

/// What one thing became, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<T> {
    /// EIP-7928 index: transactions are counted from 1, and 0 is what the protocol does before.
    pub index: u64,
    /// What it is from then on.
    pub value: T,
}

/// A block's access list.
///
/// It is made from its start to its end: what is [read](Self::read) and [written](Self::write) belongs to the account that
/// [ends](Self::end_account) next. Nothing here sees to the order that the EIP demands.
///
/// Source: EIP-7928.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockAccessList {
    accounts: Vec<Account>,
    slots: Vec<Slot>,
    slot_values: Vec<Change<U256>>,
    reads: Vec<U256>,
    balances: Vec<Change<U256>>,
    nonces: Vec<Change<u64>>,
    codes: Vec<Change<Bytes>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Account {
    address: Address,
    ends: Ends,
}

/// Where the parts of an account end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ends {
    slots: u32,
    reads: u32,
    balances: u32,
    nonces: u32,
    codes: u32,
}

/// A slot that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    key: U256,
    /// Where its values end.
    end: u32,
}

/// One account of a list.
#[derive(Clone, Copy, Debug)]
pub struct AccessedAccount<'a> {
    list: &'a BlockAccessList,
    place: usize,
}

/// What one slot of an account became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotChanges<'a> {
    /// The slot.
    pub slot: U256,
    /// What it became.
    pub changes: &'a [Change<U256>],
}

fn end(length: usize) -> u32 {
    u32::try_from(length).expect("a list has fewer than 2^32 entries of a kind")
}

/// A part of a list that goes from one end to the next.
fn part<T>(all: &[T], start: u32, end: u32) -> &[T] {
    &all[start as usize..end as usize]
}

impl BlockAccessList {
    /// How many accounts there are.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// No account is listed.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// The accounts, in order.
    pub fn accounts(&self) -> impl DoubleEndedIterator<Item = AccessedAccount<'_>> + ExactSizeIterator + Clone {
        (0..self.len()).map(|place| AccessedAccount { list: self, place })
    }

    /// The account at this place.
    pub fn get(&self, place: usize) -> Option<AccessedAccount<'_>> {
        (place < self.len()).then_some(AccessedAccount { list: self, place })
    }

    /// An account, if it is listed. The list is in order.
    pub fn account(&self, address: &Address) -> Option<AccessedAccount<'_>> {
        self.get(self.find(address).ok()?)
    }

    /// The place of an account, or where it would have to be. The list is in order.
    pub fn find(&self, address: &Address) -> Result<usize, usize> {
        self.find_among(address, 0..self.len())
    }

    /// As [`BlockAccessList::find`], among the accounts at these places.
    pub fn find_among(&self, address: &Address, places: Range<usize>) -> Result<usize, usize> {
        let first = places.start;
        let found = self.accounts[places].binary_search_by(|account| account.address.cmp(address));
        found.map(|place| first + place).map_err(|place| first + place)
    }

    /// The account that ends next read a slot.
    pub fn read(&mut self, slot: U256) {
        self.reads.push(slot);
    }

    /// The account that ends next wrote a slot; `add` adds what it became.
    pub fn write(&mut self, slot: U256, add: impl FnOnce(&mut Vec<Change<U256>>)) {
        add(&mut self.slot_values);
        self.slots.push(Slot { key: slot, end: end(self.slot_values.len()) });
    }

    /// Ends an account; `add` adds what its balance, nonce and code became.
    pub fn end_account(
        &mut self,
        address: Address,
        add: impl FnOnce(&mut Vec<Change<U256>>, &mut Vec<Change<u64>>, &mut Vec<Change<Bytes>>),
    ) {
        add(&mut self.balances, &mut self.nonces, &mut self.codes);
        self.accounts.push(Account { address, ends: self.ends() });
    }

    /// Makes room for all of these lists.
    pub fn reserve_for<'a>(&mut self, others: impl Iterator<Item = &'a Self> + Clone) {
        let sum = |length: fn(&Self) -> usize| others.clone().map(length).sum();
        self.accounts.reserve_exact(sum(|list| list.accounts.len()));
        self.slots.reserve_exact(sum(|list| list.slots.len()));
        self.slot_values.reserve_exact(sum(|list| list.slot_values.len()));
        self.reads.reserve_exact(sum(|list| list.reads.len()));
        self.balances.reserve_exact(sum(|list| list.balances.len()));
        self.nonces.reserve_exact(sum(|list| list.nonces.len()));
        self.codes.reserve_exact(sum(|list| list.codes.len()));
    }

    /// Adds all of another list, also what belongs to the account that ends next. What comes first is moved, and not copied.
    pub fn append(&mut self, other: Self) {
        if self.is_empty() && self.ends() == Ends::default() {
            *self = other;
        } else {
            self.extend(&other, 0..other.len(), other.ends());
        }
    }

    /// Adds accounts of another list.
    pub fn append_accounts(&mut self, other: &Self, accounts: Range<usize>) {
        let last = other.start(accounts.end);
        self.extend(other, accounts, last);
    }

    /// Adds accounts of another list and all up to these ends.
    fn extend(&mut self, other: &Self, accounts: Range<usize>, last: Ends) {
        let (base, first) = (self.ends(), other.start(accounts.start));
        let moved = |ends: Ends| Ends {
            slots: ends.slots - first.slots + base.slots,
            reads: ends.reads - first.reads + base.reads,
            balances: ends.balances - first.balances + base.balances,
            nonces: ends.nonces - first.nonces + base.nonces,
            codes: ends.codes - first.codes + base.codes,
        };
        let accounts = other.accounts[accounts].iter();
        self.accounts.extend(accounts.map(|account| Account { ends: moved(account.ends), ..*account }));
        let (first_value, last_value) = (other.first_value(first.slots), other.first_value(last.slots));
        let base_value = end(self.slot_values.len());
        let slots = part(&other.slots, first.slots, last.slots).iter();
        self.slots.extend(slots.map(|slot| Slot { end: slot.end - first_value + base_value, ..*slot }));
        self.slot_values.extend_from_slice(part(&other.slot_values, first_value, last_value));
        self.reads.extend_from_slice(part(&other.reads, first.reads, last.reads));
        self.balances.extend_from_slice(part(&other.balances, first.balances, last.balances));
        self.nonces.extend_from_slice(part(&other.nonces, first.nonces, last.nonces));
        self.codes.extend_from_slice(part(&other.codes, first.codes, last.codes));
    }

    // Inline: read back all at once, what it wrote one by one would be waited for until all before it has reached the cache.
    #[inline]
    fn ends(&self) -> Ends {
        Ends {
            slots: end(self.slots.len()),
            reads: end(self.reads.len()),
            balances: end(self.balances.len()),
            nonces: end(self.nonces.len()),
            codes: end(self.codes.len()),
        }
    }

    /// Where the parts of the account at this place start.
    fn start(&self, place: usize) -> Ends {
        place.checked_sub(1).map_or(Ends::default(), |before| self.accounts[before].ends)
    }

    /// Where the values of the slot at this place start.
    fn first_value(&self, slot: u32) -> u32 {
        slot.checked_sub(1).map_or(0, |before| self.slots[before as usize].end)
    }
}

impl<'a> AccessedAccount<'a> {
    fn ends(self) -> (Ends, Ends) {
        (self.list.start(self.place), self.list.accounts[self.place].ends)
    }

    /// Its address.
    pub fn address(self) -> &'a Address {
        &self.list.accounts[self.place].address
    }

    /// Slots that it wrote.
    pub fn storage_changes(self) -> impl DoubleEndedIterator<Item = SlotChanges<'a>> + ExactSizeIterator + Clone {
        let (start, end) = self.ends();
        (start.slots..end.slots).map(move |slot| self.slot(slot))
    }

    /// Slots that it only read.
    pub fn storage_reads(self) -> &'a [U256] {
        let (start, end) = self.ends();
        part(&self.list.reads, start.reads, end.reads)
    }

    /// What its balance became, wei.
    pub fn balance_changes(self) -> &'a [Change<U256>] {
        let (start, end) = self.ends();
        part(&self.list.balances, start.balances, end.balances)
    }

    /// What its nonce became.
    pub fn nonce_changes(self) -> &'a [Change<u64>] {
        let (start, end) = self.ends();
        part(&self.list.nonces, start.nonces, end.nonces)
    }

    /// What its code became.
    pub fn code_changes(self) -> &'a [Change<Bytes>] {
        let (start, end) = self.ends();
        part(&self.list.codes, start.codes, end.codes)
    }

    /// A slot that it wrote, and its place among those. The list is in order.
    pub fn find_slot(self, slot: &U256) -> Option<(usize, SlotChanges<'a>)> {
        let (start, end) = self.ends();
        let written = part(&self.list.slots, start.slots, end.slots);
        let place = written.binary_search_by(|written| written.key.cmp(slot)).ok()?;
        Some((place, self.slot(start.slots + u32::try_from(place).ok()?)))
    }

    fn slot(self, slot: u32) -> SlotChanges<'a> {
        let Slot { key, end } = self.list.slots[slot as usize];
        SlotChanges { slot: key, changes: part(&self.list.slot_values, self.list.first_value(slot), end) }
    }
}
