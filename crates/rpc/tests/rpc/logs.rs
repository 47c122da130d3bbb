//! Logs, filters and subscriptions.

use alloy_primitives::{Address, B256, address, keccak256};
use jsonrpsee::core::client::{Subscription, SubscriptionClientT};
use serde_json::{Value, json};
use sluice_rpc::{Config, Limits};
use sluice_types::predeploys::OUTBOX;

use crate::{
    chain::{Chain, sign, withdraw},
    rig::{Rig, config, hex},
};

const ALICE: Address = address!("00000000000000000000000000000000000000a1");
const BOB: Address = address!("00000000000000000000000000000000000000b0");

/// Blocks 1 and 3 send two messages each, to Alice and to Bob.
async fn rig() -> Rig {
    let chain = Chain::new(1_000_000);
    chain.block(vec![sign(withdraw(0, ALICE, 1)), sign(withdraw(1, BOB, 1))]);
    chain.block(vec![]);
    chain.block(vec![sign(withdraw(2, ALICE, 1)), sign(withdraw(3, BOB, 1))]);
    Rig::new(chain).await
}

fn sent() -> B256 {
    keccak256("MessageSent(uint64,address,address,uint256,bytes,bytes32,bytes32)")
}

/// A filter of the messages to somebody.
fn to(target: Address) -> Value {
    json!({ "address": OUTBOX, "topics": [sent(), null, null, target.into_word()] })
}

fn with(mut filter: Value, key: &str, value: Value) -> Value {
    filter[key] = value;
    filter
}

/// Block number and log index of each.
fn places(logs: &Value) -> Vec<(String, String)> {
    let text = |log: &Value, key: &str| log[key].as_str().unwrap().to_owned();
    logs.as_array().unwrap().iter().map(|log| (text(log, "blockNumber"), text(log, "logIndex"))).collect()
}

#[tokio::test]
async fn logs_are_found_by_range_address_and_topics() {
    let rig = rig().await;
    let all = |filter: Value| with(filter, "fromBlock", json!("earliest"));
    let found = rig.ask("eth_getLogs", json!([all(to(BOB))])).await;
    assert_eq!(places(&found), [("0x1".into(), "0x1".into()), ("0x3".into(), "0x1".into())]);
    let alternatives = json!({ "topics": [[B256::ZERO, sent()], null, null, [ALICE.into_word(), BOB.into_word()]] });
    let latest = rig.ask("eth_getLogs", json!([alternatives])).await;
    assert_eq!(places(&latest).len(), 2, "only the latest block by default");
    let hash = rig.chain.store.block(1.into()).unwrap().unwrap().hash;
    let at = rig.ask("eth_getLogs", json!([{ "blockHash": hash }])).await;
    assert_eq!(places(&at).len(), 2);
    assert_eq!(rig.ask("eth_getLogs", json!([all(json!({ "address": [ALICE] }))])).await, json!([]));
    assert_eq!(rig.ask("eth_getLogs", json!([all(with(to(BOB), "toBlock", json!("0x2")))])).await, json!([found[0]]));
    // Blocks that do not exist yet have no logs.
    assert_eq!(rig.ask("eth_getLogs", json!([{ "fromBlock": "0x5", "toBlock": "0x6" }])).await, json!([]));
}

#[tokio::test]
async fn log_queries_are_whole_or_refused() {
    let rig = rig().await;
    for _ in 0..20 {
        rig.chain.block(vec![]);
    }
    let refused = async |filter: Value| rig.try_ask("eth_getLogs", json!([filter])).await.unwrap_err();
    let (code, message, _) = refused(json!({ "fromBlock": "0x0", "toBlock": "latest" })).await;
    assert_eq!(
        (code, message.as_str()),
        (-32005, "exceed maximum block range: 24 blocks asked for, at most 20; ask in several requests")
    );
    let (code, message, _) = refused(json!({ "fromBlock": "0x0", "toBlock": "0x5" })).await;
    assert_eq!(code, -32005);
    assert!(message.starts_with("query returned more than 3 results"), "{message}");
    let (code, message, _) = refused(json!({ "fromBlock": "0x5", "toBlock": "0x4" })).await;
    assert_eq!((code, message.as_str()), (-32602, "invalid block range params: fromBlock 5 is after toBlock 4"));
    assert_eq!(refused(json!({ "blockHash": B256::ZERO })).await, (-32000, "unknown block".into(), None));
    assert_eq!(refused(json!({ "blockHash": B256::ZERO, "fromBlock": "0x1" })).await.0, -32602);
    assert_eq!(refused(json!({ "topics": [null, null, null, null, null] })).await.0, -32602);
    // 20 blocks exactly are allowed.
    assert_eq!(rig.ask("eth_getLogs", json!([{ "fromBlock": "0x4", "toBlock": "latest" }])).await, json!([]));
}

#[tokio::test]
async fn filters_tell_each_change_once() {
    let rig = rig().await;
    let logs = rig.ask("eth_newFilter", json!([with(to(BOB), "fromBlock", json!("earliest"))])).await;
    let blocks = rig.ask("eth_newBlockFilter", json!([])).await;
    assert_eq!(rig.ask("eth_getFilterChanges", json!([logs])).await, json!([]));
    let one = rig.chain.block(vec![sign(withdraw(4, BOB, 1))]);
    let two = rig.chain.block(vec![]);
    assert_eq!(places(&rig.ask("eth_getFilterChanges", json!([logs])).await), [("0x4".into(), "0x0".into())]);
    assert_eq!(rig.ask("eth_getFilterChanges", json!([logs])).await, json!([]));
    assert_eq!(rig.ask("eth_getFilterChanges", json!([blocks])).await, json!([one.hash, two.hash]));
    assert_eq!(places(&rig.ask("eth_getFilterLogs", json!([logs])).await).len(), 3);
    assert_eq!(rig.ask("eth_uninstallFilter", json!([logs])).await, true);
    assert_eq!(rig.ask("eth_uninstallFilter", json!([logs])).await, false);
    let gone = Err((-32000, "filter not found".to_owned(), None));
    assert_eq!(rig.try_ask("eth_getFilterChanges", json!([logs])).await, gone);
    assert_eq!(rig.try_ask("eth_getFilterLogs", json!([blocks])).await, gone, "a block filter has no logs");
}

#[tokio::test]
async fn filters_are_bounded_in_number_and_age() {
    let rig = rig().await;
    for _ in 0..3 {
        rig.ask("eth_newBlockFilter", json!([])).await;
    }
    let (code, message, _) = rig.try_ask("eth_newBlockFilter", json!([])).await.unwrap_err();
    assert_eq!(code, -32005);
    assert!(message.starts_with("too many filters: 3"), "{message}");

    let forgetful = Config { limits: Limits { filter_idle_s: 0, ..config().limits }, ..config() };
    let rig = Rig::with(Chain::new(1_000_000), forgetful, None).await;
    let filter = rig.ask("eth_newBlockFilter", json!([])).await;
    assert_eq!(rig.try_ask("eth_getFilterChanges", json!([filter])).await.unwrap_err().1, "filter not found");
}

#[tokio::test]
async fn subscriptions_push_every_new_block_and_matching_log() {
    let rig = rig().await;
    let client = rig.ws().await;
    let subscribe = async |params| -> Subscription<Value> {
        client.subscribe("eth_subscribe", params, "eth_unsubscribe").await.unwrap()
    };
    let mut heads = subscribe(jsonrpsee::rpc_params!["newHeads"]).await;
    let mut logs = subscribe(jsonrpsee::rpc_params!["logs", to(ALICE)]).await;
    let first = rig.chain.block(vec![]);
    let second = rig.chain.block(vec![sign(withdraw(4, BOB, 1)), sign(withdraw(5, ALICE, 1))]);
    for sealed in [&first, &second] {
        let head = heads.next().await.unwrap().unwrap();
        assert_eq!((&head["hash"], &head["number"]), (&json!(sealed.hash), &hex(sealed.number().0)));
        assert_eq!(head.get("transactions"), None);
    }
    let log = logs.next().await.unwrap().unwrap();
    assert_eq!((&log["blockHash"], &log["logIndex"]), (&json!(second.hash), &json!("0x1")));

    // A third is one too many; an end makes room.
    let third =
        client.subscribe::<Value, _>("eth_subscribe", jsonrpsee::rpc_params!["newHeads"], "eth_unsubscribe").await;
    assert!(third.unwrap_err().to_string().contains("Too many subscriptions"));
    heads.unsubscribe().await.unwrap();
    let unknown =
        client.subscribe::<Value, _>("eth_subscribe", jsonrpsee::rpc_params!["news"], "eth_unsubscribe").await;
    assert!(unknown.unwrap_err().to_string().contains("no \\\"news\\\" subscription in eth namespace"));
    // Subscriptions and everything else share the port.
    let pending = client
        .subscribe::<Value, _>("eth_subscribe", jsonrpsee::rpc_params!["newPendingTransactions"], "eth_unsubscribe")
        .await;
    assert!(pending.unwrap_err().to_string().contains("no transaction pool"));
}
