//! `sluice devnet`: a whole rollup on one machine, from nothing.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::{
    primitives::{Address, U256, hex, utils::parse_ether},
    signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English},
};
use sluice_devl1::{ACCOUNTS, DevL1, Kind, MNEMONIC};
use sluice_l1::{DeployParams, Sender, SenderConfig, TxRequest};
use sluice_types::{ChainConfig, GenesisAccount, L1Contracts, L1FeeParams};

mod ground;
pub(crate) mod processes;
mod seats;
mod table;

pub(crate) use ground::Ground;

use self::{
    seats::node_config,
    table::{Place, print_table, table},
};
use crate::{
    Error, config, flow,
    live::{self, Style},
};

/// Private key of the first of them; public knowledge.
pub(crate) const FIRST_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// Chain id of the development L1.
const L1_CHAIN_ID: u64 = 31_337;
/// Most sequencers in one process.
const SEQUENCERS_MAX: u16 = 32;
/// ETH that the posting account gets at the start.
const POSTER_ETHER: &str = "1000";

/// Which L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum L1Kind {
    /// A real Ethereum node in this process.
    Embedded,
    /// A spawned anvil, from SLUICE_ANVIL or PATH.
    Anvil,
}

/// Settings of the development network.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Development L1 to start.
    #[arg(long, value_enum, default_value = "embedded", conflicts_with = "l1_rpc")]
    l1: L1Kind,
    /// Use this L1 instead of starting one. It needs --l1-beacon.
    #[arg(long, requires = "l1_beacon")]
    l1_rpc: Option<String>,
    /// Beacon endpoint of that L1.
    #[arg(long, requires = "l1_rpc")]
    l1_beacon: Option<String>,
    /// Key that deploys and funds on L1, with more than 1,000 ETH. The devnet's first account when left out.
    #[arg(long, env = "SLUICE_L1_KEY", default_value = FIRST_KEY, hide_default_value = true, hide_env_values = true, value_parser = crate::cli::key)]
    l1_key: PrivateKeySigner,
    /// Keep the chain here and continue it at the next start. A temporary folder when left out.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Print the table, and then every change of the heads, as one line of JSON each.
    #[arg(long)]
    json: bool,
    /// Chain id of the rollup.
    #[arg(long, default_value_t = 901)]
    chain_id: u64,
    /// Port of the development L1. 0 takes a free one.
    #[arg(long, default_value_t = 8545)]
    l1_port: u16,
    /// Port of JSON-RPC over HTTP and WebSocket.
    #[arg(long, default_value_t = 9545)]
    rpc_port: u16,
    /// Port of the explorer.
    #[arg(long, default_value_t = 9580)]
    explorer_port: u16,
    /// Port of metrics and health.
    #[arg(long, default_value_t = 9590)]
    metrics_port: u16,
    /// First port of the sequencers' connections to each other, where there are several.
    #[arg(long, default_value_t = 9600)]
    peer_port: u16,
    /// Time between L2 blocks while there are transactions, milliseconds.
    #[arg(long, default_value_t = 200)]
    block_time_ms: u64,
    /// Time between L2 blocks while there are none, milliseconds.
    #[arg(long, default_value_t = 2_000)]
    heartbeat_ms: u64,
    /// Time between L1 blocks, milliseconds; whole seconds.
    #[arg(long, default_value_t = 1_000)]
    l1_block_time_ms: u64,
    /// Depth at which the development L1 calls a block final.
    #[arg(long, default_value_t = 4)]
    l1_finality_blocks: u64,
    /// Age at which a batch is cut, seconds.
    #[arg(long, default_value_t = 2)]
    batch_age_s: u64,
    /// Challenge window of the rollup contract, seconds.
    #[arg(long, default_value_t = 5)]
    challenge_window_s: u64,
    /// Sequencers that order together, each a node with its own data and its own connections, in this process. One orders alone.
    /// 1 to 32.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(SEQUENCERS_MAX)))]
    sequencers: u16,
    /// Run every sequencer as a process of its own, from a config file in the data folder. One that dies is reported, and the others
    /// go on. Needs --sequencers of 2 or more.
    #[arg(long)]
    processes: bool,
    /// Length of an epoch of the sequencers, seconds: then the seats that are locked by then take over. 20 to 31,536,000.
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(20..=31_536_000))]
    epoch_s: u64,
    /// Share of the base fees that the seats get, 1/10,000, where several order; the rest refunds those who post. The record of an epoch
    /// waits for it half a minute: with few transactions it comes too late. 0 to 10,000.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    seat_fee_share_bps: u64,
    /// Depth below the L1 head that L2 builds on. Reorganisations of L1 up to it never touch an executed block.
    #[arg(long, default_value_t = 1)]
    l1_confirmations: u64,
}

/// The L1 under the rollup.
struct L1Side {
    rpc: String,
    beacon: String,
    chain_id: u64,
}

/// Resolves when our own L1 fails; never for one that was there before.
async fn l1_failed(running: Option<&mut DevL1>) -> Error {
    match running {
        Some(l1) => l1.failed().await.into(),
        None => std::future::pending().await,
    }
}

/// Starts everything and runs until Ctrl-C.
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    crate::cli::init_logs(if options.json { "warn" } else { "warn,sluice=info" });
    // Removed when this ends, unless the folder is the user's.
    let temporary = match options.data_dir {
        None => Some(tempfile::Builder::new().prefix("sluice-devnet-").tempdir()?),
        Some(_) => None,
    };
    let folder = options
        .data_dir
        .clone()
        .or_else(|| temporary.as_ref().map(|folder| folder.path().to_path_buf()))
        .expect("one of the two is there");
    config::writable_folder(&folder)?;
    check_ports(&options).await?;
    sluice_l1::warm_kzg();
    let (l1, mut running) = start_l1(&options, &folder).await?;
    let result = tokio::select! {
        result = run_rollup(&options, &folder, &l1) => result,
        error = l1_failed(running.as_mut()) => Err(error),
    };
    if let Some(running) = running {
        running.stop().await;
    }
    result
}

async fn run_rollup(options: &Options, folder: &Path, l1: &L1Side) -> Result<(), Error> {
    let chain_path = folder.join("chain.toml");
    if !chain_path.exists() {
        let chain = deploy(options, folder, l1).await?;
        write(&chain_path, &chain.to_toml())?;
    }
    let chain = config::chain(&chain_path)?;
    if options.processes {
        return processes::run(options, folder, l1, (&chain, &chain_path)).await;
    }
    let mut nodes = Vec::new();
    for index in 0..options.sequencers {
        nodes.push(flow::start(&node_config(options, folder, l1, index)).await?);
    }
    let places =
        nodes.iter().map(|node| Place { rpc: node.rpc, explorer: node.explorer, metrics: node.metrics, process: None });
    print_table(options.json, &table(&chain, &chain_path, l1, places));
    let first = nodes.first_mut().expect("there is at least one sequencer");
    let style = if options.json { Style::Json } else { Style::Line };
    let heads = live::heads(first.store.clone(), style, first.supervisor.shutdown());
    first.supervisor.spawn("live", heads);
    // One that fails takes the others with it: they are asked to stop when their supervisors are dropped.
    futures::future::try_join_all(nodes.into_iter().map(|node| node.supervisor.run())).await.map(drop)
}

/// Finds a busy port before anything is started.
async fn check_ports(options: &Options) -> Result<(), Error> {
    let own_l1 = options.l1_rpc.is_none();
    let ports = [
        ("l1", options.l1_port, own_l1),
        ("rpc", options.rpc_port, true),
        ("explorer", options.explorer_port, true),
        ("metrics", options.metrics_port, true),
    ];
    for (what, port, used) in ports {
        if used {
            config::listen(what, loopback(port)).await?;
        }
    }
    Ok(())
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// The answer's second part is ours to stop; `None` for an L1 that was there before.
async fn start_l1(options: &Options, folder: &Path) -> Result<(L1Side, Option<DevL1>), Error> {
    if let (Some(rpc), Some(beacon)) = (&options.l1_rpc, &options.l1_beacon) {
        let chain_id =
            sluice_l1::chain_id(rpc).await.map_err(|error| Error::Config(format!("{error}; check --l1-rpc")))?;
        return Ok((L1Side { rpc: rpc.clone(), beacon: beacon.clone(), chain_id }, None));
    }
    let kind = match options.l1 {
        L1Kind::Embedded => Kind::Embedded,
        L1Kind::Anvil => Kind::Anvil { path: std::env::var_os("SLUICE_ANVIL").map(PathBuf::from) },
    };
    let running = sluice_devl1::start(sluice_devl1::Config {
        kind,
        chain_id: L1_CHAIN_ID,
        block_time: Duration::from_millis(options.l1_block_time_ms),
        listen: loopback(options.l1_port),
        finality_blocks: options.l1_finality_blocks,
        data_dir: Some(folder.join("l1")),
    })
    .await?;
    let side = L1Side { rpc: running.rpc_url.clone(), beacon: running.beacon_url.clone(), chain_id: running.chain_id };
    Ok((side, Some(running)))
}

/// Deploys the contracts, funds the posting accounts, and writes what the nodes need to know.
async fn deploy(options: &Options, folder: &Path, l1: &L1Side) -> Result<ChainConfig, Error> {
    let sender = Sender::connect(&l1.rpc, l1.chain_id, options.l1_key.clone(), SenderConfig::default()).await?;
    let posters = write_poster_keys(options, folder)?;
    let mut plan = sluice_l1::plan_deployment(&sender).await?;
    let together = (options.sequencers > 1).then(|| sluice_l1::plan_sequencers(&sender, plan.next_nonce(), None));
    plan.contracts.sequencers = together.map(|together| together.contracts.in_chain_config());
    let chain = chain_config(options, plan.contracts);
    chain.check()?;
    let state = sluice_stf::genesis(&chain);
    let state_root = sluice_trie::naive_state_root(&state);
    let genesis_hash = chain.genesis_header(state_root).hash_slow();
    let params = DeployParams {
        owner: sender.address(),
        poster: posters[0],
        fee_recipient: chain.fee_recipient,
        message_gas_price_wei: U256::ZERO,
        l2_chain_id: chain.chain_id,
        challenge_window_seconds: options.challenge_window_s,
        inclusion_deadline_seconds: INCLUSION_DEADLINE_S,
        genesis_block_hash: genesis_hash,
        genesis_state_root: state_root,
    };
    sluice_l1::deploy(&sender, &plan, &params).await.map_err(|error| needs_funds(error.into()))?;
    if let Some(together) = together {
        let l1 = flow::connect_l1(&l1.rpc, &l1.beacon, &chain).await?;
        seats::register(options, folder, (&sender, &l1), &together, &posters).await.map_err(needs_funds)?;
    }
    for poster in posters {
        let value_wei = parse_ether(POSTER_ETHER).expect("a number");
        let fund = TxRequest { to: Some(poster), value_wei, ..TxRequest::default() };
        sender.send_and_wait(fund, L1_TIME_MAX).await.map_err(|error| needs_funds(error.into()))?;
    }
    Ok(chain)
}

/// Makes the key of each sequencer's posting account; answers their addresses.
fn write_poster_keys(options: &Options, folder: &Path) -> Result<Vec<Address>, Error> {
    let keys = (0..options.sequencers).map(|index| {
        let key = PrivateKeySigner::random();
        write_secret(&poster_key_file(folder, index), &hex::encode(key.to_bytes()))?;
        Ok(key.address())
    });
    keys.collect()
}

fn poster_key_file(folder: &Path, index: u16) -> PathBuf {
    folder.join(if index == 0 { "sequencer.key".into() } else { format!("sequencer-{index}.key") })
}

/// A node waits for ETH; this command does not.
fn needs_funds(error: Error) -> Error {
    match error {
        Error::L1(sluice_l1::Error::InsufficientBalance { address, balance_wei, needed_wei }) => {
            Error::Config(format!(
                "account {address} holds {balance_wei} wei on L1 but needs {needed_wei}, and {POSTER_ETHER} ETH for the posting account; send it ETH and start again, or give another --l1-key"
            ))
        }
        error => error,
    }
}

/// How long a transaction on L1 may take.
const L1_TIME_MAX: Duration = Duration::from_secs(120);
/// How long a message may wait in the inbox before batches without it are refused.
const INCLUSION_DEADLINE_S: u64 = 600;
/// ETH that every test account has on L2, out of nothing: a development chain only.
const ACCOUNT_ETHER: &str = "10000";

fn chain_config(options: &Options, l1: L1Contracts) -> ChainConfig {
    let genesis_timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    ChainConfig {
        chain_id: options.chain_id,
        name: "sluice devnet".into(),
        block_gas_limit: 100_000_000,
        genesis_timestamp,
        initial_base_fee_wei: 10_000_000,
        base_fee_min_wei: 1_000_000,
        base_fee_elasticity: 2,
        // About Ethereum's 12.5 % per 12 s, at five blocks a second.
        base_fee_denominator: 500,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: options.l1_confirmations,
        batch_decompressed_size_max: 8_000_000,
        inbox_gas_per_block: 20_000_000,
        l1,
        // Fees refund those who post, where several may.
        fee_recipient: l1.sequencers.map_or(options.l1_key.address(), |at| at.posting),
        seat_fee_share_bps: options.seat_fee_share_bps,
        genesis_accounts: accounts()
            .iter()
            .map(|key| GenesisAccount {
                address: key.address(),
                balance_wei: parse_ether(ACCOUNT_ETHER).expect("a number"),
                nonce: 0,
                code: alloy::primitives::Bytes::new(),
                storage: std::collections::BTreeMap::new(),
            })
            .collect(),
    }
}

pub(crate) fn accounts() -> Vec<PrivateKeySigner> {
    (0u32..)
        .zip(ACCOUNTS)
        .map(|(index, _)| {
            MnemonicBuilder::<English>::default()
                .phrase(MNEMONIC)
                .index(index)
                .and_then(|builder| builder.build())
                .expect("the mnemonic is valid")
        })
        .collect()
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    // A crash half way must not leave half a file that a restart takes for the whole.
    let part = path.with_extension("part");
    std::fs::write(&part, text)
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(|source| Error::Folder { path: path.to_path_buf(), source })
}

/// Writes a file that only its owner may read.
fn write_secret(path: &Path, text: &str) -> Result<(), Error> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| Error::Folder { path: path.to_path_buf(), source })
}
