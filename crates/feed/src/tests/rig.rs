//! Blocks with real certificates of one sequencer, and peers that say what they are told to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{Address, B256, Bytes, keccak256};
use futures::{SinkExt, StreamExt};
use secp256k1::{Message as Digest, PublicKey, SECP256K1, SecretKey};
use serde_json::{Value, json};
use sluice_ordering::Event;
use sluice_types::{Certificate, Height, OrderedBlock, RollupId, RollupSection};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use crate::{Config, Error, Peer, Solo, Start, Verifier, service::run_trusting};

/// Longest that a test waits for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// A peer's silence that is too long, where a test waits for it.
pub(super) const STALL: Duration = Duration::from_millis(400);

pub(super) fn address(key: u8) -> Address {
    let key = PublicKey::from_secret_key(SECP256K1, &SecretKey::from_slice(&[key; 32]).unwrap());
    Address::from_slice(&keccak256(&key.serialize_uncompressed()[1..])[12..])
}

/// The certificate of a block, by the sequencer with this key.
pub(super) fn certify(key: u8, block: &OrderedBlock) -> Certificate {
    let (height, block_hash) = (block.height, block.hash());
    let digest = Digest::from_digest(Certificate::digest(height, block_hash).0);
    let secret = SecretKey::from_slice(&[key; 32]).unwrap();
    let (recovery, compact) = SECP256K1.sign_ecdsa_recoverable(&digest, &secret).serialize_compact();
    let v = 27 + u8::try_from(i32::from(recovery)).unwrap();
    Certificate { height, block_hash, scheme: 0, proof: [compact.as_slice(), &[v]].concat().into() }
}

/// A block with so many bytes of transactions.
pub(super) fn block(height: u64, parent: B256, size_bytes: usize) -> OrderedBlock {
    OrderedBlock {
        height: Height(height),
        epoch: 2,
        view: height,
        parent,
        timestamp_ms: height,
        l1_origin: 0.into(),
        l1_origin_hash: B256::ZERO,
        beneficiary: Address::ZERO,
        next_epoch: 0,
        sections: vec![RollupSection {
            rollup: RollupId(1),
            inbox_count: 0,
            transactions: vec![vec![0xee; size_bytes].into()],
            executed_number: 0.into(),
            executed_hash: B256::ZERO,
        }],
    }
}

/// Blocks 1 to `count`, each on the one before.
pub(super) fn chain(count: u64) -> Vec<OrderedBlock> {
    chain_of(count, 100)
}

pub(super) fn chain_of(count: u64, size_bytes: usize) -> Vec<OrderedBlock> {
    let mut parent = B256::ZERO;
    let blocks = (1..=count).map(|height| {
        let block = block(height, parent, size_bytes);
        parent = block.hash();
        block
    });
    blocks.collect()
}

/// The notification of a block with a certificate, as a node sends it.
pub(super) fn told(block: &OrderedBlock, certificate: &Certificate) -> Value {
    json!({ "jsonrpc": "2.0", "method": "rollup_subscription", "params": { "subscription": "0x1", "result": {
        "height": format!("{:#x}", block.height.0),
        "ordered": Bytes::from(alloy_rlp::encode(block)),
        "certificate": {
            "height": format!("{:#x}", certificate.height.0),
            "blockHash": certificate.block_hash,
            "scheme": format!("{:#x}", certificate.scheme),
            "proof": certificate.proof,
        },
    }}})
}

/// Something that a peer does.
#[derive(Clone)]
pub(super) enum Act {
    /// Says this, as text.
    Say(String),
    /// Says this, as bytes.
    Bytes(Vec<u8>),
    /// Waits until it is told to go on.
    Wait(Arc<tokio::sync::Notify>),
    /// Closes the connection.
    Close,
}

/// Says a block with its own certificate.
pub(super) fn good(block: &OrderedBlock) -> Act {
    say(block, &certify(1, block))
}

pub(super) fn say(block: &OrderedBlock, certificate: &Certificate) -> Act {
    Act::Say(told(block, certificate).to_string())
}

/// Says all these blocks from the height on that it was asked for, as an honest node.
pub(super) fn honest(blocks: &[OrderedBlock]) -> impl Fn(u64) -> Vec<Act> + Send + Sync + use<> {
    let blocks = blocks.to_vec();
    move |from| blocks.iter().filter(|block| block.height.0 >= from).map(good).collect()
}

/// A peer on loopback. It answers each subscription with what the script says for the height that was asked for, and is then silent.
pub(super) struct Scripted {
    pub(super) url: String,
    /// Heights from which it was asked, one after another.
    pub(super) asked: mpsc::UnboundedReceiver<u64>,
    /// Messages that it got rid of.
    pub(super) said: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Scripted {
    pub(super) async fn new(script: impl Fn(u64) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (asking, asked) = mpsc::unbounded_channel();
        let said = Arc::new(AtomicUsize::new(0));
        let counter = said.clone();
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream, &asking, &counter, &script).await;
            }
        });
        Self { url, asked, said, server }
    }

    pub(super) async fn asked(&mut self) -> u64 {
        tokio::time::timeout(PATIENCE, self.asked.recv()).await.expect("somebody asks").unwrap()
    }
}

pub(super) async fn serve(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    asking: &mpsc::UnboundedSender<u64>,
    said: &AtomicUsize,
    script: &(impl Fn(u64) -> Vec<Act> + Send + Sync),
) {
    let Ok(mut socket) = accept_async(stream).await else { return };
    let Some(Ok(request)) = socket.next().await else { return };
    let request: Value = serde_json::from_str(request.to_text().unwrap()).unwrap();
    assert_eq!((&request["method"], &request["params"][0]), (&json!("rollup_subscribe"), &json!("certifiedBlocks")));
    let from = request["params"][1]["fromHeight"].as_str().unwrap().trim_start_matches("0x");
    let from = u64::from_str_radix(from, 16).unwrap();
    asking.send(from).unwrap();
    let mut acts = script(from);
    if !matches!(acts.first(), Some(Act::Say(text)) if text.contains("\"error\":{")) {
        acts.insert(0, Act::Say(json!({ "jsonrpc": "2.0", "id": request["id"], "result": "0x1" }).to_string()));
    }
    for act in acts {
        let sent = match act {
            Act::Say(text) => socket.send(Message::text(text)).await,
            Act::Bytes(bytes) => socket.send(Message::binary(bytes)).await,
            Act::Close => return,
            Act::Wait(go) => {
                go.notified().await;
                continue;
            }
        };
        if sent.is_err() {
            return;
        }
        said.fetch_add(1, Ordering::Relaxed);
    }
    // Silent until the other side goes.
    while socket.next().await.is_some_and(|message| message.is_ok()) {}
}

/// The engine, and the application's end of its channel.
pub(super) struct Rig {
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) engine: JoinHandle<Result<(), Error>>,
    /// Asks it to stop, used or dropped.
    pub(super) stop: oneshot::Sender<()>,
}

pub(super) fn new_chain() -> Start {
    Start { height: Height(0), hash: Some(B256::ZERO), epoch: 0 }
}

impl Rig {
    /// From the first block on, of the sequencer with key 1.
    pub(super) fn start(urls: &[&str]) -> Self {
        Self::from(new_chain(), urls, Solo(address(1)))
    }

    pub(super) fn from(start: Start, urls: &[&str], verifier: impl Verifier + 'static) -> Self {
        Self::trusting(start, urls, verifier, crate::peer::public_roots())
    }

    pub(super) fn trusting(
        start: Start,
        urls: &[&str],
        verifier: impl Verifier + 'static,
        roots: rustls::RootCertStore,
    ) -> Self {
        // More room than blocks may be in flight, so that only the engine holds back.
        let (sender, events) = mpsc::channel(1_000);
        let peers = urls.iter().map(|url| Peer::new(url).unwrap()).collect();
        let config = Config { peers, stall: STALL };
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        Self { events, engine: tokio::spawn(run_trusting(config, start, (sender, stopped), verifier, roots)), stop }
    }

    /// The next block with its certificate, not durable yet.
    pub(super) async fn finalized(&mut self) -> (OrderedBlock, Certificate, oneshot::Sender<()>) {
        match tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("a block comes") {
            Some(Event::Finalized { block, certificate, done, .. }) => (block, certificate, done),
            other => panic!("expected a block, got {other:?}"),
        }
    }

    /// Takes these blocks, and none other, and makes each durable.
    pub(super) async fn expect(&mut self, blocks: &[OrderedBlock]) {
        for expected in blocks {
            let (block, _, done) = self.finalized().await;
            assert_eq!(block, *expected);
            done.send(()).unwrap();
        }
    }

    /// What it ends with.
    pub(super) async fn ended(&mut self) -> Error {
        let ended = tokio::time::timeout(PATIENCE, &mut self.engine).await.expect("it ends").unwrap();
        ended.expect_err("nobody asked it to stop")
    }
}
