//! What can be wrong with a value that comes from outside.

use alloc::string::String;

use alloy_primitives::Address;

/// What a caller must do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Try the same again later; nothing is wrong with the state.
    Retry,
    /// The view of L1 changed under us; rewind to a common ancestor and go on.
    Reset,
    /// Stop; going on would corrupt or mislead.
    Fatal,
}

/// A value from outside that is not well formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A transaction type this chain does not take.
    #[error("transaction type {0:#04x} is not supported; send type 0, 1, 2 or 4")]
    TransactionType(u8),
    /// Type 3.
    #[error(
        "blob transactions (type 3) are not accepted on this chain; post blobs on L1, or send the data as calldata in a type 2 transaction"
    )]
    BlobTransaction,
    /// The bytes are not one transaction.
    #[error("transaction does not decode: {0}")]
    TransactionDecode(String),
    /// Nobody signed this.
    #[error("invalid transaction signature")]
    Signature,
    /// The bytes are not the value they should be.
    #[error("{what} does not decode: {reason}")]
    Decode {
        /// Which value.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// The chain config does not parse or a value is out of range.
    #[error("chain config: {0}")]
    Config(String),
    /// The chain config lists an account twice.
    #[error("chain config: genesis account {0} appears twice")]
    GenesisAccountTwice(Address),
}
