//! The node's own settings: one TOML file made of each room's settings. What all nodes must agree on is the chain config.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use sluice_executor::Executor;
use sluice_types::ChainConfig;

use crate::Error;

/// What a node does besides following.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes the chain from L1, or from `feed` before L1 has it, and serves it.
    #[default]
    Follower,
    /// Also orders blocks and posts batches.
    Sequencer,
}

/// Settings of one node. Unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the node does.
    #[serde(default)]
    pub role: Role,
    /// Folder of the database.
    pub data_dir: PathBuf,
    /// File with the chain config.
    pub chain: PathBuf,
    /// JSON-RPC endpoint of an L1 execution client.
    pub l1_rpc: String,
    /// REST endpoint of an L1 consensus client, for blobs. The same as `l1_rpc` on a development L1.
    pub l1_beacon: String,
    /// Address to listen on. Loopback unless set.
    #[serde(default = "loopback")]
    pub listen: IpAddr,
    /// Port of JSON-RPC over HTTP and WebSocket. 0 takes a free one.
    #[serde(default = "rpc_port")]
    pub rpc_port: u16,
    /// Port of the explorer.
    #[serde(default = "explorer_port")]
    pub explorer_port: u16,
    /// Port of metrics and health.
    #[serde(default = "metrics_port")]
    pub metrics_port: u16,
    /// Where a follower sends transactions that it is given. Without it, it refuses them.
    #[serde(default)]
    pub sequencer_rpc: Option<String>,
    /// File with a secp256k1 key, hex, that posts batches on L1 and does there what a committee owes, and signs blocks where one sequencer
    /// orders alone. Sequencers only.
    #[serde(default)]
    pub sequencer_key_file: Option<PathBuf>,
    /// How often L1 is asked for news, milliseconds. 50 to 60,000.
    #[serde(default = "l1_poll_ms")]
    pub l1_poll_ms: u64,
    /// Time between blocks while there are transactions, milliseconds. 10 to 60,000.
    #[serde(default = "block_time_ms")]
    pub block_time_ms: u64,
    /// Time between blocks while there are none, milliseconds. At least `block_time_ms`.
    #[serde(default = "heartbeat_ms")]
    pub heartbeat_ms: u64,
    /// Threads that execute a block: 1 executes sequentially, 0 takes one for each core. 0 to 16.
    #[serde(default)]
    pub execution_workers: usize,
    /// The rollup contract's challenge window, seconds; only used to say when a block will be proven.
    #[serde(default)]
    pub challenge_window_s: Option<u64>,
    /// A seat in a committee that orders together. A sequencer without one orders alone.
    #[serde(default)]
    pub seat: Option<Seat>,
    /// Settling. The same on all nodes of a committee, who must cut the same batches.
    #[serde(default)]
    pub settle: sluice_settle::Config,
    /// Whom a follower takes blocks from before L1 has them. Without it, all are from L1.
    #[serde(default)]
    pub feed: Option<Feed>,
    /// What a seat does on L1 for its committee.
    #[serde(default)]
    pub duties: sluice_duties::Config,
}

/// Nodes that give certified blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Their JSON-RPC over WebSocket, `ws://` or `wss://`, sequencers or not; one is followed at a time, in this order. 1 to 32.
    pub peers: Vec<String>,
    /// After so long without a block a peer is left for the next, and when L1 holds more, for L1; milliseconds. At least twice the
    /// sequencers' `heartbeat_ms`; 100 to 600,000.
    #[serde(default = "stall_ms")]
    pub stall_ms: u64,
    /// On a chain of one sequencer: its address, whose certificates count. A committee's are those of L1.
    #[serde(default)]
    pub sequencer: Option<Address>,
}

impl Feed {
    /// As the room wants it. Errors: [`Error::Config`].
    pub(crate) fn room_config(&self) -> Result<sluice_feed::Config, Error> {
        let wrong = |error: sluice_feed::Error| Error::Config(format!("[feed]: {error}"));
        let peers =
            self.peers.iter().map(|peer| sluice_feed::Peer::new(peer).map_err(wrong)).collect::<Result<_, _>>()?;
        let config = sluice_feed::Config { peers, stall: Duration::from_millis(self.stall_ms) };
        config.check().map_err(wrong)?;
        Ok(config)
    }
}

const fn stall_ms() -> u64 {
    sluice_feed::STALL_MS_DEFAULT
}

/// A seat in a committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// File with its keys, as `sluice keys new` writes it.
    pub keys_file: PathBuf,
    /// File with their password; without it, it is in the environment's SLUICE_KEYS_PASSWORD.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Address and port to listen on for the other seats. What they dial is in the contract.
    pub listen: SocketAddr,
    /// Receives the tips of blocks that this seat proposes.
    pub beneficiary: Address,
    /// How long a leader may take before the others give up on it, milliseconds. At least twice `heartbeat_ms`; 100 to 60,000.
    #[serde(default = "leader_timeout_ms")]
    pub leader_timeout_ms: u64,
    /// Threads of the engine. 1 to 16.
    #[serde(default = "seat_threads")]
    pub threads: usize,
}

const fn leader_timeout_ms() -> u64 {
    1_000
}
const fn seat_threads() -> usize {
    2
}

fn loopback() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}
const fn rpc_port() -> u16 {
    9545
}
const fn explorer_port() -> u16 {
    9580
}
const fn metrics_port() -> u16 {
    9590
}
const fn l1_poll_ms() -> u64 {
    2_000
}
const fn block_time_ms() -> u64 {
    200
}
const fn heartbeat_ms() -> u64 {
    5_000
}

impl Config {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = read(path)?;
        let config: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
            Error::Config(format!("{}: line {line}: {}", path.display(), error.message()))
        })?;
        config.check()?;
        Ok(config)
    }

    /// Checks the ranges that the fields' documentation gives.
    pub fn check(&self) -> Result<(), Error> {
        let range = |name: &str, value: u64, min: u64, max: u64| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(Error::Config(format!("{name} = {value} is out of range; give {min} to {max}")))
            }
        };
        range("l1_poll_ms", self.l1_poll_ms, 50, 60_000)?;
        range("block_time_ms", self.block_time_ms, 10, 60_000)?;
        range("heartbeat_ms", self.heartbeat_ms, self.block_time_ms, 3_600_000)?;
        range("execution_workers", self.execution_workers as u64, 0, sluice_executor::WORKERS_MAX as u64)?;
        self.settle.check().map_err(Error::Config)?;
        self.duties.check().map_err(Error::Config)?;
        if let Some(seat) = &self.seat {
            range("seat.leader_timeout_ms", seat.leader_timeout_ms, 100, 60_000)?;
            range("seat.threads", seat.threads as u64, 1, 16)?;
            if seat.leader_timeout_ms < self.heartbeat_ms * 2 {
                return Err(Error::Config(format!(
                    "heartbeat_ms = {} is more than half of seat.leader_timeout_ms = {}; a leader with nothing to do would be given up on",
                    self.heartbeat_ms, seat.leader_timeout_ms
                )));
            }
        }
        if let Some(feed) = &self.feed {
            feed.room_config()?;
            if self.role == Role::Sequencer {
                let reason =
                    "a sequencer has its blocks from its own ordering; remove [feed], or set role = \"follower\"";
                return Err(Error::Config(reason.into()));
            }
        }
        if self.role == Role::Sequencer && self.sequencer_key_file.is_none() {
            return Err(Error::Config("a sequencer signs; set sequencer_key_file".into()));
        }
        Ok(())
    }

    /// An executor with as many workers as are set.
    pub fn executor(&self) -> Executor {
        NonZeroUsize::new(self.execution_workers).map_or_else(Executor::new, Executor::with_workers)
    }

    /// An address to listen on.
    pub fn address(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.listen, port)
    }
}

/// Reads a chain config.
pub(crate) fn chain(path: &Path) -> Result<ChainConfig, Error> {
    ChainConfig::from_toml(&read(path)?).map_err(|error| Error::Config(format!("{}: {error}", path.display())))
}

pub(crate) fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_path_buf(), source })
}

/// Creates a folder and proves that it can be written.
pub(crate) fn writable_folder(path: &Path) -> Result<(), Error> {
    let fail = |source| Error::Folder { path: path.to_path_buf(), source };
    std::fs::create_dir_all(path).map_err(fail)?;
    let probe = path.join(".writable");
    std::fs::write(&probe, b"").map_err(fail)?;
    std::fs::remove_file(&probe).map_err(fail)
}

/// Binds a port, with an error that names it.
pub(crate) async fn listen(what: &'static str, address: SocketAddr) -> Result<tokio::net::TcpListener, Error> {
    tokio::net::TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Error::PortBusy { what, address },
        _ => Error::Io(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLLOWER: &str = "role = \"follower\"\ndata_dir = \"d\"\nchain = \"c\"\nl1_rpc = \"u\"\nl1_beacon = \"u\"\n";

    fn read_text(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_feed_is_for_followers_and_says_what_is_wrong_with_it() {
        let with = |feed: &str| read_text(&format!("{FOLLOWER}[feed]\n{feed}\n"));
        let good = with("peers = [\"ws://a:1\", \"wss://b\"]").unwrap();
        assert_eq!(good.feed.as_ref().unwrap().stall_ms, sluice_feed::STALL_MS_DEFAULT);
        let shown = toml::to_string_pretty(&good).unwrap();
        assert_eq!(read_text(&shown).unwrap(), good, "what is shown can be read");
        for (feed, reason) in [
            ("peers = []", "give 1 to 32"),
            ("peers = [\"http://a\"]", "http://"),
            ("peers = [\"ws://a\"]\nstall_ms = 10", "give 100 to 600000"),
            ("peers = [\"ws://a\"]\nsequencer = \"0x12\"", "line"),
            ("peer = \"ws://a\"", "unknown field"),
        ] {
            let error = with(feed).unwrap_err();
            assert!(error.contains(reason), "{error} instead of {reason}");
        }
        let sequencer = format!("{FOLLOWER}sequencer_key_file = \"k\"\n[feed]\npeers = [\"ws://a\"]\n");
        let error = read_text(&sequencer.replace("follower", "sequencer")).unwrap_err();
        assert!(error.contains("remove [feed]"), "{error}");
    }
}
