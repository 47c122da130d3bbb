//! Runs a real Ethereum node for development: in-process, or a spawned anvil.

mod error;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

pub use error::Error;

/// Stack of the threads of the caller's tokio runtime, bytes.
///
/// Blob transactions move 131 kB arrays by value, which overflows the default stack in unoptimised builds. Give it to
/// `tokio::runtime::Builder::thread_stack_size`.
pub const THREAD_STACK_BYTES: usize = 64 << 20;

/// Which node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A node in this process; its chain survives restarts when [`Config::data_dir`] is set.
    #[default]
    Embedded,
    /// A spawned anvil. `path` is the binary; looked up when `None`.
    Anvil {
        /// The binary.
        path: Option<PathBuf>,
    },
}

/// How to run it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which node.
    pub kind: Kind,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Time between blocks. Zero: blocks only come by [`DevL1::mine`].
    pub block_time: Duration,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to keep the chain; in memory only when `None`.
    pub data_dir: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kind: Kind::Embedded,
            chain_id: 31337,
            block_time: Duration::from_secs(1),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: None,
        }
    }
}

/// A running development L1.
#[derive(Debug)]
pub struct DevL1 {
    /// Execution JSON-RPC.
    pub rpc_url: String,
    /// Beacon REST.
    pub beacon_url: String,
    /// EIP-155 chain id.
    pub chain_id: u64,
}

/// Starts it; it answers when this returns.
pub async fn start(config: Config) -> Result<DevL1, Error> {
    let _ = config;
    todo!()
}

impl DevL1 {
    /// Builds this many blocks now.
    pub async fn mine(&self, blocks: u64) -> Result<(), Error> {
        let _ = blocks;
        todo!()
    }

    /// Replaces the last `depth` blocks by `depth + 1` empty ones.
    pub async fn reorg(&self, depth: u64) -> Result<(), Error> {
        let _ = depth;
        todo!()
    }

    /// Stops it and waits until its port and files are free.
    pub async fn stop(self) {
        todo!()
    }
}
