//! Whatever comes in, the answer is exact and the server goes on.

use serde_json::{Value, json};
use sluice_rpc::{Config, Error, start};

use crate::{
    chain::Chain,
    rig::{Rig, config},
};

async fn rig() -> Rig {
    let chain = Chain::new(1_000_000);
    chain.block(vec![]);
    Rig::new(chain).await
}

/// A client of plain HTTP; no client is made without a cryptography.
fn http() -> reqwest::ClientBuilder {
    // Whoever was first has installed the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// HTTP status and body.
async fn post(rig: &Rig, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let request = http().build().unwrap().post(format!("http://{}", rig.server.addr()));
    let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
    let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn call(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

async fn still_serves(rig: &Rig) {
    assert_eq!(post(rig, call("eth_blockNumber", &json!([]))).await.1["result"], "0x1");
}

#[tokio::test]
async fn malformed_requests_get_exact_errors() {
    let rig = rig().await;
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_call\",\"params\":[{}1{}]}}",
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let one = call("eth_chainId", &json!([]));
    let long_batch = format!("[{}]", [one.as_str(); 4].join(","));
    let table: Vec<(&str, String, u16, i64, &str)> = vec![
        ("garbage", "{nonsense".into(), 200, -32700, "Parse error"),
        ("empty", String::new(), 400, -32700, "Parse error"),
        ("no method", "{\"jsonrpc\":\"2.0\",\"id\":1}".into(), 200, -32600, "Invalid request"),
        ("empty batch", "[]".into(), 200, -32600, "Invalid request"),
        ("long batch", long_batch, 200, -32010, "The batch request was too large"),
        ("oversized", "x".repeat(100_001), 413, -32007, "Request is too big"),
        ("deep nesting", deep, 200, -32602, "invalid arguments: recursion limit exceeded"),
    ];
    for (name, body, status, code, message) in table {
        let (found_status, answer) = post(&rig, body).await;
        assert_eq!(found_status, status, "{name}: {answer}");
        assert_eq!(answer["error"]["code"], code, "{name}: {answer}");
        let found = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(found.starts_with(message), "{name}: {answer}");
        still_serves(&rig).await;
    }
}

#[tokio::test]
async fn wrong_arguments_get_exact_errors() {
    let rig = rig().await;
    let address = "0x00000000000000000000000000000000000000aa";
    let table: [(&str, Value, i64, &str); 22] = [
        ("eth_sendTransaction", json!([]), -32601, "the method eth_sendTransaction does not exist/is not available"),
        ("", json!([]), -32601, "the method  does not exist/is not available"),
        ("eth_subscribe", json!(["newHeads"]), -32601, "notifications not supported; subscribe over WebSocket"),
        (
            "rollup_subscribe",
            json!(["certifiedBlocks"]),
            -32601,
            "notifications not supported; subscribe over WebSocket",
        ),
        ("eth_getBalance", json!([]), -32602, "missing value for required argument 0"),
        ("eth_getBalance", json!({}), -32602, "non-array args; give the arguments as a JSON array"),
        ("eth_getBalance", json!([address, "latest", 1]), -32602, "too many arguments, want at most 2"),
        ("eth_chainId", json!([1]), -32602, "too many arguments, want at most 0"),
        ("eth_getBalance", json!(["0xaa", "latest"]), -32602, "invalid argument 0: "),
        ("eth_getBalance", json!([7, "latest"]), -32602, "invalid argument 0: "),
        ("eth_getBlockByNumber", json!(["newest", false]), -32602, "invalid argument 0: "),
        ("eth_getBlockByNumber", json!(["latest", "yes"]), -32602, "invalid argument 1: "),
        ("eth_getBlockByHash", json!(["0x12", false]), -32602, "invalid argument 0: "),
        ("eth_getBalance", json!([address, { "blockHash": "0x12" }]), -32602, "invalid argument 1: "),
        (
            "eth_getStorageAt",
            json!([address, "7", "latest"]),
            -32602,
            "unable to decode storage key \"7\": hex string without 0x prefix",
        ),
        ("eth_getLogs", json!([{ "topics": "0x12" }]), -32602, "invalid argument 0: "),
        ("eth_feeHistory", json!(["0x1", "0x99", []]), -32000, "request beyond head block: requested 153, head 1"),
        ("eth_feeHistory", json!(["0x1", "latest", [50, 20]]), -32602, "invalid reward percentile: 20 comes after 50"),
        ("eth_sendRawTransaction", json!(["0xzz"]), -32602, "invalid argument 0: "),
        ("eth_getProof", json!([address, vec!["0x0"; 1_025], "latest"]), -32602, "too many keys (1025 > 1024)"),
        (
            "eth_newPendingTransactionFilter",
            json!([]),
            -32000,
            "this node has no transaction pool; ask a sequencer's RPC",
        ),
        ("debug_getRawBlock", json!(["0x99"]), -32000, "block "),
    ];
    for (method, params, code, message) in table {
        let (status, answer) = post(&rig, call(method, &params)).await;
        assert_eq!((status, &answer["error"]["code"]), (200, &json!(code)), "{method} {params}: {answer}");
        let found = answer["error"]["message"].as_str().unwrap();
        let exact = !message.ends_with(' ') && !message.ends_with(')');
        assert!(if exact { found == message } else { found.starts_with(message) }, "{method} {params}: {found}");
        assert_eq!(answer["id"], 1);
    }
    still_serves(&rig).await;
}

#[tokio::test]
async fn batches_answer_each_call_and_hide_none() {
    let rig = rig().await;
    let batch = format!("[{},{},7]", call("eth_chainId", &json!([])), call("eth_nothing", &json!([])));
    let (_, answers) = post(&rig, batch).await;
    let codes: Vec<&Value> = answers.as_array().unwrap().iter().map(|answer| &answer["error"]["code"]).collect();
    assert_eq!(codes, [&Value::Null, &json!(-32601), &json!(-32600)]);
}

#[tokio::test]
async fn long_names_are_not_repeated_whole() {
    let rig = rig().await;
    let (_, answer) = post(&rig, call(&"x".repeat(5_000), &json!([]))).await;
    assert!(answer["error"]["message"].as_str().unwrap().len() < 150);
}

#[tokio::test]
async fn browsers_may_call_from_allowed_origins_only() {
    let allowed = async |origins: Vec<String>| {
        let config = Config { cors_origins: origins, ..config() };
        let rig = Rig::with(Chain::new(1_000_000), config, None).await;
        let request = http().build().unwrap().post(format!("http://{}", rig.server.addr()));
        let request = request.header("origin", "http://wallet.example").header("content-type", "application/json");
        let response = request.body(call("eth_chainId", &json!([]))).send().await.unwrap();
        response.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(allowed(vec!["*".into()]).await.as_deref(), Some("*"));
    assert_eq!(allowed(vec!["http://wallet.example".into()]).await.as_deref(), Some("http://wallet.example"));
    assert_eq!(allowed(vec!["http://other.example".into()]).await, None);
    assert_eq!(allowed(vec![]).await, None);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_the_start() {
    let rig = rig().await;
    let store = &rig.chain.store;
    let taken = Config { listen: rig.server.addr(), ..config() };
    let error = start(taken, store.clone(), None).await.unwrap_err();
    assert!(matches!(error, Error::PortBusy(address) if address == rig.server.addr()), "{error}");
    let origin = Config { cors_origins: vec!["wallet".into()], ..config() };
    assert!(matches!(start(origin, store.clone(), None).await, Err(Error::CorsOrigin(origin)) if origin == "wallet"));
    let url = Config { sequencer_url: Some("nowhere".into()), ..config() };
    assert!(matches!(start(url, store.clone(), None).await, Err(Error::SequencerUrl { .. })));
    rig.server.stop();
    rig.server.stopped().await;
}
