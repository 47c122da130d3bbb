//! What a transaction starts warm: precompiles, the beneficiary, and its own access list.
//!
//! Source: EIP-2929, EIP-2930, EIP-3651.

use alloy_primitives::{
    Address, U256,
    map::{AddressMap, AddressSet, HashSet},
};

/// Addresses and slots that are warm from the start.
#[derive(Default)]
pub(crate) struct Warm {
    pub(crate) precompiles: AddressSet,
    pub(crate) beneficiary: Option<Address>,
    pub(crate) list: AddressMap<HashSet<U256>>,
}

impl Warm {
    pub(crate) fn is_precompile(&self, address: &Address) -> bool {
        // Every precompile's address starts with zeros; hardly any other does.
        address[..8] == [0; 8] && self.precompiles.contains(address)
    }

    pub(crate) fn is_warm(&self, address: &Address) -> bool {
        self.beneficiary == Some(*address)
            || self.is_precompile(address)
            || (!self.list.is_empty() && self.list.contains_key(address))
    }

    pub(crate) fn is_slot_warm(&self, address: &Address, key: &U256) -> bool {
        !self.list.is_empty() && self.list.get(address).is_some_and(|keys| keys.contains(key))
    }

    /// Forgets what belongs to one transaction.
    pub(crate) fn end_transaction(&mut self) {
        self.beneficiary = None;
        if !self.list.is_empty() {
            self.list.clear();
        }
    }
}
