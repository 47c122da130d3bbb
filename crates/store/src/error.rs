//! What can go wrong with the store.

use std::path::PathBuf;

use alloy_primitives::B256;
use sluice_types::{BatchIndex, L1Number, L2Number, MessageIndex, Severity};

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing at this place.
    #[error("no store in {}; run `sluice init`, or give the data directory that holds one", .0.display())]
    NotInitialised(PathBuf),
    /// Another process, or another handle of this one, holds the directory.
    #[error("the store in {} is open already; is another sluice running on it?", .0.display())]
    Locked(PathBuf),
    /// Written by another version of this program.
    #[error(
        "the store has schema version {found}, this program reads version {supported}; run the version of sluice that wrote it, or start with an empty data directory and derive the chain from L1 again"
    )]
    SchemaVersion {
        /// In the store.
        found: u64,
        /// The only one that this program reads.
        supported: u64,
    },
    /// The directory holds another chain.
    #[error(
        "the store holds another chain: {what} is {found} there and {expected} in the config; give this chain its own data directory"
    )]
    OtherChain {
        /// What differs.
        what: &'static str,
        /// In the store.
        found: String,
        /// In the config that was given.
        expected: String,
    },
    /// A write failed before; what is in memory and what is on disk may differ.
    #[error("the store takes no more writes since one failed ({0}); mend the cause and restart")]
    Poisoned(String),
    /// The block does not follow the executed head.
    #[error("block {number} cannot be committed: the next block is {expected}")]
    WrongNumber {
        /// Offered.
        number: L2Number,
        /// One more than the executed head.
        expected: L2Number,
    },
    /// The block follows another parent.
    #[error("block {number} cannot be committed: its parent hash is {found}, the head is {expected}")]
    WrongParent {
        /// Offered.
        number: L2Number,
        /// The offered block's parent hash.
        found: B256,
        /// Hash of the executed head.
        expected: B256,
    },
    /// The receipts are not one per transaction.
    #[error("block {number} cannot be committed: {transactions} transactions, {receipts} receipts")]
    ReceiptCount {
        /// Offered.
        number: L2Number,
        /// How many transactions.
        transactions: usize,
        /// How many receipts.
        receipts: usize,
    },
    /// No such block has been executed.
    #[error("block {0} does not exist yet")]
    UnknownBlock(L2Number),
    /// The block is older than what is kept for this question.
    #[error("state of block {number} is pruned; the oldest block with proofs is {oldest}")]
    StatePruned {
        /// Asked for.
        number: L2Number,
        /// Oldest that can be answered.
        oldest: L2Number,
    },
    /// An L1 block does not follow the L1 head of the store.
    #[error("L1 block {number} ({parent_hash} before it) does not follow the stored L1 head {head} ({head_hash})")]
    L1Gap {
        /// Offered.
        number: L1Number,
        /// Its parent hash.
        parent_hash: B256,
        /// Stored head.
        head: L1Number,
        /// Its hash.
        head_hash: B256,
    },
    /// A message does not continue the queue, or names another L1 block than the one it came with.
    #[error(
        "inbox message {index} of L1 block {l1_number} is out of order: message {expected} of L1 block {l1_expected} was due"
    )]
    MessageOrder {
        /// Offered.
        index: MessageIndex,
        /// Next one.
        expected: MessageIndex,
        /// L1 block that the message names.
        l1_number: L1Number,
        /// L1 block that it came with.
        l1_expected: L1Number,
    },
    /// A batch does not continue the chain of batches, or names another L1 block than the one it came with.
    #[error(
        "batch {index} of L1 block {l1_number} is out of order: batch {expected} of L1 block {l1_expected} was due"
    )]
    BatchOrder {
        /// Offered.
        index: BatchIndex,
        /// Next one.
        expected: BatchIndex,
        /// L1 block that the batch names.
        l1_number: L1Number,
        /// L1 block that it came with.
        l1_expected: L1Number,
    },
    /// A batch does not start where the one before ended.
    #[error("batch {index} holds blocks {first} to {last}; the first should be {first_expected}")]
    BatchRange {
        /// Offered.
        index: BatchIndex,
        /// Its first block.
        first: L2Number,
        /// Its last block.
        last: L2Number,
        /// One more than the last block of the batch before.
        first_expected: L2Number,
    },
    /// The store holds something that this program did not write.
    #[error(
        "the store is damaged: {0}; restore a copy, or start with an empty data directory and derive the chain from L1 again"
    )]
    Damaged(String),
    /// The trie refused.
    #[error("trie: {0}")]
    Trie(#[source] Box<sluice_trie::Error<Self>>),
    /// The file system refused.
    #[error("{what} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("database: {0}")]
    Database(#[source] Box<redb::Error>),
}

impl Error {
    /// What the caller must do. An L1 update that does not fit means that L1 changed under the caller.
    pub fn severity(&self) -> Severity {
        match self {
            Self::L1Gap { .. } | Self::MessageOrder { .. } | Self::BatchOrder { .. } => Severity::Reset,
            Self::UnknownBlock(_) => Severity::Retry,
            _ => Severity::Fatal,
        }
    }
}

macro_rules! from_redb {
    ($($kind:ident),*) => {$(
        impl From<redb::$kind> for Error {
            fn from(error: redb::$kind) -> Self {
                Self::Database(Box::new(error.into()))
            }
        }
    )*};
}

from_redb!(DatabaseError, TransactionError, TableError, StorageError, CommitError, SetDurabilityError);

impl From<sluice_trie::Error<Self>> for Error {
    fn from(error: sluice_trie::Error<Self>) -> Self {
        Self::Trie(Box::new(error))
    }
}
