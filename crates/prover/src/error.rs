//! Why a block cannot be witnessed or checked.

use sluice_types::L2Number;

/// Why a block cannot be witnessed or checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Store(#[from] sluice_store::Error),
    /// The block, or the one before it, is not in the store.
    #[error("block {0} is not in the store")]
    NoBlock(L2Number),
    /// Genesis is given, not computed.
    #[error("block 0 has no witness; it is part of the chain config")]
    Genesis,
    /// The header of a block does not hold the hash of an access list.
    #[error("the header of block {0} does not hold the hash of an access list; the data directory is damaged")]
    NoListHash(L2Number),
    /// Execution on the store's state failed.
    #[error("executing on the stored state: {0}")]
    Execute(#[from] sluice_stf::Error<sluice_store::Error>),
    /// Execution on the store's state and access list failed.
    #[error("executing from the stored access list: {0}")]
    List(#[from] sluice_executor::Error<sluice_store::Error>),
    /// The stored tries failed.
    #[error("reading the stored tries: {0}")]
    Trie(#[from] sluice_trie::Error<sluice_store::Error>),
    /// The witness is not one of this state.
    #[error("witness: {0}")]
    Witness(#[from] sluice_trie::Error),
    /// Execution on the witness failed; most likely it lacks something.
    #[error("executing on the witness: {0}")]
    Stateless(#[from] sluice_stf::Error<sluice_trie::Error>),
}
