//! Keys of the database, as bytes whose order is the order wanted on disk.

use alloy_primitives::{Address, B256, U256};
use sluice_trie::Nibbles;

/// Ends a path, so that no key is the beginning of another.
const PATH_END: u8 = 0xff;

/// Shape: address (20) ‖ slot (32, big-endian).
pub(crate) fn storage(address: Address, slot: U256) -> [u8; 52] {
    let mut key = [0; 52];
    key[..20].copy_from_slice(address.as_slice());
    key[20..].copy_from_slice(&slot.to_be_bytes::<32>());
    key
}

/// Shape: `0` for the account trie, or `1` ‖ hashed address (32); then one byte per nibble; then [`PATH_END`].
pub(crate) fn node(owner: Option<B256>, path: &Nibbles) -> Vec<u8> {
    let mut key = owner_prefix(owner);
    key.extend((0..path.len()).filter_map(|index| path.get(index)));
    key.push(PATH_END);
    key
}

/// What all keys of one trie start with.
pub(crate) fn owner_prefix(owner: Option<B256>) -> Vec<u8> {
    let mut key = Vec::with_capacity(48);
    match owner {
        None => key.push(0),
        Some(hash) => {
            key.push(1);
            key.extend_from_slice(hash.as_slice());
        }
    }
    key
}

/// Shape: key ‖ block number (8, big-endian): the versions of one key lie together.
pub(crate) fn key_then_block(key: &[u8], block: u64) -> Vec<u8> {
    [key, &block.to_be_bytes()].concat()
}

/// Shape: block number (8, big-endian) ‖ key: what one block replaced lies together.
pub(crate) fn block_then_key(block: u64, key: &[u8]) -> Vec<u8> {
    [&block.to_be_bytes(), key].concat()
}
