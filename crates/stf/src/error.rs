//! Why a block or a call could not be executed at all.

use alloc::string::String;

use alloy_primitives::{Address, B256, Bytes};
use sluice_types::{L2Number, Severity, Skip};

use crate::TraceLimit;

/// Execution stopped without an outcome. Never a transaction's own fault, except for [`Error::Invalid`], which only calls give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error<E> {
    /// A read of the state failed.
    #[error("reading state: {0}")]
    State(#[source] E),
    /// The code with this hash is not code: it starts like an EIP-7702 delegation and is none.
    #[error("code {0} is malformed")]
    Code(B256),
    /// The input is not for the block after the parent.
    #[error("block {number} does not follow its parent {parent}; execute blocks in order")]
    NotNext {
        /// Number in the input.
        number: L2Number,
        /// Number of the parent.
        parent: L2Number,
    },
    /// The input is dated before the parent.
    #[error("timestamp {timestamp} is before the parent's {parent}; give at least the parent's")]
    Timestamp {
        /// Seconds, in the input.
        timestamp: u64,
        /// Seconds, of the parent.
        parent: u64,
    },
    /// A call to a system contract at the start of a block failed; the genesis of the chain is broken.
    #[error("system call to {contract} failed: {reason}")]
    SystemCall {
        /// The contract.
        contract: Address,
        /// What it said.
        reason: String,
    },
    /// The requested call is one that Ethereum would not let run.
    #[error(transparent)]
    Invalid(Skip),
    /// A trace asked for too much.
    #[error(transparent)]
    Trace(TraceLimit),
    /// The engine itself failed.
    #[error("engine: {0}")]
    Engine(String),
}

impl<E> Error<E> {
    /// What the caller must do.
    pub fn severity(&self) -> Severity {
        match self {
            Self::State(_) => Severity::Retry,
            Self::Invalid(_) | Self::Trace(_) => Severity::Reset,
            Self::Code(_)
            | Self::NotNext { .. }
            | Self::Timestamp { .. }
            | Self::SystemCall { .. }
            | Self::Engine(_) => Severity::Fatal,
        }
    }
}

/// Why no gas limit can be named for a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EstimateError<E> {
    /// The call reverts whatever gas it has.
    #[error("execution reverted")]
    Reverted(Bytes),
    /// The call halts with all the gas it may have.
    #[error("execution fails with {gas_limit} gas: {reason}")]
    Halted {
        /// Gas it had.
        gas_limit: u64,
        /// Why it halted.
        reason: String,
    },
    /// The call could not run.
    #[error(transparent)]
    Call(#[from] Error<E>),
}
