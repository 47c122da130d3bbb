//! A batch from L1 against the chain here: compared where it was executed, executed where it was not. CPU work.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{B256, U256};
use sluice_derive::{DerivedBlock, L1Facts, Parent, batch, blob, derive_blocks};
use sluice_executor::Executor;
use sluice_l1::Blob;
use sluice_store::{BlockCommit, Store};
use sluice_types::{
    BatchBlock, BatchIndex, CommittedBatch, InboxMessage, L1Origin, L2Number, MessageIndex, SealedBlock, StateRead, Transaction,
    predeploys,
};

use crate::Error;

/// Derives a batch and makes the chain here agree with it. Blocks are committed one by one.
///
/// Errors: [`Error::Batch`] and [`Error::Mismatch`] stop the node.
pub(crate) fn apply_batch(
    store: &Store,
    executor: &Executor,
    committed: &CommittedBatch,
    blobs: &[Box<Blob>],
) -> Result<(), Error> {
    let index = committed.header.index;
    let wrong = |source| Error::Batch { index, source };
    let config = store.config();
    let payload = blob::from_blobs(blobs).map_err(wrong)?;
    let blocks = batch::decode(&payload, config.chain_id, config.batch_decompressed_size_max).map_err(wrong)?;
    let parent = block(store, L2Number(committed.header.first_block.0.saturating_sub(1)))?;
    let from = Parent {
        number: parent.number(),
        timestamp: parent.block.header.timestamp,
        l1_origin: parent.block.l1_origin.number,
        inbox_count: parent.block.inbox_count,
    };
    let origins = origins(store, &blocks)?;
    let messages = messages(store, from.inbox_count, committed.header.inbox_count)?;
    let inbox_hash_before = store
        .inbox_hash(from.inbox_count)?
        .ok_or(Error::Missing { what: "inbox message", number: from.inbox_count.0 })?;
    let facts = L1Facts { origins: &origins, messages: &messages, inbox_hash_before };
    for derived in derive_blocks(config, &committed.header, blocks, from, &facts).map_err(wrong)? {
        if derived.number <= store.heads().executed {
            compare(&*block(store, derived.number)?, &derived, index)?;
        } else {
            execute(store, executor, derived, index)?;
        }
    }
    check_claims(store, committed)
}

fn block(store: &Store, number: L2Number) -> Result<Arc<SealedBlock>, Error> {
    store.block(number)?.ok_or(Error::Missing { what: "block", number: number.0 })
}

/// The L1 blocks that a batch builds on. One that the view lacks is left out; derivation names it.
fn origins(store: &Store, blocks: &[BatchBlock]) -> Result<BTreeMap<sluice_types::L1Number, L1Origin>, Error> {
    let mut origins = BTreeMap::new();
    for block in blocks {
        if !origins.contains_key(&block.l1_origin) {
            if let Some(l1_block) = store.l1_block(block.l1_origin)? {
                origins.insert(block.l1_origin, l1_block.origin);
            }
        }
    }
    Ok(origins)
}

/// The messages that a batch consumes, as far as the view has them.
fn messages(store: &Store, from: MessageIndex, to: MessageIndex) -> Result<Vec<InboxMessage>, Error> {
    let mut messages = Vec::new();
    for index in from.0..to.0.min(store.message_count().0) {
        let (message, _) =
            store.message(MessageIndex(index))?.ok_or(Error::Missing { what: "inbox message", number: index })?;
        messages.push(message);
    }
    Ok(messages)
}

/// Everything that a block's execution depends on is the same. Results are compared by the hash at the batch's end.
fn compare(ours: &SealedBlock, theirs: &DerivedBlock, index: BatchIndex) -> Result<(), Error> {
    let number = theirs.number;
    let differ = |what, ours: B256, theirs: B256| Err(Error::Mismatch { number, what, ours, theirs, index });
    let word = |number: u64| B256::from(U256::from(number));
    let block = &ours.block;
    if block.header.timestamp != theirs.timestamp {
        return differ("has another timestamp", word(block.header.timestamp), word(theirs.timestamp));
    }
    if block.l1_origin.hash != theirs.l1_origin.hash {
        return differ("builds on another L1 block", block.l1_origin.hash, theirs.l1_origin.hash);
    }
    if block.header.beneficiary != theirs.beneficiary {
        return differ("pays another", block.header.beneficiary.into_word(), theirs.beneficiary.into_word());
    }
    if block.inbox_count != theirs.inbox_count {
        return differ("takes other inbox messages", word(block.inbox_count.0), word(theirs.inbox_count.0));
    }
    let (inbox, rest) = block.transactions.split_at(block.inbox_transactions);
    // A forced transaction may have been invalid and left out; a deposit never is.
    let mut executed = inbox.iter().peekable();
    for input in &theirs.inbox {
        let taken = executed.next_if(|tx| tx.hash() == input.transaction.hash()).is_some();
        if !taken && matches!(input.transaction, Transaction::Deposit(_)) {
            return differ("lacks a deposit", B256::ZERO, input.transaction.hash());
        }
    }
    if let Some(extra) = executed.next() {
        return differ("has a transaction that is not from the inbox", extra.hash(), B256::ZERO);
    }
    let hash_at = |index: usize| rest.get(index).map_or(B256::ZERO, Transaction::hash);
    for (index, tx) in theirs.transactions.iter().enumerate() {
        if hash_at(index) != *tx.tx_hash() {
            return differ("has another transaction", hash_at(index), *tx.tx_hash());
        }
    }
    match rest.get(theirs.transactions.len()) {
        Some(extra) => differ("has a transaction that L1 does not have", extra.hash(), B256::ZERO),
        None => Ok(()),
    }
}

/// Executes a block that is known from L1 only.
fn execute(store: &Store, executor: &Executor, derived: DerivedBlock, index: BatchIndex) -> Result<(), Error> {
    let number = derived.number;
    let input = derived.into_input().map_err(|source| Error::Batch { index, source })?;
    let parent = store.head_block();
    let state = store.state(parent.number())?;
    let config = store.config();
    let outcome = executor
        .execute(config, &parent.block.header, &input, &state)
        .map_err(|error| Error::Execute { number, reason: error.to_string() })?;
    let (root, trie) = store.state_root(&outcome.changes)?;
    let sealed = SealedBlock::seal(config, (&parent.block.header, parent.hash), input, &outcome, root);
    metrics::counter!("follow_executed_blocks_total").increment(1);
    Ok(store.commit_block(BlockCommit {
        sealed,
        receipts: outcome.receipts,
        changes: outcome.changes,
        trie,
        access_list: outcome.access_list,
        ordered: None,
    })?)
}

/// What the batch's header says about its end is what is here.
fn check_claims(store: &Store, committed: &CommittedBatch) -> Result<(), Error> {
    let header = &committed.header;
    let last = block(store, header.last_block)?;
    let outbox: B256 = store
        .state(header.last_block)?
        .storage(predeploys::OUTBOX, U256::from(predeploys::OUTBOX_ROOT_SLOT))?
        .into();
    let claims = [
        ("has another hash", last.hash, header.last_block_hash),
        ("has another state root", last.block.header.state_root, header.state_root),
        ("has another outbox root", outbox, header.outbox_root),
    ];
    for (what, ours, theirs) in claims {
        if ours != theirs {
            return Err(Error::Mismatch { number: header.last_block, what, ours, theirs, index: header.index });
        }
    }
    Ok(())
}
