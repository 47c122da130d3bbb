//! `sluice node`: one node of a rollup, from a config file.

use std::path::PathBuf;

use crate::{Config, Error, Role, flow};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Node config file (TOML); `sluice config show --node` prints it resolved.
    #[arg(long)]
    config: PathBuf,
    /// Derive the chain from L1 only, whatever the file says.
    #[arg(long)]
    follow: bool,
    /// Folder of the database, instead of the file's.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// L1 execution endpoint, instead of the file's.
    #[arg(long, env = "SLUICE_L1_RPC")]
    l1_rpc: Option<String>,
    /// L1 beacon endpoint, instead of the file's.
    #[arg(long, env = "SLUICE_L1_BEACON")]
    l1_beacon: Option<String>,
    /// JSON-RPC port, instead of the file's.
    #[arg(long)]
    rpc_port: Option<u16>,
    /// Explorer port, instead of the file's.
    #[arg(long)]
    explorer_port: Option<u16>,
    /// Metrics and health port, instead of the file's.
    #[arg(long)]
    metrics_port: Option<u16>,
}

pub(crate) async fn run(options: Options) -> Result<(), Error> {
    super::init_logs("info");
    let mut config = Config::read(&options.config)?;
    if options.follow {
        config.role = Role::Follower;
        config.feed = None;
    }
    config.data_dir = options.data_dir.unwrap_or(config.data_dir);
    config.l1_rpc = options.l1_rpc.unwrap_or(config.l1_rpc);
    config.l1_beacon = options.l1_beacon.unwrap_or(config.l1_beacon);
    config.rpc_port = options.rpc_port.unwrap_or(config.rpc_port);
    config.explorer_port = options.explorer_port.unwrap_or(config.explorer_port);
    config.metrics_port = options.metrics_port.unwrap_or(config.metrics_port);
    config.check()?;
    flow::start(&config).await?.supervisor.run().await
}
