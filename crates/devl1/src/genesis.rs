//! The first block: who has ETH, which contracts are there, which forks are on.

use alloy_eips::{eip2935, eip4788, eip7002, eip7251};
use ethrex_common::types::Genesis;
use serde_json::{Map, Value, json};

/// The mnemonic that development tools share; its accounts hold ETH from genesis.
pub const MNEMONIC: &str = "test test test test test test test test test test test junk";

/// The first ten accounts of [`MNEMONIC`] (path `m/44'/60'/0'/0/i`).
pub const ACCOUNTS: [&str; 10] = [
    "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
    "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
    "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
    "0x90f79bf6eb2c4f870365e785982e1f101e93b906",
    "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65",
    "0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc",
    "0x976ea74026e726554db657fa54763abd0c3a0aa9",
    "0x14dc79964da2c08b23698b3d3cc7ca32193d9955",
    "0x23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f",
    "0xa0ee7a142d267c1f36714e4a8f75612f20a79720",
];

/// What each of [`ACCOUNTS`] holds at genesis, ETH.
pub const ACCOUNT_BALANCE_ETH: u64 = 10_000;

/// Gas limit of every block.
pub(crate) const GAS_LIMIT: u64 = 60_000_000;

/// All forks up to Osaka and its second blob schedule, from the first block.
pub(crate) fn genesis(chain_id: u64, timestamp: u64) -> Genesis {
    let balance = format!("{:#x}", u128::from(ACCOUNT_BALANCE_ETH) * 1_000_000_000_000_000_000);
    let mut alloc: Map<String, Value> =
        ACCOUNTS.iter().map(|account| ((*account).to_owned(), json!({ "balance": balance }))).collect();
    let predeploys = [
        (eip4788::BEACON_ROOTS_ADDRESS, &eip4788::BEACON_ROOTS_CODE),
        (eip2935::HISTORY_STORAGE_ADDRESS, &eip2935::HISTORY_STORAGE_CODE),
        (eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, &eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_CODE),
        (eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, &eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_CODE),
    ];
    for (address, code) in predeploys {
        alloc.insert(
            address.to_string().to_lowercase(),
            json!({ "balance": "0x0", "nonce": "0x1", "code": code.to_string() }),
        );
    }
    serde_json::from_value(json!({
        "config": {
            "chainId": chain_id, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
            "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0, "berlinBlock": 0,
            "londonBlock": 0, "mergeNetsplitBlock": 0, "terminalTotalDifficulty": 0,
            "terminalTotalDifficultyPassed": true, "shanghaiTime": 0, "cancunTime": 0, "pragueTime": 0, "osakaTime": 0,
            "bpo1Time": 0, "bpo2Time": 0, "depositContractAddress": "0x00000000219ab540356cbb839cbe05303d7705fa",
        },
        "alloc": alloc, "coinbase": "0x0000000000000000000000000000000000000000", "difficulty": "0x0", "extraData": "0x",
        "gasLimit": format!("{GAS_LIMIT:#x}"), "nonce": "0x0", "mixHash": format!("0x{}", "00".repeat(32)),
        "timestamp": format!("{timestamp:#x}"), "baseFeePerGas": "0x3b9aca00",
    }))
    .expect("the JSON above has the shape of a genesis file")
}
