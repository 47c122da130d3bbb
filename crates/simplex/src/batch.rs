//! Signatures of a committee on the header of a batch, as the contract on L1 verifies them; and what other messages of it share.

use alloy_primitives::{Address, B256, U256};
use bytes::Bytes;
use commonware_codec::{DecodeExt, Encode};
use commonware_cryptography::bls12381::primitives::{
    ops::{self, aggregate},
    variant::Variant,
};
use commonware_utils::iter::NonEmpty;

use crate::{Committee, SeatKeys, committee::Vote, points};

/// What batch signatures sign, before the rest. Source: `docs/spec/sequencers.md`.
const NAMESPACE: &[u8] = b"SLUICE_BATCH";

/// A batch, as far as it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchId {
    /// Chain id of L1.
    pub chain_id: u64,
    /// The `Rollup` contract.
    pub rollup: Address,
    /// By which epoch's committee.
    pub epoch: u64,
    /// Index of the batch.
    pub index: u64,
    /// Hash of the batch.
    pub batch_hash: B256,
}

/// A seat's signature, compressed.
pub type BatchSignature = [u8; 48];

/// What L1 takes: who signed, one bit for each index, and the sum of their signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchCertificate {
    /// Bit `i` is the seat at index `i`.
    pub signers: U256,
    /// In G1, as L1 takes it.
    pub signature: [u8; 128],
}

impl BatchId {
    fn message(&self) -> Vec<u8> {
        let Self { chain_id, rollup, epoch, index, batch_hash } = self;
        [&chain_id.to_be_bytes(), rollup.as_slice(), &epoch.to_be_bytes(), &index.to_be_bytes(), batch_hash.as_slice()]
            .concat()
    }

    /// Signs as a seat. Two different batches of one index and epoch cost the stake: remember what was signed before sending it.
    pub fn sign(&self, keys: &SeatKeys) -> BatchSignature {
        sign(keys, NAMESPACE, &self.message())
    }

    /// Whether the seat at this index signed.
    pub fn verify(&self, committee: &Committee, seat: u32, signature: &BatchSignature) -> bool {
        holds((committee, seat), NAMESPACE, &self.message(), signature)
    }
}

/// Signs a message of this kind.
pub(crate) fn sign(keys: &SeatKeys, namespace: &[u8], message: &[u8]) -> BatchSignature {
    let signature = ops::sign_message::<Vote>(keys.vote(), namespace, message).encode();
    signature.as_ref().try_into().expect("a compressed point in G1 has 48 bytes")
}

/// Whether the seat of a committee signed a message of this kind.
pub(crate) fn holds(
    (committee, seat): (&Committee, u32),
    namespace: &[u8],
    message: &[u8],
    signature: &BatchSignature,
) -> bool {
    let (Some(key), Some(signature)) = (committee.vote_key(seat), decode(signature)) else { return false };
    ops::verify_message::<Vote>(key, namespace, message, &signature).is_ok()
}

/// Whether so many seats are more than two thirds of the committee.
pub fn is_quorum(committee: &Committee, signers: usize) -> bool {
    3 * signers > 2 * committee.len()
}

/// Adds signatures up, each of another seat and verified before. `None` when there is none, or one is no point of the curve.
pub fn certify(signatures: &[(u32, BatchSignature)]) -> Option<BatchCertificate> {
    let mut signers = U256::ZERO;
    let mut points = Vec::new();
    for (seat, signature) in signatures {
        signers |= U256::ONE << *seat;
        points.push(decode(signature)?);
    }
    let (first, rest) = points.split_first()?;
    let sum = aggregate::combine_signatures::<Vote, _>(NonEmpty::new(first, rest.iter())).encode();
    let signature = points::signature_to_l1(sum.as_ref().try_into().ok()?)?;
    Some(BatchCertificate { signers, signature })
}

fn decode(signature: &BatchSignature) -> Option<<Vote as Variant>::Signature> {
    <Vote as Variant>::Signature::decode(Bytes::copy_from_slice(signature)).ok()
}
