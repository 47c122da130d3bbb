//! The tables of the database and of the journal.

use redb::{TableDefinition, WriteTransaction};

use crate::Error;

/// Version of everything in this file and in `codec.rs`; changed with them.
pub(crate) const SCHEMA_VERSION: u64 = 2;

/// A table of byte strings.
pub(crate) type Bytewise = TableDefinition<'static, &'static [u8], &'static [u8]>;
/// A table by number.
pub(crate) type Numbered = TableDefinition<'static, u64, &'static [u8]>;

/// Facts about the whole store, by name.
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// [`META`]: big-endian [`SCHEMA_VERSION`].
pub(crate) const META_SCHEMA: &str = "schema";
/// [`META`]: the chain config as TOML.
pub(crate) const META_CONFIG: &str = "config";
/// [`META`]: big-endian number of the last block in these tables; later ones are in the journal.
pub(crate) const META_FLUSHED: &str = "flushed";
/// [`META`]: RLP of `L1Claims`.
pub(crate) const META_L1: &str = "l1";
/// [`META`]: RLP of the last ordered block and its certificate; absent when there was none.
pub(crate) const META_ORDERED_HEAD: &str = "ordered_head";

/// L2 number → block with its hash.
pub(crate) const BLOCKS: Numbered = TableDefinition::new("blocks");
/// L2 number → block hash.
pub(crate) const BLOCK_HASHES: TableDefinition<'_, u64, [u8; 32]> = TableDefinition::new("block_hashes");
/// Block hash → L2 number.
pub(crate) const BLOCK_NUMBERS: TableDefinition<'_, [u8; 32], u64> = TableDefinition::new("block_numbers");
/// L2 number → receipts.
pub(crate) const RECEIPTS: Numbered = TableDefinition::new("receipts");
/// L2 number → access list.
pub(crate) const ACCESS_LISTS: Numbered = TableDefinition::new("access_lists");
/// L2 number → ordered block and certificate.
pub(crate) const ORDERED: Numbered = TableDefinition::new("ordered");
/// Transaction hash → L2 number, index in the block.
pub(crate) const TX_PLACES: TableDefinition<'_, [u8; 32], (u64, u64)> = TableDefinition::new("tx_places");

/// Code hash → code.
pub(crate) const CODES: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("codes");
/// Address → account.
pub(crate) const ACCOUNTS: Bytewise = TableDefinition::new("accounts");
/// Address, block → account before that block; nothing when there was none.
pub(crate) const ACCOUNT_HISTORY: Bytewise = TableDefinition::new("account_history");
/// Address, slot → value, without leading zeros.
pub(crate) const STORAGE: Bytewise = TableDefinition::new("storage");
/// Address, slot, block → value before that block; nothing when it was zero.
pub(crate) const STORAGE_HISTORY: Bytewise = TableDefinition::new("storage_history");
/// Trie, path → node.
pub(crate) const NODES: Bytewise = TableDefinition::new("nodes");
/// Block, trie, path → node before that block; nothing when there was none. Only recent blocks.
pub(crate) const NODE_HISTORY: Bytewise = TableDefinition::new("node_history");

/// L1 number → L1 block.
pub(crate) const L1_BLOCKS: Numbered = TableDefinition::new("l1_blocks");
/// Message index → message and the rolling hash after it.
pub(crate) const MESSAGES: Numbered = TableDefinition::new("messages");
/// Batch index → committed batch.
pub(crate) const BATCHES: Numbered = TableDefinition::new("batches");
/// Last L2 number of a batch → batch index.
pub(crate) const BATCH_ENDS: TableDefinition<'_, u64, u64> = TableDefinition::new("batch_ends");
/// Batch index → batch on its way to L1.
pub(crate) const PENDING: Numbered = TableDefinition::new("pending_batches");

/// Epoch, index in its committee → what convicts that seat.
pub(crate) const EVIDENCE: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("evidence");
/// Epoch → what its seats did.
pub(crate) const REWARDS: Numbered = TableDefinition::new("rewards");

/// In the journal's own file: L2 number → everything a block commits.
pub(crate) const JOURNAL: Numbered = TableDefinition::new("journal");

/// Creates every table of the database, since reading one that does not exist is an error.
pub(crate) fn create_all(txn: &WriteTransaction) -> Result<(), Error> {
    txn.open_table(META)?;
    for table in [BLOCKS, RECEIPTS, ACCESS_LISTS, ORDERED, L1_BLOCKS, MESSAGES, BATCHES, PENDING, REWARDS] {
        txn.open_table(table)?;
    }
    txn.open_table(BLOCK_HASHES)?;
    txn.open_table(BLOCK_NUMBERS)?;
    txn.open_table(TX_PLACES)?;
    txn.open_table(CODES)?;
    for table in [ACCOUNTS, ACCOUNT_HISTORY, STORAGE, STORAGE_HISTORY, NODES, NODE_HISTORY] {
        txn.open_table(table)?;
    }
    txn.open_table(BATCH_ENDS)?;
    txn.open_table(EVIDENCE)?;
    Ok(())
}
