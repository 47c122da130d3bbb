//! Certified blocks as a node without a seat takes them: over a socket of its own, read by hand.

use std::time::Duration;

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Decodable;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sluice_rpc::{Config, Limits};
use sluice_types::{Height, OrderedBlock, RollupId, RollupSection};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::{
    chain::{CHAIN_ID, Chain},
    rig::{Rig, config, hex},
};

/// A WebSocket that is read only when it is asked for something.
struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn new(rig: &Rig) -> Self {
        let stream = TcpStream::connect(rig.server.addr()).await.unwrap();
        Self(client_async(format!("ws://{}", rig.server.addr()), stream).await.unwrap().0)
    }

    /// What it says next, in its order.
    async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(Duration::from_secs(60), self.0.next());
        let message = next.await.expect("it says something").expect("it is open").unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.0.send(Message::text(request.to_string())).await.unwrap();
        self.next().await
    }

    async fn subscribe(&mut self, from: u64) -> Value {
        self.ask("rollup_subscribe", json!(["certifiedBlocks", { "fromHeight": hex(from) }])).await
    }
}

/// A block whose hash nobody needs to be real, with so many bytes in it.
fn ordered(height: u64, size_bytes: usize) -> OrderedBlock {
    OrderedBlock {
        height: Height(height),
        epoch: 3,
        view: height,
        parent: B256::with_last_byte(7),
        timestamp_ms: 7,
        l1_origin: 1.into(),
        l1_origin_hash: B256::ZERO,
        beneficiary: Default::default(),
        next_epoch: 0,
        sections: vec![RollupSection {
            rollup: RollupId(CHAIN_ID),
            inbox_count: 0,
            transactions: vec![vec![0xee; size_bytes].into()],
            executed_number: 0.into(),
            executed_hash: B256::ZERO,
        }],
    }
}

fn add(chain: &Chain, height: u64, size_bytes: usize) -> OrderedBlock {
    let block = ordered(height, size_bytes);
    chain.ordered_block(block.clone(), 1, B256::with_last_byte(9));
    block
}

#[tokio::test]
async fn certified_blocks_come_from_the_past_into_the_present_without_a_gap() {
    let chain = Chain::new(1_000_000);
    let mut blocks: Vec<_> = (1..=3).map(|height| add(&chain, height, 10)).collect();
    let rig = Rig::new(chain).await;
    let mut socket = Socket::new(&rig).await;
    let id = socket.subscribe(2).await["result"].clone();
    assert!(id.is_string(), "{id}");
    blocks.push(add(&rig.chain, 4, 10));
    for height in 2..=6 {
        if height >= 5 {
            blocks.push(add(&rig.chain, height, 10));
        }
        let message = socket.next().await;
        assert_eq!((&message["method"], &message["params"]["subscription"]), (&json!("rollup_subscription"), &id));
        let result = &message["params"]["result"];
        let encoded: Bytes = serde_json::from_value(result["ordered"].clone()).unwrap();
        assert_eq!(result["height"], hex(height));
        assert_eq!(OrderedBlock::decode(&mut encoded.as_ref()).unwrap(), blocks[usize::try_from(height).unwrap() - 1]);
        let certificate = json!({
            "height": hex(height + 1), "blockHash": B256::with_last_byte(9), "scheme": "0x1", "proof": "0x010203"
        });
        assert_eq!(result["certificate"], certificate);
    }
    // From a height that is not there yet, too.
    let mut early = Socket::new(&rig).await;
    assert!(early.subscribe(8).await["result"].is_string());
    add(&rig.chain, 7, 10);
    add(&rig.chain, 8, 10);
    assert_eq!(early.next().await["params"]["result"]["height"], "0x8");
    assert_eq!(socket.next().await["params"]["result"]["height"], "0x7");
    assert_eq!(socket.next().await["params"]["result"]["height"], "0x8");
    let ended = socket.ask("rollup_unsubscribe", json!([id])).await;
    assert_eq!(ended["result"], true);
    add(&rig.chain, 9, 10);
    assert_eq!(early.next().await["params"]["result"]["height"], "0x9");
    assert_eq!(socket.ask("eth_blockNumber", json!([])).await["result"], "0x9", "nothing more came before the answer");
}

#[tokio::test]
async fn who_wants_access_lists_has_them_where_they_tell_all_that_the_block_does() {
    let chain = Chain::new(1_000_000);
    add(&chain, 1, 10);
    let mut nothing_skipped = ordered(2, 0);
    nothing_skipped.sections[0].transactions.clear();
    chain.ordered_block(nothing_skipped, 1, B256::with_last_byte(9));
    let rig = Rig::new(chain).await;
    for wants in [true, false] {
        let mut socket = Socket::new(&rig).await;
        let wish = json!(["certifiedBlocks", { "fromHeight": 1, "accessLists": wants }]);
        assert!(socket.ask("rollup_subscribe", wish).await["result"].is_string());
        let lists =
            [socket.next().await, socket.next().await].map(|told| told["params"]["result"]["accessList"].clone());
        // What was ordered in the first block was skipped.
        assert_eq!(lists[0], Value::Null);
        if wants {
            let list: Bytes = serde_json::from_value(lists[1].clone()).unwrap();
            let sealed = rig.chain.store.block(2.into()).unwrap().unwrap();
            assert_eq!(keccak256(list), B256::from_slice(&sealed.block.header.extra_data));
        } else {
            assert_eq!(lists[1], Value::Null);
        }
    }
}

#[tokio::test]
async fn a_height_that_was_derived_from_l1_is_an_error_that_says_so() {
    let chain = Chain::new(1_000_000);
    chain.block(vec![]);
    add(&chain, 2, 10);
    chain.block(vec![]);
    add(&chain, 4, 10);
    let rig = Rig::new(chain).await;
    let mut socket = Socket::new(&rig).await;
    let refused = socket.subscribe(1).await;
    let said = refused["error"]["message"].as_str().unwrap();
    assert!(said.starts_with("this node has no certified block of height 1: it derived block 1 from L1"), "{said}");
    assert!(said.contains("subscribe at a sequencer"), "{said}");
    assert!(socket.subscribe(2).await["result"].is_string());
    assert_eq!(socket.next().await["params"]["result"]["height"], "0x2");
    let ended = socket.next().await;
    let said = ended["params"]["error"].as_str().unwrap_or_else(|| panic!("{ended}"));
    assert!(said.contains("no certified block of height 3"), "{said}");
    assert!(socket.subscribe(4).await["result"].is_string(), "the connection goes on");
}

#[tokio::test]
async fn wrong_wishes_are_refused() {
    let rig = Rig::new(Chain::new(1_000_000)).await;
    let mut socket = Socket::new(&rig).await;
    for (params, said) in [
        (json!([]), "missing value for required argument 0"),
        (json!(["newHeads"]), "no \"newHeads\" subscription in rollup namespace; there is certifiedBlocks"),
        (json!(["certifiedBlocks"]), "missing value for required argument 1"),
        (json!(["certifiedBlocks", {}]), "invalid argument 1: "),
        (json!(["certifiedBlocks", { "fromHeight": "one" }]), "invalid argument 1: "),
        (json!(["certifiedBlocks", { "fromHeight": 1, "to": 2 }]), "invalid argument 1: "),
        (json!(["certifiedBlocks", { "fromHeight": 1, "accessLists": 1 }]), "invalid argument 1: "),
        (json!(["certifiedBlocks", { "fromHeight": "0x0" }]), "nothing is ordered at height 0"),
        (json!(["certifiedBlocks", { "fromHeight": 1 }, 3]), "too many arguments"),
    ] {
        let answer = socket.ask("rollup_subscribe", params.clone()).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(said) && answer["error"]["code"] == -32602, "{params}: {answer}");
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_made_to_wait_and_then_told_where_to_begin_again() {
    const BLOCKS: u64 = 80;
    let chain = Chain::new(1_000_000);
    for height in 1..=BLOCKS {
        add(&chain, height, 400_000);
    }
    let limits = Limits { subscription_wait_ms_max: 1_000, ..config().limits };
    let rig = Rig::with(chain, Config { limits, ..config() }, None).await;
    let mut socket = Socket::new(&rig).await;
    assert!(socket.subscribe(1).await["result"].is_string());
    // It reads nothing; others are served meanwhile.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(rig.ask("eth_blockNumber", json!([])).await, hex(BLOCKS));
    let mut next = 1;
    let said = loop {
        let message = socket.next().await;
        if let Some(said) = message["params"]["error"].as_str() {
            break said.to_owned();
        }
        assert_eq!(message["params"]["result"]["height"], hex(next));
        next += 1;
    };
    assert!(next > 1 && next < BLOCKS, "{next} of {BLOCKS} were buffered");
    assert_eq!(said, format!("the client took too little for 1000 ms; subscribe again from height {next}"));
    assert!(socket.subscribe(next).await["result"].is_string());
    assert_eq!(socket.next().await["params"]["result"]["height"], hex(next));
}
