//! Posting under crashes, slow inclusion, displacement and reorganisations of L1, from seeds.

mod together;

use std::{
    collections::BTreeMap,
    future::{Future, ready},
    sync::{Arc, Mutex},
};

use alloy::{consensus::Receipt, rpc::types::TransactionReceipt};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use sluice_derive::{batch, blob};
use sluice_l1::{Error as L1Error, Fees, Progress, SendRecord};
use sluice_store::{BlockCommit, Genesis, L1Block, L1BlockData, L1Update, Store};
use sluice_types::{
    BatchHeader, BatchIndex, BlockInput, ChainConfig, CommittedBatch, L1Contracts, L1FeeParams, L1Number, L1Origin,
    L2Number, MessageIndex, SealedBlock,
};

use crate::{Authority, Config, Cosigners, Poster, Settle, Step};

/// Seconds at genesis.
const START: u64 = 1_700_000_000;

/// A small generator, so that a failing seed can be run again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// An L1 with a pool of one account's transactions, and the rules of the rollup contract.
#[derive(Debug, Default)]
struct Chain {
    next_nonce: u64,
    /// Sent and not yet in a block, by nonce.
    pool: BTreeMap<u64, (BatchHeader, Bytes)>,
    /// Blocks, each with the transactions in it: nonce, header, payload, whether the contract took it.
    blocks: Vec<Vec<(u64, BatchHeader, Bytes, bool)>>,
    /// Which fork; part of the blocks' hashes.
    fork: u64,
}

impl Chain {
    fn taken(&self) -> impl Iterator<Item = &(u64, BatchHeader, Bytes, bool)> {
        self.blocks.iter().flatten().filter(|tx| tx.3)
    }

    fn mine(&mut self) {
        let mut block = Vec::new();
        for (nonce, (header, payload)) in std::mem::take(&mut self.pool) {
            let last = self.taken().chain(block.iter().filter(|tx: &&(u64, BatchHeader, Bytes, bool)| tx.3)).last();
            let next = last.map_or((0, 1), |tx| (tx.1.index.0 + 1, tx.1.last_block.0 + 1));
            let valid = (header.index.0, header.first_block.0) == next;
            block.push((nonce, header, payload, valid));
        }
        self.blocks.push(block);
    }

    /// The last blocks never were; their transactions go back to the pool, or are forgotten.
    fn reorg(&mut self, depth: usize, forget: bool) {
        let keep = self.blocks.len().saturating_sub(depth);
        for (nonce, header, payload, _) in self.blocks.split_off(keep).into_iter().flatten() {
            if !forget {
                self.pool.insert(nonce, (header, payload));
            }
        }
        self.fork += 1;
    }

    fn included(&self, nonce: u64) -> Option<bool> {
        self.blocks.iter().flatten().find(|tx| tx.0 == nonce).map(|tx| tx.3)
    }
}

#[derive(Clone, Debug, Default)]
struct FakePoster(Arc<Mutex<Chain>>, Arc<Mutex<Vec<(BatchIndex, Authority)>>>);

#[derive(Debug)]
struct FakeTracked {
    header: BatchHeader,
    payload: Bytes,
    record: SendRecord,
}

impl Poster for FakePoster {
    type Tracked = FakeTracked;

    fn prepare(
        &self,
        header: &BatchHeader,
        payload: &Bytes,
        authority: &Authority,
    ) -> impl Future<Output = Result<FakeTracked, L1Error>> + Send {
        self.1.lock().unwrap().push((header.index, *authority));
        let mut chain = self.0.lock().unwrap();
        let nonce = chain.next_nonce;
        chain.next_nonce += 1;
        let record = SendRecord { nonce, tx_hashes: vec![keccak256(nonce.to_be_bytes())], fees: Fees::default() };
        ready(Ok(FakeTracked { header: header.clone(), payload: payload.clone(), record }))
    }

    fn resume(
        &self,
        header: &BatchHeader,
        payload: &Bytes,
        (_, record): (&Authority, SendRecord),
    ) -> impl Future<Output = Result<FakeTracked, L1Error>> + Send {
        ready(Ok(FakeTracked { header: header.clone(), payload: payload.clone(), record }))
    }

    fn record(&self, tracked: &FakeTracked) -> SendRecord {
        tracked.record.clone()
    }

    fn advance(&self, tracked: &mut FakeTracked) -> impl Future<Output = Result<Progress, L1Error>> + Send {
        let mut chain = self.0.lock().unwrap();
        let nonce = tracked.record.nonce;
        let progress = match chain.included(nonce) {
            Some(status) => Progress::Confirmed(Box::new(receipt(status))),
            None => {
                chain.pool.entry(nonce).or_insert_with(|| (tracked.header.clone(), tracked.payload.clone()));
                Progress::Waiting
            }
        };
        ready(Ok(progress))
    }
}

fn receipt(status: bool) -> TransactionReceipt {
    TransactionReceipt {
        inner: alloy::consensus::ReceiptEnvelope::Eip4844(
            Receipt { status: status.into(), cumulative_gas_used: 0, logs: vec![] }.with_bloom(),
        ),
        transaction_hash: B256::ZERO,
        transaction_index: Some(0),
        block_hash: Some(B256::ZERO),
        block_number: Some(1),
        gas_used: 0,
        effective_gas_price: 0,
        blob_gas_used: None,
        blob_gas_price: None,
        from: Address::ZERO,
        to: None,
        contract_address: None,
    }
}

fn genesis() -> Genesis {
    let config = ChainConfig {
        chain_id: 901,
        name: "test".into(),
        block_gas_limit: 30_000_000,
        genesis_timestamp: START,
        initial_base_fee_wei: 1_000_000,
        base_fee_min_wei: 1000,
        base_fee_elasticity: 2,
        base_fee_denominator: 250,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: 1,
        batch_decompressed_size_max: 4_000_000,
        inbox_gas_per_block: 10_000_000,
        l1: L1Contracts {
            chain_id: 31_337,
            start_block: L1Number(0),
            rollup: Address::repeat_byte(1),
            inbox: Address::repeat_byte(2),
            bridge: Address::repeat_byte(3),
            sequencers: None,
        },
        fee_recipient: Address::repeat_byte(4),
        seat_fee_share_bps: 0,
        genesis_accounts: vec![],
    };
    let state = sluice_stf::genesis(&config);
    Genesis { config, state }
}

/// Adds an empty block to the chain.
fn extend(store: &Store) {
    let parent = store.head_block();
    let number = parent.number().next();
    let input = BlockInput {
        number,
        timestamp: START + number.0,
        l1_origin: L1Origin { timestamp: START, ..L1Origin::default() },
        beneficiary: Address::repeat_byte(5),
        inbox_count: MessageIndex(0),
        transactions: vec![],
        inbox_transactions: 0,
    };
    let state = store.state(parent.number()).unwrap();
    let outcome = sluice_stf::execute_block(store.config(), &parent.block.header, &input, &state).unwrap();
    let (root, trie) = store.state_root(&outcome.changes).unwrap();
    let sealed = SealedBlock::seal(store.config(), parent.hash, input, &outcome, root);
    let commit = BlockCommit {
        sealed,
        receipts: outcome.receipts,
        changes: outcome.changes.into(),
        trie: trie.into(),
        access_list: outcome.access_list,
        ordered: None,
    };
    store.commit_block(commit).unwrap();
}

fn l1_hash(chain: &Chain, number: u64) -> B256 {
    // The newest blocks carry the fork; older ones were there before.
    keccak256([number.to_be_bytes(), chain.fork.to_be_bytes()].concat())
}

/// Shows L1 to the store as `follow` does: from `from` on everything is new.
fn show(store: &Store, chain: &Chain, from: u64, rewind: bool, finalized: u64) {
    let blocks = (from..=chain.blocks.len() as u64)
        .map(|number| {
            let hash = l1_hash(chain, number);
            let timestamp = START + 1_000_000;
            let batches = number
                .checked_sub(1)
                .and_then(|index| chain.blocks.get(usize::try_from(index).unwrap()))
                .into_iter()
                .flatten()
                .filter(|tx| tx.3)
                .map(|(nonce, header, _, _)| CommittedBatch {
                    header: header.clone(),
                    blob_hashes: vec![B256::repeat_byte(1)],
                    l1_number: L1Number(number),
                    l1_hash: hash,
                    l1_timestamp: timestamp,
                    l1_tx_hash: keccak256(nonce.to_be_bytes()),
                    poster: Address::ZERO,
                })
                .collect();
            let parent_hash = match number.checked_sub(1) {
                Some(before) if number == from => {
                    store.l1_block(L1Number(before)).unwrap().map_or(B256::ZERO, |block| block.origin.hash)
                }
                Some(before) => l1_hash(chain, before),
                None => B256::ZERO,
            };
            let origin = L1Origin { number: L1Number(number), hash, timestamp, ..L1Origin::default() };
            L1BlockData { block: L1Block { origin, parent_hash }, messages: vec![], batches }
        })
        .collect();
    store
        .commit_l1(L1Update {
            rewind_to: rewind.then(|| L1Number(from - 1)),
            blocks,
            l1_finalized: L1Number(finalized),
            ..L1Update::default()
        })
        .unwrap();
}

#[tokio::test]
async fn every_block_is_posted_once_in_order_whatever_happens() {
    for seed in 0..150 {
        run(seed).await;
    }
}

/// One run. A failure names its seed.
async fn run(seed: u64) {
    let mut dice = Dice(seed);
    let store = Store::in_memory(&genesis()).unwrap();
    let poster = FakePoster::default();
    let config = Config { age_max_s: 1, blocks_max: 3, ..Config::default() };
    let start = || Settle::new(config.clone(), store.clone(), poster.clone());
    let mut settle = start();
    let (mut shown, mut finalized) = (0u64, 0u64);
    show(&store, &poster.0.lock().unwrap(), 0, false, 0);
    for _ in 0..120 {
        match dice.roll(12) {
            0..=2 => extend(&store),
            3..=6 => {
                settle.step(START + 1_000).await.unwrap();
            }
            7 => settle = start(),
            8 => poster.0.lock().unwrap().mine(),
            9..=10 => {
                let chain = poster.0.lock().unwrap();
                let length = chain.blocks.len() as u64;
                if length > shown {
                    finalized = finalized.max(length.saturating_sub(8));
                    show(&store, &chain, shown + 1, false, finalized);
                    shown = length;
                }
            }
            _ => {
                let mut chain = poster.0.lock().unwrap();
                let unfinal = (chain.blocks.len() as u64).saturating_sub(finalized);
                let depth = dice.roll(8).min(unfinal);
                if depth > 0 {
                    let forget = dice.roll(2) == 0;
                    chain.reorg(usize::try_from(depth).unwrap(), forget);
                    let length = chain.blocks.len() as u64;
                    if shown > length {
                        // `follow` sees the shorter chain as soon as it has one more block.
                        chain.mine();
                        show(&store, &chain, length + 1, true, finalized);
                        shown = length + 1;
                    }
                }
            }
        }
    }
    // Quiet now: everything must arrive.
    for _ in 0..400 {
        settle.step(START + 1_000).await.unwrap();
        let mut chain = poster.0.lock().unwrap();
        chain.mine();
        let length = chain.blocks.len() as u64;
        finalized = finalized.max(length.saturating_sub(8));
        show(&store, &chain, shown + 1, false, finalized);
        shown = length;
        if store
            .batch(BatchIndex(store.batch_count().0.saturating_sub(1)))
            .unwrap()
            .is_some_and(|batch| batch.header.last_block == store.heads().executed)
        {
            break;
        }
    }
    let chain = poster.0.lock().unwrap();
    let mut next = 1;
    for (index, (_, header, payload, _)) in chain.taken().enumerate() {
        assert_eq!(header.index.0, index as u64, "seed {seed}");
        assert_eq!(header.first_block.0, next, "seed {seed}: gap or repetition");
        next = header.last_block.0 + 1;
        let blocks = batch::decode(payload, 901, 4_000_000).unwrap();
        assert_eq!(blocks.len() as u64, header.last_block.0 + 1 - header.first_block.0, "seed {seed}");
        let last = store.block(header.last_block).unwrap().unwrap();
        assert_eq!(header.last_block_hash, last.hash, "seed {seed}");
    }
    assert_eq!(next, store.heads().executed.0 + 1, "seed {seed}: not everything was posted");
}

#[tokio::test]
async fn a_restart_goes_on_with_the_same_batch_and_nonce() {
    let store = Store::in_memory(&genesis()).unwrap();
    let poster = FakePoster::default();
    show(&store, &poster.0.lock().unwrap(), 0, false, 0);
    extend(&store);
    let config = Config { age_max_s: 1, ..Config::default() };
    let mut settle = Settle::new(config.clone(), store.clone(), poster.clone());
    assert_eq!(settle.step(START + 100).await.unwrap(), Step::Cut(BatchIndex(0)));
    assert_eq!(settle.step(START + 100).await.unwrap(), Step::Posting(BatchIndex(0)));
    let before = store.pending_batches().unwrap();
    extend(&store);
    let mut settle = Settle::new(config, store.clone(), poster.clone());
    assert_eq!(settle.step(START + 100).await.unwrap(), Step::Posting(BatchIndex(0)));
    assert_eq!(store.pending_batches().unwrap(), before);
    assert_eq!(poster.0.lock().unwrap().next_nonce, 1);
}

#[tokio::test]
async fn a_payload_fits_its_blobs() {
    let store = Store::in_memory(&genesis()).unwrap();
    let poster = FakePoster::default();
    show(&store, &poster.0.lock().unwrap(), 0, false, 0);
    for _ in 0..5 {
        extend(&store);
    }
    let mut settle = Settle::new(Config { age_max_s: 1, ..Config::default() }, store.clone(), poster);
    settle.step(START + 100).await.unwrap();
    let pending = store.pending_batches().unwrap().remove(0);
    assert_eq!((pending.header.first_block, pending.header.last_block), (L2Number(1), L2Number(5)));
    let blobs = blob::to_blobs(&pending.payload).unwrap();
    assert_eq!(blob::from_blobs(&blobs).unwrap(), pending.payload.to_vec());
}
