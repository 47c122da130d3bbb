//! Proofs of accounts and slots, as EIP-1186 defines them.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::EMPTY_ROOT_HASH;
use sluice_types::{Account, keccak256};

use crate::{
    Error, NodeRead,
    partial::HashedNodes,
    read::{Read, account_leaf, slot_value},
};

/// What a state holds at one address, with the nodes that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// Whose.
    pub address: Address,
    /// The account; `None` when the proof shows that there is none.
    pub account: Option<Account>,
    /// Root of its storage trie; [`EMPTY_ROOT_HASH`] when there is none.
    pub storage_root: B256,
    /// RLP of the nodes from the root of the account trie towards the account. Empty for an empty trie.
    pub proof: Vec<Bytes>,
    /// The slots asked for, in that order.
    pub storage: Vec<StorageProof>,
}

/// What one slot holds, with the nodes that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageProof {
    /// Which slot.
    pub slot: U256,
    /// Its value; zero when the proof shows that nothing is there.
    pub value: U256,
    /// RLP of the nodes from the root of the storage trie towards the slot. Empty for an empty trie.
    pub proof: Vec<Bytes>,
}

/// Proves what the state with this root holds at an address and its slots, be it that nothing is there.
///
/// Source: EIP-1186. Inlined nodes are inside their parents and not listed.
pub fn prove<R: NodeRead>(reader: &R, root: B256, address: Address, slots: &[U256]) -> Read<AccountProof, R> {
    let hashed_address = keccak256(address);
    let mut proof = Vec::new();
    let leaf = account_leaf(reader, root, hashed_address, |node| proof.push(node.clone()))?;
    let storage_root = leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
    let prove_slot = |&slot: &U256| {
        let mut proof = Vec::new();
        let value = slot_value(reader, (hashed_address, storage_root), slot, |node| proof.push(node.clone()))?;
        Ok(StorageProof { slot, value, proof })
    };
    let storage = slots.iter().map(prove_slot).collect::<Result<_, _>>()?;
    Ok(AccountProof { address, account: leaf.map(|leaf| leaf.account()), storage_root, proof, storage })
}

impl AccountProof {
    /// Checks that the state with this root holds what the proof claims.
    ///
    /// Errors: [`Error::Missing`] when the nodes do not lead from the root to the claim, [`Error::AccountMismatch`] or
    /// [`Error::SlotMismatch`] when they show something else, [`Error::Corrupt`] when they are no nodes.
    pub fn verify(&self, root: B256) -> Result<(), Error> {
        let nodes = HashedNodes::new(self.proof.iter().cloned());
        let hashed_address = keccak256(self.address);
        let leaf = account_leaf(&nodes, root, hashed_address, |_| ())?;
        let storage_root = leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
        if leaf.map(|leaf| leaf.account()) != self.account || storage_root != self.storage_root {
            return Err(Error::AccountMismatch(self.address));
        }
        for claim in &self.storage {
            let nodes = HashedNodes::new(claim.proof.iter().cloned());
            if slot_value(&nodes, (hashed_address, storage_root), claim.slot, |_| ())? != claim.value {
                return Err(Error::SlotMismatch(claim.slot));
            }
        }
        Ok(())
    }
}
