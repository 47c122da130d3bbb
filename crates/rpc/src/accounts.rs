//! Balances, nonces, code, storage and proofs of them.

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64, U256, hex};
use serde_json::{Value, json};
use sluice_types::{EMPTY_CODE_HASH, StateRead};

use crate::{arguments::Arguments, backend::Backend, failure::Failure, view::quantity};

type Answer<T> = Result<T, Failure>;

pub(crate) fn balance(backend: &Backend, arguments: &mut Arguments) -> Answer<U256> {
    let address: Address = arguments.required()?;
    let state = backend.state(arguments.optional()?)?;
    Ok(state.account(address)?.map(|account| account.balance).unwrap_or_default())
}

/// With the tag `pending`, the nonce after the sender's transactions in the pool.
pub(crate) fn transaction_count(backend: &Backend, arguments: &mut Arguments) -> Answer<U64> {
    let address: Address = arguments.required()?;
    let id: Option<BlockId> = arguments.optional()?;
    if id == Some(BlockNumberOrTag::Pending.into())
        && let Some(nonce) = backend.pool.as_ref().and_then(|pool| pool.pending_nonce(address))
    {
        return Ok(quantity(nonce));
    }
    let state = backend.state(id)?;
    Ok(quantity(state.account(address)?.map(|account| account.nonce).unwrap_or_default()))
}

pub(crate) fn code(backend: &Backend, arguments: &mut Arguments) -> Answer<Bytes> {
    let address: Address = arguments.required()?;
    let state = backend.state(arguments.optional()?)?;
    match state.account(address)?.map(|account| account.code_hash) {
        None | Some(EMPTY_CODE_HASH) => Ok(Bytes::new()),
        Some(hash) => Ok(state.code(hash)?),
    }
}

pub(crate) fn storage(backend: &Backend, arguments: &mut Arguments) -> Answer<B256> {
    let address: Address = arguments.required()?;
    let slot = read_slot(&arguments.required::<String>()?)?.0;
    let state = backend.state(arguments.optional()?)?;
    Ok(state.storage(address, slot)?.into())
}

/// EIP-1186. A proof of absence for an account that does not exist.
pub(crate) fn proof(backend: &Backend, arguments: &mut Arguments) -> Answer<Value> {
    let address: Address = arguments.required()?;
    let keys: Vec<String> = arguments.required()?;
    let id: Option<BlockId> = arguments.optional()?;
    let slots_max = backend.config.limits.proof_slots_max;
    if keys.len() > slots_max {
        return Err(Failure::params(format!("too many keys ({} > {slots_max}); ask in several requests", keys.len())));
    }
    let slots = keys.iter().map(|key| read_slot(key)).collect::<Answer<Vec<_>>>()?;
    let sealed = backend.block(id.unwrap_or_default())?.ok_or_else(Failure::header_not_found)?;
    let numbers: Vec<U256> = slots.iter().map(|slot| slot.0).collect();
    let proof = backend.store.proof(sealed.number(), address, &numbers)?;
    let account = proof.account.unwrap_or_default();
    let storage: Vec<Value> = proof
        .storage
        .iter()
        .zip(&slots)
        .map(|(proof, (_, key))| json!({ "key": key, "value": proof.value, "proof": proof.proof }))
        .collect();
    Ok(json!({
        "address": address,
        "accountProof": proof.proof,
        "balance": account.balance,
        "codeHash": account.code_hash,
        "nonce": quantity(account.nonce),
        "storageHash": proof.storage_root,
        "storageProof": storage,
    }))
}

/// A storage slot: hex of at most 32 bytes. Also gives the key as a proof repeats it: 32 bytes stay 32 bytes, anything shorter
/// becomes a quantity.
fn read_slot(text: &str) -> Answer<(U256, String)> {
    let bad = |why: &str| Failure::params(format!("unable to decode storage key {text:?}: {why}"));
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .ok_or_else(|| bad("hex string without 0x prefix"))?;
    if digits.len() > 64 {
        return Err(bad("hex string too long, want at most 32 bytes"));
    }
    let even = format!("{digits:0>width$}", width = digits.len().next_multiple_of(2));
    let bytes = hex::decode(even).map_err(|_| bad("invalid hex string"))?;
    let slot = U256::from_be_slice(&bytes);
    let key = if bytes.len() == 32 { B256::from(slot).to_string() } else { format!("{slot:#x}") };
    Ok((slot, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_quantities_or_words() {
        assert_eq!(read_slot("0x0").unwrap(), (U256::ZERO, "0x0".to_owned()));
        assert_eq!(read_slot("0x").unwrap(), (U256::ZERO, "0x0".to_owned()));
        assert_eq!(read_slot("0x1ff").unwrap(), (U256::from(0x1ff), "0x1ff".to_owned()));
        let word = B256::with_last_byte(7).to_string();
        assert_eq!(read_slot(&word).unwrap(), (U256::from(7), word));
        for bad in ["1", "0xzz", &format!("0x{}", "1".repeat(65)), "0xé"] {
            assert_eq!(read_slot(bad).unwrap_err().code, -32602, "{bad}");
        }
    }
}
