//! Why the explorer does not start.

use std::net::SocketAddr;

/// Why the explorer does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there.
    #[error("the explorer port {0} is taken by another process; stop that one, or choose another port")]
    PortBusy(SocketAddr),
    /// The system does not let us listen there.
    #[error("cannot listen for the explorer on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Links to L1 could not be followed.
    #[error("l1_explorer_url {0:?} is not a web address; give one that starts with http:// or https://")]
    L1ExplorerUrl(String),
}
