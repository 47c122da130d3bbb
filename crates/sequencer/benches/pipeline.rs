//! The block path of a node that is given decided blocks: recover senders, execute, state root, store. One block after another, as many
//! on their way as an engine allows, and these with what a peer says that they do; interleaved, each round on a new store.
//!
//! `cargo bench -p sluice-sequencer --bench pipeline`; stores lie in the directory for temporary files, `TMPDIR` names another.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex, keccak256};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use sluice_executor::Executor;
use sluice_ordering::{EVENTS_MAX, Event, handle, solo::IN_FLIGHT_MAX};
use sluice_sequencer::{Config, Sequencer};
use sluice_store::{Genesis, L1Block, L1BlockData, L1Update, Store};
use sluice_types::{
    Certificate, ChainConfig, GenesisAccount, Height, L1Contracts, L1FeeParams, L1Number, L1Origin, L2Number,
    OrderedBlock, RollupSection, SignedTransaction, Transaction,
};
use tokio::sync::{mpsc, oneshot};

/// The node's allocator.
#[global_allocator]
static ALLOCATOR: sluice_memory::Allocator = sluice_memory::Allocator;

const CHAIN_ID: u64 = 901;
const SIDES: [&str; 3] = ["one after another", "overlapping", "from lists"];
/// A multiple of the sides, so that each is as often first, second and third.
const ROUNDS: usize = 2 * SIDES.len();
const BLOCKS: usize = 24;
const BLOCK_TRANSACTIONS: usize = 1_500;
/// Each sends one transaction in a block.
const SENDERS: usize = BLOCK_TRANSACTIONS;
const TOKEN: Address = Address::repeat_byte(0x70);
const ETHER: u128 = 1_000_000_000_000_000_000;

fn key(index: usize) -> SecretKey {
    let bytes = keccak256((index as u64).to_be_bytes());
    SecretKey::from_slice(bytes.as_slice()).expect("a hash is a key")
}

fn address_of(key: &SecretKey) -> Address {
    let public = PublicKey::from_secret_key(SECP256K1, key).serialize_uncompressed();
    Address::from_slice(&keccak256(&public[1..])[12..])
}

fn sign(key: &SecretKey, tx: TxEip1559) -> Bytes {
    let message = Message::from_digest(tx.signature_hash().0);
    let (parity, compact) = SECP256K1.sign_ecdsa_recoverable(&message, key).serialize_compact();
    let (r, s) = (U256::from_be_slice(&compact[..32]), U256::from_be_slice(&compact[32..]));
    let signed: SignedTransaction = tx.into_signed(Signature::new(r, s, i32::from(parity) == 1)).into();
    Transaction::Signed(signed).encode().into()
}

fn recipient(number: u64) -> Address {
    Address::from_word(keccak256([b"to".as_slice(), &number.to_be_bytes()].concat()))
}

/// Ether, or a token's.
fn transfer(is_token: bool, nonce: u64, to: Address) -> TxEip1559 {
    let call = [&keccak256("transfer(address,uint256)")[..4], to.into_word().as_slice(), &[0; 31], &[7]].concat();
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: if is_token { 100_000 } else { 21_000 },
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(if is_token { TOKEN } else { to }),
        value: U256::from(u8::from(!is_token)),
        input: if is_token { call.into() } else { Bytes::new() },
        ..TxEip1559::default()
    }
}

fn config(keys: &[SecretKey]) -> ChainConfig {
    let account = |address, code, storage| GenesisAccount {
        address,
        balance_wei: U256::from(1_000 * ETHER),
        nonce: 0,
        code,
        storage,
    };
    let artifact = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/artifacts/TestToken.json");
    let artifact: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(artifact).expect("the artifact is there")).expect("JSON");
    let code = hex::decode(artifact["deployedBytecode"]["object"].as_str().expect("code")).expect("hex");
    // OpenZeppelin keeps balances in slot 0.
    let slot = |owner: Address| keccak256([owner.into_word(), B256::ZERO].concat());
    let balances = keys.iter().map(|key| (slot(address_of(key)), U256::from(1_000_000).into())).collect();
    let token = account(TOKEN, code.into(), balances);
    let contract = Address::repeat_byte(0xcc);
    let config = ChainConfig {
        chain_id: CHAIN_ID,
        name: "bench".into(),
        block_gas_limit: 200_000_000,
        genesis_timestamp: 1_000_000,
        initial_base_fee_wei: 1_000_000,
        base_fee_min_wei: 1_000_000,
        base_fee_elasticity: 2,
        base_fee_denominator: 250,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: 0,
        batch_decompressed_size_max: 40_000_000,
        inbox_gas_per_block: 2_000_000,
        l1: L1Contracts {
            chain_id: 1,
            start_block: L1Number(1),
            rollup: contract,
            inbox: contract,
            bridge: contract,
            sequencers: None,
        },
        fee_recipient: contract,
        seat_fee_share_bps: 0,
        genesis_accounts: keys
            .iter()
            .map(|key| account(address_of(key), Bytes::new(), BTreeMap::new()))
            .chain([token])
            .collect(),
    };
    config.check().expect("a sound config");
    config
}

/// Blocks of half ether and half token transfers, all to new accounts.
fn blocks(keys: &[SecretKey], genesis_hash: B256, origin: &L1Origin, config: &ChainConfig) -> Vec<OrderedBlock> {
    let mut parent = B256::ZERO;
    (1..=BLOCKS as u64)
        .map(|height| {
            let transactions = keys.iter().enumerate().map(|(index, key)| {
                sign(key, transfer(index % 2 == 1, height - 1, recipient(height * SENDERS as u64 + index as u64)))
            });
            let section = RollupSection {
                rollup: config.rollup_id(),
                inbox_count: 0,
                transactions: transactions.collect(),
                executed_number: L2Number(0),
                executed_hash: genesis_hash,
            };
            let block = OrderedBlock {
                height: Height(height),
                epoch: 0,
                view: 0,
                parent,
                timestamp_ms: (1_000_000 + height) * 1_000,
                l1_origin: origin.number,
                l1_origin_hash: origin.hash,
                beneficiary: Address::repeat_byte(0xbe),
                next_epoch: 0,
                sections: vec![section],
            };
            parent = block.hash();
            block
        })
        .collect()
}

/// Time until the last block is durable, when so many may be on their way, with these access lists, if any. Also gives the lists that were
/// made.
async fn run(
    (genesis, origin): (&Genesis, &L1Origin),
    blocks: &[OrderedBlock],
    in_flight: usize,
    lists: &[Bytes],
) -> (Duration, B256, Vec<Bytes>) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path(), genesis).expect("a store");
    let block = L1Block { origin: origin.clone(), parent_hash: B256::ZERO };
    let l1 = L1BlockData { block, messages: Vec::new(), batches: Vec::new() };
    store.commit_l1(L1Update { blocks: vec![l1], ..L1Update::default() }).expect("a first L1 block");
    let (engine, _wake) = handle();
    let config = Config::new(Address::repeat_byte(0xbe));
    let (sequencer, _pool) = Sequencer::new(config, store.clone(), Executor::new(), engine, None).expect("threads");
    let (events, queue) = mpsc::channel(EVENTS_MAX);
    let sequencer = tokio::spawn(sequencer.run(queue));
    let start = Instant::now();
    let mut waiting = VecDeque::new();
    for (index, block) in blocks.iter().enumerate() {
        if waiting.len() == in_flight {
            let durable: oneshot::Receiver<()> = waiting.pop_front().expect("it is full");
            durable.await.expect("the block is sound");
        }
        let (done, durable) = oneshot::channel();
        let certificate =
            Certificate { height: block.height, block_hash: block.hash(), scheme: 0, proof: Bytes::from_static(&[1]) };
        let event =
            Event::Finalized { block: block.clone(), certificate, access_list: lists.get(index).cloned(), done };
        events.send(event).await.expect("it listens");
        waiting.push_back(durable);
    }
    for durable in waiting {
        durable.await.expect("the block is sound");
    }
    let took = start.elapsed();
    let head = store.head_block();
    assert_eq!(head.number(), L2Number(blocks.len() as u64));
    assert_eq!(head.block.transactions.len(), BLOCK_TRANSACTIONS, "all execute");
    drop(events);
    sequencer.await.expect("it ends with its engine");
    let made = (1..=blocks.len() as u64).map(|number| {
        let list = store.access_list(L2Number(number)).expect("the store answers").expect("it is durable");
        Bytes::from(list.to_rlp())
    });
    (took, head.hash, made.collect())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    sluice_memory::keep_freed();
    let keys: Vec<_> = (0..SENDERS).map(key).collect();
    let config = config(&keys);
    let genesis = Genesis { state: sluice_stf::genesis(&config), config };
    let origin =
        L1Origin { number: L1Number(1), hash: B256::repeat_byte(1), timestamp: 999_999, ..L1Origin::default() };
    let genesis_hash = Store::in_memory(&genesis).expect("a store").head_block().hash;
    let blocks = blocks(&keys, genesis_hash, &origin, &genesis.config);
    let mut times = SIDES.map(|_| Vec::new());
    let (_, hash, lists) = run((&genesis, &origin), &blocks, 1, &[]).await;
    let sides = [(1, &[][..]), (IN_FLIGHT_MAX, &[]), (IN_FLIGHT_MAX, &lists)];
    for round in 0..ROUNDS {
        // Each side is first as often as the others: who comes later finds a disk that is busy with who came before.
        for place in 0..sides.len() {
            let side = (round + place) % sides.len();
            let (in_flight, lists) = sides[side];
            let (took, made, _) = run((&genesis, &origin), &blocks, in_flight, lists).await;
            assert_eq!(made, hash, "the chain is the same");
            times[side].push(took);
        }
    }
    let transactions = (BLOCKS * BLOCK_TRANSACTIONS) as f64;
    println!("{BLOCKS} blocks of {BLOCK_TRANSACTIONS} transfers, half ether and half ERC-20, to new accounts");
    let bytes = |all: usize| all as f64 / transactions;
    let ordered = blocks.iter().flat_map(|block| &block.sections[0].transactions).map(|raw| raw.len()).sum();
    let listed = lists.iter().map(|list| list.len()).sum();
    println!("bytes per transfer: {:.0} ordered, {:.0} in the access list", bytes(ordered), bytes(listed));
    times.iter_mut().for_each(|times| times.sort_unstable());
    for (name, times) in SIDES.iter().zip(&times) {
        let (median, minimum) = (times[times.len() / 2], times[0]);
        let per_second = transactions / median.as_secs_f64();
        println!("{name:>18}: median {median:>8.1?}  minimum {minimum:>8.1?}  {per_second:>7.0} tx/s");
    }
    for (name, side) in SIDES.iter().zip(&times).skip(1) {
        let ratio = |place: usize| times[0][place].as_secs_f64() / side[place].as_secs_f64();
        println!("{name:>18}: median {:.2} times as fast  minimum {:.2}", ratio(ROUNDS / 2), ratio(0));
    }
}
