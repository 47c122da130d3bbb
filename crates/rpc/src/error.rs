//! Why the server does not start.

use std::net::SocketAddr;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there.
    #[error("the RPC port {0} is taken by another process; stop that one, or choose another port")]
    PortBusy(SocketAddr),
    /// The system does not let us listen there.
    #[error("cannot listen for RPC on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// An origin is not one.
    #[error(
        "cors_origins: {0:?} is not an origin; give scheme, host and port, such as \"http://localhost:3000\", or \"*\""
    )]
    CorsOrigin(String),
    /// The sequencer's URL is not one.
    #[error("sequencer_url {url:?} cannot be used: {reason}; give an http or https URL")]
    SequencerUrl {
        /// As given.
        url: String,
        /// What is wrong.
        reason: String,
    },
}
