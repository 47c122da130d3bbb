//! What a block accessed, account by account, as EIP-7928 lists it.
//!
//! A block has tens of thousands of accounts, slots and changes. They are in a few long lists, and each account knows where its part of
//! them ends: a list for each account and slot would be as many pieces of memory, made by one thread and freed by another.

use alloc::vec::Vec;
use core::ops::Range;

use alloy_eip7928::{AccountChanges, BalanceChange, BlockAccessIndex, CodeChange, NonceChange, StorageChange};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{Decodable, EMPTY_LIST_CODE, EMPTY_STRING_CODE};

use crate::keccak::keccak256;

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
        let place = self.accounts.len();
        self.accounts.push(Account { address, ends: Ends::default() });
        // Into their place one by one: copied all at once, they would be waited for until they and all that was written before them have
        // reached the cache.
        let ends = &mut self.accounts[place].ends;
        ends.slots = end(self.slots.len());
        ends.reads = end(self.reads.len());
        ends.balances = end(self.balances.len());
        ends.nonces = end(self.nonces.len());
        ends.codes = end(self.codes.len());
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

    /// Adds all of another list, also what belongs to the account that ends next.
    pub fn append(&mut self, other: &Self) {
        self.extend(other, 0..other.len(), other.ends());
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

    /// The RLP of the list.
    pub fn to_rlp(&self) -> Vec<u8> {
        let words = self.slot_values.len() + self.balances.len() + self.nonces.len();
        let codes: usize = self.codes.iter().map(|code| CHANGE_BYTES_MAX + code.value.len()).sum();
        let size = HEADER_BYTES_MAX
            + self.accounts.len() * ACCOUNT_BYTES_MAX
            + self.slots.len() * SLOT_BYTES_MAX
            + self.reads.len() * WORD_BYTES_MAX
            + words * CHANGE_BYTES_MAX
            + codes;
        let mut out = Backwards(Vec::with_capacity(size));
        out.list(self.accounts(), |out, account| {
            out.enclosed(|out| {
                out.list(account.code_changes(), |out, code| out.change(code.index, |out| out.string(&code.value)));
                out.list(account.nonce_changes(), |out, nonce| out.change(nonce.index, |out| out.number(nonce.value)));
                out.list(account.balance_changes(), |out, to| out.change(to.index, |out| out.word(&to.value)));
                out.list(account.storage_reads(), |out, slot| out.word(slot));
                out.list(account.storage_changes(), |out, SlotChanges { slot, changes }| {
                    out.enclosed(|out| {
                        out.list(changes, |out, to| out.change(to.index, |out| out.word(&to.value)));
                        out.word(&slot);
                    });
                });
                out.string(account.address().as_slice());
            });
        });
        out.into_bytes()
    }
}

/// The hash by which a block commits to its access list: Keccak of the list's RLP.
///
/// Source: EIP-7928.
pub fn access_list_hash(list: &BlockAccessList) -> B256 {
    keccak256(list.to_rlp())
}

/// Most bytes before a list or string of RLP.
const HEADER_BYTES_MAX: usize = 9;
/// Most bytes of a word.
const WORD_BYTES_MAX: usize = 33;
/// Most bytes of a change, beside the bytes of a code.
const CHANGE_BYTES_MAX: usize = 2 * HEADER_BYTES_MAX + WORD_BYTES_MAX;
/// Most bytes of a slot that was written, beside its changes.
const SLOT_BYTES_MAX: usize = 2 * HEADER_BYTES_MAX + WORD_BYTES_MAX;
/// Most bytes of an account, beside what is in its lists.
const ACCOUNT_BYTES_MAX: usize = 6 * HEADER_BYTES_MAX + 21;

/// RLP from its last byte to its first: how long something is comes before it, and is known only after.
struct Backwards(Vec<u8>);

impl Backwards {
    fn into_bytes(self) -> Vec<u8> {
        let Self(mut bytes) = self;
        bytes.reverse();
        bytes
    }

    /// Puts a header before what was put since there were `end` bytes; `code` is that of an empty list or string.
    fn head(&mut self, end: usize, code: u8) {
        let Self(bytes) = self;
        match u8::try_from(bytes.len() - end) {
            Ok(length @ ..56) => bytes.push(code + length),
            _ => {
                let length = (bytes.len() - end).to_le_bytes();
                let used = length.len() - length.iter().rev().take_while(|byte| **byte == 0).count();
                bytes.extend_from_slice(&length[..used]);
                bytes.push(code + 55 + u8::try_from(used).expect("a length has at most 8 bytes"));
            }
        }
    }

    /// Puts a string, of which this is the last byte first.
    fn reversed(&mut self, string: &[u8]) {
        let end = self.0.len();
        self.0.extend_from_slice(string);
        self.head_of_string(end);
    }

    fn string(&mut self, string: &[u8]) {
        let end = self.0.len();
        self.0.extend(string.iter().rev());
        self.head_of_string(end);
    }

    fn head_of_string(&mut self, end: usize) {
        // A small byte stands for itself.
        if !matches!(self.0[end..], [byte] if byte < EMPTY_STRING_CODE) {
            self.head(end, EMPTY_STRING_CODE);
        }
    }

    fn number(&mut self, number: u64) {
        self.reversed(&number.to_le_bytes()[..8 - (number.leading_zeros() / 8) as usize]);
    }

    fn word(&mut self, word: &U256) {
        self.reversed(&word.to_le_bytes::<32>()[..word.byte_len()]);
    }

    fn change(&mut self, index: u64, value: impl FnOnce(&mut Self)) {
        self.enclosed(|out| {
            value(out);
            out.number(index);
        });
    }

    fn list<T>(&mut self, all: impl IntoIterator<Item = T, IntoIter: DoubleEndedIterator>, put: impl Fn(&mut Self, T)) {
        self.enclosed(|out| all.into_iter().rev().for_each(|one| put(out, one)));
    }

    /// Puts a list of what `put` puts, the last first.
    fn enclosed(&mut self, put: impl FnOnce(&mut Self)) {
        let end = self.0.len();
        put(self);
        self.head(end, EMPTY_LIST_CODE);
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

impl Decodable for BlockAccessList {
    fn decode(bytes: &mut &[u8]) -> alloy_rlp::Result<Self> {
        Ok(Vec::<AccountChanges>::decode(bytes)?.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word() -> impl Strategy<Value = U256> {
        (any::<[u64; 4]>(), 0..257_usize).prop_map(|(limbs, bits)| U256::from_limbs(limbs).wrapping_shr(256 - bits))
    }

    fn changes<T: core::fmt::Debug>(
        value: impl Strategy<Value = T>,
    ) -> impl Strategy<Value = Vec<(BlockAccessIndex, T)>> {
        let index = (any::<u64>(), 0..64_u32).prop_map(|(index, bits)| BlockAccessIndex::new(index >> bits));
        prop::collection::vec((index, value), 0..4)
    }

    fn account() -> impl Strategy<Value = AccountChanges> {
        let slot = (word(), changes(word())).prop_map(|(slot, changes)| {
            let changes = changes.into_iter().map(|(at, to)| StorageChange::new(at, to));
            alloy_eip7928::SlotChanges::new(slot, changes.collect())
        });
        let slots = prop::collection::vec(slot, 0..4);
        let reads = prop::collection::vec(word(), 0..4);
        let number = (any::<u64>(), 0..64_u32).prop_map(|(number, bits)| number >> bits);
        let code = prop::collection::vec(any::<u8>(), 0..300);
        let parts = (any::<[u8; 20]>(), slots, reads, changes(word()), changes(number), changes(code));
        parts.prop_map(|(address, slots, reads, balances, nonces, codes)| AccountChanges {
            address: address.into(),
            storage_changes: slots,
            storage_reads: reads,
            balance_changes: balances.into_iter().map(|(at, to)| BalanceChange::new(at, to)).collect(),
            nonce_changes: nonces.into_iter().map(|(at, to)| NonceChange::new(at, to)).collect(),
            code_changes: codes.into_iter().map(|(at, to)| CodeChange::new(at, to.into())).collect(),
        })
    }

    fn accounts() -> impl Strategy<Value = Vec<AccountChanges>> {
        prop::collection::vec(account(), 0..20)
    }

    proptest! {
        #[test]
        fn its_rlp_is_that_of_the_eip(accounts in accounts()) {
            let list = BlockAccessList::from(accounts.clone());
            prop_assert_eq!(list.to_rlp(), alloy_rlp::encode(&accounts));
            prop_assert_eq!(access_list_hash(&list), alloy_primitives::keccak256(alloy_rlp::encode(&accounts)));
            prop_assert_eq!(BlockAccessList::decode(&mut &list.to_rlp()[..]), Ok(list.clone()));
            prop_assert_eq!(Vec::from(&list), accounts);
        }

        #[test]
        fn parts_put_together_are_the_whole(accounts in accounts(), cut: prop::sample::Index, again: prop::sample::Index) {
            let whole = BlockAccessList::from(accounts.clone());
            let (cut, again) = (cut.index(accounts.len() + 1), again.index(accounts.len() + 1));
            let (first, second) = (cut.min(again), cut.max(again));
            let mut list = BlockAccessList::default();
            list.append(&BlockAccessList::from(accounts[..first].to_vec()));
            list.append_accounts(&whole, first..second);
            // The last part comes slot by slot.
            for account in whole.accounts().skip(second) {
                for written in account.storage_changes() {
                    let mut part = BlockAccessList::default();
                    part.write(written.slot, |values| values.extend_from_slice(written.changes));
                    list.append(&part);
                }
                account.storage_reads().iter().for_each(|slot| list.read(*slot));
                list.end_account(*account.address(), |balances, nonces, codes| {
                    balances.extend_from_slice(account.balance_changes());
                    nonces.extend_from_slice(account.nonce_changes());
                    codes.extend_from_slice(account.code_changes());
                });
            }
            prop_assert_eq!(list, whole);
        }

        #[test]
        fn accounts_and_slots_are_found(accounts in accounts()) {
            let accounts: alloc::collections::BTreeMap<_, _> =
                accounts.into_iter().map(|account| (account.address, account)).collect();
            let mut accounts: Vec<_> = accounts.into_values().collect();
            accounts.iter_mut().for_each(|account| {
                account.storage_changes.sort_by_key(|slot| slot.slot);
                account.storage_changes.dedup_by_key(|slot| slot.slot);
            });
            let list = BlockAccessList::from(accounts.clone());
            for (place, account) in accounts.iter().enumerate() {
                prop_assert_eq!(list.find(&account.address), Ok(place));
                prop_assert_eq!(list.find_among(&account.address, place + 1..accounts.len()), Err(place + 1));
                for (at, slot) in account.storage_changes.iter().enumerate() {
                    let found = list.get(place).and_then(|account| account.find_slot(&slot.slot));
                    prop_assert_eq!(found.map(|(at, found)| (at, found.slot, found.changes.len())), Some((at, slot.slot, slot.changes.len())));
                }
            }
        }
    }
}
