//! What can go wrong with a trie.

use core::convert::Infallible;

use alloy_primitives::{Address, B256, U256};
use alloy_trie::Nibbles;

/// Why a trie could not be read, updated or believed. `E` is the error of the node source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error<E = Infallible> {
    /// The node source failed.
    #[error("reading a trie node failed: {0}")]
    Read(#[source] E),
    /// The trie refers to a node that the source does not have: a database with a hole, or a witness that lacks it.
    #[error("trie node {hash} at {path:?} (storage of {owner:?}) is missing")]
    Missing {
        /// Hashed address of the account whose storage it is; `None` for the account trie.
        owner: Option<B256>,
        /// Where it should be.
        path: Nibbles,
        /// Its hash.
        hash: B256,
    },
    /// A node, or an account in a leaf, is malformed.
    #[error("trie node at {path:?} (storage of {owner:?}) is corrupt: {reason}")]
    Corrupt {
        /// Hashed address of the account whose storage it is; `None` for the account trie.
        owner: Option<B256>,
        /// Where it is.
        path: Nibbles,
        /// What is wrong.
        reason: &'static str,
    },
    /// Changes by hashed key must come in ascending order, each key once; this one does not.
    #[error("hashed key {0} is not above the one before it: sort the changes")]
    NotSorted(B256),
    /// The witness lacks the code with this hash.
    #[error("code {0} is not in the witness")]
    MissingCode(B256),
    /// The witness lacks the header of this block.
    #[error("header of block {0} is not in the witness")]
    MissingHeader(u64),
    /// The witness is not what it should be.
    #[error("witness is malformed: {0}")]
    Witness(&'static str),
    /// The proof says one thing and its nodes another about this account.
    #[error("proof does not show the claimed account {0}")]
    AccountMismatch(Address),
    /// The proof says one thing and its nodes another about this storage slot.
    #[error("proof does not show the claimed value of slot {0}")]
    SlotMismatch(U256),
}
