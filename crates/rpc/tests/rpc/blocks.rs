//! Blocks, transactions, receipts, accounts and fees, as libraries expect them.

use alloy_consensus::TxLegacy;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, keccak256};
use alloy_rlp::{BufMut, Decodable};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use serde_json::{Value, json};
use sluice_types::{DEPOSIT_TX_TYPE, SignedTransaction, predeploys::OUTBOX};

use crate::{
    chain::{BENEFICIARY, CHAIN_ID, Chain, ETHER, GWEI, call, sign, user, withdraw},
    rig::{Rig, hex},
};

const FRIEND: Address = address!("00000000000000000000000000000000000000bb");
/// Code of a contract that is one byte long: STOP.
const INIT_CODE: [u8; 10] = [0x60, 0x01, 0x60, 0x00, 0xf3, 0, 0, 0, 0, 0];

/// Block 1: a transfer, a legacy creation, a withdrawal. Block 2: a deposit. Block 3: nothing.
async fn rig() -> Rig {
    let chain = Chain::new(1_000_000);
    let creation = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce: 1,
        gas_price: 5 * GWEI,
        gas_limit: 200_000,
        to: TxKind::Create,
        value: U256::ZERO,
        input: Bytes::from_static(&INIT_CODE),
    };
    chain.block(vec![sign(call(0, FRIEND, ETHER, Bytes::new())), sign(creation), sign(withdraw(2, FRIEND, 5))]);
    chain.deposit(FRIEND, 3 * ETHER);
    chain.block(vec![]);
    Rig::new(chain).await
}

#[tokio::test]
async fn blocks_have_ethereums_shape() {
    let rig = rig().await;
    let sealed = rig.chain.store.block(1.into()).unwrap().unwrap();
    let block = rig.ask("eth_getBlockByNumber", json!(["0x1", false])).await;
    assert_eq!(block["hash"], json!(sealed.hash));
    assert_eq!(block["number"], "0x1");
    assert_eq!(block["miner"], json!(BENEFICIARY));
    assert_eq!(block["timestamp"], hex(1_000_001));
    assert_eq!(block["nonce"], "0x0000000000000000");
    assert_eq!(block["difficulty"], "0x0");
    assert_eq!(block["uncles"], json!([]));
    assert_eq!(block["withdrawals"], json!([]));
    assert_eq!(block.get("totalDifficulty"), None);
    let hashes: Vec<B256> = sealed.block.transactions.iter().map(|tx| tx.hash()).collect();
    assert_eq!(block["transactions"], json!(hashes));
    for key in [
        "parentHash",
        "sha3Uncles",
        "logsBloom",
        "transactionsRoot",
        "stateRoot",
        "receiptsRoot",
        "gasLimit",
        "gasUsed",
        "extraData",
        "mixHash",
        "baseFeePerGas",
        "withdrawalsRoot",
        "blobGasUsed",
        "excessBlobGas",
        "parentBeaconBlockRoot",
        "requestsHash",
    ] {
        assert!(block[key].as_str().is_some_and(|text| text.starts_with("0x")), "{key}: {}", block[key]);
    }

    // The size is that of the RLP, which another decoder reads back to the same block.
    let raw: Bytes = serde_json::from_value(rig.ask("debug_getRawBlock", json!(["0x1"])).await).unwrap();
    assert_eq!(block["size"], hex(raw.len() as u64));
    let decoded = alloy_consensus::Block::<SignedTransaction>::decode(&mut raw.as_ref()).unwrap();
    assert_eq!(decoded.header.hash_slow(), sealed.hash);
    assert_eq!(
        alloy_consensus::proofs::calculate_transaction_root(&decoded.body.transactions),
        sealed.block.header.transactions_root
    );
    let raw_header: Bytes = serde_json::from_value(rig.ask("debug_getRawHeader", json!(["0x1"])).await).unwrap();
    assert_eq!(keccak256(&raw_header), sealed.hash);
    let raw_receipts: Vec<Bytes> =
        serde_json::from_value(rig.ask("debug_getRawReceipts", json!(["0x1"])).await).unwrap();
    let root =
        alloy_consensus::proofs::ordered_trie_root_with_encoder(&raw_receipts, |bytes, out| out.put_slice(bytes));
    assert_eq!(root, sealed.block.header.receipts_root);

    assert_eq!(rig.ask("eth_getBlockByHash", json!([sealed.hash, false])).await, block);
    let full = rig.ask("eth_getBlockByNumber", json!(["0x1", true])).await;
    assert_eq!(full["transactions"][1], rig.ask("eth_getTransactionByHash", json!([hashes[1]])).await);
    assert_eq!(rig.ask("eth_getBlockTransactionCountByNumber", json!(["0x1"])).await, "0x3");
    assert_eq!(rig.ask("eth_getBlockTransactionCountByHash", json!([sealed.hash])).await, "0x3");
    assert_eq!(rig.ask("eth_getUncleCountByBlockNumber", json!(["latest"])).await, "0x0");
    assert_eq!(rig.ask("eth_getUncleCountByBlockHash", json!([B256::ZERO])).await, Value::Null);
    for (tag, number) in [("latest", 3), ("pending", 3), ("earliest", 0), ("safe", 0), ("finalized", 0)] {
        assert_eq!(rig.ask("eth_getBlockByNumber", json!([tag])).await["number"], hex(number), "{tag}");
    }
    assert_eq!(rig.ask("eth_getBlockByNumber", json!(["0x4", false])).await, Value::Null);
    assert_eq!(rig.ask("eth_getBlockByHash", json!([B256::ZERO, false])).await, Value::Null);
}

#[tokio::test]
async fn transactions_and_receipts_have_ethereums_shape() {
    let rig = rig().await;
    let sealed = rig.chain.store.block(1.into()).unwrap().unwrap();
    let base_fee = u128::from(sealed.block.header.base_fee_per_gas.unwrap());
    let at = async |index: usize| {
        rig.ask("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", hex(index as u64)])).await
    };
    let transfer = at(0).await;
    assert_eq!(transfer["type"], "0x2");
    assert_eq!(transfer["from"], json!(user()));
    assert_eq!(transfer["to"], json!(FRIEND));
    assert_eq!(transfer["value"], json!(U256::from(ETHER)));
    assert_eq!(transfer["gas"], hex(500_000));
    assert_eq!(transfer["gasPrice"], json!(U256::from(base_fee + GWEI)));
    assert_eq!(transfer["maxFeePerGas"], json!(U256::from(100 * GWEI)));
    assert_eq!(transfer["chainId"], hex(CHAIN_ID));
    assert_eq!(transfer["accessList"], json!([]));
    assert_eq!(transfer["transactionIndex"], "0x0");
    assert_eq!(transfer["blockHash"], json!(sealed.hash));
    assert_eq!(rig.ask("eth_getTransactionByBlockHashAndIndex", json!([sealed.hash, "0x0"])).await, transfer);
    assert_eq!(at(3).await, Value::Null);
    assert_eq!(rig.ask("eth_getTransactionByHash", json!([B256::ZERO])).await, Value::Null);

    let creation = at(1).await;
    assert_eq!((&creation["type"], &creation["to"]), (&json!("0x0"), &Value::Null));
    let receipt = rig.ask("eth_getTransactionReceipt", json!([creation["hash"]])).await;
    assert_eq!(receipt["contractAddress"], json!(user().create(1)));
    assert_eq!(receipt["effectiveGasPrice"], json!(U256::from(5 * GWEI)));
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(receipt["type"], "0x0");
    assert_eq!(receipt["to"], Value::Null);
    assert_eq!(receipt["logs"], json!([]));
    assert_eq!(receipt["transactionIndex"], "0x1");
    let stored = &rig.chain.receipts(1.into())[1];
    assert!(stored.l1_fee_wei > U256::ZERO, "the made-up L1 has a price");
    assert_eq!(receipt["l1Fee"], json!(stored.l1_fee_wei));
    assert_eq!(receipt["cumulativeGasUsed"], hex(stored.cumulative_gas_used));
    assert_eq!(receipt["gasUsed"], hex(stored.gas_used));

    let withdrawal = rig.ask("eth_getTransactionReceipt", json!([at(2).await["hash"]])).await;
    let log = &withdrawal["logs"][0];
    assert_eq!(log["address"], json!(OUTBOX));
    assert_eq!((&log["logIndex"], &log["transactionIndex"]), (&json!("0x0"), &json!("0x2")));
    assert_eq!((&log["removed"], &log["blockTimestamp"]), (&json!(false), &hex(1_000_001)));
    assert_eq!(withdrawal["contractAddress"], Value::Null);

    let all = rig.ask("eth_getBlockReceipts", json!(["0x1"])).await;
    assert_eq!((&all[1], &all[2]), (&receipt, &withdrawal));
    assert_eq!(rig.ask("eth_getBlockReceipts", json!([{ "blockHash": sealed.hash }])).await, all);
    assert_eq!(rig.ask("eth_getBlockReceipts", json!(["0x9"])).await, Value::Null);
    let raw: Bytes =
        serde_json::from_value(rig.ask("eth_getRawTransactionByHash", json!([creation["hash"]])).await).unwrap();
    assert_eq!(json!(keccak256(&raw)), creation["hash"]);
}

#[tokio::test]
async fn deposits_have_the_op_stacks_shape() {
    let rig = rig().await;
    let sealed = rig.chain.store.block(2.into()).unwrap().unwrap();
    let tx = rig.ask("eth_getTransactionByHash", json!([sealed.block.transactions[0].hash()])).await;
    assert_eq!(tx["type"], format!("{DEPOSIT_TX_TYPE:#x}"));
    assert_eq!(tx["mint"], json!(U256::from(3 * ETHER)));
    assert_eq!(tx["isSystemTx"], false);
    assert!(tx["sourceHash"].is_string());
    for zero in ["nonce", "gasPrice", "r", "s", "v"] {
        assert_eq!(tx[zero], "0x0", "{zero}");
    }
    let receipt = rig.ask("eth_getTransactionReceipt", json!([tx["hash"]])).await;
    assert_eq!(
        (&receipt["type"], &receipt["effectiveGasPrice"], &receipt["l1Fee"]),
        (&json!("0x7e"), &json!("0x0"), &json!("0x0"))
    );
    assert_eq!(receipt["status"], "0x1");
}

#[tokio::test]
async fn accounts_are_read_at_any_kept_block() {
    let rig = rig().await;
    let genesis = rig.chain.store.block(0.into()).unwrap().unwrap().hash;
    let balance = async |at: Value| rig.ask("eth_getBalance", json!([FRIEND, at])).await;
    assert_eq!(balance(json!("0x0")).await, "0x0");
    assert_eq!(balance(json!("0x1")).await, json!(U256::from(ETHER)));
    assert_eq!(balance(json!("latest")).await, json!(U256::from(4 * ETHER)));
    assert_eq!(balance(Value::Null).await, json!(U256::from(4 * ETHER)));
    assert_eq!(balance(json!({ "blockHash": genesis, "requireCanonical": true })).await, "0x0");
    assert_eq!(balance(json!({ "blockNumber": "0x1" })).await, json!(U256::from(ETHER)));
    assert_eq!(rig.ask("eth_getTransactionCount", json!([user(), "latest"])).await, "0x3");
    assert_eq!(rig.ask("eth_getCode", json!([FRIEND, "latest"])).await, "0x");
    assert_eq!(rig.ask("eth_getCode", json!([user().create(1), "latest"])).await, "0x00");
    let word = rig.ask("eth_getStorageAt", json!([OUTBOX, "0x1", "latest"])).await;
    assert_eq!(word, json!(B256::with_last_byte(1)), "one message was sent");
    assert_eq!(rig.ask("eth_getStorageAt", json!([OUTBOX, B256::with_last_byte(1), "0x0"])).await, json!(B256::ZERO));
}

#[tokio::test]
async fn proofs_verify_against_the_state_root() {
    let rig = rig().await;
    let root = rig.chain.store.head_block().block.header.state_root;
    let nobody = Address::repeat_byte(0x77);
    for (address, slots) in [(OUTBOX, vec!["0x1", "0x99"]), (user(), vec![]), (nobody, vec![])] {
        let proof = rig.ask("eth_getProof", json!([address, slots, "latest"])).await;
        let read = |value: &Value| -> Vec<Bytes> { serde_json::from_value(value.clone()).unwrap() };
        let account = TrieAccount {
            nonce: u64::from_str_radix(proof["nonce"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap(),
            balance: serde_json::from_value(proof["balance"].clone()).unwrap(),
            storage_root: serde_json::from_value(proof["storageHash"].clone()).unwrap(),
            code_hash: serde_json::from_value(proof["codeHash"].clone()).unwrap(),
        };
        let expected = (address != nobody).then(|| alloy_rlp::encode(account));
        let nodes = read(&proof["accountProof"]);
        verify_proof(root, Nibbles::unpack(keccak256(address)), expected, &nodes).unwrap();
        for slot in proof["storageProof"].as_array().unwrap() {
            let key: U256 = serde_json::from_value(slot["key"].clone()).unwrap();
            let value: U256 = serde_json::from_value(slot["value"].clone()).unwrap();
            let expected = (!value.is_zero()).then(|| alloy_rlp::encode(value));
            let path = Nibbles::unpack(keccak256(B256::from(key)));
            verify_proof(account.storage_root, path, expected, &read(&slot["proof"])).unwrap();
        }
    }
}

#[tokio::test]
async fn fees_follow_the_chain() {
    let rig = rig().await;
    let store = &rig.chain.store;
    let next = store.config().next_base_fee_wei(&store.head_block().block.header);
    let tip = rig.ask("eth_maxPriorityFeePerGas", json!([])).await;
    // The lowest tip of the only block with tips.
    assert_eq!(tip, json!(U256::from(GWEI)));
    assert_eq!(rig.ask("eth_gasPrice", json!([])).await, json!(U256::from(u128::from(next) + GWEI)));
    let history = rig.ask("eth_feeHistory", json!(["0x2", "0x1", [0, 100]])).await;
    assert_eq!(history["oldestBlock"], "0x0");
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 3);
    assert_eq!(history["gasUsedRatio"].as_array().unwrap().len(), 2);
    assert_eq!(history["reward"][0], json!(["0x0", "0x0"]));
    let base_fee = u128::from(store.block(1.into()).unwrap().unwrap().block.header.base_fee_per_gas.unwrap());
    assert_eq!(history["reward"][1], json!([U256::from(GWEI), U256::from(5 * GWEI - base_fee)]));
    assert_eq!(history["baseFeePerGas"][1], json!(U256::from(base_fee)));
    assert_eq!(rig.ask("eth_blobBaseFee", json!([])).await, "0x1");
}

#[tokio::test]
async fn the_node_says_who_it_is() {
    let rig = rig().await;
    assert_eq!(rig.ask("eth_chainId", json!([])).await, hex(CHAIN_ID));
    assert_eq!(rig.ask("net_version", json!([])).await, CHAIN_ID.to_string());
    assert_eq!(rig.ask("eth_blockNumber", json!([])).await, "0x3");
    assert_eq!(rig.ask("eth_syncing", json!([])).await, false);
    assert_eq!(rig.ask("eth_accounts", json!([])).await, json!([]));
    assert_eq!(rig.ask("net_listening", json!([])).await, true);
    assert_eq!(rig.ask("net_peerCount", json!([])).await, "0x0");
    assert!(rig.ask("web3_clientVersion", json!([])).await.as_str().unwrap().starts_with("sluice/v"));
    // Keccak of no bytes.
    let empty = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
    assert_eq!(rig.ask("web3_sha3", json!(["0x"])).await, empty);
    assert_eq!(rig.ask("rollup_config", json!([])).await["chain_id"], CHAIN_ID);
}
