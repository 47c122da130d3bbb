//! Transactions on their way in.

use alloy_consensus::{Transaction as _, TxEip4844};
use alloy_primitives::{Address, B256, Bytes, address};
use jsonrpsee::core::client::{Subscription, SubscriptionClientT};
use serde_json::{Value, json};
use sluice_executor::Executor;
use sluice_ordering::Wake;
use sluice_rpc::Config;
use sluice_sequencer::{PoolHandle, Sequencer};
use sluice_types::{DepositTransaction, SignedTransaction, Transaction};

use crate::{
    chain::{BENEFICIARY, CHAIN_ID, Chain, call, sign, user},
    rig::{Rig, config, hex},
};

const FRIEND: Address = address!("00000000000000000000000000000000000000bb");

/// A real pool whose engine never asks for a block. The sequencer and the engine's end must live as long as it does.
struct Pool {
    handle: PoolHandle,
    _sequencer: Sequencer,
    _wake: Wake,
}

fn pool(chain: &Chain) -> Pool {
    let (engine, wake) = sluice_ordering::handle();
    let settings = sluice_sequencer::Config::new(BENEFICIARY);
    let (sequencer, handle) = Sequencer::new(settings, chain.store.clone(), Executor::new(), engine, None).unwrap();
    Pool { handle, _sequencer: sequencer, _wake: wake }
}

async fn rig() -> (Rig, Pool) {
    let chain = Chain::new(1_000_000);
    chain.block(vec![]);
    let pool = pool(&chain);
    let rig = Rig::with(chain, config(), Some(pool.handle.clone())).await;
    (rig, pool)
}

fn raw(tx: &SignedTransaction) -> Bytes {
    Transaction::Signed(tx.clone()).encode().into()
}

fn pay(nonce: u64) -> SignedTransaction {
    sign(call(nonce, FRIEND, 1, Bytes::new()))
}

#[tokio::test]
async fn what_is_sent_waits_in_the_pool() {
    let (rig, _pool) = rig().await;
    let client = rig.ws().await;
    let mut news: Subscription<Value> = client
        .subscribe("eth_subscribe", jsonrpsee::rpc_params!["newPendingTransactions"], "eth_unsubscribe")
        .await
        .unwrap();
    let filter = rig.ask("eth_newPendingTransactionFilter", json!([])).await;
    let tx = pay(0);
    let hash = rig.ask("eth_sendRawTransaction", json!([raw(&tx)])).await;
    assert_eq!(hash, json!(tx.tx_hash()));
    assert_eq!(news.next().await.unwrap().unwrap(), hash);
    assert_eq!(rig.ask("eth_getFilterChanges", json!([filter])).await, json!([hash]));
    assert_eq!(rig.ask("eth_getFilterChanges", json!([filter])).await, json!([]));

    let shown = rig.ask("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!((&shown["hash"], &shown["from"]), (&hash, &json!(user())));
    assert_eq!(
        (&shown["blockHash"], &shown["blockNumber"], &shown["transactionIndex"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(rig.ask("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    assert_eq!(rig.ask("eth_getRawTransactionByHash", json!([hash])).await, json!(raw(&tx)));
    assert_eq!(rig.ask("rollup_getFinality", json!([hash])).await["rung"], "pending");
    assert_eq!(rig.ask("eth_getTransactionCount", json!([user(), "pending"])).await, "0x1");
    assert_eq!(rig.ask("eth_getTransactionCount", json!([user(), "latest"])).await, "0x0");
    assert_eq!(rig.ask("eth_getTransactionCount", json!([FRIEND, "pending"])).await, "0x0");

    rig.ask("eth_sendRawTransaction", json!([raw(&pay(2))])).await;
    assert_eq!(rig.ask("txpool_status", json!([])).await, json!({ "pending": "0x1", "queued": "0x1" }));
    let content = rig.ask("txpool_content", json!([])).await;
    assert_eq!(content["pending"][user().to_string()]["0"], shown);
    assert_eq!(content["queued"][user().to_string()]["2"]["nonce"], "0x2");
    let line = format!("{FRIEND}: 1 wei + 500000 gas × {} wei", tx.max_fee_per_gas());
    assert_eq!(rig.ask("txpool_inspect", json!([])).await["pending"][user().to_string()]["0"], line);
}

#[tokio::test]
async fn what_the_pool_refuses_is_told_in_its_words() {
    let (rig, _pool) = rig().await;
    rig.ask("eth_sendRawTransaction", json!([raw(&pay(0))])).await;
    let blobs = TxEip4844 { chain_id: CHAIN_ID, nonce: 1, gas_limit: 21_000, ..TxEip4844::default() };
    let blobs = sign(blobs);
    let deposit = Transaction::Deposit(DepositTransaction {
        source_hash: B256::ZERO,
        from: user(),
        to: FRIEND.into(),
        mint: Default::default(),
        value: Default::default(),
        gas_limit: 1,
        is_system: false,
        input: Bytes::new(),
    });
    let elsewhere = sign(alloy_consensus::TxEip1559 { chain_id: 1, ..call(1, FRIEND, 1, Bytes::new()) });
    let rich = sign(call(1, FRIEND, 5_000 * crate::chain::ETHER, Bytes::new()));
    let table: [(Bytes, &str); 7] = [
        (raw(&pay(0)), "already known"),
        (raw(&blobs), "transaction type not supported"),
        (deposit.encode().into(), "transaction type not supported: 0x7e"),
        (raw(&elsewhere), "invalid chain id for signer: have 1 want 7777"),
        (raw(&rich), "insufficient funds for gas * price + value"),
        (Bytes::from_static(b"\x02\xc0"), ""),
        (Bytes::new(), ""),
    ];
    for (bytes, start) in table {
        let (code, message, _) = rig.try_ask("eth_sendRawTransaction", json!([bytes])).await.unwrap_err();
        assert_eq!(code, -32000, "{message}");
        assert!(!message.is_empty() && message.starts_with(start), "{message}");
    }
}

#[tokio::test]
async fn sending_in_sync_waits_for_the_receipt() {
    let (rig, _pool) = rig().await;
    let tx = pay(0);
    // Nobody makes a block.
    let (code, message, data) = rig.try_ask("eth_sendRawTransactionSync", json!([raw(&tx), 50])).await.unwrap_err();
    assert_eq!((code, data), (4, Some(json!(tx.tx_hash()))));
    assert!(message.contains("in no block after 50 ms"), "{message}");

    let next = pay(1);
    let params = json!([raw(&next), "0x7530"]);
    let (receipt, ()) = tokio::join!(rig.ask("eth_sendRawTransactionSync", params), async {
        while rig.ask("eth_getTransactionByHash", json!([next.tx_hash()])).await.is_null() {
            tokio::task::yield_now().await;
        }
        rig.chain.block(vec![tx, next.clone()]);
    });
    assert_eq!((&receipt["transactionHash"], &receipt["blockNumber"]), (&json!(next.tx_hash()), &hex(2)));
}

#[tokio::test]
async fn followers_forward_or_refuse() {
    let (sequencer, _pool) = rig().await;
    let alone = Rig::new(Chain::new(1_000_000)).await;
    let tx = raw(&pay(0));
    let (code, message, _) = alone.try_ask("eth_sendRawTransaction", json!([tx])).await.unwrap_err();
    assert_eq!(code, -32000);
    assert!(message.starts_with("this node follows the chain and takes no transactions"), "{message}");
    assert_eq!(alone.ask("txpool_status", json!([])).await, json!({ "pending": "0x0", "queued": "0x0" }));

    let url = Some(format!("http://{}", sequencer.server.addr()));
    let follower = Rig::with(Chain::new(1_000_000), Config { sequencer_url: url, ..config() }, None).await;
    let hash = follower.ask("eth_sendRawTransaction", json!([tx])).await;
    assert_eq!(sequencer.ask("eth_getTransactionByHash", json!([hash])).await["hash"], hash);
    let known = follower.try_ask("eth_sendRawTransaction", json!([tx])).await;
    assert_eq!(known, Err((-32000, "already known".to_owned(), None)), "the sequencer's own words");

    let nowhere = Config { sequencer_url: Some("http://127.0.0.1:1".into()), ..config() };
    let lost = Rig::with(Chain::new(1_000_000), nowhere, None).await;
    let refused = lost.try_ask("eth_sendRawTransaction", json!([tx])).await;
    assert_eq!(refused, Err((-32000, "the sequencer cannot be reached; try again later".to_owned(), None)));
}
