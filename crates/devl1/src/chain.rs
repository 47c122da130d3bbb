//! The embedded chain: builds blocks, executes them, chooses the head, and writes the journal.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use ethrex_blockchain::{
    Blockchain, BlockchainOptions,
    fork_choice::apply_fork_choice,
    payload::{BuildPayloadArgs, create_payload},
};
use ethrex_common::{
    Address, H256, H512,
    types::{Block, BlockHeader, ELASTICITY_MULTIPLIER},
};
use ethrex_p2p::types::{Node, NodeRecord};
use ethrex_rlp::{decode::RLPDecode, encode::RLPEncode};
use ethrex_rpc::{ClientVersion, GasTipEstimator, NodeData, RpcApiContext, RpcNamespace, start_block_executor};
use ethrex_storage::{EngineType, Store};

use crate::{
    Config, Error,
    blobs::{BLOB_SIZE, Blobs, Place, versioned_hash},
    genesis::{GAS_LIMIT, genesis},
    journal::Journal,
};

/// First byte of the journal's first record.
const RECORD_GENESIS: u8 = 0;
/// First byte of a record that holds a block.
const RECORD_BLOCK: u8 = 1;
/// How often a long replay says how far it is, blocks.
const REPLAY_LOG_BLOCKS: u64 = 5_000;

/// The chain and everything that its RPC needs.
pub(crate) struct Chain {
    context: RpcApiContext,
    genesis_time: u64,
    finality_blocks: u64,
    /// Seconds that were let pass artificially.
    time_offset: AtomicU64,
    blobs: Mutex<Blobs>,
    /// Held while the chain changes: one block at a time.
    journal: tokio::sync::Mutex<Option<Journal>>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("genesis_time", &self.genesis_time).finish_non_exhaustive()
    }
}

impl Chain {
    /// Opens the chain in the data folder, or begins a new one.
    pub(crate) async fn open(config: &Config) -> Result<Self, Error> {
        let Some(dir) = &config.data_dir else { return Self::begin(config, now()).await };
        Self::replay(config, dir).await
    }

    async fn begin(config: &Config, genesis_time: u64) -> Result<Self, Error> {
        let mut store = Store::new("", EngineType::InMemory).map_err(failed("opening its memory"))?;
        store.add_initial_state(genesis(config.chain_id, genesis_time)).await.map_err(failed("genesis"))?;
        let blockchain = Arc::new(Blockchain::new(store.clone(), BlockchainOptions::default()));
        blockchain.set_synced();
        Ok(Self {
            context: context(store, blockchain)?,
            genesis_time,
            finality_blocks: config.finality_blocks,
            time_offset: AtomicU64::new(0),
            blobs: Mutex::default(),
            journal: tokio::sync::Mutex::new(None),
        })
    }

    /// Executes every block of the journal again.
    async fn replay(config: &Config, dir: &Path) -> Result<Self, Error> {
        let mut chain: Option<Self> = None;
        let mut head = None;
        let mut journal = Journal::open(dir, async |place, record| {
            match (&chain, decode(&record)) {
                (None, Some(Record::Genesis { chain_id, genesis_time })) if chain_id == config.chain_id => {
                    chain = Some(Self::begin(config, genesis_time).await?);
                }
                (None, Some(Record::Genesis { chain_id, .. })) => {
                    return Err(Error::Config(format!(
                        "{} holds L1 chain {chain_id}, not {}; use that chain id, or another folder",
                        dir.display(),
                        config.chain_id
                    )));
                }
                (Some(chain), Some(Record::Block { block, hashes, blobs })) => {
                    let (number, hash) = (block.header.number, block.hash());
                    chain.execute(*block).await?;
                    if !hashes.is_empty() {
                        chain.lock_blobs().insert(hash, hashes, blobs, Some(place));
                    }
                    head = Some(hash);
                    if number.is_multiple_of(REPLAY_LOG_BLOCKS) {
                        tracing::info!(number, "replaying the development L1");
                    }
                }
                _ => {
                    let reason = format!("the record at byte {place} does not belong there; delete the folder");
                    return Err(Error::File { path: dir.to_owned(), reason });
                }
            }
            Ok(())
        })
        .await?;
        let chain = match chain {
            Some(chain) => chain,
            None => {
                let chain = Self::begin(config, now()).await?;
                journal.append(&encode_genesis(config.chain_id, chain.genesis_time), true)?;
                chain
            }
        };
        if let Some(hash) = head {
            chain.choose(hash).await?;
            tracing::info!(number = chain.head().await?.number, "the development L1 continues its chain");
        }
        *chain.journal.lock().await = Some(journal);
        Ok(chain)
    }

    /// What the RPC handlers need.
    pub(crate) fn context(&self) -> RpcApiContext {
        self.context.clone()
    }

    /// Timestamp of genesis, which is slot 0; a slot is one second.
    pub(crate) const fn genesis_time(&self) -> u64 {
        self.genesis_time
    }

    /// Builds this many blocks on the head.
    pub(crate) async fn mine(&self, blocks: u64) -> Result<(), Error> {
        for _ in 0..blocks {
            let mut journal = self.journal.lock().await;
            let parent = self.head().await?;
            self.build(&parent, &mut journal).await?;
        }
        Ok(())
    }

    /// Replaces the last `depth` blocks by `depth + 1` others.
    pub(crate) async fn reorg(&self, depth: u64) -> Result<(), Error> {
        let mut journal = self.journal.lock().await;
        let head = self.head().await?.number;
        let depth_max = self.finality_blocks.min(head);
        if !(1..=depth_max).contains(&depth) {
            return Err(Error::Config(format!("reorg depth {depth} is out of range now; give 1 to {depth_max}")));
        }
        let mut parent = self.header(head - depth).await?;
        for _ in 0..=depth {
            parent = self.build(&parent, &mut journal).await?;
        }
        Ok(())
    }

    /// Lets time pass for all later blocks: the next is at least so many seconds after the head.
    pub(crate) async fn advance_time(&self, seconds: u64) -> Result<(), Error> {
        let _held = self.journal.lock().await;
        // Blocks that came faster than seconds may be ahead of the clock already.
        let ahead = self.head().await?.timestamp.saturating_sub(now());
        let offset = self.time_offset.load(Ordering::Relaxed).max(ahead);
        self.time_offset.store(offset.saturating_add(seconds), Ordering::Relaxed);
        Ok(())
    }

    /// Blobs in the canonical block of a slot, or of the head: versioned hash and bytes. `None` when the slot is empty.
    pub(crate) async fn blobs_at(&self, slot: Option<u64>) -> Result<Option<Vec<(H256, Vec<u8>)>>, Error> {
        let head = self.head().await?;
        let header = match slot {
            None => Some(head),
            Some(slot) => self.header_at(slot, head.number).await?,
        };
        let Some(header) = header else { return Ok(None) };
        let found = self.lock_blobs().find(&header.hash());
        let Some((hashes, place)) = found else { return Ok(Some(Vec::new())) };
        let blobs = match place {
            Place::Memory(blobs) => blobs.as_ref().clone(),
            Place::Journal(place) => {
                let record = match self.journal.lock().await.as_ref() {
                    Some(journal) => journal.read(place)?,
                    None => return Ok(Some(Vec::new())),
                };
                match decode(&record) {
                    Some(Record::Block { blobs, .. }) => blobs,
                    _ => return Ok(Some(Vec::new())),
                }
            }
        };
        Ok(Some(hashes.into_iter().zip(blobs).collect()))
    }

    /// Waits until nothing is being written, and lets go of the file.
    pub(crate) async fn close(&self) {
        self.journal.lock().await.take();
    }

    /// The canonical header in this slot, found by halving: timestamps grow with numbers.
    async fn header_at(&self, slot: u64, head: u64) -> Result<Option<BlockHeader>, Error> {
        let timestamp = self.genesis_time.saturating_add(slot);
        let (mut low, mut high) = (0, head);
        while low < high {
            let middle = low.midpoint(high);
            if self.header(middle).await?.timestamp < timestamp {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(Some(self.header(low).await?).filter(|header| header.timestamp == timestamp))
    }

    async fn build(&self, parent: &BlockHeader, journal: &mut Option<Journal>) -> Result<BlockHeader, Error> {
        let timestamp = (now() + self.time_offset.load(Ordering::Relaxed)).max(parent.timestamp + 1);
        let args = BuildPayloadArgs {
            parent: parent.hash(),
            timestamp,
            fee_recipient: Address::zero(),
            random: H256::random(),
            withdrawals: Some(Vec::new()),
            beacon_root: Some(H256::from_low_u64_be(timestamp)),
            slot_number: None,
            version: 3,
            elasticity_multiplier: ELASTICITY_MULTIPLIER,
            gas_ceil: GAS_LIMIT,
        };
        let template =
            create_payload(&args, &self.context.storage, Default::default()).map_err(failed("a new block"))?;
        let blockchain = Arc::clone(&self.context.blockchain);
        let built = on_thread(move || blockchain.build_payload(template).map_err(failed("building a block"))).await?;
        let block = built.payload;
        let hash = block.hash();
        self.execute(block.clone()).await?;
        let blobs: Vec<Vec<u8>> = built.blobs_bundle.blobs.iter().map(|blob| blob.to_vec()).collect();
        let hashes: Vec<H256> =
            built.blobs_bundle.commitments.iter().map(|commitment| versioned_hash(commitment)).collect();
        let place = match journal {
            // A block without transactions may be lost in a crash: the next one takes its place.
            Some(journal) => {
                let sync = !block.body.transactions.is_empty();
                Some(journal.append(&encode_block(&block, &hashes, &blobs), sync)?)
            }
            None => None,
        };
        if !hashes.is_empty() {
            self.lock_blobs().insert(hash, hashes, blobs, place);
        }
        self.choose(hash).await?;
        self.context.blockchain.remove_block_transactions_from_pool(&block).map_err(failed("the pool"))?;
        Ok(block.header)
    }

    async fn execute(&self, block: Block) -> Result<(), Error> {
        let blockchain = Arc::clone(&self.context.blockchain);
        on_thread(move || blockchain.add_block(block).map_err(failed("executing a block"))).await
    }

    /// Makes a block the head, and those below it safe and final by depth.
    async fn choose(&self, hash: H256) -> Result<(), Error> {
        let store = &self.context.storage;
        let what = "choosing the head";
        let mut header =
            store.get_block_header_by_hash(hash).map_err(failed(what))?.ok_or_else(|| missing(what, hash))?;
        let number = header.number;
        // The branch may not be canonical yet: walk it by parents.
        let (mut safe, mut last) = (hash, hash);
        while header.number > number.saturating_sub(self.finality_blocks) {
            last = header.parent_hash;
            header = store.get_block_header_by_hash(last).map_err(failed(what))?.ok_or_else(|| missing(what, last))?;
            if header.number >= number.saturating_sub(self.finality_blocks.div_ceil(2)) {
                safe = last;
            }
        }
        apply_fork_choice(store, hash, safe, last, None).await.map_err(failed(what))?;
        Ok(())
    }

    async fn head(&self) -> Result<BlockHeader, Error> {
        let number = self.context.storage.get_latest_block_number().await.map_err(failed("the head"))?;
        self.header(number).await
    }

    /// The canonical header.
    async fn header(&self, number: u64) -> Result<BlockHeader, Error> {
        let store = &self.context.storage;
        store
            .get_block_header(number)
            .map_err(failed("a header"))?
            .ok_or_else(|| Error::Node { what: "a header", reason: format!("block {number} is missing") })
    }

    fn lock_blobs(&self) -> std::sync::MutexGuard<'_, Blobs> {
        // A panic elsewhere leaves the map whole: every change to it is one insert.
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn context(storage: Store, blockchain: Arc<Blockchain>) -> Result<RpcApiContext, Error> {
    // The node has no peers; the key and the address only fill the fields of a record that `net_*` methods show.
    let key = secp256k1::SecretKey::from_slice(&[1; 32]).expect("0x01… is below the order of the curve");
    let public = secp256k1::PublicKey::from_secret_key_global(&key).serialize_uncompressed();
    let local_p2p_node = Node::new(std::net::Ipv4Addr::LOCALHOST.into(), 30303, 30303, H512::from_slice(&public[1..]));
    let text = |text: &str| text.to_owned();
    let version = text(env!("CARGO_PKG_VERSION"));
    Ok(RpcApiContext {
        storage,
        block_worker_channel: start_block_executor(Arc::clone(&blockchain)),
        blockchain,
        active_filters: Default::default(),
        syncer: None,
        peer_handler: None,
        node_data: NodeData {
            jwt_secret: Default::default(),
            local_node_record: NodeRecord::from_node(&local_p2p_node, 1, &key).map_err(failed("its node record"))?,
            local_p2p_node,
            client_version: ClientVersion::new(text("devl1"), version, text("-"), text("-"), text("-"), text("-")),
            extra_data: Default::default(),
        },
        gas_tip_estimator: Arc::new(tokio::sync::Mutex::new(GasTipEstimator::new())),
        log_filter_handler: None,
        gas_ceil: GAS_LIMIT,
        ws: None,
        allowed_namespaces: Arc::new(
            [RpcNamespace::Eth, RpcNamespace::Net, RpcNamespace::Web3, RpcNamespace::Debug, RpcNamespace::Mempool]
                .into_iter()
                .collect(),
        ),
    })
}

enum Record {
    Genesis { chain_id: u64, genesis_time: u64 },
    Block { block: Box<Block>, hashes: Vec<H256>, blobs: Vec<Vec<u8>> },
}

fn encode_genesis(chain_id: u64, genesis_time: u64) -> Vec<u8> {
    [&[RECORD_GENESIS][..], &chain_id.to_le_bytes(), &genesis_time.to_le_bytes()].concat()
}

/// Shape: `1 ‖ blob count u8 ‖ (versioned hash ‖ blob)… ‖ block RLP`.
fn encode_block(block: &Block, hashes: &[H256], blobs: &[Vec<u8>]) -> Vec<u8> {
    let count = u8::try_from(hashes.len()).expect("a block holds at most 21 blobs");
    let mut record = vec![RECORD_BLOCK, count];
    for (hash, blob) in hashes.iter().zip(blobs) {
        record.extend_from_slice(&hash.0);
        record.extend_from_slice(blob);
    }
    block.encode(&mut record);
    record
}

fn decode(record: &[u8]) -> Option<Record> {
    match record.split_first()? {
        (&RECORD_GENESIS, rest) => {
            let (chain_id, genesis_time) = rest.split_first_chunk::<8>()?;
            Some(Record::Genesis {
                chain_id: u64::from_le_bytes(*chain_id),
                genesis_time: u64::from_le_bytes(genesis_time.try_into().ok()?),
            })
        }
        (&RECORD_BLOCK, rest) => {
            let (count, mut rest) = rest.split_first()?;
            let (mut hashes, mut blobs) = (Vec::new(), Vec::new());
            for _ in 0..*count {
                let (hash, after) = rest.split_first_chunk::<32>()?;
                let (blob, after) = after.split_at_checked(BLOB_SIZE)?;
                hashes.push(H256(*hash));
                blobs.push(blob.to_vec());
                rest = after;
            }
            Some(Record::Block { block: Box::new(Block::decode(rest).ok()?), hashes, blobs })
        }
        _ => None,
    }
}

/// Execution takes milliseconds to seconds: not on an async thread.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let failed = |error: tokio::task::JoinError| Error::Node { what: "a thread", reason: error.to_string() };
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

fn failed<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Error {
    move |error| Error::Node { what, reason: error.to_string() }
}

fn missing(what: &'static str, hash: H256) -> Error {
    Error::Node { what, reason: format!("block {hash:?} is missing") }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
