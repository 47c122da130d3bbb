//! An L2 whose vault gathers fees and sends them when it is asked, and the L1 that its nodes see: the outbox as the contract appends to it,
//! blocks, messages, batches.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bloom, Bytes, Log, TxKind, U256, keccak256, logs_bloom};
use alloy_sol_types::SolEvent;
use sluice_l1::VAULT_WEI_MIN;
use sluice_store::{BlockCommit, L1Block, L1BlockData, L1Update, Store};
use sluice_types::{
    Account, AccountChange, BatchHeader, BatchIndex, Block, BlockAccessList, CommittedBatch, DEPOSIT_TX_TYPE,
    DepositTransaction, EMPTY_CODE_HASH, Header, InboxMessage, L1Number, L1Origin, L2Number, MessageIndex, MessageKind,
    Receipt, SealedBlock, StateChanges, Transaction,
    predeploys::{FEE_VAULT, MessageSent, OUTBOX, OUTBOX_DEPTH},
};

use super::fixture::{POSTING, leaf};

/// Who sends messages of his own to L1.
const USER: Address = Address::repeat_byte(0x77);
/// `withdraw()`.
const WITHDRAW: [u8; 4] = [0x3c, 0xcf, 0xd6, 0x0b];

/// The contract's tree. Source: `Outbox._append`.
#[derive(Clone, Default)]
pub(super) struct Outbox {
    pub(super) count: u64,
    pub(super) root: B256,
    pub(super) frontier: [B256; OUTBOX_DEPTH],
}

impl Outbox {
    pub(super) fn append(&mut self, leaf: B256) {
        let (mut node, mut empty, mut is_kept) = (leaf, B256::ZERO, false);
        for height in 0..OUTBOX_DEPTH {
            if (self.count >> height) & 1 == 1 {
                node = keccak256([self.frontier[height], node].concat());
            } else {
                if !is_kept {
                    (self.frontier[height], is_kept) = (node, true);
                }
                node = keccak256([node, empty].concat());
            }
            empty = keccak256([empty, empty].concat());
        }
        (self.root, self.count) = (node, self.count + 1);
    }
}

/// The chain, the same in all stores.
pub(super) struct L2 {
    stores: Vec<Store>,
    outbox: Outbox,
    pub(super) vault_wei: U256,
    /// Messages that L1 has, and how many were executed.
    messages: Vec<InboxMessage>,
    executed: usize,
    l1: L1Origin,
    /// Blocks and roots in batches; a batch for each.
    batches: Vec<(L2Number, B256)>,
}

impl L2 {
    pub(super) fn new(stores: Vec<Store>) -> Self {
        Self {
            stores,
            outbox: Outbox::default(),
            vault_wei: U256::ZERO,
            messages: Vec::new(),
            executed: 0,
            l1: L1Origin::default(),
            batches: Vec::new(),
        }
    }

    /// An L1 block with these messages to the vault; with a batch of all blocks since the last, if there are any, and `is_batch`. Batches
    /// before the last `open` are final.
    pub(super) fn l1_block(&mut self, timestamp: u64, asked: u64, is_batch: bool, open: usize) -> Option<B256> {
        let parent_hash = self.l1.hash;
        let number = L1Number(self.l1.number.0 + 1);
        self.l1 = L1Origin { number, hash: keccak256(number.0.to_be_bytes()), timestamp, ..L1Origin::default() };
        let first_message = self.messages.len();
        (0..asked).for_each(|_| self.messages.push(self.message(self.messages.len(), WITHDRAW.into())));
        let batch = if is_batch { self.batch() } else { None };
        let final_count = self.batches.len().saturating_sub(open);
        let finalized = self.batches[..final_count].last().map_or(L2Number(0), |(block, _)| *block);
        let root = batch.as_ref().map(|batch| batch.header.outbox_root);
        let block = L1BlockData {
            block: L1Block { origin: self.l1.clone(), parent_hash },
            messages: self.messages[first_message..].to_vec(),
            batches: batch.into_iter().collect(),
        };
        let derived = self.batches.last().map_or(L2Number(0), |(block, _)| *block);
        let update = L1Update {
            blocks: vec![block],
            derived,
            proven: finalized,
            finalized,
            l1_finalized: number,
            ..L1Update::default()
        };
        self.stores.iter().for_each(|store| store.commit_l1(update.clone()).unwrap());
        root
    }

    fn message(&self, index: usize, data: Bytes) -> InboxMessage {
        InboxMessage {
            index: MessageIndex(index as u64),
            kind: MessageKind::Deposit,
            from: USER,
            to: FEE_VAULT,
            mint: U256::ZERO,
            value: U256::ZERO,
            gas_limit: 300_000,
            data,
            l1_number: self.l1.number,
            l1_timestamp: self.l1.timestamp,
        }
    }

    fn batch(&mut self) -> Option<CommittedBatch> {
        let last_block = self.stores[0].heads().executed;
        let first_block = self.batches.last().map_or(L2Number(1), |(block, _)| block.next());
        if first_block > last_block {
            return None;
        }
        let index = BatchIndex(self.batches.len() as u64);
        self.batches.push((last_block, self.outbox.root));
        let header =
            BatchHeader { index, first_block, last_block, outbox_root: self.outbox.root, ..BatchHeader::default() };
        Some(CommittedBatch {
            header,
            blob_hashes: Vec::new(),
            l1_number: self.l1.number,
            l1_hash: self.l1.hash,
            l1_timestamp: self.l1.timestamp,
            l1_tx_hash: B256::ZERO,
            poster: Address::ZERO,
        })
    }

    /// A block that earns so much, in which users send so many messages to L1, and which executes what L1 has sent.
    pub(super) fn block(&mut self, fees_wei: u64, user_messages: u8) {
        self.vault_wei += U256::from(fees_wei);
        let mut logs: Vec<Log> = Vec::new();
        (0..user_messages)
            .for_each(|byte| logs.push(self.send((USER, Address::repeat_byte(byte)), U256::from(3), vec![byte])));
        for _ in self.executed..self.messages.len() {
            if self.vault_wei >= U256::from(VAULT_WEI_MIN) {
                let amount_wei = std::mem::take(&mut self.vault_wei);
                logs.push(self.send((FEE_VAULT, POSTING), amount_wei, Vec::new()));
                // The vault's own event; what it says nobody here reads.
                logs.push(Log::new_unchecked(FEE_VAULT, vec![B256::repeat_byte(0xfe)], Bytes::new()));
            }
        }
        self.executed = self.messages.len();
        self.commit(logs);
    }

    fn send(&mut self, (sender, target): (Address, Address), value: U256, data: Vec<u8>) -> Log {
        let index = self.outbox.count;
        let leaf = leaf(index, (sender, target, value), &data);
        self.outbox.append(leaf);
        let event = MessageSent { index, sender, target, value, data: data.into(), leaf, root: self.outbox.root };
        Log { address: OUTBOX, data: event.encode_log_data() }
    }

    fn commit(&self, logs: Vec<Log>) {
        let slots = [(0, self.outbox.root.into()), (1, U256::from(self.outbox.count))].into_iter();
        let nodes = (2..).zip(self.outbox.frontier.map(Into::into));
        let storage = slots.chain(nodes).map(|(slot, value): (u64, U256)| (U256::from(slot), value)).collect();
        let account = |balance| Some(Account { nonce: 1, balance, code_hash: EMPTY_CODE_HASH });
        let changes = StateChanges {
            accounts: [
                (OUTBOX, AccountChange { account: account(U256::ZERO), storage_wiped: true, storage }),
                (FEE_VAULT, AccountChange { account: account(self.vault_wei), ..AccountChange::default() }),
            ]
            .into_iter()
            .collect(),
            codes: BTreeMap::new(),
        };
        for store in &self.stores {
            let (state_root, trie) = store.state_root(&changes).unwrap();
            let head = store.head_block();
            let bloom: Bloom = logs_bloom(&logs);
            let header = Header {
                number: head.number().0 + 1,
                parent_hash: head.hash,
                state_root,
                base_fee_per_gas: Some(7),
                logs_bloom: bloom,
                ..Header::default()
            };
            let sealed = SealedBlock {
                hash: header.hash_slow(),
                block: Block {
                    transactions: vec![deposit(header.number)],
                    header,
                    senders: vec![Address::ZERO],
                    l1_origin: self.l1.clone(),
                    inbox_count: MessageIndex(self.executed as u64),
                    inbox_transactions: 1,
                },
            };
            let (receipts, access_list) = (vec![receipt(logs.clone())], BlockAccessList::default());
            let (changes, trie) = (changes.clone().into(), trie.into());
            store.commit_block(BlockCommit { sealed, receipts, changes, trie, access_list, ordered: None }).unwrap();
        }
    }
}

fn deposit(number: u64) -> Transaction {
    Transaction::Deposit(DepositTransaction {
        source_hash: B256::from(U256::from(number)),
        from: Address::ZERO,
        to: TxKind::Call(Address::ZERO),
        mint: U256::ZERO,
        value: U256::ZERO,
        gas_limit: 0,
        is_system: false,
        input: Bytes::new(),
    })
}

fn receipt(logs: Vec<Log>) -> Receipt {
    Receipt {
        tx_type: DEPOSIT_TX_TYPE,
        success: true,
        cumulative_gas_used: 0,
        gas_used: 0,
        effective_gas_price: U256::ZERO,
        l1_fee_wei: U256::ZERO,
        sender_nonce: 0,
        contract_address: Address::ZERO,
        logs,
    }
}
