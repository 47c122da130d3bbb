//! A devnet that is ready for nodes in processes of their own, which somebody else starts and ends.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use clap::{Args, FromArgMatches};
use sluice_devl1::DevL1;

use super::{Options, check_ports, config, deploy, loopback, processes, start_l1, write};
use crate::Error;

/// A development L1 with the contracts on it, and a config file for each of several sequencers.
pub(crate) struct Ground {
    /// Config file and JSON-RPC address of each node, in order.
    pub(crate) nodes: Vec<(PathBuf, SocketAddr)>,
    /// Chain id of the rollup.
    pub(crate) chain_id: u64,
    l1: Option<DevL1>,
}

/// How often free ports next to each other are looked for.
const PORT_TRIES_MAX: usize = 64;

impl Ground {
    /// Starts the L1 and prepares everything in an empty folder, on free ports.
    pub(crate) async fn new(folder: &Path, sequencers: u16) -> Result<Self, Error> {
        let (rpc_port, peer_port) = (free_ports(sequencers)?, free_ports(sequencers)?);
        let options = options(&[
            ("--sequencers", sequencers),
            ("--l1-port", 0),
            ("--rpc-port", rpc_port),
            ("--explorer-port", 0),
            ("--metrics-port", 0),
            ("--peer-port", peer_port),
        ]);
        config::writable_folder(folder)?;
        check_ports(&options).await?;
        sluice_l1::warm_kzg();
        let (l1, running) = start_l1(&options, folder).await?;
        let chain = deploy(&options, folder, &l1).await?;
        write(&folder.join("chain.toml"), &chain.to_toml())?;
        let mut nodes = Vec::new();
        for index in 0..sequencers {
            let (config, path) = processes::write_config(&options, folder, &l1, index)?;
            nodes.push((path, config.address(config.rpc_port)));
        }
        Ok(Self { nodes, chain_id: chain.chain_id, l1: running })
    }

    /// Ends the L1. The nodes must have ended before.
    pub(crate) async fn stop(self) {
        if let Some(l1) = self.l1 {
            l1.stop().await;
        }
    }
}

/// The command's own settings, with these.
fn options(given: &[(&str, u16)]) -> Options {
    let command = Options::augment_args(clap::Command::new("devnet"));
    let given = given.iter().flat_map(|(name, value)| [(*name).to_owned(), value.to_string()]);
    let matches = command.get_matches_from(std::iter::once("devnet".to_owned()).chain(given));
    Options::from_arg_matches(&matches).expect("what matched has all values")
}

/// The first of so many free ports next to each other. Somebody else may take one before it is used; then a node says so.
fn free_ports(count: u16) -> Result<u16, Error> {
    for _ in 0..PORT_TRIES_MAX {
        let first = TcpListener::bind(loopback(0))?.local_addr()?.port();
        let Some(end) = first.checked_add(count) else { continue };
        let free: Result<Vec<TcpListener>, _> = (first..end).map(|port| TcpListener::bind(loopback(port))).collect();
        if free.is_ok() {
            return Ok(first);
        }
    }
    Err(Error::Config(format!("no {count} free ports next to each other on 127.0.0.1 after {PORT_TRIES_MAX} tries")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_taken_and_the_rest_is_the_command_s_own() {
        let options = options(&[("--sequencers", 4), ("--rpc-port", 1_234)]);
        assert_eq!((options.sequencers, options.rpc_port, options.chain_id), (4, 1_234, 901));
    }

    #[test]
    fn ports_that_are_called_free_are_free() {
        let first = free_ports(4).unwrap();
        for port in first..first + 4 {
            TcpListener::bind(loopback(port)).unwrap();
        }
    }
}
