//! A chain made by hand: real state, real execution, real store; only the L1 is made up.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, keccak256};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use sluice_store::{BlockCommit, Genesis, L1Block, L1BlockData, L1Update, Store};
use sluice_types::{
    BatchHeader, BlockInput, Certificate, ChainConfig, CommittedBatch, GenesisAccount, Height, InboxMessage,
    InputTransaction, L1Contracts, L1FeeParams, L1Number, L1Origin, L2Number, MessageIndex, MessageKind, OrderedBlock,
    SealedBlock, SignedTransaction, StateRead, Transaction,
    predeploys::{OUTBOX, OUTBOX_ROOT_SLOT},
};

pub(crate) const CHAIN_ID: u64 = 7_777;
pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;
pub(crate) const GWEI: u128 = 1_000_000_000;
/// Receives the tips.
pub(crate) const BENEFICIARY: Address = address!("00000000000000000000000000000000000000fe");
/// Debug builds execute deep.
const STACK_BYTES: usize = 32 << 20;
const L1_START: u64 = 10;

/// The only account that has anything at genesis.
pub(crate) fn user() -> Address {
    let key = PublicKey::from_secret_key(SECP256K1, &key()).serialize_uncompressed();
    Address::from_slice(&keccak256(&key[1..])[12..])
}

fn key() -> SecretKey {
    SecretKey::from_slice(&[7; 32]).unwrap()
}

pub(crate) fn sign<T: SignableTransaction<Signature>>(tx: T) -> SignedTransaction
where
    SignedTransaction: From<alloy_consensus::Signed<T>>,
{
    let message = Message::from_digest(tx.signature_hash().0);
    let (parity, compact) = SECP256K1.sign_ecdsa_recoverable(&message, &key()).serialize_compact();
    let (r, s) = (U256::from_be_slice(&compact[..32]), U256::from_be_slice(&compact[32..]));
    tx.into_signed(Signature::new(r, s, i32::from(parity) == 1)).into()
}

/// A call with 1 gwei of tip.
pub(crate) fn call(nonce: u64, to: Address, value_wei: u128, input: Bytes) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 500_000,
        max_fee_per_gas: 100 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Call(to),
        value: U256::from(value_wei),
        input,
        ..TxEip1559::default()
    }
}

/// `Outbox.withdraw(to)`.
pub(crate) fn withdraw(nonce: u64, to: Address, value_wei: u128) -> TxEip1559 {
    let input = [&keccak256("withdraw(address)")[..4], to.into_word().as_slice()].concat();
    call(nonce, OUTBOX, value_wei, input.into())
}

pub(crate) struct Chain {
    pub(crate) store: Store,
    l1_number: u64,
    /// What the next block came from; a block derived from L1 when there is nothing.
    ordered: RefCell<Option<(OrderedBlock, Certificate)>>,
}

impl Chain {
    pub(crate) fn new(genesis_timestamp: u64) -> Self {
        Self::named("Test & <Chain>", genesis_timestamp)
    }

    pub(crate) fn named(name: &str, genesis_timestamp: u64) -> Self {
        let account = GenesisAccount {
            address: user(),
            balance_wei: U256::from(1_000 * ETHER),
            nonce: 0,
            code: Bytes::new(),
            storage: BTreeMap::new(),
        };
        let contract = Address::repeat_byte(0xcc);
        let config = ChainConfig {
            chain_id: CHAIN_ID,
            name: name.into(),
            block_gas_limit: 30_000_000,
            genesis_timestamp,
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
            genesis_accounts: vec![account],
        };
        config.check().unwrap();
        let state = sluice_stf::genesis(&config);
        let store = Store::in_memory(&Genesis { config, state }).unwrap();
        Self { store, l1_number: L1_START, ordered: RefCell::default() }
    }

    /// Adds an empty block that came from an ordered block, with the certificate of one `above` it, whose hash is only a number here.
    pub(crate) fn ordered_block(&self, ordered: OrderedBlock, above: u64, block_hash: B256) -> OrderedBlock {
        let height = Height(ordered.height.0 + above);
        let certificate = Certificate { height, block_hash, scheme: 1, proof: Bytes::from_static(&[1, 2, 3]) };
        self.ordered.replace(Some((ordered.clone(), certificate)));
        self.block(vec![]);
        ordered
    }

    /// Adds a block one second after the last, with these signed transactions.
    pub(crate) fn block(&self, transactions: Vec<SignedTransaction>) -> Arc<SealedBlock> {
        let inputs = transactions.into_iter().map(|tx| {
            let transaction = Transaction::Signed(tx);
            InputTransaction { sender: transaction.recover().unwrap(), transaction }
        });
        self.block_of(inputs.collect(), 0)
    }

    /// Adds a block with a deposit that mints for an account.
    pub(crate) fn deposit(&self, to: Address, mint_wei: u128) -> Arc<SealedBlock> {
        let message = InboxMessage {
            index: MessageIndex(self.store.head_block().block.inbox_count.0),
            kind: MessageKind::Deposit,
            from: to,
            to,
            mint: U256::from(mint_wei),
            value: U256::ZERO,
            gas_limit: 100_000,
            data: Bytes::new(),
            l1_number: L1Number(L1_START),
            l1_timestamp: 0,
        };
        let inputs = sluice_types::inbox_inputs(&[message], self.store.config().rollup_id());
        self.block_of(inputs, 1)
    }

    fn block_of(&self, transactions: Vec<InputTransaction>, inbox_transactions: usize) -> Arc<SealedBlock> {
        let parent = self.store.head_block();
        let header = &parent.block.header;
        let timestamp = header.timestamp + 1;
        let count = transactions.len();
        let input = BlockInput {
            number: parent.number().next(),
            timestamp,
            l1_origin: L1Origin {
                number: L1Number(L1_START),
                hash: B256::repeat_byte(0x11),
                timestamp,
                base_fee_wei: 10_000_000_000,
                blob_base_fee_wei: 1_000,
                ..L1Origin::default()
            },
            beneficiary: BENEFICIARY,
            inbox_count: MessageIndex(parent.block.inbox_count.0 + inbox_transactions as u64),
            transactions,
            inbox_transactions,
        };
        let store = &self.store;
        let state = store.state(parent.number()).unwrap();
        let outcome = std::thread::scope(|scope| {
            let execute = || sluice_stf::execute_block(store.config(), header, &input, &state).unwrap();
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            thread.spawn_scoped(scope, execute).unwrap().join().unwrap()
        });
        assert_eq!(outcome.executed.len(), count, "skipped: {:?}", outcome.skipped);
        let (root, trie) = store.state_root(&outcome.changes).unwrap();
        let sealed = SealedBlock::seal(store.config(), parent.hash, input, &outcome, root);
        let commit = BlockCommit {
            sealed,
            receipts: outcome.receipts,
            changes: outcome.changes.into(),
            trie: trie.into(),
            access_list: outcome.access_list,
            ordered: self.ordered.take(),
        };
        store.commit_block(commit).unwrap();
        store.head_block()
    }

    pub(crate) fn receipts(&self, number: L2Number) -> Arc<Vec<sluice_types::Receipt>> {
        self.store.receipts(number).unwrap().unwrap()
    }

    /// Adds an L1 block with a batch of all executed blocks that no batch holds yet, and moves the L1-facing heads.
    pub(crate) fn batch(&mut self, derived: u64, proven: u64, finalized: u64, l1_timestamp: u64) -> CommittedBatch {
        let index = self.store.batch_count();
        let before = index.0.checked_sub(1).map(|before| self.store.batch(before.into()).unwrap().unwrap());
        let last = self.store.head_block();
        let outbox_root =
            self.store.state(last.number()).unwrap().storage(OUTBOX, U256::from(OUTBOX_ROOT_SLOT)).unwrap();
        let parent_hash = self.store.l1_head().map_or(B256::ZERO, |head| head.origin.hash);
        let number = L1Number(self.l1_number);
        self.l1_number += 1;
        let l1_hash = keccak256(number.0.to_be_bytes());
        let batch = CommittedBatch {
            header: BatchHeader {
                index,
                parent_hash: before.as_ref().map_or(B256::ZERO, CommittedBatch::hash),
                first_block: before.map_or(L2Number(1), |before| before.header.last_block.next()),
                last_block: last.number(),
                last_timestamp: last.block.header.timestamp,
                l1_origin_number: last.block.l1_origin.number,
                l1_origin_hash: last.block.l1_origin.hash,
                inbox_count: last.block.inbox_count,
                inbox_hash: B256::repeat_byte(0x22),
                last_block_hash: last.hash,
                state_root: last.block.header.state_root,
                outbox_root: outbox_root.into(),
            },
            blob_hashes: vec![B256::repeat_byte(0x01)],
            l1_number: number,
            l1_hash,
            l1_timestamp,
            l1_tx_hash: keccak256([b"tx".as_slice(), &number.0.to_be_bytes()].concat()),
            poster: Address::repeat_byte(0x99),
        };
        let origin = L1Origin { number, hash: l1_hash, timestamp: l1_timestamp, ..L1Origin::default() };
        let data =
            L1BlockData { block: L1Block { origin, parent_hash }, messages: Vec::new(), batches: vec![batch.clone()] };
        let update = L1Update {
            rewind_to: None,
            blocks: vec![data],
            derived: L2Number(derived),
            proven: L2Number(proven),
            finalized: L2Number(finalized),
            l1_finalized: L1Number(L1_START),
        };
        self.store.commit_l1(update).unwrap();
        batch
    }
}
