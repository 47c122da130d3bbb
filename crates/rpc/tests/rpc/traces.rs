//! `debug_trace*`, in go-ethereum's shapes.

use alloy_eips::eip7928::AccountChanges;
use alloy_primitives::{Address, B256, U256};
use serde_json::{Value, json};
use sluice_store::BlockCommit;
use sluice_types::predeploys::{FEE_VAULT, OUTBOX};

use crate::{
    chain::{BENEFICIARY, Chain, sign, user, withdraw},
    rig::Rig,
};

const TO: Address = Address::repeat_byte(0xbb);

/// Block 1 with a withdrawal of 5 wei, and one to nobody, which reverts.
async fn rig() -> (Rig, [Value; 2]) {
    let chain = Chain::new(1_000_000);
    let transactions = [withdraw(0, TO, 5), withdraw(1, Address::ZERO, 5)].map(sign);
    let hashes = transactions.clone().map(|tx| json!(tx.tx_hash()));
    chain.block(transactions.to_vec());
    chain.block(vec![]);
    (Rig::new(chain).await, hashes)
}

/// A store with the first block of another, but for what the block's list says.
fn store_again(other: &Chain, falsify: impl FnOnce(&mut Vec<AccountChanges>)) -> Chain {
    let chain = Chain::new(1_000_000);
    let (store, parent) = (&chain.store, chain.store.head_block());
    let sealed = other.store.block(parent.number().next()).unwrap().unwrap();
    let (state, input) = (store.state(parent.number()).unwrap(), sealed.input());
    let outcome = sluice_stf::execute_block(store.config(), &parent.block.header, &input, &state).unwrap();
    let mut list = Vec::from(&outcome.access_list);
    falsify(&mut list);
    let (_, trie) = store.state_root(&outcome.changes).unwrap();
    let commit = BlockCommit {
        sealed: (*sealed).clone(),
        receipts: outcome.receipts,
        changes: outcome.changes.into(),
        trie: trie.into(),
        access_list: list.into(),
        ordered: None,
    };
    store.commit_block(commit).unwrap();
    chain
}

fn name(address: Address) -> String {
    address.to_string().to_lowercase()
}

#[tokio::test]
async fn the_call_tracer_shows_what_the_receipt_says_and_more() {
    let (rig, [good, bad]) = rig().await;
    let with = json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } });
    let root = rig.ask("debug_traceTransaction", json!([good, with])).await;
    let receipt = rig.ask("eth_getTransactionReceipt", json!([good])).await;
    let input = rig.ask("eth_getTransactionByHash", json!([good])).await["input"].clone();
    for (field, value) in [
        ("type", json!("CALL")),
        ("from", json!(user())),
        ("to", json!(OUTBOX)),
        ("value", json!("0x5")),
        ("gas", json!("0x7a120")),
        ("gasUsed", receipt["gasUsed"].clone()),
        ("input", input),
    ] {
        assert_eq!(root[field], value, "{field}");
    }
    assert!(root.get("error").is_none());
    let (logs, logged) = (root["logs"].as_array().unwrap(), receipt["logs"].as_array().unwrap());
    assert_eq!(logs.len(), logged.len());
    assert!(!logs.is_empty());
    for (log, logged) in logs.iter().zip(logged) {
        assert_eq!(
            (&log["address"], &log["topics"], &log["data"]),
            (&logged["address"], &logged["topics"], &logged["data"])
        );
    }
    let failed = rig.ask("debug_traceTransaction", json!([bad, with])).await;
    assert_eq!((&failed["error"], &failed["output"]), (&json!("execution reverted"), &json!("0xd27b4443")));
    assert!(failed.get("logs").is_none());

    let all = json!([{ "txHash": good, "result": root }, { "txHash": bad, "result": failed }]);
    assert_eq!(rig.ask("debug_traceBlockByNumber", json!(["0x1", with])).await, all);
    let hash = rig.ask("eth_getBlockByNumber", json!(["0x1", false])).await["hash"].clone();
    assert_eq!(rig.ask("debug_traceBlockByHash", json!([hash, with])).await, all);
    assert_eq!(rig.ask("debug_traceBlockByNumber", json!(["latest", with])).await, json!([]));
}

#[tokio::test]
async fn the_prestate_tracer_shows_what_was_and_what_became_of_it() {
    let (rig, [good, bad]) = rig().await;
    let states = |hash: Value, diff: bool| {
        let with = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": diff } });
        let rig = &rig;
        async move { rig.ask("debug_traceTransaction", json!([hash, with])).await }
    };
    let balance = |whose: Address, block: &'static str| {
        let rig = &rig;
        async move { rig.ask("eth_getBalance", json!([whose, block])).await }
    };
    let before = states(good.clone(), false).await;
    assert_eq!(before[name(user())], json!({ "balance": balance(user(), "0x0").await }));
    assert!(before[name(OUTBOX)]["code"].as_str().unwrap().len() > 2);
    let (count, zero, one) = (B256::with_last_byte(1).to_string(), B256::ZERO, B256::with_last_byte(1));
    assert_eq!(before[name(OUTBOX)]["storage"][&count], json!(zero), "how many messages there are");

    let diff = states(good, true).await;
    assert_eq!(diff["post"][name(user())]["nonce"], json!(1));
    assert_eq!(diff["post"][name(OUTBOX)]["storage"][&count], json!(one));
    assert!(
        diff["pre"][name(OUTBOX)].get("storage").is_none_or(|storage| storage.get(&count).is_none()),
        "it was zero"
    );
    assert!(diff["post"][name(OUTBOX)].get("code").is_none());
    // The second leaves only fees.
    let diff = states(bad, true).await;
    let touched: Vec<&String> = diff["post"].as_object().unwrap().keys().collect();
    let mut expected = [user(), FEE_VAULT, BENEFICIARY].map(name);
    expected.sort();
    assert_eq!(touched, expected.iter().collect::<Vec<_>>());
    for whose in [user(), FEE_VAULT, BENEFICIARY] {
        assert_eq!(diff["post"][name(whose)]["balance"], balance(whose, "0x1").await, "the block's last transaction");
    }
}

#[tokio::test]
async fn a_stored_list_that_is_not_the_blocks_changes_no_answer() {
    let (rig, [good, bad]) = rig().await;
    // The first transaction pays the outbox, and the second, which reverts, only sees what it has.
    let falsified = store_again(&rig.chain, |list| {
        let outbox = list.iter_mut().find(|account| account.address == OUTBOX).unwrap();
        let [change] = outbox.balance_changes.as_mut_slice() else { panic!("{outbox:?}") };
        change.post_balance += U256::from(1);
    });
    let falsified = Rig::new(falsified).await;
    let paid = rig.ask("eth_getBalance", json!([OUTBOX, "0x1"])).await;
    let with = json!({ "tracer": "prestateTracer" });
    let states = falsified.ask("debug_traceTransaction", json!([bad, with])).await;
    assert_eq!(states[name(OUTBOX)]["balance"], paid);
    for tracer in ["callTracer", "prestateTracer", "4byteTracer", ""] {
        let with = json!({ "tracer": tracer });
        for (method, of) in [
            ("debug_traceTransaction", good.clone()),
            ("debug_traceTransaction", bad.clone()),
            ("debug_traceBlockByNumber", json!("0x1")),
        ] {
            let expected = rig.ask(method, json!([of, with])).await;
            assert_eq!(falsified.ask(method, json!([of, with])).await, expected, "{tracer} {of}");
        }
    }
}

#[tokio::test]
async fn struct_logs_and_selectors_are_those_of_the_transaction() {
    let (rig, [good, bad]) = rig().await;
    let used = |hash: &Value| {
        let (rig, hash) = (&rig, hash.clone());
        async move {
            let receipt = rig.ask("eth_getTransactionReceipt", json!([hash])).await;
            serde_json::from_value::<U256>(receipt["gasUsed"].clone()).unwrap().to::<u64>()
        }
    };
    let whole = rig.ask("debug_traceTransaction", json!([good, { "enableMemory": true }])).await;
    assert_eq!((&whole["gas"], &whole["failed"]), (&json!(used(&good).await), &json!(false)));
    let steps = whole["structLogs"].as_array().unwrap();
    assert_eq!((&steps[0]["pc"], &steps[0]["op"], &steps[0]["depth"]), (&json!(0), &json!("PUSH1"), &json!(1)));
    assert_eq!(steps[0]["stack"], json!([]));
    let store = steps.iter().find(|step| step["op"] == "SSTORE").unwrap();
    assert!(!store["storage"].as_object().unwrap().is_empty());
    assert_eq!(store["memory"][0].as_str().unwrap().len(), 64);
    for pair in steps.windows(2).filter(|pair| pair[0]["depth"] == pair[1]["depth"]) {
        let gas = |step: &Value, field: &str| step[field].as_u64().unwrap();
        assert_eq!(gas(&pair[0], "gas") - gas(&pair[0], "gasCost"), gas(&pair[1], "gas"), "{}", pair[0]);
    }
    let failed = rig.ask("debug_traceTransaction", json!([bad, { "disableStack": true, "limit": 3 }])).await;
    assert_eq!((&failed["failed"], &failed["returnValue"]), (&json!(true), &json!("0xd27b4443")));
    assert_eq!(failed["structLogs"].as_array().unwrap().len(), 3);
    assert!(failed["structLogs"][0].get("stack").is_none());

    let selectors = rig.ask("debug_traceTransaction", json!([good, { "tracer": "4byteTracer" }])).await;
    assert_eq!(selectors, json!({ "0x51cff8d9-32": 1 }));
}

#[tokio::test]
async fn calls_are_traced_with_overrides_and_mistakes_are_named() {
    let (rig, [good, _]) = rig().await;
    let somewhere = Address::repeat_byte(0xdd);
    // Asks the outbox for nothing, and returns.
    let code = format!("0x5f5f5f5f5f73{}5af100", &name(OUTBOX)[2..]);
    let with = json!({ "tracer": "callTracer", "stateOverrides": { somewhere.to_string(): { "code": code } } });
    let root = rig.ask("debug_traceCall", json!([{ "from": user(), "to": somewhere }, "latest", with])).await;
    assert_eq!((&root["calls"][0]["to"], &root["calls"][0]["from"]), (&json!(OUTBOX), &json!(somewhere)));
    let top = json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } });
    let call = json!([{ "to": OUTBOX, "data": "0xa293c0a6" }, "latest", top]);
    assert_eq!(rig.ask("debug_traceCall", call).await["output"], json!(B256::from(U256::from(32_768))));

    let error = |method: &'static str, params: Value| {
        let rig = &rig;
        async move { rig.try_ask(method, params).await.unwrap_err() }
    };
    let (code, message, _) =
        error("debug_traceTransaction", json!([good, { "tracer": "{step: function() {}}" }])).await;
    assert!(code == -32602 && message.contains("callTracer"), "{message}");
    assert_eq!(error("debug_traceTransaction", json!([B256::ZERO])).await.1, "transaction not found");
    assert_eq!(error("debug_traceBlockByNumber", json!(["0x0"])).await.1, "genesis is not traceable");
    assert_eq!(error("debug_traceBlockByHash", json!([B256::ZERO])).await.1, "header not found");
}
