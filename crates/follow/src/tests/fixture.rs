//! A sequencer in a few lines: makes blocks, posts them to a scripted L1.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2935::HISTORY_STORAGE_CODE;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use secp256k1::{Message, SECP256K1, SecretKey};
use sluice_derive::{
    batch::{Quality, encode},
    blob::to_blobs,
};
use sluice_executor::Executor;
use sluice_l1::fake::FakeL1;
use sluice_store::{BlockCommit, Genesis, Store};
use sluice_types::{
    BatchBlock, BatchHeader, BlockInput, ChainConfig, GenesisState, InputTransaction, L1Contracts, L1FeeParams,
    L1Number, L2Number, MessageIndex, SealedBlock, SignedTransaction, StateRead, Transaction, inbox_inputs,
    predeploys::{HISTORY, OUTBOX, OUTBOX_ROOT_SLOT},
};

use crate::{Config, Error, Follow, Mode, Step};

const L1_CHAIN: u64 = 1;
const KEY: [u8; 32] = [7; 32];

fn chain() -> ChainConfig {
    ChainConfig {
        chain_id: 7_001,
        name: "test".into(),
        block_gas_limit: 30_000_000,
        genesis_timestamp: 1_000,
        initial_base_fee_wei: 1_000,
        base_fee_min_wei: 1,
        base_fee_elasticity: 2,
        base_fee_denominator: 50,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: 2,
        batch_decompressed_size_max: 1_000_000,
        inbox_gas_per_block: 10_000_000,
        l1: L1Contracts {
            chain_id: L1_CHAIN,
            start_block: L1Number(1),
            rollup: Address::repeat_byte(1),
            inbox: Address::repeat_byte(2),
            bridge: Address::repeat_byte(3),
            sequencers: None,
        },
        fee_recipient: Address::repeat_byte(4),
        seat_fee_share_bps: 0,
        genesis_accounts: Vec::new(),
    }
}

/// The account that sends everything.
pub(super) fn sender() -> Address {
    let public = SecretKey::from_slice(&KEY).unwrap().public_key(SECP256K1).serialize_uncompressed();
    Address::from_slice(&keccak256(&public[1..])[12..])
}

pub(super) fn transfer(nonce: u64) -> SignedTransaction {
    let tx = TxEip1559 {
        chain_id: 7_001,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(5),
        ..TxEip1559::default()
    };
    let message = Message::from_digest(tx.signature_hash().0);
    let signed = SECP256K1.sign_ecdsa_recoverable(&message, &SecretKey::from_slice(&KEY).unwrap());
    let (id, bytes) = signed.serialize_compact();
    tx.into_signed(Signature::from_bytes_and_parity(&bytes, id != secp256k1::ecdsa::RecoveryId::Zero)).into()
}

fn empty_store() -> Store {
    let mut state = GenesisState::default();
    state.insert(sender(), 0, U256::from(10).pow(U256::from(20)), Bytes::new(), BTreeMap::new());
    // Something to commit to: an outbox with a root.
    let slot = U256::from(OUTBOX_ROOT_SLOT);
    state.insert(OUTBOX, 1, U256::ZERO, Bytes::from_static(&[0]), BTreeMap::from([(slot, U256::from(0xabc))]));
    state.insert(HISTORY, 1, U256::ZERO, HISTORY_STORAGE_CODE.clone(), BTreeMap::new());
    Store::in_memory(&Genesis { config: chain(), state }).unwrap()
}

/// An L1, a node that sequences, and what follows for it.
pub(super) struct Chain {
    pub(super) l1: FakeL1,
    pub(super) store: Store,
    executor: Executor,
    follow: Follow<FakeL1>,
}

impl Chain {
    pub(super) fn new() -> Self {
        let l1 = FakeL1::new(L1_CHAIN);
        l1.mine_many(4);
        let store = empty_store();
        let follow = follow(&l1, &store, Mode::Compare);
        Self { l1, store, executor: Executor::new(), follow }
    }

    /// Another node on the same L1 that has nothing yet and executes what it derives.
    pub(super) fn follower(&self) -> (Store, Follow<FakeL1>) {
        let store = empty_store();
        let follow = follow(&self.l1, &store, Mode::Execute);
        (store, follow)
    }

    pub(super) async fn step(&mut self) -> Result<Step, Error> {
        self.follow.step().await
    }

    /// Steps until there is nothing to do.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        self.follow.catch_up().await
    }

    /// Executes a block on the L1 block `depth` below the view's head, with the messages that it may take. Of the transactions
    /// those that do not execute are left out, as everywhere.
    pub(super) fn produce(&self, depth: u64, txs: Vec<SignedTransaction>) -> Arc<SealedBlock> {
        let parent = self.store.head_block();
        let head = self.store.l1_head().unwrap().origin.number.0;
        let number = L1Number(head - depth).max(parent.block.l1_origin.number);
        let origin = self.store.l1_block(number).unwrap().unwrap().origin;
        let mut messages = Vec::new();
        while let Some((message, _)) =
            self.store.message(MessageIndex(parent.block.inbox_count.0 + messages.len() as u64)).unwrap()
        {
            if message.l1_number > number {
                break;
            }
            messages.push(message);
        }
        let mut transactions = inbox_inputs(&messages, chain().rollup_id());
        let inbox_transactions = transactions.len();
        transactions.extend(
            txs.into_iter().map(|tx| InputTransaction { transaction: Transaction::Signed(tx), sender: sender() }),
        );
        let input = BlockInput {
            number: parent.number().next(),
            timestamp: parent.block.header.timestamp.max(origin.timestamp),
            l1_origin: origin,
            beneficiary: Address::repeat_byte(0x99),
            inbox_count: MessageIndex(parent.block.inbox_count.0 + messages.len() as u64),
            transactions,
            inbox_transactions,
        };
        let state = self.store.state(parent.number()).unwrap();
        let outcome = self.executor.execute(&chain(), &parent.block.header, &input, &state).unwrap();
        let (root, trie) = self.store.state_root(&outcome.changes).unwrap();
        let sealed = SealedBlock::seal(&chain(), parent.hash, input, &outcome, root);
        self.store
            .commit_block(BlockCommit {
                sealed,
                receipts: outcome.receipts,
                changes: outcome.changes.into(),
                trie: trie.into(),
                access_list: outcome.access_list,
                ordered: None,
            })
            .unwrap();
        self.store.head_block()
    }

    /// A batch of the blocks `first..=last`: its header and what it holds.
    pub(super) fn cut(&self, first: u64, last: u64) -> (BatchHeader, Vec<BatchBlock>) {
        let block = |number| self.store.block(L2Number(number)).unwrap().unwrap();
        let mut inbox_count = block(first - 1).block.inbox_count.0;
        let blocks = (first..=last)
            .map(|number| {
                let block = &block(number).block;
                let before = std::mem::replace(&mut inbox_count, block.inbox_count.0);
                let own = block.transactions[block.inbox_transactions..].iter();
                BatchBlock {
                    timestamp: block.header.timestamp,
                    l1_origin: block.l1_origin.number,
                    beneficiary: block.header.beneficiary,
                    inbox_count: u32::try_from(inbox_count - before).unwrap(),
                    transactions: own
                        .map(|tx| match tx {
                            Transaction::Signed(tx) => tx.clone(),
                            Transaction::Deposit(_) => panic!("deposits come from the inbox"),
                        })
                        .collect(),
                }
            })
            .collect();
        let end = block(last);
        let outbox = self.store.state(L2Number(last)).unwrap().storage(OUTBOX, U256::from(OUTBOX_ROOT_SLOT)).unwrap();
        let before = self.store.batch_of(L2Number(first - 1)).unwrap();
        let header = BatchHeader {
            index: before.as_ref().map(|batch| batch.header.index.next()).unwrap_or_default(),
            parent_hash: before.map(|batch| batch.hash()).unwrap_or_default(),
            first_block: L2Number(first),
            last_block: L2Number(last),
            last_timestamp: end.block.header.timestamp,
            l1_origin_number: end.block.l1_origin.number,
            l1_origin_hash: end.block.l1_origin.hash,
            inbox_count: end.block.inbox_count,
            inbox_hash: self.store.inbox_hash(end.block.inbox_count).unwrap().unwrap(),
            last_block_hash: end.hash,
            state_root: end.block.header.state_root,
            outbox_root: B256::from(outbox),
        };
        (header, blocks)
    }

    /// Posts a batch in the next L1 block, whatever it says.
    pub(super) fn post(&self, (header, blocks): (BatchHeader, Vec<BatchBlock>)) {
        let payload = encode(&blocks, chain().chain_id, Quality::new(1).unwrap()).unwrap();
        self.l1.commit(header, to_blobs(&payload).unwrap(), Address::repeat_byte(0xee));
        self.l1.mine();
    }
}

fn follow(l1: &FakeL1, store: &Store, mode: Mode) -> Follow<FakeL1> {
    Follow::new(Config { poll_ms: 20, mode }, store.clone(), Executor::new(), Arc::new(l1.clone()))
}
