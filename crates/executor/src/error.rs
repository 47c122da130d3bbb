//! Why a block could not be executed from its list.

use alloy_primitives::B256;
use sluice_types::Severity;

/// Execution from a list gave no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error<E> {
    /// The list is not the one that the block commits to. It was not used.
    #[error("the access list's hash is {given}, the block commits to {committed}; get the list from somebody else")]
    ListHash {
        /// Hash of the list that was given.
        given: B256,
        /// Hash in the block.
        committed: B256,
    },
    /// The block commits to a list that execution does not make: somebody made a wrong block.
    #[error("execution makes another access list, with hash {made}, than the one the block commits to, {committed}")]
    WrongList {
        /// Hash of the list that execution makes.
        made: B256,
        /// Hash in the block.
        committed: B256,
    },
    /// The block could not be executed.
    #[error(transparent)]
    Execution(#[from] sluice_stf::Error<E>),
}

impl<E> Error<E> {
    /// What the caller must do.
    pub fn severity(&self) -> Severity {
        match self {
            Self::ListHash { .. } => Severity::Reset,
            Self::WrongList { .. } => Severity::Fatal,
            Self::Execution(error) => error.severity(),
        }
    }
}
