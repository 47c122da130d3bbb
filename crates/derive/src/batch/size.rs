//! What a batch counts against the chain's cap, so that its cutter and its readers agree before anything is unpacked.

use sluice_types::BatchBlock;

use super::fields::Fields;
use crate::Error;

/// Counted once per batch.
const BASE: u64 = 256;
/// Counted per block.
const BLOCK: u64 = 128;
/// Counted per transaction, signature included.
const TRANSACTION: u64 = 256;
/// Counted per access list entry, its keys apart.
const ACCESS_ENTRY: u64 = 64;
/// Counted per storage key of an access list.
const ACCESS_KEY: u64 = 32;
/// Counted per authorisation.
const AUTHORIZATION: u64 = 192;

/// What is left of the cap. Every count that comes from outside is paid for before anything is allocated for it.
#[derive(Debug)]
pub(super) struct Budget {
    spent: u64,
    max: u64,
}

impl Budget {
    pub(super) fn new(max: u64) -> Result<Self, Error> {
        let mut budget = Self { spent: 0, max };
        budget.pay(1, BASE)?;
        Ok(budget)
    }

    pub(super) fn blocks(&mut self, count: usize) -> Result<(), Error> {
        self.pay(count, BLOCK)
    }

    pub(super) fn transactions(&mut self, count: usize) -> Result<(), Error> {
        self.pay(count, TRANSACTION)
    }

    /// Call data counts an eighth more than its length: what columns can cost at worst.
    pub(super) fn input(&mut self, length: usize) -> Result<(), Error> {
        self.pay(length, 1)?;
        self.pay(length / 8, 1)
    }

    pub(super) fn access_entries(&mut self, count: usize) -> Result<(), Error> {
        self.pay(count, ACCESS_ENTRY)
    }

    pub(super) fn access_keys(&mut self, count: usize) -> Result<(), Error> {
        self.pay(count, ACCESS_KEY)
    }

    pub(super) fn authorizations(&mut self, count: usize) -> Result<(), Error> {
        self.pay(count, AUTHORIZATION)
    }

    fn pay(&mut self, count: usize, each: u64) -> Result<(), Error> {
        self.spent = self.spent.saturating_add((count as u64).saturating_mul(each));
        if self.spent <= self.max {
            Ok(())
        } else {
            Err(Error::TooLarge { what: "the decoded batch", size: self.spent, max: self.max })
        }
    }
}

/// What these blocks count against the chain's `batch_decompressed_size_max`. Additive up to a constant of 256.
///
/// Errors: [`Error::BlobTransaction`].
pub fn decoded_size(blocks: &[BatchBlock]) -> Result<u64, Error> {
    let mut budget = Budget::new(u64::MAX)?;
    budget.blocks(blocks.len())?;
    for tx in blocks.iter().flat_map(|block| &block.transactions) {
        let fields = Fields::of(tx)?;
        budget.transactions(1)?;
        budget.input(fields.input.len())?;
        budget.access_entries(fields.access_list.len())?;
        budget.access_keys(fields.access_list.iter().map(|item| item.storage_keys.len()).sum())?;
        budget.authorizations(fields.authorizations.len())?;
    }
    Ok(budget.spent)
}
