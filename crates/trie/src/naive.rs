//! The root of a whole state at once: the reference that incremental updates are tested against.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{B256, keccak256};
use alloy_trie::{HashBuilder, Nibbles};
use sluice_types::GenesisState;

use crate::{AccountLeaf, account::slot_to_value};

/// Root of a state, from all of it, sharing no code with [`crate::update`].
///
/// Cost: hashes every account and every slot.
pub fn naive_state_root(state: &GenesisState) -> B256 {
    root(state.accounts.iter().map(|(address, (account, storage))| {
        let slots = storage.iter().filter(|(_, value)| !value.is_zero());
        let storage_root = root(slots.map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), slot_to_value(value))));
        (keccak256(address), AccountLeaf::new(account, storage_root).to_value())
    }))
}

/// Root of the trie of these leaves.
pub(crate) fn root(leaves: impl Iterator<Item = (B256, Vec<u8>)>) -> B256 {
    let sorted: BTreeMap<_, _> = leaves.collect();
    let mut builder = HashBuilder::default();
    for (key, value) in &sorted {
        builder.add_leaf(Nibbles::unpack_array(&key.0), value);
    }
    builder.root()
}
