//! The seam between the engine, which is compiled once, and the many kinds of state.

use core::cell::RefCell;

use alloy_primitives::{Address, B256, Bytes, U256};
use revm::database_interface::DBErrorMarker;
use sluice_types::{Account, StateRead};

use crate::Error;

/// A read that failed; what exactly, the [`Reader`] knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The state did not answer.
    #[error("reading state failed")]
    State,
    /// The code with this hash is not code.
    #[error("code {0} is malformed")]
    Code(B256),
}

impl DBErrorMarker for Failed {}

/// [`StateRead`] without its error type, so that the engine is not compiled anew for every kind of state.
pub(crate) trait Source {
    fn account(&self, address: Address) -> Result<Option<Account>, Failed>;
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Failed>;
    fn code(&self, hash: B256) -> Result<Bytes, Failed>;
    fn block_hash(&self, number: u64) -> Result<B256, Failed>;
}

/// Reads a state for an [`Engine`](crate::engine::Engine), and keeps the error of a read that failed.
#[derive(Debug)]
pub struct Reader<'a, S: StateRead> {
    state: &'a S,
    failure: RefCell<Option<S::Error>>,
}

impl<'a, S: StateRead> Reader<'a, S> {
    /// Reads from this state.
    pub fn new(state: &'a S) -> Self {
        Self { state, failure: RefCell::new(None) }
    }

    /// The error with its cause.
    pub fn explain(&self, error: Error<Failed>) -> Error<S::Error> {
        match error {
            Error::State(Failed::Code(hash)) => Error::Code(hash),
            Error::State(Failed::State) => {
                let cause = self.failure.borrow_mut().take();
                Error::State(cause.expect("a failed read leaves its cause"))
            }
            Error::Code(hash) => Error::Code(hash),
            Error::NotNext { number, parent } => Error::NotNext { number, parent },
            Error::Timestamp { timestamp, parent } => Error::Timestamp { timestamp, parent },
            Error::SystemCall { contract, reason } => Error::SystemCall { contract, reason },
            Error::Invalid(skip) => Error::Invalid(skip),
            Error::Trace(limit) => Error::Trace(limit),
            Error::Engine(reason) => Error::Engine(reason),
        }
    }

    fn keep<T>(&self, read: Result<T, S::Error>) -> Result<T, Failed> {
        read.map_err(|error| {
            *self.failure.borrow_mut() = Some(error);
            Failed::State
        })
    }
}

impl<S: StateRead> Source for Reader<'_, S> {
    fn account(&self, address: Address) -> Result<Option<Account>, Failed> {
        self.keep(self.state.account(address))
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Failed> {
        self.keep(self.state.storage(address, slot))
    }
    fn code(&self, hash: B256) -> Result<Bytes, Failed> {
        self.keep(self.state.code(hash))
    }
    fn block_hash(&self, number: u64) -> Result<B256, Failed> {
        self.keep(self.state.block_hash(number))
    }
}
