//! Every sequencer in a process of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use sluice_types::ChainConfig;
use tracing::warn;

use super::{
    L1Side, Options,
    seats::node_config,
    table::{Place, print_table, table},
    write,
};
use crate::{Config, Error, supervise};

/// Starts them, and waits until it is to stop or none is left.
pub(super) async fn run(
    options: &Options,
    folder: &Path,
    l1: &L1Side,
    (chain, chain_path): (&ChainConfig, &Path),
) -> Result<(), Error> {
    if options.sequencers < 2 || options.rpc_port == 0 {
        return Err(Error::Config("--processes needs --sequencers of 2 or more, and a --rpc-port".into()));
    }
    let mut processes = Vec::new();
    let mut places = Vec::new();
    for index in 0..options.sequencers {
        let (config, path) = write_config(options, folder, l1, index)?;
        let process = command(&path)?.spawn()?;
        places.push(Place {
            rpc: config.address(config.rpc_port),
            explorer: config.address(config.explorer_port),
            metrics: config.address(config.metrics_port),
            process: process.id().map(|id| (id, path)),
        });
        processes.push(process);
    }
    for place in &places {
        wait_until_open(place.rpc).await?;
    }
    print_table(options.json, &table(chain, chain_path, l1, places.into_iter()));
    let ends = processes.iter_mut().enumerate().map(|(index, process)| async move {
        match process.wait().await {
            Ok(status) => warn!(sequencer = index, %status, "a sequencer's process ended"),
            Err(error) => warn!(sequencer = index, %error, "a sequencer's process cannot be watched"),
        }
    });
    let all = futures::future::join_all(ends);
    tokio::select! {
        _ = all => Err(Error::Room { room: "sequencers", reason: "all of them ended".into() }),
        () = supervise::signal() => Ok(()),
    }
}

/// Writes the config file of one of them.
pub(super) fn write_config(
    options: &Options,
    folder: &Path,
    l1: &L1Side,
    index: u16,
) -> Result<(Config, PathBuf), Error> {
    let port = |base: u16| if base == 0 { 0 } else { base + index };
    let config = Config {
        explorer_port: port(options.explorer_port),
        metrics_port: port(options.metrics_port),
        ..node_config(options, folder, l1, index)
    };
    let path = folder.join(format!("node-{index}.toml"));
    let text = toml::to_string_pretty(&config).map_err(|error| Error::Config(error.to_string()))?;
    write(&path, &text)?;
    Ok((config, path))
}

/// What starts a node from its config file, in a process that ends with this one.
pub(crate) fn command(config: &Path) -> Result<tokio::process::Command, Error> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command.arg("node").arg("--config").arg(config).kill_on_drop(true);
    Ok(command)
}

/// Waits until somebody listens there.
pub(crate) async fn wait_until_open(address: SocketAddr) -> Result<(), Error> {
    let deadline = tokio::time::Instant::now() + START_TIME_MAX;
    while tokio::net::TcpStream::connect(address).await.is_err() {
        if tokio::time::Instant::now() > deadline {
            let reason = format!("nothing listens at {address} after {} s", START_TIME_MAX.as_secs());
            return Err(Error::Room { room: "sequencers", reason });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// How long a sequencer's process may take to start.
const START_TIME_MAX: Duration = Duration::from_secs(60);
