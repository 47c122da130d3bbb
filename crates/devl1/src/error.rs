//! Why a development L1 does not run.

use std::{net::SocketAddr, path::PathBuf};

/// Why a development L1 does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken.
    #[error("{0} is in use by another process; stop it, or choose another port for the development L1")]
    PortBusy(SocketAddr),
    /// Cannot listen, for another reason than [`Self::PortBusy`].
    #[error("the development L1 cannot listen on {address}: {reason}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        reason: std::io::Error,
    },
    /// No anvil on this machine.
    #[error(
        "anvil is not installed; run `npm install @foundry-rs/anvil` here, or give the path of the binary, or use the embedded L1"
    )]
    NoAnvil,
    /// Anvil does not run.
    #[error("anvil at {path} does not run: {reason}")]
    Anvil {
        /// The binary.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The chain's file cannot be read or written.
    #[error("file {path} of the development L1: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The node refused something.
    #[error("the development L1 failed at {what}: {reason}")]
    Node {
        /// At what.
        what: &'static str,
        /// What it says.
        reason: String,
    },
    /// A value in the config is out of range.
    #[error("devl1 config: {0}")]
    Config(String),
}
