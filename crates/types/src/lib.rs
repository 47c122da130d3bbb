//! Names the nouns: chain config, blocks, transactions, deposits, batches, bundles, certificates, numbers as newtypes, wire codecs.
//!
//! What it deliberately does not do: it executes nothing, stores nothing and talks to nobody. Everything here is a value, so
//! that the node, the zkVM guest and the tests mean the same thing by the same word.
//!
//! Start reading at [`OrderedBlock`] (what sequencers agree on), then [`BlockInput`] (what one rollup executes), then
//! [`Block`] (what came out), then [`BatchHeader`] (what L1 hears of it).
//!
//! Invariants: no clock, no randomness, no hash-order iteration; every decoder is bounded and never panics.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod access_list;
mod batch;
mod block;
mod config;
mod error;
mod fee;
mod heads;
mod inbox;
mod inbox_input;
mod keccak;
mod numbers;
mod ordered;
pub mod predeploys;
mod receipt;
mod rewards;
mod state;
mod transaction;

pub use access_list::{ACCESS_LIST_BYTES_MAX, AccessedAccount, BlockAccessList, Change, SlotChanges, access_list_hash};
pub use batch::{BATCH_BLOBS_MAX, BatchBlock, BatchHeader, CommittedBatch};
pub use block::{
    Block, BlockInput, InputTransaction, L1Origin, OrderedRoot, Outcome, SealedBlock, Skip, SkippedTransaction,
    unsealed_header,
};
pub use config::{ChainConfig, GenesisAccount, L1Contracts, L1Sequencers};
pub use error::{Error, Severity};
pub use fee::{L1FeeParams, compressed_size_estimate, l1_data_fee};
pub use heads::{FinalityRung, Heads};
pub use inbox::{InboxMessage, MessageKind, alias_l1_address, undo_l1_alias};
pub use inbox_input::{inbox_fits, inbox_gas, inbox_inputs};
pub use keccak::{Keccak, keccak256};
pub use numbers::{BatchIndex, Height, L1Number, L2Number, MessageIndex, RollupId};
pub use ordered::{Certificate, EPOCH_TAIL_BLOCKS, OrderedBlock, RollupSection};
pub use receipt::Receipt;
pub use rewards::{EpochRecord, RewardEntry, reward_proof};
pub use state::{Account, AccountChange, EMPTY_CODE_HASH, GenesisState, StateChanges, StateRead};
pub use transaction::{DEPOSIT_TX_TYPE, DepositTransaction, SignedTransaction, Transaction, sender_of};

pub use alloy_consensus::Header;
pub use litemap::LiteMap;
