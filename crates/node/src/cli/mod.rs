//! The command line.

mod bridge;
mod certificate;
mod config;
mod derive;
mod keys;
mod load;
mod node;
mod stake;
mod testnet;
#[cfg(test)]
mod tests;

use std::io::IsTerminal;

use alloy::signers::local::PrivateKeySigner;
use clap::{Parser, Subcommand};

use crate::{Error, devnet};

/// An Ethereum Layer 2 in one binary.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a whole rollup: an L1, the contracts, a sequencer, RPC and an explorer.
    Devnet(devnet::Options),
    /// Run one node of a rollup.
    Node(node::Options),
    /// Rebuild a chain from L1 alone into an empty folder and print its head and state root.
    Derive(derive::Options),
    /// Move ETH and tokens between L1 and the rollup.
    #[command(subcommand)]
    Bridge(bridge::Command),
    /// Check certificates against L1, without a node of one's own.
    #[command(subcommand)]
    Certificate(certificate::Command),
    /// Send transfers and report what the chain did with them.
    Load(load::Options),
    /// Try a network before it is opened: what nodes can do to each other, what many cost, how stake changes.
    Testnet(testnet::Options),
    /// Lock seats, change them, look at them, get paid.
    #[command(subcommand)]
    Stake(stake::Command),
    /// Make and show the keys of a sequencer's seat.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Look at settings.
    #[command(subcommand)]
    Config(config::Command),
}

impl Cli {
    /// Runs the command on a runtime of its own.
    pub fn run(self) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_stack_size(sluice_devl1::THREAD_STACK_BYTES)
            .build()?;
        let result = runtime.block_on(async {
            match self.command {
                Command::Devnet(options) => devnet::run(options).await,
                Command::Node(options) => node::run(options).await,
                Command::Derive(options) => derive::run(options).await,
                Command::Bridge(command) => bridge::run(command).await,
                Command::Certificate(command) => certificate::run(command).await,
                Command::Load(options) => load::run(options).await,
                Command::Testnet(options) => testnet::run(options).await,
                Command::Stake(command) => stake::run(command).await,
                Command::Keys(command) => keys::run(command),
                Command::Config(command) => config::run(command),
            }
        });
        // Blocking threads may hold a warm-up that nobody waits for any more.
        runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        result
    }
}

/// Reads a private key from the command line, and never repeats it.
pub(crate) fn key(text: &str) -> Result<PrivateKeySigner, sluice_l1::Error> {
    sluice_l1::key_from_hex(text)
}

/// Writes logs to standard error; `RUST_LOG` chooses them.
pub(crate) fn init_logs(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    // A second call, as in tests, keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Colours are for people; a file or a collector gets plain text.
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}
