//! What can be wrong with a batch.

use alloy_primitives::B256;
use sluice_types::{L1Number, L2Number, MessageIndex};

/// Why a batch cannot be written, or is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Type 3 was given to the encoder.
    #[error("a blob transaction (type 3) cannot be in a batch")]
    BlobTransaction,
    /// The first byte names a format that this node does not know.
    #[error("{what} has version {version}, known is {known}; run a newer node")]
    Version {
        /// Batch or blob payload.
        what: &'static str,
        /// The byte found.
        version: u8,
        /// The byte expected.
        known: u8,
    },
    /// Something is larger than allowed.
    #[error("{what} is {size} large, at most {max} is allowed")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its size; saturated.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// The bytes end inside this part.
    #[error("the bytes end inside {what}")]
    Truncated {
        /// Which part.
        what: &'static str,
    },
    /// This part holds a value that no encoder writes.
    #[error("{what} is malformed")]
    Malformed {
        /// Which part.
        what: &'static str,
    },
    /// Bytes are left over.
    #[error("{count} bytes are left after {what}")]
    Trailing {
        /// Which part.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// No blobs, or more than a batch may have.
    #[error("{count} blobs; a batch has 1 to {max}", max = sluice_types::BATCH_BLOBS_MAX)]
    BlobCount {
        /// How many.
        count: usize,
    },
    /// The high byte of a field element is not zero.
    #[error("field element {element} of blob {blob} has a high byte that is not zero")]
    FieldElement {
        /// Which blob.
        blob: usize,
        /// Which element.
        element: usize,
    },

    /// The batch does not start after the block before it.
    #[error("the batch starts at block {first}, expected {expected}")]
    FirstBlock {
        /// In the header.
        first: L2Number,
        /// One more than the parent.
        expected: L2Number,
    },
    /// The header announces another number of blocks than the data holds.
    #[error("the header names blocks {first} to {last}, the data holds {count}")]
    BlockCount {
        /// In the header.
        first: L2Number,
        /// In the header.
        last: L2Number,
        /// In the data.
        count: usize,
    },
    /// A timestamp before the parent's or the L1 origin's.
    #[error("block {block} has timestamp {timestamp}, must be at least {min}")]
    Timestamp {
        /// Which block.
        block: L2Number,
        /// Its timestamp, seconds.
        timestamp: u64,
        /// The larger of the parent's and the origin's.
        min: u64,
    },
    /// An L1 origin before the parent's, or after the one that the header names.
    #[error("block {block} builds on L1 block {origin}, must be {min} to {max}")]
    OriginOutOfRange {
        /// Which block.
        block: L2Number,
        /// Its origin.
        origin: L1Number,
        /// The parent's.
        min: L1Number,
        /// The header's.
        max: L1Number,
    },
    /// The caller's view of L1 lacks a block that the batch builds on.
    #[error("block {block} builds on L1 block {origin}, which is not in the L1 view")]
    OriginUnknown {
        /// Which block.
        block: L2Number,
        /// Its origin.
        origin: L1Number,
    },
    /// The origin of the last block is not the one that the header names.
    #[error("the last block builds on L1 block {origin} {hash}, the header names {header_origin} {header_hash}")]
    LastOrigin {
        /// From the data.
        origin: L1Number,
        /// Its hash in the L1 view.
        hash: B256,
        /// From the header.
        header_origin: L1Number,
        /// From the header.
        header_hash: B256,
    },
    /// The last timestamp is not the one that the header names.
    #[error("the last block has timestamp {timestamp}, the header names {header}")]
    LastTimestamp {
        /// From the data, seconds.
        timestamp: u64,
        /// From the header, seconds.
        header: u64,
    },
    /// The blocks consume messages that the caller's view of L1 does not hold.
    #[error("block {block} consumes inbox messages up to {count}, the L1 view holds them up to {known}")]
    MessageUnknown {
        /// Which block.
        block: L2Number,
        /// Messages consumed after it.
        count: MessageIndex,
        /// Messages known.
        known: MessageIndex,
    },
    /// A block consumes a message that its L1 origin has not seen yet.
    #[error("block {block} consumes inbox message {index} of L1 block {l1_number}, after its origin {origin}")]
    MessageAfterOrigin {
        /// Which block.
        block: L2Number,
        /// Which message.
        index: MessageIndex,
        /// Where the message is.
        l1_number: L1Number,
        /// The block's origin.
        origin: L1Number,
    },
    /// The messages of a block ask for more gas than one block gives to the inbox.
    #[error("the {count} inbox messages of block {block} ask for more than {max} gas")]
    InboxGas {
        /// Which block.
        block: L2Number,
        /// How many messages.
        count: usize,
        /// The limit.
        max: u64,
    },
    /// The messages consumed are not those that the header names.
    #[error("the inbox after the batch is {count} messages {hash}, the header names {header_count} {header_hash}")]
    Inbox {
        /// From the data.
        count: MessageIndex,
        /// Rolled over the L1 view's messages.
        hash: B256,
        /// From the header.
        header_count: MessageIndex,
        /// From the header.
        header_hash: B256,
    },
    /// A signature from which no sender can be recovered.
    #[error("transaction {index} of block {block} has an invalid signature")]
    Signature {
        /// Which block.
        block: L2Number,
        /// Index among the block's signed transactions of the batch.
        index: usize,
    },
}
