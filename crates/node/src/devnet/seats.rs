//! The seats of a devnet: keys, who is in the committee, and each node's settings.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::primitives::{Address, U256};
use sluice_devl1::ACCOUNTS;
use sluice_l1::{
    Registry, RpcL1, Sender, SequencersParams, SequencersPlan,
    stake::{Contact, Registration, Staker},
};
use sluice_simplex::SeatKeys;

use super::{L1Side, Options, accounts, loopback, poster_key_file, write_secret};
use crate::{Config, Error, Role, config, keys};

/// Seconds that deploying and registering may take before the members of the first epoch are fixed, and for each seat.
const REGISTRATION_S: u64 = 8;
const REGISTRATION_SEAT_S: u64 = 3;
/// Between that and the epoch's start, seconds.
const LEAD_S: u64 = 2;
/// The epoch with which the chain begins.
const FIRST_EPOCH: u32 = 0;
/// Length of a turn to post, and the silence after which the next seat takes over, seconds.
const TURN_S: u64 = 20;
const TAKEOVER_S: u64 = 4;
/// How often nodes look what is owed on L1, milliseconds: here epochs, and the time for their records, may be short.
const DUTIES_POLL_MS: u64 = 1_000;
/// What the pot keeps for refunds, wei: several batches, while a development network's fees are small.
const RESERVE_WEI: u64 = 1_000_000_000_000_000;

/// Makes keys for every seat, deploys the contracts of the sequencers, locks the stake and stores the committee.
pub(super) async fn register(
    options: &Options,
    folder: &Path,
    (sender, l1): (&Sender, &RpcL1),
    plan: &SequencersPlan,
    posters: &[Address],
) -> Result<(), Error> {
    let params = SequencersParams {
        first_cutoff_delay_seconds: REGISTRATION_S + REGISTRATION_SEAT_S * u64::from(options.sequencers),
        snapshot_lead_seconds: LEAD_S,
        epoch_seconds: options.epoch_s,
        turn_seconds: TURN_S,
        takeover_seconds: TAKEOVER_S,
        posting_reserve_wei: U256::from(RESERVE_WEI),
        ..SequencersParams::devnet()
    };
    sluice_l1::deploy_sequencers(sender, l1, plan, &params).await?;
    let price = params.seat_price_tokens * U256::from(options.sequencers);
    sluice_l1::fund_test_token(sender, plan.contracts.token, &[(sender.address(), price)]).await?;
    write_secret(&folder.join("password"), SEAT_PASSWORD)?;
    let registry = Registry::connect(l1.clone()).await?;
    let staker = Staker::new(registry.clone(), sender.clone());
    for (index, poster) in (0..options.sequencers).zip(posters) {
        let keys = SeatKeys::generate();
        keys::write(&seat_file(folder, index), &keys, SEAT_PASSWORD)?;
        let made = keys.registration(sender.chain_id(), plan.contracts.sequencers, sender.address());
        let registration = Registration {
            p2p_key: made.network_key,
            bls_key: made.vote_key.into(),
            possession: made.possession.into(),
        };
        let contact = Contact {
            network_address: seat_address(options, index).to_string(),
            poster: *poster,
            reward_recipient: *poster,
        };
        staker.lock(&registration, &contact).await?;
    }
    // A block later is certainly after the cutoff.
    let cutoff = registry.params().cutoff_of(FIRST_EPOCH) + 1;
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if now > cutoff {
            break;
        }
        tokio::time::sleep(Duration::from_secs(cutoff + 1 - now)).await;
    }
    staker.snapshot(FIRST_EPOCH).await?;
    Ok(())
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
        sequencer_key_file: Some(poster_key_file(folder, index)),
        l1_poll_ms: 200,
        execution_workers: 0,
        block_time_ms: options.block_time_ms,
        heartbeat_ms,
        challenge_window_s: Some(options.challenge_window_s),
        seat,
        settle: sluice_settle::Config { poll_ms: 200, age_max_s: options.batch_age_s, ..Default::default() },
        feed: None,
        duties: sluice_duties::Config {
            poll_ms: DUTIES_POLL_MS,
            takeover_s: TAKEOVER_S,
            fees_min_wei: sluice_l1::VAULT_WEI_MIN,
        },
    }
}
