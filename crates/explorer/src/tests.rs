//! The explorer at its door: real store, real execution, over real HTTP.

#[path = "../../rpc/tests/rpc/chain.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the same hand-made chain as the RPC's tests, of which not all is needed here"
)]
mod chain;

use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, address};
use sluice_types::predeploys::OUTBOX;

use self::chain::{Chain, ETHER, call, sign, user, withdraw};
use crate::{Config, Error, Server, app::now, start};

const FRIEND: Address = address!("00000000000000000000000000000000000000bB");
const HOSTILE: &str = "<script>alert(1)</script>";

/// A client of plain HTTP; no client is made without a cryptography.
fn http() -> reqwest::ClientBuilder {
    // Whoever was first has installed the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

struct Rig {
    chain: Chain,
    server: Server,
}

/// Block 1: a transfer and a withdrawal, in batch 0, finalized. Block 2: a deposit, in batch 1, posted. Block 3: nothing.
async fn rig(genesis_timestamp: u64) -> Rig {
    let mut chain = Chain::named(HOSTILE, genesis_timestamp);
    let data = Bytes::from([0xde, 0xad, 0xbe, 0xef, 0x01].as_slice());
    chain.block(vec![sign(call(0, FRIEND, 3 * ETHER / 2, data)), sign(withdraw(1, FRIEND, 5))]);
    chain.batch(1, 1, 1, genesis_timestamp);
    chain.deposit(FRIEND, 2 * ETHER);
    chain.batch(1, 1, 1, genesis_timestamp);
    chain.block(vec![]);
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        l1_explorer_url: Some("https://l1.example/".into()),
        ..Config::default()
    };
    let server = start(config, chain.store.clone()).await.unwrap();
    Rig { chain, server }
}

impl Rig {
    /// Status and body, without following redirects; the target of a redirect is its body.
    async fn ask(&self, path: &str) -> (u16, String) {
        let client = http().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let response = client.get(format!("http://{}{path}", self.server.addr())).send().await.unwrap();
        let status = response.status().as_u16();
        let policy = response.headers().get("content-security-policy").map(|value| value.to_str().unwrap().to_owned());
        assert!(status == 414 || policy.unwrap().contains("script-src 'self'"), "{path}");
        if let Some(target) = response.headers().get("location") {
            return (status, target.to_str().unwrap().to_owned());
        }
        (status, response.text().await.unwrap())
    }

    async fn shows(&self, path: &str, facts: &[&str]) {
        let (status, body) = self.ask(path).await;
        assert_eq!(status, 200, "{path}");
        for fact in facts {
            assert!(body.contains(fact), "{path} does not show {fact:?}:\n{body}");
        }
        assert!(!body.contains(HOSTILE), "{path} is not escaped");
        assert!(body.contains("&lt;script&gt;"), "{path} does not name the chain");
    }

    fn tx(&self, block: u64, index: usize) -> B256 {
        self.chain.store.block(block.into()).unwrap().unwrap().block.transactions[index].hash()
    }
}

#[tokio::test]
async fn every_page_shows_its_facts() {
    let rig = rig(now()).await;
    let l1_tx = rig.chain.store.batch(0.into()).unwrap().unwrap().l1_tx_hash;
    let l1_link = format!("https://l1.example/tx/{l1_tx}");
    rig.shows(
        "/",
        &[
            "executed",
            "posted",
            "derived",
            "proven",
            "finalized",
            "href=\"/block/3\"",
            "href=\"/batch/1\"",
            "1 block behind",
            "Latest transactions",
            &rig.tx(1, 1).to_string(),
            "1.5 ETH",
        ],
    )
    .await;
    let block = rig.chain.store.block(1.into()).unwrap().unwrap();
    let hash = block.hash.to_string();
    // Genesis is empty, so its base fee of 1 gwei fell by one part in 250.
    let facts = ["Block 1", &hash, "finalized", "1.5 ETH", &l1_link, "href=\"/batch/0\"", "30,000,000", "0.996 gwei"];
    rig.shows("/block/1", &facts).await;
    rig.shows(&format!("/block/{hash}"), &facts).await;
    rig.shows("/block/0", &["Block 0", "genesis is in none"]).await;
    rig.shows("/block/3", &["executed", "not posted to L1 yet"]).await;

    let transfer = rig.tx(1, 0).to_string();
    let sender = user().to_string();
    rig.shows(
        &format!("/tx/{transfer}"),
        &[&transfer, "success", &sender, "1.5 ETH", "0xdeadbeef", "for L1 data", &l1_link, "Logs (0)"],
    )
    .await;
    let receipt = &rig.chain.receipts(1.into())[0];
    let fee = receipt.effective_gas_price * alloy_primitives::U256::from(receipt.gas_used) + receipt.l1_fee_wei;
    rig.shows(&format!("/tx/{transfer}"), &[&crate::format::eth(fee)]).await;
    let sent =
        alloy_primitives::keccak256("MessageSent(uint64,address,address,uint256,bytes,bytes32,bytes32)").to_string();
    rig.shows(&format!("/tx/{}", rig.tx(1, 1)), &["Logs (1)", &sent, &OUTBOX.to_string()]).await;
    rig.shows(&format!("/tx/{}", rig.tx(2, 0)), &["deposit from L1", "2 ETH", "paid on L1", "posted"]).await;

    rig.shows(&format!("/address/{FRIEND}"), &["3.5 ETH", "Account", "blocks", &transfer]).await;
    rig.shows(&format!("/address/{}", FRIEND.to_string().to_lowercase()), &["3.5 ETH"]).await;
    rig.shows(&format!("/address/{OUTBOX}"), &["Contract", "0.000000000000000005 ETH"]).await;
    rig.shows(&format!("/address/{}", Address::repeat_byte(0x77)), &["0 ETH", "None."]).await;

    let blob = B256::repeat_byte(0x01).to_string();
    rig.shows("/batch/0", &["Batch 0", &l1_link, &blob, "finalized", "href=\"/block/1\""]).await;
    rig.shows("/batches", &["href=\"/batch/0\"", "href=\"/batch/1\""]).await;
    rig.shows("/batches?from=0", &["href=\"/batch/0\"", "newer"]).await;
    for (path, content) in [("/style.css", "prefers-color-scheme: dark"), ("/live.js", "EventSource")] {
        let (status, body) = rig.ask(path).await;
        assert_eq!(status, 200);
        assert!(body.contains(content));
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_helpfully() {
    let rig = rig(now()).await;
    let unknown = B256::repeat_byte(0x42);
    for (path, status, text) in [
        ("/block/4", 404, "the newest is block 3"),
        (&format!("/block/{unknown}"), 404, "There is no such block"),
        (&format!("/tx/{unknown}"), 404, "No block holds this transaction"),
        ("/batch/2", 404, "2 are on L1 so far"),
        ("/nothing", 404, "There is no such page"),
        ("/block/x", 400, "A block is named by its number"),
        ("/block/-1", 400, "A block is named by its number"),
        ("/block/99999999999999999999", 400, "A block is named by its number"),
        ("/tx/0x12", 400, "A transaction is named by its hash"),
        ("/address/0x12", 400, "An address is 0x and 40 hex digits"),
        ("/batch/x", 400, "A batch is named by its index"),
        (&format!("/block/1?from={}", u64::MAX), 200, "Block 1"),
    ] {
        let (found, body) = rig.ask(path).await;
        assert_eq!(found, status, "{path}");
        assert!(body.contains(text), "{path}: {body}");
    }
}

#[tokio::test]
async fn search_leads_to_what_was_meant() {
    let rig = rig(now()).await;
    let (block, tx) = (rig.chain.store.block(1.into()).unwrap().unwrap().hash, rig.tx(1, 0));
    let bare = tx.to_string().trim_start_matches("0x").to_uppercase();
    for (query, target) in [
        ("2".to_owned(), "/block/2".to_owned()),
        ("%20%202%20".into(), "/block/2".into()),
        ("batch+1".into(), "/batch/1".into()),
        (block.to_string(), format!("/block/{block}")),
        (tx.to_string(), format!("/tx/{tx}")),
        (bare, format!("/tx/{tx}")),
        (FRIEND.to_string(), format!("/address/{FRIEND}")),
    ] {
        assert_eq!(rig.ask(&format!("/search?q={query}")).await, (303, target), "{query}");
    }
    for query in ["4,000", "batch+9", "alice.eth", "", &B256::ZERO.to_string()] {
        assert_eq!(rig.ask(&format!("/search?q={query}")).await.0, 404, "{query}");
    }
}

#[tokio::test]
async fn hostile_and_huge_requests_are_harmless() {
    let rig = rig(now()).await;
    let (status, body) = rig.ask("/search?q=%3Cscript%3Ealert(1)%3C/script%3E%22%27").await;
    assert_eq!(status, 404);
    assert!(!body.contains(HOSTILE) && body.contains("called “&lt;script&gt;"), "{body}");
    assert_eq!(rig.ask(&format!("/search?q={}", "a".repeat(101))).await.0, 400);
    assert_eq!(rig.ask(&format!("/block/{}", "1".repeat(101))).await.0, 400);
    assert_eq!(rig.ask(&format!("/search?q={}", "a".repeat(5_000))).await.0, 414);
    assert_eq!(rig.ask("/batches?from=x").await.0, 400);
    assert_eq!(rig.ask("/block/%ff").await.0, 400);
    rig.shows("/", &["executed"]).await;
}

#[tokio::test]
async fn a_chain_that_stands_still_is_shown_as_such() {
    let healthy = rig(now()).await;
    let (_, body) = healthy.ask("/").await;
    assert!(!body.contains("class=\"banner"), "{body}");
    let old = rig(now() - 3_600).await;
    let (_, body) = old.ask("/").await;
    assert!(body.contains("The chain stands still since"), "{body}");
    assert!(body.contains("hears nothing of L1 since"), "{body}");
    let (_, body) = old.ask("/batches").await;
    assert!(body.contains("The chain stands still since"), "on every page");
}

#[tokio::test]
async fn watchers_hear_of_new_blocks() {
    let rig = rig(now()).await;
    let mut response = http().build().unwrap().get(format!("http://{}/live", rig.server.addr())).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    rig.chain.block(vec![]);
    let mut heard = String::new();
    let listen = async {
        while !(heard.contains("event: batches") && heard.contains("href=\"/block/4\"")) {
            heard.push_str(&String::from_utf8_lossy(&response.chunk().await.unwrap().unwrap()));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), listen).await.unwrap();
    for event in ["event: health", "event: ladder", "event: blocks"] {
        assert!(heard.contains(event), "{heard}");
    }
}

/// The rungs that a page says are reached, and those that it says are to come.
fn climb(body: &str) -> (usize, usize) {
    let list = body.split("<ol class=\"climb\">").nth(1).unwrap().split("</ol>").next().unwrap();
    (list.matches('✓').count(), list.matches("class=\"waiting\"").count())
}

#[tokio::test]
async fn pages_say_which_rungs_are_reached_and_which_are_to_come() {
    let rig = rig(now()).await;
    for (path, reached) in [
        ("/block/1".to_owned(), 5),
        ("/block/3".into(), 1),
        (format!("/tx/{}", rig.tx(1, 0)), 5),
        (format!("/tx/{}", rig.tx(2, 0)), 2),
        ("/batch/0".into(), 5),
        ("/batch/1".into(), 2),
    ] {
        assert_eq!(climb(&rig.ask(&path).await.1), (reached, 5 - reached), "{path}");
    }
}

#[tokio::test]
async fn watchers_of_a_block_hear_of_its_batch() {
    let mut rig = rig(now()).await;
    let mut response =
        http().build().unwrap().get(format!("http://{}/live?block=3", rig.server.addr())).send().await.unwrap();
    rig.chain.batch(1, 1, 1, now());
    let mut heard = String::new();
    let listen = async {
        while !(heard.contains("✓ posted") && heard.contains("href=\"/batch/2\"")) {
            heard.push_str(&String::from_utf8_lossy(&response.chunk().await.unwrap().unwrap()));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), listen).await.unwrap();
    assert!(!heard.contains("event: blocks"), "only what the page shows: {heard}");
}

#[tokio::test]
async fn a_range_of_one_block_is_one_number() {
    let rig = rig(now()).await;
    rig.shows("/batch/0", &["<a href=\"/block/1\">1</a> (1 block)"]).await;
    let (_, body) = rig.ask("/batches").await;
    assert!(body.contains("<td><a href=\"/block/2\">2</a></td>"), "{body}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_the_start() {
    let rig = rig(now()).await;
    let store = &rig.chain.store;
    let taken = Config { listen: rig.server.addr(), ..Config::default() };
    assert!(matches!(start(taken, store.clone()).await, Err(Error::PortBusy(_))));
    let script = Config { l1_explorer_url: Some("javascript:alert(1)".into()), ..Config::default() };
    assert!(matches!(start(script, store.clone()).await, Err(Error::L1ExplorerUrl(_))));
    rig.server.stop();
    rig.server.stopped().await.unwrap();
}
