//! The seats of a devnet: keys, who is in the committee, and each node's settings.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use sluice_devl1::ACCOUNTS;
use sluice_simplex::SeatKeys;

use super::{L1Side, Options, accounts, loopback, write, write_secret};
use crate::{Config, Error, Role, config, keys, seat};

/// Makes keys for every seat, and the list of all.
pub(super) fn make_seats(options: &Options, folder: &Path) -> Result<(), Error> {
    write_secret(&folder.join("password"), SEAT_PASSWORD)?;
    let mut entries = Vec::new();
    for index in 0..options.sequencers {
        let keys = SeatKeys::generate();
        keys::write(&seat_file(folder, index), &keys, SEAT_PASSWORD)?;
        entries.push(seat::Entry {
            network_key: keys.network_key(),
            vote_key: keys.vote_key().to_vec().into(),
            address: seat_address(options, index),
        });
    }
    write(&folder.join("committee.json"), &serde_json::to_string_pretty(&entries).expect("keys have a JSON form"))
}

/// Longest time that a leader of several waits for something to order, milliseconds. Others give it up after twice that.
const SEAT_HEARTBEAT_MS: u64 = 500;
/// The password of a devnet's keys, which hold nothing.
const SEAT_PASSWORD: &str = "devnet";

fn seat_file(folder: &Path, index: u16) -> PathBuf {
    folder.join(format!("seat-{index}.json"))
}

fn seat_address(options: &Options, index: u16) -> SocketAddr {
    loopback(options.peer_port + index)
}

/// The settings of one of the nodes. The first has the ports that the options name.
pub(super) fn node_config(options: &Options, folder: &Path, l1: &L1Side, index: u16) -> Config {
    let first = index == 0;
    let seat = (options.sequencers > 1).then(|| config::Seat {
        keys_file: seat_file(folder, index),
        password_file: Some(folder.join("password")),
        listen: seat_address(options, index),
        // Each has its own, so that a block tells who proposed it.
        beneficiary: accounts()[usize::from(index) % ACCOUNTS.len()].address(),
        leader_timeout_ms: SEAT_HEARTBEAT_MS * 2,
        threads: 1,
    });
    let heartbeat_ms = if seat.is_some() { options.heartbeat_ms.min(SEAT_HEARTBEAT_MS) } else { options.heartbeat_ms };
    Config {
        role: Role::Sequencer,
        data_dir: folder.join(if first { "l2".into() } else { format!("l2-{index}") }),
        chain: folder.join("chain.toml"),
        l1_rpc: l1.rpc.clone(),
        l1_beacon: l1.beacon.clone(),
        listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
        rpc_port: if options.rpc_port == 0 { 0 } else { options.rpc_port + index },
        explorer_port: if first { options.explorer_port } else { 0 },
        metrics_port: if first { options.metrics_port } else { 0 },
        sequencer_rpc: None,
        sequencer_key_file: first.then(|| folder.join("sequencer.key")),
        l1_poll_ms: 200,
        execution_workers: 0,
        block_time_ms: options.block_time_ms,
        heartbeat_ms,
        challenge_window_s: Some(options.challenge_window_s),
        seat,
        settle: sluice_settle::Config { poll_ms: 200, age_max_s: options.batch_age_s, ..Default::default() },
    }
}
