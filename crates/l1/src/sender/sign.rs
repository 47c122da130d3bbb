//! Makes signed bytes of a request.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip4844, TxEip4844WithSidecar},
    eips::{Encodable2718, eip7594::BlobTransactionSidecarVariant},
    signers::{SignerSync, local::PrivateKeySigner},
};
use alloy_primitives::{B256, Bytes, Signature, TxKind};
use sluice_types::BATCH_BLOBS_MAX;

use super::{Fees, TxRequest};
use crate::Error;

/// What a request leaves open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) chain_id: u64,
    pub(crate) nonce: u64,
    pub(crate) gas_limit: u64,
    pub(crate) fees: Fees,
}

/// The bytes to broadcast (with blobs, if any) and the hash.
///
/// Errors: [`Error::BlobCount`]; [`Error::Config`] for blobs without a callee.
pub(crate) fn sign(request: &TxRequest, terms: Terms, key: &PrivateKeySigner) -> Result<(Bytes, B256), Error> {
    let Terms { chain_id, nonce, gas_limit, fees } = terms;
    let Some(sidecar) = &request.sidecar else {
        let tx = TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fees.max_fee_wei,
            max_priority_fee_per_gas: fees.priority_fee_wei,
            to: request.to.map_or(TxKind::Create, TxKind::Call),
            value: request.value_wei,
            access_list: Default::default(),
            input: request.data.clone(),
        };
        let signed = tx.clone().into_signed(signature(key, tx.signature_hash())?);
        return Ok((signed.encoded_2718().into(), *signed.hash()));
    };
    if sidecar.blobs.is_empty() || sidecar.blobs.len() > BATCH_BLOBS_MAX {
        return Err(Error::BlobCount { count: sidecar.blobs.len(), max: BATCH_BLOBS_MAX });
    }
    let to = request.to.ok_or_else(|| Error::Config("a transaction with blobs cannot deploy a contract".to_owned()))?;
    let tx = TxEip4844 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: fees.max_fee_wei,
        max_priority_fee_per_gas: fees.priority_fee_wei,
        to,
        value: request.value_wei,
        access_list: Default::default(),
        blob_versioned_hashes: sidecar.versioned_hashes().collect(),
        max_fee_per_blob_gas: fees.max_blob_fee_wei,
        input: request.data.clone(),
    };
    let signature = signature(key, tx.signature_hash())?;
    let sidecar = BlobTransactionSidecarVariant::Eip7594((**sidecar).clone());
    let signed = TxEip4844WithSidecar::from_tx_and_sidecar(tx, sidecar).into_signed(signature);
    Ok((signed.encoded_2718().into(), *signed.hash()))
}

fn signature(key: &PrivateKeySigner, hash: B256) -> Result<Signature, Error> {
    key.sign_hash_sync(&hash).map_err(|_| Error::Key)
}
