//! One rollup's block: what goes in, what comes out, and the header that seals it.

use alloc::vec::Vec;
use core::mem::take;

use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, Header,
    constants::{EMPTY_ROOT_HASH, EMPTY_WITHDRAWALS},
};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B256, U256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

use crate::{
    ChainConfig, L1Number, L2Number, MessageIndex, Receipt, StateChanges, Transaction,
    access_list::{BlockAccessList, access_list_hash},
    keccak::keccak256,
    receipt::receipts_root_and_bloom,
    transaction::ordered_root,
};

/// The facts of an L1 block that L2 blocks building on it may read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "camelCase")]
pub struct L1Origin {
    /// Number of the L1 block.
    pub number: L1Number,
    /// Its hash.
    pub hash: B256,
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// Its base fee per gas, wei.
    pub base_fee_wei: u64,
    /// Its blob base fee, wei; saturated, since the field is only a price.
    pub blob_base_fee_wei: u64,
    /// Its randomness; becomes `prevrandao` on L2.
    pub prev_randao: B256,
    /// Its parent beacon block root; becomes that field on L2. Zero where the L1 has none.
    pub parent_beacon_block_root: B256,
}

/// One transaction with its sender known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputTransaction {
    /// The transaction.
    pub transaction: Transaction,
    /// Its sender. Recovered once, before the block existed.
    pub sender: Address,
}

/// Everything that a block's execution depends on besides the parent state: derived from L1, or from an ordered block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockInput {
    /// One more than the parent's.
    pub number: L2Number,
    /// Seconds; never before the parent's. Blocks come faster than seconds, so equal timestamps are valid.
    pub timestamp: u64,
    /// The L1 block it builds on.
    pub l1_origin: L1Origin,
    /// Receives the tips.
    pub beneficiary: Address,
    /// Inbox messages consumed up to and including this block.
    pub inbox_count: MessageIndex,
    /// Transactions in order: those from the inbox first.
    pub transactions: Vec<InputTransaction>,
    /// How many of `transactions` came from the inbox; a batch does not repeat them.
    pub inbox_transactions: usize,
}

/// Why a transaction was skipped. The rule is one and deterministic: what Ethereum would not let into a block is left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// The nonce was used already.
    #[error("nonce too low: next nonce {state}, tx nonce {tx}")]
    NonceTooLow {
        /// The transaction's.
        tx: u64,
        /// The account's.
        state: u64,
    },
    /// An earlier nonce is missing.
    #[error("nonce too high: next nonce {state}, tx nonce {tx}")]
    NonceTooHigh {
        /// The transaction's.
        tx: u64,
        /// The account's.
        state: u64,
    },
    /// Value, gas and L1 data fee together exceed the balance.
    #[error("insufficient funds for gas * price + value + l1 fee: balance {balance}, tx cost {cost}")]
    InsufficientFunds {
        /// Wei needed.
        cost: U256,
        /// Wei there.
        balance: U256,
    },
    /// The block has less gas left than the transaction's limit.
    #[error("exceeds block gas limit: {available} left, tx gas limit {gas_limit}")]
    BlockGas {
        /// The transaction's limit.
        gas_limit: u64,
        /// What the block has left.
        available: u64,
    },
    /// The fee cap is below the base fee.
    #[error("max fee per gas less than block base fee: {0}")]
    FeeTooLow(alloc::string::String),
    /// Any other rule of Ethereum's: chain id, intrinsic gas, init code size, sender with code, malformed authorisations …
    #[error("{0}")]
    Invalid(alloc::string::String),
}

/// A transaction that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedTransaction {
    /// Its index in [`BlockInput::transactions`].
    pub index: usize,
    /// Why.
    pub reason: Skip,
}

/// What executing a [`BlockInput`] gave, before the state root is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Indices into [`BlockInput::transactions`] of what executed, ascending.
    pub executed: Vec<usize>,
    /// What was left out.
    pub skipped: Vec<SkippedTransaction>,
    /// One receipt per executed transaction.
    pub receipts: Vec<Receipt>,
    /// Gas used by the block.
    pub gas_used: u64,
    /// Base fee of the block, wei per gas.
    pub base_fee_wei: u64,
    /// What changed.
    pub changes: StateChanges,
    /// Who touched what, by EIP-7928.
    pub access_list: BlockAccessList,
}

/// A block with everything that is stored with it but its receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Standard Ethereum header.
    pub header: Header,
    /// Executed transactions, those from the inbox first.
    pub transactions: Vec<Transaction>,
    /// Their senders.
    pub senders: Vec<Address>,
    /// The L1 block it builds on.
    pub l1_origin: L1Origin,
    /// Inbox messages consumed up to and including this block.
    pub inbox_count: MessageIndex,
    /// How many of `transactions` came from the inbox.
    pub inbox_transactions: usize,
}

/// Computes the root of the trie that maps the RLP of each index to the value there.
pub type OrderedRoot = fn(&[Vec<u8>]) -> B256;

/// A block together with its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBlock {
    /// Keccak of the header.
    pub hash: B256,
    /// The block.
    pub block: Block,
}

impl SealedBlock {
    /// The input that the block came from: what executed, in order.
    pub fn input(&self) -> BlockInput {
        let block = &self.block;
        let transactions = block.transactions.iter().zip(&block.senders);
        let transactions =
            transactions.map(|(transaction, &sender)| InputTransaction { transaction: transaction.clone(), sender });
        BlockInput {
            number: self.number(),
            timestamp: block.header.timestamp,
            l1_origin: block.l1_origin.clone(),
            beneficiary: block.header.beneficiary,
            inbox_count: block.inbox_count,
            transactions: transactions.collect(),
            inbox_transactions: block.inbox_transactions,
        }
    }

    /// Seals what was executed: takes the executed transactions out of the input and writes the header.
    ///
    /// The header is Ethereum's, by Osaka rules, with three fields given a meaning here: `extra_data` is the 32-byte hash of the RLP
    /// of the block access list; `mix_hash` and `parent_beacon_block_root` are the L1 origin's.
    pub fn seal(
        config: &ChainConfig,
        parent_hash: B256,
        input: BlockInput,
        outcome: &Outcome,
        state_root: B256,
    ) -> Self {
        Self::seal_with(config, parent_hash, input, outcome, (state_root, ordered_root))
    }

    /// The same with another way to compute the roots of transactions and receipts, which must give the same.
    pub fn seal_with(
        config: &ChainConfig,
        parent_hash: B256,
        mut input: BlockInput,
        outcome: &Outcome,
        (state_root, ordered_root): (B256, OrderedRoot),
    ) -> Self {
        let mut transactions = Vec::with_capacity(outcome.executed.len());
        let mut senders = Vec::with_capacity(outcome.executed.len());
        let mut inbox_transactions = 0;
        let mut executed = outcome.executed.iter().copied().peekable();
        for (index, tx) in take(&mut input.transactions).into_iter().enumerate() {
            if executed.next_if_eq(&index).is_some() {
                inbox_transactions += usize::from(index < input.inbox_transactions);
                transactions.push(tx.transaction);
                senders.push(tx.sender);
            }
        }
        let transactions_root = ordered_root(&transactions.iter().map(Transaction::encode).collect::<Vec<_>>());
        let (receipts_root, logs_bloom) = receipts_root_and_bloom(&outcome.receipts, ordered_root);
        let header = Header {
            parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: input.beneficiary,
            state_root,
            transactions_root,
            receipts_root,
            logs_bloom,
            extra_data: access_list_hash(&outcome.access_list).into(),
            mix_hash: input.l1_origin.prev_randao,
            withdrawals_root: Some(EMPTY_WITHDRAWALS),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(input.l1_origin.parent_beacon_block_root),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..unsealed_header(config, &input, outcome)
        };
        Self {
            hash: header.hash_slow(),
            block: Block {
                header,
                transactions,
                senders,
                l1_origin: input.l1_origin,
                inbox_count: input.inbox_count,
                inbox_transactions,
            },
        }
    }

    /// Number of the block.
    pub fn number(&self) -> L2Number {
        L2Number(self.block.header.number)
    }
}

/// The header of an executed block as far as the next one must know it before it is sealed: number, timestamp and fees.
pub fn unsealed_header(config: &ChainConfig, input: &BlockInput, outcome: &Outcome) -> Header {
    Header {
        number: input.number.0,
        timestamp: input.timestamp,
        gas_limit: config.block_gas_limit,
        gas_used: outcome.gas_used,
        base_fee_per_gas: Some(outcome.base_fee_wei),
        ..Header::default()
    }
}

/// The genesis header of a chain with this state root.
pub(crate) fn genesis_header(config: &ChainConfig, state_root: B256) -> Header {
    Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        state_root,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        difficulty: U256::ZERO,
        gas_limit: config.block_gas_limit,
        timestamp: config.genesis_timestamp,
        extra_data: keccak256([alloy_rlp::EMPTY_LIST_CODE]).into(),
        base_fee_per_gas: Some(config.initial_base_fee_wei),
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}
