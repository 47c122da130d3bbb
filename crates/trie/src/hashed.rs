//! Changes by hashed key: what the walk starts from.

use alloc::vec::Vec;
use core::ops::Range;

use alloy_primitives::{B256, U256};
use sluice_types::{Account, Keccak, StateChanges};

use crate::Error;

/// A block's changes, sorted by the hashes of addresses and slots.
///
/// Made from [`StateChanges`] in one batch of hashes, or by [`HashedChanges::push`] where the hashes are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HashedChanges {
    accounts: Vec<AccountEntry>,
    /// Of all accounts, one after the other.
    slots: Vec<SlotEntry>,
}

/// What a block did to one account, by hashed keys. The fields mean what they mean in [`sluice_types::AccountChange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashedAccount<'a> {
    /// Keccak of the address.
    pub hashed_address: B256,
    /// The account afterwards.
    pub account: Option<Account>,
    /// True when the storage before is gone.
    pub storage_wiped: bool,
    /// Keccak of a slot, and its value afterwards; strictly ascending.
    pub slots: &'a [(B256, U256)],
}

/// The change of one slot: its hashed key, and its value afterwards.
pub(crate) type SlotEntry = (B256, U256);

/// The change of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountEntry {
    pub(crate) key: B256,
    pub(crate) account: Option<Account>,
    pub(crate) storage_wiped: bool,
    /// Which of [`HashedChanges::slots`] are its own.
    pub(crate) slots: Range<usize>,
}

impl HashedChanges {
    /// Hashes the addresses and the slots, and sorts.
    pub fn new(changes: &StateChanges) -> Self {
        let keccak = Keccak::detect();
        let addresses: Vec<&[u8]> = changes.accounts.keys().map(|address| address.as_slice()).collect();
        let hashes = keccak.hash_all(&addresses).into_iter();
        let mut accounts: Vec<_> = hashes.zip(changes.accounts.values()).collect();
        accounts.sort_unstable_by(|a, b| cmp(&a.0, &b.0));

        let slots = || accounts.iter().flat_map(|(_, change)| &change.storage);
        let keys: Vec<[u8; 32]> = slots().map(|(slot, _)| slot.to_be_bytes()).collect();
        let messages: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        let hashes = keccak.hash_all(&messages).into_iter();
        let mut slots: Vec<SlotEntry> = hashes.zip(slots().map(|(_, value)| *value)).collect();

        let mut end = 0;
        let entry = |(key, change): (B256, &sluice_types::AccountChange)| {
            let start = end;
            end += change.storage.len();
            slots[start..end].sort_unstable_by(|a, b| cmp(&a.0, &b.0));
            AccountEntry { key, account: change.account, storage_wiped: change.storage_wiped, slots: start..end }
        };
        let accounts = accounts.into_iter().map(entry).collect();
        Self { accounts, slots }
    }

    /// Adds an account whose hashed address is above those before.
    ///
    /// Errors: [`Error::NotSorted`]; then nothing is added.
    pub fn push(&mut self, change: HashedAccount<'_>) -> Result<(), Error> {
        let key = change.hashed_address;
        if self.accounts.last().is_some_and(|last| last.key >= key) {
            return Err(Error::NotSorted(key));
        }
        if let Some(pair) = change.slots.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            return Err(Error::NotSorted(pair[1].0));
        }
        let start = self.slots.len();
        self.slots.extend_from_slice(change.slots);
        let slots = start..self.slots.len();
        self.accounts.push(AccountEntry { key, account: change.account, storage_wiped: change.storage_wiped, slots });
        Ok(())
    }

    pub(crate) fn accounts(&self) -> &[AccountEntry] {
        &self.accounts
    }

    pub(crate) fn slots(&self) -> &[SlotEntry] {
        &self.slots
    }
}

/// Order of two hashes. Their first words nearly always decide.
fn cmp(a: &B256, b: &B256) -> core::cmp::Ordering {
    let first = |hash: &B256| hash.0.first_chunk::<8>().map(|word| u64::from_be_bytes(*word));
    first(a).cmp(&first(b)).then_with(|| a.cmp(b))
}
