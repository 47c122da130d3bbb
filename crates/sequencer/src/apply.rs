//! Executes a finalised block and commits it.

use std::{sync::Arc, time::Instant};

use alloy_primitives::{B256, Bytes};
use sluice_executor::Executor;
use sluice_store::{BlockCommit, Store};
use sluice_types::{
    BlockInput, Certificate, InputTransaction, L1Origin, MessageIndex, OrderedBlock, Outcome, RollupSection,
    SealedBlock, Skip, Transaction, inbox_fits, inbox_inputs,
};

use crate::{
    Error,
    handle::Shared,
    pool::{PoolHead, PoolTransaction},
    propose::{BLOCK_MESSAGES_MAX, messages},
};

/// Fewer transactions than this are recovered on one thread; starting another costs more than it saves.
const RECOVER_CHUNK_MIN: usize = 64;

/// Executes, commits and tells the pool. A block that is committed already is left alone, because the engine may say things twice.
pub(crate) fn apply(
    shared: &Shared,
    executor: &Executor,
    proposed: &[Arc<PoolTransaction>],
    (ordered, certificate): (OrderedBlock, Certificate),
) -> Result<(), Error> {
    let started = Instant::now();
    let store = &shared.store;
    let hash = ordered.hash();
    if is_stored(store, &ordered, hash)? {
        return Ok(());
    }
    let parent = store.head_block();
    let input = block_input(store, &parent, &ordered, proposed)?;
    let number = input.number;

    let snapshot = store.state(parent.number())?;
    let config = store.config();
    let outcome =
        timed("sequencer_execute_seconds", || executor.execute(config, &parent.block.header, &input, &snapshot))
            .map_err(|error| Error::Execute { number, reason: error.to_string() })?;
    let refused = refused(&outcome, &input.transactions);
    let (state_root, trie) = timed("sequencer_root_seconds", || store.state_root(&outcome.changes))?;
    let sealed = timed("sequencer_seal_seconds", || {
        SealedBlock::seal(config, (&parent.block.header, parent.hash), input, &outcome, state_root)
    });
    let head = PoolHead {
        number,
        base_fee_wei: config.next_base_fee_wei(&sealed.block.header),
        l1_origin: sealed.block.l1_origin.clone(),
    };
    let changed: Vec<_> = outcome
        .changes
        .accounts
        .iter()
        .map(|(address, change)| {
            let account = change.account.unwrap_or_default();
            (*address, account.nonce, account.balance)
        })
        .collect();
    report(&outcome, &sealed);
    let Outcome { receipts, changes, access_list, .. } = outcome;
    let ordered = Some((ordered, certificate));
    timed("sequencer_commit_seconds", || {
        store.commit_block(BlockCommit {
            sealed,
            receipts,
            changes: changes.into(),
            trie: trie.into(),
            access_list,
            ordered,
        })
    })?;
    timed("sequencer_pool_seconds", || {
        let mut pool = shared.pool.lock();
        let risen = pool.on_block(head, changed, &refused, shared.clock.now_ms());
        shared.announce(&risen);
    });
    metrics::histogram!("sequencer_block_seconds").record(started.elapsed().as_secs_f64());
    Ok(())
}

/// Whether the block is the stored head or below it. Errors when it neither is nor follows.
fn is_stored(store: &Store, ordered: &OrderedBlock, hash: B256) -> Result<bool, Error> {
    let (head, head_hash) = crate::service::start(store);
    if ordered.height == head && hash != head_hash {
        return Err(Error::TwoBlocks { height: head, first: head_hash, second: hash });
    }
    if ordered.height <= head {
        return Ok(true);
    }
    if ordered.height != head.next() || ordered.parent != head_hash {
        return Err(Error::OutOfOrder { height: ordered.height, parent: ordered.parent, head, head_hash });
    }
    Ok(false)
}

/// What our rollup's section asks to execute.
fn block_input(
    store: &Store,
    parent: &SealedBlock,
    ordered: &OrderedBlock,
    proposed: &[Arc<PoolTransaction>],
) -> Result<BlockInput, Error> {
    let height = ordered.height;
    let bad = |reason: String| Error::BadBlock { height, reason };
    let rollup = store.config().rollup_id();
    let section = ordered.sections.iter().find(|s| s.rollup == rollup).ok_or(Error::NoSection { height, rollup })?;
    check_agreement(store, ordered, section)?;
    let origin = checked_origin(store, parent, ordered)?;
    let timestamp = ordered.timestamp_ms / 1_000;
    if timestamp < parent.block.header.timestamp.max(origin.timestamp) {
        let least = parent.block.header.timestamp.max(origin.timestamp);
        return Err(bad(format!("timestamp {timestamp} is before its parent's or its L1 origin's, {least}")));
    }
    let messages = messages(store, parent.block.inbox_count, section.inbox_count)?
        .ok_or_else(|| bad(format!("it takes {} inbox messages, fewer are known here", section.inbox_count)))?;
    if messages.len() > BLOCK_MESSAGES_MAX || !inbox_fits(&messages, store.config().inbox_gas_per_block) {
        return Err(bad(format!("its {} inbox messages ask for more than a block may take", messages.len())));
    }
    if let Some(early) = messages.iter().find(|message| message.l1_number > origin.number) {
        return Err(bad(format!("inbox message {} is above its L1 origin {}", early.index, origin.number)));
    }
    let mut transactions = inbox_inputs(&messages, rollup);
    let inbox_transactions = transactions.len();
    transactions.extend(recover_all(&section.transactions, proposed));
    Ok(BlockInput {
        number: parent.number().next(),
        timestamp,
        l1_origin: origin,
        beneficiary: ordered.beneficiary,
        inbox_count: MessageIndex(parent.block.inbox_count.0 + u64::from(section.inbox_count)),
        transactions,
        inbox_transactions,
    })
}

/// The proposer's own result must be ours.
fn check_agreement(store: &Store, ordered: &OrderedBlock, section: &RollupSection) -> Result<(), Error> {
    let (number, theirs) = (section.executed_number, section.executed_hash);
    let ours = store.block(number)?.map_or(B256::ZERO, |block| block.hash);
    if ours == theirs { Ok(()) } else { Err(Error::Diverged { height: ordered.height, number, theirs, ours }) }
}

fn checked_origin(store: &Store, parent: &SealedBlock, ordered: &OrderedBlock) -> Result<L1Origin, Error> {
    let (number, then) = (ordered.l1_origin, ordered.l1_origin_hash);
    let before = &parent.block.l1_origin;
    if number < before.number {
        let reason = format!("its L1 origin {number} is before its parent's, {}", before.number);
        return Err(Error::BadBlock { height: ordered.height, reason });
    }
    let block = store.l1_block(number)?.ok_or_else(|| Error::BadBlock {
        height: ordered.height,
        reason: format!("its L1 origin {number} is not known here yet"),
    })?;
    if block.origin.hash == then {
        Ok(block.origin)
    } else {
        Err(Error::OriginReplaced { number, then, now: block.origin.hash })
    }
}

/// Decodes the transactions and gives each its sender: from our own proposal where it is the same, else recovered on all cores.
/// What does not decode or recover yields nothing, as if it had been skipped.
fn recover_all(raw: &[Bytes], proposed: &[Arc<PoolTransaction>]) -> Vec<InputTransaction> {
    let input = |index: usize, raw: &Bytes| match proposed.get(index) {
        Some(known) if known.raw == *raw => {
            Some(InputTransaction { transaction: Transaction::Signed(known.transaction.clone()), sender: known.sender })
        }
        _ => {
            let transaction = Transaction::Signed(Transaction::decode_signed(raw).ok()?);
            let sender = transaction.recover().ok()?;
            Some(InputTransaction { transaction, sender })
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let size = raw.len().div_ceil(threads).max(RECOVER_CHUNK_MIN);
    std::thread::scope(|scope| {
        let chunks = raw.chunks(size).enumerate().map(|(chunk, raw)| {
            let indexed = raw.iter().enumerate().map(move |(index, raw)| (chunk * size + index, raw));
            scope.spawn(move || indexed.filter_map(|(index, raw)| input(index, raw)).collect::<Vec<_>>())
        });
        let threads: Vec<_> = chunks.collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("decoding and recovery do not panic")).collect()
    })
}

/// Transactions that the pool must not offer again. What may still execute in a later block stays.
fn refused(outcome: &Outcome, transactions: &[InputTransaction]) -> Vec<B256> {
    outcome
        .skipped
        .iter()
        .filter(|skipped| {
            matches!(skipped.reason, Skip::NonceTooLow { .. } | Skip::InsufficientFunds { .. } | Skip::Invalid(_))
        })
        .filter_map(|skipped| {
            let hash = transactions.get(skipped.index).map(|tx| tx.transaction.hash());
            tracing::debug!(?hash, reason = %skipped.reason, "a transaction was left out");
            hash
        })
        .collect()
}

fn report(outcome: &Outcome, sealed: &SealedBlock) {
    metrics::counter!("sequencer_gas_total").increment(outcome.gas_used);
    metrics::counter!("sequencer_transactions_total").increment(outcome.executed.len() as u64);
    metrics::counter!("sequencer_skipped_total").increment(outcome.skipped.len() as u64);
    let transactions = outcome.executed.len();
    tracing::debug!(number = %sealed.number(), hash = %sealed.hash, transactions, gas = outcome.gas_used, "executed");
}

fn timed<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    metrics::histogram!(name).record(started.elapsed().as_secs_f64());
    result
}
