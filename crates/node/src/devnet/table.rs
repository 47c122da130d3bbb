//! What a devnet prints about itself.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use alloy::primitives::B256;
use serde_json::{Value, json};
use sluice_types::{ChainConfig, L1Sequencers};

use super::{L1Side, accounts};

/// Where a sequencer can be found.
pub(super) struct Place {
    pub(super) rpc: SocketAddr,
    pub(super) explorer: SocketAddr,
    pub(super) metrics: SocketAddr,
    /// Its process, if it has one to itself, and the config file that it was started with.
    pub(super) process: Option<(u32, PathBuf)>,
}

/// What `--json` prints first.
pub(super) fn table(chain: &ChainConfig, chain_path: &Path, l1: &L1Side, places: impl Iterator<Item = Place>) -> Value {
    let accounts: Vec<Value> =
        accounts().iter().map(|key| json!({ "address": key.address(), "key": B256::from(key.to_bytes()) })).collect();
    let mut contracts = json!({
        "rollup": chain.l1.rollup,
        "inbox": chain.l1.inbox,
        "bridge": chain.l1.bridge,
        "l2_bridge": sluice_types::predeploys::L2_BRIDGE,
        "outbox": sluice_types::predeploys::OUTBOX,
    });
    if let Some(L1Sequencers { registry, posting }) = chain.l1.sequencers {
        (contracts["sequencers"], contracts["posting"]) = (json!(registry), json!(posting));
    }
    json!({
        "l1": { "rpc": l1.rpc, "beacon": l1.beacon, "chain_id": l1.chain_id },
        "rollups": places.map(|place| {
            let mut row = json!({
                "name": chain.name,
                "chain_id": chain.chain_id,
                "rpc": format!("http://{}", place.rpc),
                "ws": format!("ws://{}", place.rpc),
                "explorer": format!("http://{}", place.explorer),
                "metrics": format!("http://{}/metrics", place.metrics),
                "chain_config": chain_path,
            });
            if let Some((id, config)) = place.process {
                (row["process"], row["node_config"]) = (json!(id), json!(config));
            }
            row
        }).collect::<Vec<_>>(),
        "accounts": accounts,
        "contracts": contracts,
    })
}

#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn print_table(as_json: bool, table: &Value) {
    if as_json {
        println!("{table}");
        return;
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    println!("L1         {}  chain {}", text(&table["l1"]["rpc"]), table["l1"]["chain_id"]);
    println!("  beacon   {}", text(&table["l1"]["beacon"]));
    for rollup in table["rollups"].as_array().into_iter().flatten() {
        println!("Rollup     {}  chain {}", text(&rollup["rpc"]), rollup["chain_id"]);
        for name in ["ws", "explorer", "metrics", "chain_config"] {
            println!("  {name:8} {}", text(&rollup[name]));
        }
    }
    println!("Contracts");
    for (name, address) in table["contracts"].as_object().into_iter().flatten() {
        println!("  {name:10} {}", text(address));
    }
    println!("Accounts   10,000 ETH each; the keys are public, never use them elsewhere");
    for account in table["accounts"].as_array().into_iter().flatten() {
        println!("  {}  {}", text(&account["address"]), text(&account["key"]));
    }
    println!();
}
