//! One batch: from its blobs to blocks, and from there to equal or not. Synchronous; runs on a thread of its own.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, U256};
use sluice_derive::{
    DerivedBlock, L1Facts, Parent, batch,
    blob::{self, Blob},
    derive_blocks,
};
use sluice_executor::Executor;
use sluice_store::Store;
use sluice_types::{
    BatchBlock, CommittedBatch, L2Number, MessageIndex, SealedBlock, StateRead, Transaction,
    predeploys::{OUTBOX, OUTBOX_ROOT_SLOT},
};

use crate::{Error, execute::execute_all};

/// Derives a batch and compares or executes its blocks. `Ok` means that the store holds exactly these blocks, and that they have
/// the hash and the roots that the batch claims.
pub(crate) fn check_batch(
    store: &Store,
    executor: &Executor,
    batch: &CommittedBatch,
    blobs: &[Blob],
) -> Result<(), Error> {
    let mut blocks = derive(store, batch, blobs)?;
    let executed = store.heads().executed;
    let unknown = blocks.split_off(blocks.partition_point(|block| block.number <= executed));
    for block in blocks {
        let number = block.number;
        let stored = stored_block(store, number)?;
        compare(batch, &block, &stored)?;
        if number == batch.header.last_block {
            check_claims(batch, &stored, outbox_root(&store.state(number)?)?)?;
        }
    }
    execute_all(store, executor, batch, unknown)
}

/// The outbox's root in a state.
pub(crate) fn outbox_root<S: StateRead>(state: &S) -> Result<B256, S::Error> {
    Ok(state.storage(OUTBOX, U256::from(OUTBOX_ROOT_SLOT))?.into())
}

pub(crate) fn invalid(batch: &CommittedBatch, source: sluice_derive::Error) -> Error {
    Error::Invalid { index: batch.header.index, hash: batch.hash(), source: Box::new(source) }
}

fn derive(store: &Store, batch: &CommittedBatch, blobs: &[Blob]) -> Result<Vec<DerivedBlock>, Error> {
    let wrong = |source| invalid(batch, source);
    let config = store.config();
    let payload = blob::from_blobs(blobs).map_err(wrong)?;
    let blocks = batch::decode(&payload, config.chain_id, config.batch_decompressed_size_max).map_err(wrong)?;
    let header = &batch.header;
    let before = L2Number(header.first_block.0.saturating_sub(1));
    let stored = stored_block(store, before)?;
    let parent = Parent {
        number: before,
        timestamp: stored.block.header.timestamp,
        l1_origin: stored.block.l1_origin.number,
        inbox_count: stored.block.inbox_count,
    };
    let mut origins = BTreeMap::new();
    for number in blocks.iter().map(|block| block.l1_origin).collect::<BTreeSet<_>>() {
        if let Some(block) = store.l1_block(number)? {
            origins.insert(number, block.origin);
        }
    }
    let messages = messages(store, &blocks, parent.inbox_count, header.inbox_count)?;
    let inbox_hash_before = store
        .inbox_hash(parent.inbox_count)?
        .ok_or_else(|| Error::Missing { what: format!("inbox message {}", parent.inbox_count) })?;
    let facts = L1Facts { origins: &origins, messages: &messages, inbox_hash_before };
    derive_blocks(config, header, blocks, parent, &facts).map_err(wrong)
}

/// The messages that the blocks say they consume, as far as the header and the L1 view have them.
fn messages(
    store: &Store,
    blocks: &[BatchBlock],
    from: MessageIndex,
    header: MessageIndex,
) -> Result<Vec<sluice_types::InboxMessage>, Error> {
    let wanted = blocks.iter().fold(from.0, |count, block| count.saturating_add(u64::from(block.inbox_count)));
    let mut messages = Vec::new();
    for index in from.0..wanted.min(header.0) {
        let Some((message, _)) = store.message(MessageIndex(index))? else { break };
        messages.push(message);
    }
    Ok(messages)
}

fn stored_block(store: &Store, number: L2Number) -> Result<std::sync::Arc<SealedBlock>, Error> {
    store.block(number)?.ok_or_else(|| Error::Missing { what: format!("block {number}") })
}

/// The derived block must be the stored one in everything that a batch says. Of the inbox's transactions the stored block holds
/// those that executed.
fn compare(batch: &CommittedBatch, derived: &DerivedBlock, stored: &SealedBlock) -> Result<(), Error> {
    let block = &stored.block;
    let differs = |what, derived_value: String, stored_value: String| {
        if derived_value == stored_value {
            return Ok(());
        }
        Err(Error::OtherBlock {
            index: batch.header.index,
            block: derived.number,
            what,
            values: format!("{derived_value} on L1 and {stored_value} here"),
            l1_hash: batch.header.last_block_hash,
            hash: stored.hash,
        })
    };
    differs("the timestamp", derived.timestamp.to_string(), block.header.timestamp.to_string())?;
    let (theirs, ours) = (&derived.l1_origin, &block.l1_origin);
    differs("the L1 origin", format!("{} {}", theirs.number, theirs.hash), format!("{} {}", ours.number, ours.hash))?;
    differs("the beneficiary", derived.beneficiary.to_string(), block.header.beneficiary.to_string())?;
    differs("the inbox count", derived.inbox_count.to_string(), block.inbox_count.to_string())?;

    let (inbox, rest) = block.transactions.split_at(block.inbox_transactions);
    let mut offered = derived.inbox.iter().map(|input| input.transaction.hash());
    for tx in inbox.iter().map(Transaction::hash) {
        if !offered.any(|hash| hash == tx) {
            return differs("an inbox transaction", "none".to_owned(), tx.to_string());
        }
    }
    differs("the number of transactions", derived.transactions.len().to_string(), rest.len().to_string())?;
    for (index, (theirs, ours)) in derived.transactions.iter().zip(rest).enumerate() {
        differs("a transaction", format!("{} at {index}", theirs.tx_hash()), format!("{} at {index}", ours.hash()))?;
    }
    Ok(())
}

/// What the header claims of the last block must be what this node computed.
pub(crate) fn check_claims(batch: &CommittedBatch, last: &SealedBlock, outbox: B256) -> Result<(), Error> {
    let header = &batch.header;
    for (what, claimed, computed) in [
        ("block hash", header.last_block_hash, last.hash),
        ("state root", header.state_root, last.block.header.state_root),
        ("outbox root", header.outbox_root, outbox),
    ] {
        if claimed != computed {
            return Err(Error::WrongClaim { index: header.index, block: header.last_block, what, claimed, computed });
        }
    }
    Ok(())
}
