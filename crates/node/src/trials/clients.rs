//! A client that sends all the time, to everybody, and afterwards wants to find everything that was accepted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    primitives::{B256, Bytes, U256},
    signers::local::PrivateKeySigner,
};
use jsonrpsee::{core::client::ClientT, http_client::HttpClient, rpc_params};
use parking_lot::Mutex;
use serde_json::Value;
use sluice_sim::testnet::{TrialReport, thousands};
use tokio::task::JoinHandle;

use super::network::Network;
use crate::{Error, devnet, load};

/// Between two transactions.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two looks for what is not in a block yet.
const LOOK: Duration = Duration::from_millis(500);
/// Longest time until everything is in a block everywhere, when a trial is over.
const SETTLED_MAX: Duration = Duration::from_secs(60);
/// Most of what a transfer may cost per gas: more than a devnet ever asks for.
const FEE_WEI: u128 = 100_000_000_000;
/// The devnet's account that sends; the first pays for the devnet itself.
const ACCOUNT: usize = 7;

/// What was sent in a trial and accepted by somebody.
type Sent = Arc<Mutex<BTreeMap<B256, Bytes>>>;

/// A client that sends all the time.
pub(super) struct Clients {
    nodes: Vec<HttpClient>,
    key: PrivateKeySigner,
    chain_id: u64,
    nonce: Arc<Mutex<u64>>,
    sent: Sent,
    stop: Arc<AtomicBool>,
}

impl Clients {
    pub(super) async fn new(network: &Network) -> Result<Self, Error> {
        let key = devnet::accounts().swap_remove(ACCOUNT);
        let nodes = network.clients();
        let nonce: Result<U256, _> =
            nodes[0].request("eth_getTransactionCount", rpc_params![key.address(), "latest"]).await;
        let nonce = nonce.map_err(|error| Error::Config(format!("eth_getTransactionCount: {error}")))?.saturating_to();
        Ok(Self {
            nodes,
            key,
            chain_id: network.chain_id,
            nonce: Arc::new(Mutex::new(nonce)),
            sent: Sent::default(),
            stop: Arc::default(),
        })
    }

    /// Begins to send.
    pub(super) fn start(&mut self) -> JoinHandle<()> {
        self.sent.lock().clear();
        self.stop.store(false, Ordering::Relaxed);
        let (nodes, key, chain_id) = (self.nodes.clone(), self.key.clone(), self.chain_id);
        let (nonce, sent, stop) = (self.nonce.clone(), self.sent.clone(), self.stop.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(PAUSE).await;
                let next = *nonce.lock();
                let (hash, raw) = load::transfer(chain_id, &key, next, FEE_WEI);
                // One that nobody accepts is sent again, as it is.
                if send(&nodes, &raw).await {
                    sent.lock().insert(hash, raw);
                    *nonce.lock() = next + 1;
                }
            }
        })
    }

    /// Ends sending.
    pub(super) async fn stop(&self, sending: JoinHandle<()>) {
        self.stop.store(true, Ordering::Relaxed);
        // It ends within a request; if it broke off, then it has sent less.
        let _ = sending.await;
    }

    /// All that was accepted is in one block, the same everywhere.
    pub(super) async fn judge(&self, report: &mut TrialReport) {
        let sent = self.sent.lock().clone();
        let deadline = Instant::now() + SETTLED_MAX;
        let mut open: BTreeSet<B256> = sent.keys().copied().collect();
        let mut torn = 0;
        while !open.is_empty() && Instant::now() < deadline {
            for hash in open.clone() {
                match self.block_of(hash).await {
                    Place::Same => drop(open.remove(&hash)),
                    Place::Different => {
                        open.remove(&hash);
                        torn += 1;
                    }
                    // It may have been lost with the memory of those who had it: a client sends it again.
                    Place::Missing => drop(send(&self.nodes, &sent[&hash]).await),
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        let (count, missing) = (sent.len(), open.len());
        report.must(
            "Every transaction that clients sent is in one block, the same at all seats",
            format!("{} sent, {missing} missing, {torn} in different blocks", thousands(count as u64)),
            count > 0 && missing == 0 && torn == 0,
        );
    }

    async fn block_of(&self, hash: B256) -> Place {
        let mut blocks = BTreeSet::new();
        for node in &self.nodes {
            let receipt: Result<Value, _> = node.request("eth_getTransactionReceipt", rpc_params![hash]).await;
            match receipt.ok().as_ref().and_then(|receipt| receipt["blockHash"].as_str()) {
                Some(block) => blocks.insert(block.to_owned()),
                None => return Place::Missing,
            };
        }
        if blocks.len() == 1 { Place::Same } else { Place::Different }
    }
}

/// Where a transaction is.
enum Place {
    /// In one block, the same everywhere.
    Same,
    /// In different blocks.
    Different,
    /// Not everywhere in a block.
    Missing,
}

/// Sends to all, and says whether anybody took it.
async fn send(nodes: &[HttpClient], raw: &Bytes) -> bool {
    let all = nodes
        .iter()
        .map(|node| async move { node.request::<B256, _>("eth_sendRawTransaction", rpc_params![raw]).await.is_ok() });
    futures::future::join_all(all).await.contains(&true)
}
