//! Keeps Merkle-Patricia tries: incremental roots, proofs, and partial tries from a witness.
//!
//! A state is one account trie, and one storage trie per account that has storage. Keys are Keccak hashes of addresses and of
//! slots, as on Ethereum. [`update`] applies a block's sorted changes in one walk: every touched node is read and decoded
//! once, and every node that differs afterwards is encoded once, with room for the hashes of its children. Then the nodes are
//! hashed level by level, lowest first, all of a level at once on vector units.
//!
//! ```text
//!   StateChanges ──► HashedChanges ──► walk ◄── NodeRead: a database, a Recorder around one, or a PartialTrie
//!                                       │
//!                                       └──► arena of encoded nodes ──► hashes ──► root, TrieChanges (what to write back)
//! ```
//!
//! What it deliberately does not do: it stores nothing and caches nothing between calls; it does not hash what a database
//! gives it (only [`PartialTrie`] and [`AccountProof::verify`] distrust their nodes, and they hash all of them); it does not
//! drop accounts that are empty by EIP-161, which is the executor's decision.
//!
//! Invariants:
//! - Stored nodes are exactly the nodes that a freshly built trie has: nothing is left over, nothing is missing.
//! - A node whose RLP is shorter than 32 bytes stands inside its parent and is no entry of its own; a root always is one.
//! - A node that is referenced but cannot be had is an error, never an absent key.
//! - No bytes, whether from a database or from a witness, make this crate panic.
//!
//! Start reading at [`NodeRead`], then [`update`].
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod account;
mod arena;
mod change;
mod changes;
mod error;
mod hashed;
mod naive;
mod node;
mod ordered;
mod output;
mod partial;
mod proof;
mod read;
mod spread;
#[cfg(test)]
mod tests;
mod update;
mod walk;
mod witness;

pub use account::AccountLeaf;
pub use changes::TrieChanges;
pub use error::Error;
pub use hashed::{HashedAccount, HashedChanges};
pub use naive::naive_state_root;
pub use ordered::ordered_root;
pub use partial::PartialTrie;
pub use proof::{AccountProof, StorageProof, prove};
#[cfg(feature = "std")]
pub use spread::PARALLEL_KEYS_MIN;
pub use update::{update, update_hashed};
#[cfg(feature = "std")]
pub use update::{update_hashed_parallel, update_parallel};
pub use witness::{
    NODE_SIZE_BYTES_MAX, Recorder, WITNESS_HEADERS_MAX, WITNESS_ITEMS_MAX, WITNESS_SIZE_BYTES_MAX, Witness,
    witness_nodes,
};

pub use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

use alloy_primitives::{B256, Bytes};

/// Reads trie nodes.
pub trait NodeRead {
    /// Why a read failed.
    type Error: core::error::Error + Send + Sync + 'static;

    /// RLP of the node at `path` in the account trie (`owner` is `None`) or in the storage trie of the account with this
    /// hashed address.
    ///
    /// `hash` is the node's Keccak hash as its parent, or the root, gives it. A database keyed by path ignores it, a set of
    /// nodes keyed by hash ignores the rest. `None` where there is no such node; the caller makes that an error.
    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Self::Error>;
}

impl<T: NodeRead + ?Sized> NodeRead for &T {
    type Error = T::Error;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Self::Error> {
        (**self).node(owner, path, hash)
    }
}
