//! The embedded node as its users see it: over HTTP.

use std::{net::SocketAddr, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{ACCOUNTS, Config, DevL1, Error, start};

fn manual(data_dir: Option<&Path>) -> Config {
    Config { block_time: Duration::ZERO, data_dir: data_dir.map(Path::to_owned), ..Config::default() }
}

/// A client of plain HTTP; no client is made without a cryptography.
fn http() -> reqwest::ClientBuilder {
    // Whoever was first has installed the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

async fn call(l1: &DevL1, method: &str, params: Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    http().build().unwrap().post(&l1.rpc_url).json(&request).send().await.unwrap().json().await.unwrap()
}

async fn header(l1: &DevL1, tag: &str) -> (u64, String, u64) {
    let answer = call(l1, "eth_getBlockByNumber", json!([tag, false])).await;
    let block = &answer["result"];
    let number = |field: &str| u64::from_str_radix(&block[field].as_str().unwrap()[2..], 16).unwrap();
    (number("number"), block["hash"].as_str().unwrap().to_owned(), number("timestamp"))
}

#[tokio::test]
async fn restart_continues_the_same_chain() {
    let dir = tempfile::tempdir().unwrap();
    let l1 = start(manual(Some(dir.path()))).await.unwrap();
    // More than the 128 blocks whose state the library keeps apart.
    l1.mine(200).await.unwrap();
    l1.reorg(2).await.unwrap();
    let before = [header(&l1, "latest").await, header(&l1, "0xc6").await, header(&l1, "0x0").await];
    let busy = start(manual(Some(dir.path()))).await.unwrap_err();
    assert!(matches!(busy, Error::File { .. }), "{busy}");
    l1.stop().await;

    let l1 = start(manual(Some(dir.path()))).await.unwrap();
    assert_eq!([header(&l1, "latest").await, header(&l1, "0xc6").await, header(&l1, "0x0").await], before);
    l1.mine(1).await.unwrap();
    let (number, _, timestamp) = header(&l1, "latest").await;
    assert_eq!(number, 202);
    assert!(timestamp > before[0].2);
    l1.stop().await;

    let other = Config { chain_id: 5, ..manual(Some(dir.path())) };
    assert!(matches!(start(other).await, Err(Error::Config(_))));
}

#[tokio::test]
async fn heads_keep_their_depths_and_reorgs_spare_final_blocks() {
    let l1 = start(manual(None)).await.unwrap();
    l1.mine(10).await.unwrap();
    assert_eq!(header(&l1, "latest").await.0, 10);
    assert_eq!(header(&l1, "safe").await.0, 8);
    let finalized = header(&l1, "finalized").await;
    assert_eq!(finalized.0, 6);
    let gone = header(&l1, "0x7").await;
    assert!(l1.reorg(5).await.is_err());
    l1.reorg(4).await.unwrap();
    assert_eq!(header(&l1, "latest").await.0, 11);
    assert_eq!(header(&l1, "0x6").await, finalized);
    assert_ne!(header(&l1, "0x7").await.1, gone.1);
    assert_eq!(call(&l1, "dev_reorg", json!([9])).await["error"]["code"], -32000);
}

#[tokio::test]
async fn time_can_be_advanced_and_every_block_has_its_slot() {
    let l1 = start(manual(None)).await.unwrap();
    l1.mine(3).await.unwrap();
    let (_, _, before) = header(&l1, "latest").await;
    l1.advance_time(1_000).await.unwrap();
    l1.mine(1).await.unwrap();
    let (_, _, after) = header(&l1, "latest").await;
    assert!(after >= before + 1_000, "{before} {after}");
    let (_, _, genesis) = header(&l1, "0x0").await;
    for (slot, status) in [(after - genesis, 200), (after - genesis - 1, 404)] {
        let url = format!("{}/eth/v1/beacon/blobs/{slot}", l1.beacon_url);
        assert_eq!(http().build().unwrap().get(url).send().await.unwrap().status().as_u16(), status);
    }
}

#[tokio::test]
async fn funds_the_accounts_and_has_the_system_contracts() {
    let l1 = start(manual(None)).await.unwrap();
    for account in ACCOUNTS {
        let balance = call(&l1, "eth_getBalance", json!([account, "latest"])).await;
        assert_eq!(balance["result"], "0x21e19e0c9bab2400000");
    }
    for contract in [
        "0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02",
        "0x0000F90827F1C53a10cb7A02335B175320002935",
        "0x00000961Ef480Eb55e80D19ad83579A64c007002",
        "0x0000BBdDc7CE488642fb579F8B00f3a590007251",
    ] {
        let code = call(&l1, "eth_getCode", json!([contract, "latest"])).await;
        assert!(code["result"].as_str().unwrap().len() > 100, "{contract}: {code}");
    }
}

#[tokio::test]
async fn a_busy_port_is_named() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen: SocketAddr = held.local_addr().unwrap();
    let error = start(Config { listen, ..manual(None) }).await.unwrap_err();
    assert!(matches!(&error, Error::PortBusy(port) if *port == listen), "{error}");
    assert!(error.to_string().contains(&listen.port().to_string()));
}

#[tokio::test]
async fn blocks_come_by_themselves_and_stop_frees_the_port() {
    let config = Config { block_time: Duration::from_millis(20), ..Config::default() };
    let l1 = start(config).await.unwrap();
    let port: SocketAddr = l1.rpc_url.trim_start_matches("http://").parse().unwrap();
    tokio::time::timeout(Duration::from_secs(20), async {
        while header(&l1, "latest").await.0 < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    l1.stop().await;
    std::net::TcpListener::bind(port).unwrap();
}
