//! A sequencer on a real store, whose engine, clock and L1 are the test's.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, keccak256};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use sluice_executor::Executor;
use sluice_ordering::{EVENTS_MAX, Event, Line, PeersEnd, Reason, Round, Topics, Wake, handle, peers};
use sluice_store::{Genesis, L1Block, L1BlockData, L1Update, Store};
use sluice_types::{
    Account, Certificate, ChainConfig, GenesisAccount, Height, InboxMessage, L1Contracts, L1FeeParams, L1Number,
    L1Origin, L2Number, MessageIndex, MessageKind, OrderedBlock, SealedBlock, SignedTransaction, StateRead,
    Transaction,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use crate::{Clock, Config, Error, NextEpoch, PoolHandle, Rejection, Seat, Sequencer, start};

pub(super) const CHAIN_ID: u64 = 7_777;
pub(super) const GENESIS_TIMESTAMP: u64 = 1_000_000;
/// First L1 block of the view.
pub(super) const L1_START: u64 = 10;
pub(super) const BENEFICIARY: Address = address!("00000000000000000000000000000000000000fe");
pub(super) const ETHER: u128 = 1_000_000_000_000_000_000;
const GWEI: u128 = 1_000_000_000;
const USERS: u8 = 8;

/// A key and its next nonce are the test's to count.
pub(super) struct User(SecretKey);

pub(super) fn user(index: u8) -> User {
    User(SecretKey::from_slice(&[index + 1; 32]).unwrap())
}

impl User {
    pub(super) fn address(&self) -> Address {
        let key = PublicKey::from_secret_key(SECP256K1, &self.0).serialize_uncompressed();
        Address::from_slice(&keccak256(&key[1..])[12..])
    }

    pub(super) fn sign<T: SignableTransaction<Signature>>(&self, tx: T) -> Bytes
    where
        SignedTransaction: From<alloy_consensus::Signed<T>>,
    {
        let message = Message::from_digest(tx.signature_hash().0);
        let (parity, compact) = SECP256K1.sign_ecdsa_recoverable(&message, &self.0).serialize_compact();
        let (r, s) = (U256::from_be_slice(&compact[..32]), U256::from_be_slice(&compact[32..]));
        let signed = tx.into_signed(Signature::new(r, s, i32::from(parity) == 1));
        Transaction::Signed(signed.into()).encode().into()
    }

    /// A plain transfer of one wei.
    pub(super) fn pay(&self, nonce: u64, tip_gwei: u128) -> Bytes {
        self.sign(transfer(nonce, tip_gwei))
    }
}

pub(super) fn transfer(nonce: u64, tip_gwei: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100 * GWEI,
        max_priority_fee_per_gas: tip_gwei * GWEI,
        to: TxKind::Call(address!("00000000000000000000000000000000000000bb")),
        value: U256::from(1),
        ..TxEip1559::default()
    }
}

pub(super) fn config() -> ChainConfig {
    let account = |index| GenesisAccount {
        address: user(index).address(),
        balance_wei: U256::from(1_000 * ETHER),
        nonce: 0,
        code: Bytes::new(),
        storage: Default::default(),
    };
    let contract = Address::repeat_byte(0xcc);
    let config = ChainConfig {
        chain_id: CHAIN_ID,
        name: "sequencer test".into(),
        block_gas_limit: 30_000_000,
        genesis_timestamp: GENESIS_TIMESTAMP,
        initial_base_fee_wei: 1_000_000_000,
        base_fee_min_wei: 1_000_000,
        base_fee_elasticity: 2,
        base_fee_denominator: 250,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: 2,
        batch_decompressed_size_max: 4_000_000,
        inbox_gas_per_block: 2_000_000,
        l1: L1Contracts {
            chain_id: 1,
            start_block: L1Number(L1_START),
            rollup: contract,
            inbox: contract,
            bridge: contract,
            sequencers: None,
        },
        fee_recipient: contract,
        seat_fee_share_bps: 0,
        genesis_accounts: (0..USERS).map(account).collect(),
    };
    config.check().unwrap();
    config
}

pub(super) fn genesis(config: ChainConfig) -> Genesis {
    let state = sluice_stf::genesis(&config);
    Genesis { config, state }
}

/// Adds L1 blocks after the last one, twelve seconds apart, each with these messages.
pub(super) fn extend_l1(store: &Store, blocks: Vec<Vec<InboxMessage>>) {
    let (mut number, mut parent_hash) =
        store.l1_head().map_or((L1_START - 1, B256::ZERO), |head| (head.origin.number.0, head.origin.hash));
    let mut index = store.message_count();
    let blocks = blocks.into_iter().map(|mut messages| {
        number += 1;
        let timestamp = l1_timestamp(number);
        for message in &mut messages {
            (message.index, message.l1_number, message.l1_timestamp) = (index, L1Number(number), timestamp);
            index = index.next();
        }
        let hash = keccak256([parent_hash.as_slice(), &number.to_be_bytes(), &messages.len().to_be_bytes()].concat());
        let origin = L1Origin { number: L1Number(number), hash, timestamp, base_fee_wei: 7, ..L1Origin::default() };
        let block = L1Block { origin, parent_hash };
        parent_hash = hash;
        L1BlockData { block, messages, batches: Vec::new() }
    });
    store.commit_l1(L1Update { blocks: blocks.collect(), ..L1Update::default() }).unwrap();
}

pub(super) const fn l1_timestamp(number: u64) -> u64 {
    GENESIS_TIMESTAMP + (number - L1_START) * 12
}

pub(super) fn deposit(from: Address, mint_wei: u128, gas_limit: u64) -> InboxMessage {
    InboxMessage {
        index: MessageIndex(0),
        kind: MessageKind::Deposit,
        from,
        to: from,
        mint: U256::from(mint_wei),
        value: U256::ZERO,
        gas_limit,
        data: Bytes::new(),
        l1_number: L1Number(0),
        l1_timestamp: 0,
    }
}

pub(super) fn forced(data: Bytes) -> InboxMessage {
    let kind = MessageKind::Forced;
    InboxMessage { kind, to: Address::ZERO, data, ..deposit(Address::repeat_byte(0xaa), 0, 0) }
}

/// Whether a block may stand.
pub(super) type Verified = oneshot::Receiver<Result<(), String>>;

/// A sequencer under test.
pub(super) struct Rig {
    pub(super) store: Store,
    pub(super) pool: PoolHandle,
    pub(super) tip: (Height, B256),
    /// Where the engine is.
    pub(super) round: Round,
    /// Tells it which epochs may take over.
    pub(super) epochs: watch::Sender<Vec<NextEpoch>>,
    clock_ms: Arc<AtomicU64>,
    events: mpsc::Sender<Event>,
    task: JoinHandle<Error>,
    _wake: Wake,
}

impl Rig {
    /// On a store in memory, with three L1 blocks, of which the first is deep enough to build on.
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: ChainConfig) -> Self {
        let store = Store::in_memory(&genesis(config)).unwrap();
        extend_l1(&store, vec![vec![], vec![], vec![]]);
        Self::on(store)
    }

    pub(super) fn on(store: Store) -> Self {
        Self::with_line(store, None, Executor::new())
    }

    /// One that executes everything with two workers.
    pub(super) fn sharing_all() -> Self {
        let store = Store::in_memory(&genesis(config())).unwrap();
        extend_l1(&store, vec![vec![], vec![], vec![]]);
        let workers = NonZeroUsize::new(2).expect("two");
        Self::with_line(store, None, Executor::with_workers(workers).sharing_from(Duration::ZERO))
    }

    /// One seat of several, and the engine's ends of its lines to the others.
    pub(super) fn seat() -> (Self, PeersEnd) {
        let store = Store::in_memory(&genesis(config())).unwrap();
        extend_l1(&store, vec![vec![], vec![], vec![]]);
        let (Topics { transactions, .. }, ends) = peers();
        (Self::with_line(store, Some(transactions), Executor::new()), ends)
    }

    fn with_line(store: Store, line: Option<Line>, executor: Executor) -> Self {
        let (epochs, known) = watch::channel(Vec::new());
        let seat = line.map(|line| Seat { line, epochs: known });
        let clock_ms = Arc::new(AtomicU64::new((GENESIS_TIMESTAMP + 100_000) * 1_000));
        let reading = clock_ms.clone();
        let clock = Clock::new(move || reading.load(Ordering::Relaxed));
        let (engine, wake) = handle();
        let config = Config { clock, ..Config::new(BENEFICIARY) };
        let (sequencer, pool) = Sequencer::new(config, store.clone(), executor, engine, seat).unwrap();
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let task = tokio::spawn(sequencer.run(receiver));
        let (height, hash) = start(&store);
        let tip = (height, hash.unwrap_or_default());
        Self { tip, round: Round::default(), epochs, store, pool, clock_ms, events, task, _wake: wake }
    }

    /// Sets the clock, seconds.
    pub(super) fn set_clock(&self, seconds: u64) {
        self.set_clock_ms(seconds * 1_000);
    }

    /// Sets the clock, milliseconds.
    pub(super) fn set_clock_ms(&self, milliseconds: u64) {
        self.clock_ms.store(milliseconds, Ordering::Relaxed);
    }

    pub(super) async fn submit(&self, raw: &Bytes) -> Result<B256, Rejection> {
        self.pool.submit(raw.clone()).await
    }

    /// Asks for a proposal on the tip.
    pub(super) async fn propose(&self, reason: Reason) -> Option<OrderedBlock> {
        self.propose_on(&[], reason).await
    }

    /// Asks for a proposal on blocks above the tip.
    pub(super) async fn propose_on(&self, undecided: &[OrderedBlock], reason: Reason) -> Option<OrderedBlock> {
        let (reply, answer) = oneshot::channel();
        let (height, parent) = undecided.last().map_or(self.tip, |block| (block.height, block.hash()));
        let undecided = undecided.iter().cloned().map(Arc::new).collect();
        self.events
            .send(Event::Propose { height: height.next(), parent, round: self.round, undecided, reason, reply })
            .await
            .unwrap();
        answer.await.unwrap()
    }

    /// Asks whether another's block may stand on these; the answer may never come.
    pub(super) async fn verify_on(&self, undecided: &[OrderedBlock], block: &OrderedBlock) -> Verified {
        let (reply, answer) = oneshot::channel();
        let undecided = undecided.iter().cloned().map(Arc::new).collect();
        self.events.send(Event::Verify { block: Arc::new(block.clone()), undecided, reply }).await.unwrap();
        answer
    }

    /// Finalises a block and waits until it is durable.
    pub(super) async fn finalize(&mut self, block: OrderedBlock) -> Arc<SealedBlock> {
        self.tip = (block.height, block.hash());
        self.deliver(block).await.await.unwrap();
        self.store.head_block()
    }

    /// Finalises a block without waiting.
    pub(super) async fn deliver(&self, block: OrderedBlock) -> oneshot::Receiver<()> {
        self.deliver_told(block, None).await
    }

    /// The same, with what somebody says that it does.
    pub(super) async fn deliver_told(&self, block: OrderedBlock, access_list: Option<Bytes>) -> oneshot::Receiver<()> {
        let (done, durable) = oneshot::channel();
        let certificate =
            Certificate { height: block.height, block_hash: block.hash(), scheme: 0, proof: Bytes::from_static(&[1]) };
        self.events.send(Event::Finalized { block, certificate, access_list, done }).await.unwrap();
        durable
    }

    /// Proposes and finalises.
    pub(super) async fn order(&mut self) -> Arc<SealedBlock> {
        let block = self.propose(Reason::Work).await.expect("there is something to order");
        self.finalize(block).await
    }

    /// Finalises a block with exactly these transactions, as another proposer might.
    pub(super) async fn order_raw(&mut self, transactions: Vec<Bytes>) -> Arc<SealedBlock> {
        let mut block = self.propose(Reason::Heartbeat).await.unwrap();
        block.sections[0].transactions = transactions;
        self.finalize(block).await
    }

    pub(super) fn account(&self, address: Address) -> Account {
        let head = self.store.heads().executed;
        self.store.state(head).unwrap().account(address).unwrap().unwrap_or_default()
    }

    pub(super) fn hashes(&self, number: L2Number) -> Vec<B256> {
        let block = self.store.block(number).unwrap().unwrap();
        block.block.transactions.iter().map(Transaction::hash).collect()
    }

    /// Stops the sequencer as a crash would: in the middle of whatever it does.
    pub(super) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    /// Waits for the sequencer to stop by itself.
    pub(super) async fn stopped(self) -> Error {
        self.task.await.unwrap()
    }
}
