//! Why the process ends, or does not start: one sentence that says what to do.

use std::{io, net::SocketAddr, path::PathBuf};

/// Anything that ends a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A room ended.
    #[error("{room}: {reason}")]
    Room {
        /// Which.
        room: &'static str,
        /// Why.
        reason: String,
    },
    /// A port is taken.
    #[error("{what} port {address} is busy; stop what uses it or choose another with --{what}-port")]
    PortBusy {
        /// Which server.
        what: &'static str,
        /// Which address.
        address: SocketAddr,
    },
    /// A folder cannot be used.
    #[error("cannot use folder {path}: {source}; give a folder that this user may write to")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A setting is wrong.
    #[error("{0}")]
    Config(String),
    /// The L1 is not the one the chain lives on.
    #[error("the L1 at {url} has chain id {found}, but the chain config says {expected}; give the right --l1-rpc")]
    L1ChainId {
        /// Which endpoint.
        url: String,
        /// What it says.
        found: u64,
        /// What it should say.
        expected: u64,
    },
    /// The metrics recorder.
    #[error("metrics: {0}")]
    Metrics(String),
    /// Trials of a network failed.
    #[error("{failed} of {all} trials failed; {} says which, and how to run them again", report.display())]
    Trials {
        /// So many.
        failed: usize,
        /// Of so many.
        all: usize,
        /// The report.
        report: PathBuf,
    },
    /// A system call.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The development L1.
    #[error(transparent)]
    DevL1(#[from] sluice_devl1::Error),
    /// The L1 client.
    #[error(transparent)]
    L1(#[from] sluice_l1::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] sluice_store::Error),
    /// A value from outside.
    #[error(transparent)]
    Types(#[from] sluice_types::Error),
    /// The RPC server.
    #[error(transparent)]
    Rpc(#[from] sluice_rpc::Error),
    /// The explorer.
    #[error(transparent)]
    Explorer(#[from] sluice_explorer::Error),
}
