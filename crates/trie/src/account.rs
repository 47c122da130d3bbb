//! What stands in the leaf of an account.

use alloc::vec::Vec;

use alloy_primitives::{B256, U256};
use alloy_rlp::{Decodable, Header, RlpDecodable, RlpEncodable};
use alloy_trie::EMPTY_ROOT_HASH;
use sluice_types::Account;

/// An account as the account trie holds it.
///
/// Shape: `rlp([nonce, balance, storage_root, code_hash])`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct AccountLeaf {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// Root of the storage trie; [`EMPTY_ROOT_HASH`] without storage.
    pub storage_root: B256,
    /// Keccak of the code.
    pub code_hash: B256,
}

impl AccountLeaf {
    /// The leaf of an account with this storage.
    pub fn new(account: &Account, storage_root: B256) -> Self {
        Self { nonce: account.nonce, balance: account.balance, storage_root, code_hash: account.code_hash }
    }

    /// The account without its storage.
    pub fn account(&self) -> Account {
        Account { nonce: self.nonce, balance: self.balance, code_hash: self.code_hash }
    }

    /// True when the account has storage.
    pub fn has_storage(&self) -> bool {
        self.storage_root != EMPTY_ROOT_HASH
    }

    /// Reads the value of a leaf; trailing bytes are an error.
    pub(crate) fn from_value(mut value: &[u8]) -> Result<Self, &'static str> {
        match Self::decode(&mut value) {
            Ok(leaf) if value.is_empty() => Ok(leaf),
            _ => Err("the value is not an account"),
        }
    }

    /// The value of a leaf.
    pub(crate) fn to_value(self) -> Vec<u8> {
        alloy_rlp::encode(self)
    }
}

/// Reads the value of a storage leaf.
pub(crate) fn slot_from_value(mut value: &[u8]) -> Result<U256, &'static str> {
    match U256::decode(&mut value) {
        Ok(number) if value.is_empty() && !number.is_zero() => Ok(number),
        _ => Err("the value is not a non-zero storage word"),
    }
}

/// The value of a storage leaf.
pub(crate) fn slot_to_value(value: &U256) -> Vec<u8> {
    alloy_rlp::encode(value)
}

/// Reads one RLP string that fills `bytes`.
pub(crate) fn string(mut bytes: &[u8]) -> Result<&[u8], &'static str> {
    match Header::decode_bytes(&mut bytes, false) {
        Ok(content) if bytes.is_empty() => Ok(content),
        _ => Err("not one RLP string"),
    }
}
