//! Runs a real Ethereum node for development: in-process, or a spawned anvil.
//!
//! The default is [`Kind::Embedded`]: an execution client inside this process with a block producer of its own, served over
//! JSON-RPC and beacon REST on one port. It takes real blob transactions, has slots, beacon roots, safe and final heads, and
//! reorganises on demand:
//!
//! ```text
//!   timer / mine / reorg ──▶ chain (execute, store, choose head) ──▶ journal (one file, survives restarts)
//!                              ▲                    │
//!   JSON-RPC, dev_* ───────────┘                    └──▶ blobs ──▶ /eth/v1/beacon/blobs/{slot}
//! ```
//!
//! [`Kind::Anvil`] spawns the tool of that name and offers the same.
//!
//! What it deliberately does not do: no peers, no engine API, no consensus. One block producer makes every slot; finality is a
//! fixed depth. Nothing here may hold value.
//!
//! Invariants: timestamps grow by at least a second per block, so that every block has a slot of its own; a restart with the same
//! folder continues the same chain, and a half-written last record is dropped; final blocks are never reorganised.
//!
//! Start reading at [`start`].

mod anvil;
mod blobs;
mod chain;
mod error;
mod genesis;
mod journal;
mod receipts;
mod server;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

pub use error::Error;
pub use genesis::{ACCOUNT_BALANCE_ETH, ACCOUNTS, MNEMONIC};

/// Stack of the threads of the caller's tokio runtime, bytes.
///
/// Blob transactions move 131 kB arrays by value, which overflows the default stack in unoptimised builds. Give it to
/// `tokio::runtime::Builder::thread_stack_size`.
pub const THREAD_STACK_BYTES: usize = 64 << 20;

/// Which node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A node in this process.
    #[default]
    Embedded,
    /// A spawned anvil.
    Anvil {
        /// The binary. Looked up in `PATH` and in `node_modules` of the working directory when `None`.
        path: Option<PathBuf>,
    },
}

/// How to run it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which node.
    pub kind: Kind,
    /// EIP-155 chain id. The same each time for one `data_dir`.
    pub chain_id: u64,
    /// Time between blocks. Zero: blocks only come by [`DevL1::mine`]. Below a second, block timestamps run ahead of the clock,
    /// because each is at least one second after its parent's.
    pub block_time: Duration,
    /// Blocks below the head that are final; those half as deep are safe. 1 to 64.
    pub finality_blocks: u64,
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
            finality_blocks: 4,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: None,
        }
    }
}

/// A running development L1. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct DevL1 {
    /// Execution JSON-RPC.
    pub rpc_url: String,
    /// Beacon REST.
    pub beacon_url: String,
    /// EIP-155 chain id.
    pub chain_id: u64,
    node: Node,
}

#[derive(Debug)]
enum Node {
    Embedded(server::Embedded),
    Anvil(anvil::Anvil),
}

/// Starts it; it answers when this returns.
///
/// Needs a runtime with [`THREAD_STACK_BYTES`]. Errors: [`Error::PortBusy`], [`Error::NoAnvil`], [`Error::File`] and others that say
/// what to do.
pub async fn start(config: Config) -> Result<DevL1, Error> {
    if config.chain_id == 0 || config.chain_id >= 1 << 53 {
        return Err(Error::Config(format!("chain_id = {} is out of range; give 1 to 2^53 - 1", config.chain_id)));
    }
    if !(1..=64).contains(&config.finality_blocks) {
        return Err(Error::Config(format!(
            "finality_blocks = {} is out of range; give 1 to 64",
            config.finality_blocks
        )));
    }
    let chain_id = config.chain_id;
    let (address, node) = match &config.kind {
        Kind::Embedded => {
            let node = server::Embedded::start(&config).await?;
            (node.address(), Node::Embedded(node))
        }
        Kind::Anvil { path } => {
            let node = anvil::Anvil::start(&config, path.as_deref()).await?;
            (node.address(), Node::Anvil(node))
        }
    };
    let url = format!("http://{address}");
    Ok(DevL1 { rpc_url: url.clone(), beacon_url: url, chain_id, node })
}

impl DevL1 {
    /// Builds this many blocks now.
    pub async fn mine(&self, blocks: u64) -> Result<(), Error> {
        match &self.node {
            Node::Embedded(node) => node.chain().mine(blocks).await,
            Node::Anvil(node) => node.mine(blocks).await,
        }
    }

    /// Replaces the last `depth` blocks by `depth + 1` others, which hold nothing that the old ones held.
    ///
    /// Errors: [`Error::Config`] for a depth that reaches final blocks or genesis.
    pub async fn reorg(&self, depth: u64) -> Result<(), Error> {
        match &self.node {
            Node::Embedded(node) => node.chain().reorg(depth).await,
            Node::Anvil(node) => node.reorg(depth).await,
        }
    }

    /// Lets this much time pass: the next block is at least so many seconds after the head.
    pub async fn advance_time(&self, seconds: u64) -> Result<(), Error> {
        match &self.node {
            Node::Embedded(node) => node.chain().advance_time(seconds).await,
            Node::Anvil(node) => node.advance_time(seconds).await,
        }
    }

    /// Waits until the node ends by itself, which it does only when something is wrong.
    pub async fn failed(&mut self) -> Error {
        match &mut self.node {
            Node::Embedded(node) => node.failed().await,
            Node::Anvil(node) => node.failed().await,
        }
    }

    /// Stops it and waits until its port and files are free.
    pub async fn stop(self) {
        match self.node {
            Node::Embedded(node) => node.stop().await,
            Node::Anvil(node) => node.stop().await,
        }
    }
}
