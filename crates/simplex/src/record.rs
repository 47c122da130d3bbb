//! Signatures of a committee on the record of its epoch, as the contract on L1 verifies them. They add up as those on batches do.

use alloy_primitives::{Address, B256};

use crate::{
    BatchSignature, Committee, SeatKeys,
    batch::{holds, sign},
};

/// What record signatures sign, before the rest. Source: `docs/spec/sequencers.md`.
const NAMESPACE: &[u8] = b"SLUICE_RECORD";

/// The record of an epoch, as far as it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordId {
    /// Chain id of L1.
    pub chain_id: u64,
    /// The `Rewards` contract.
    pub rewards: Address,
    /// The epoch, whose committee signs.
    pub epoch: u64,
    /// Hash of the record.
    pub record_hash: B256,
}

impl RecordId {
    fn message(&self) -> Vec<u8> {
        let Self { chain_id, rewards, epoch, record_hash } = self;
        [&chain_id.to_be_bytes(), rewards.as_slice(), &epoch.to_be_bytes(), record_hash.as_slice()].concat()
    }

    /// Signs as a seat.
    pub fn sign(&self, keys: &SeatKeys) -> BatchSignature {
        sign(keys, NAMESPACE, &self.message())
    }

    /// Whether the seat at this index signed.
    pub fn verify(&self, committee: &Committee, seat: u32, signature: &BatchSignature) -> bool {
        holds((committee, seat), NAMESPACE, &self.message(), signature)
    }
}
