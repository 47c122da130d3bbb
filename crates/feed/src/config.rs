//! The node's own wishes.

use std::{fmt, time::Duration};

use url::{Host, Url};

use crate::Error;

/// How long a peer may say nothing, milliseconds, unless set: three heartbeats of a chain that has nothing to order.
pub const STALL_MS_DEFAULT: u64 = 15_000;
/// Most peers.
const PEERS_MAX: usize = 32;

/// Whom to follow, and how patiently.
#[derive(Clone, Debug)]
pub struct Config {
    /// In this order, round and round; one at a time. 1 to 32.
    pub peers: Vec<Peer>,
    /// How long a peer may say nothing, or take to answer. 100 ms to 10 minutes.
    pub stall: Duration,
}

impl Config {
    /// Errors: [`Error::Config`].
    pub fn check(&self) -> Result<(), Error> {
        if self.peers.is_empty() || self.peers.len() > PEERS_MAX {
            return Err(Error::Config(format!("feed has {} peers; give 1 to {PEERS_MAX}", self.peers.len())));
        }
        let ms = self.stall.as_millis();
        if !(100..=600_000).contains(&ms) {
            return Err(Error::Config(format!("stall_ms = {ms} is out of range; give 100 to 600000")));
        }
        Ok(())
    }
}

/// Somebody's JSON-RPC over WebSocket. Printed, it shows only scheme, host and port, since the rest may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Peer {
    pub(crate) url: Url,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
}

impl Peer {
    /// Reads a URL with `ws` or `wss`. Errors: [`Error::Config`].
    pub fn new(text: &str) -> Result<Self, Error> {
        let bad = |reason: String| Error::Config(format!("a feed peer is no ws:// or wss:// URL: {reason}"));
        let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
        let tls = match url.scheme() {
            "ws" => false,
            "wss" => true,
            other => return Err(bad(format!("it begins with {other}://"))),
        };
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(bad("it names no host".into())),
        };
        let port = url.port_or_known_default().ok_or_else(|| bad("it names no port".into()))?;
        Ok(Self { url, host, port, tls })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "{}://{host}:{}", self.url.scheme(), self.port)
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer({self})")
    }
}
