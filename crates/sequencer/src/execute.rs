//! The second stage: executes a block on what is executed, whether that is stored or not.

use std::{
    mem::take,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use alloy_primitives::{B256, U256};
use sluice_executor::{Ahead, ExecutedBlock, Executor, HashSender, hash_promise};
use sluice_store::{Snapshot, Store};
use sluice_types::{
    BlockAccessList, BlockInput, InputTransaction, L1Origin, MessageIndex, OrderedBlock, Outcome, Skip, StateChanges,
    inbox_fits, inbox_inputs,
};

use crate::{
    Error,
    base::sections,
    handle::Shared,
    pipeline::{Decided, timed},
    propose::{BLOCK_MESSAGES_MAX, messages},
    recover::Recovered,
    shown::Shown,
    tip::{Last, Tip},
};

/// Pause before L1 is looked at again.
const L1_PAUSE: Duration = Duration::from_millis(10);
/// How often to warn meanwhile.
const L1_WARNING: Duration = Duration::from_secs(10);

/// A block that is executed; its parent may not be sealed yet.
pub(crate) struct Executed {
    pub(crate) decided: Decided,
    pub(crate) input: BlockInput,
    /// Without the changes.
    pub(crate) outcome: Outcome,
    pub(crate) changes: Arc<StateChanges>,
    /// The state on which it was executed.
    pub(crate) before: Ahead<Snapshot>,
    /// Where its hash is wanted.
    pub(crate) hash: HashSender,
    pub(crate) started: Instant,
}

/// Executes, moves the tip and tells the pool. `None` for a block that is executed already, because the engine may say things twice.
pub(crate) fn execute(
    shared: &Shared,
    (executor, shown): (&Executor, &mut Shown),
    block: Recovered,
) -> Result<Option<Executed>, Error> {
    let started = Instant::now();
    let (store, tip) = (&shared.store, shared.tip());
    let Recovered { mut decided, transactions } = block;
    let list = decided.access_list.take().map(|list| move || decode_list(&list));
    let ordered = &decided.block;
    let hash = ordered.hash();
    if is_executed(&tip, ordered, hash)? {
        return Ok(None);
    }
    wait_for_l1(store, &tip, ordered)?;
    let input = block_input(store, &tip, ordered, transactions)?;
    let number = input.number;
    let before = tip.state(store)?;
    executor.cut_next(shown.hot.cuts(&input));
    shared.executing.store(true, Ordering::Relaxed);
    let outcome = timed("sequencer_execute_seconds", || {
        executor.execute_ahead_told(store.config(), &tip.header, (&input, list), &before)
    });
    shared.executing.store(false, Ordering::Relaxed);
    let mut outcome = outcome.map_err(|error| Error::Execute { number, reason: error.to_string() })?;
    timed("sequencer_learn_seconds", || {
        shown.learn(&input, &outcome, |contract, selector| executor.call_time(contract, selector));
    });
    let changes = Arc::new(take(&mut outcome.changes));
    let (hash_sender, promise) = hash_promise();
    let executed = ExecutedBlock::new(number.0, changes.clone(), promise);
    let ordered = tip.ordered.after(ordered, hash);
    let tip = tip.after(store, ordered, (&input, &outcome), executed);
    timed("sequencer_pool_seconds", || tell_pool(shared, tip, &changes, &input, &outcome));
    Ok(Some(Executed { decided, input, outcome, changes, before, hash: hash_sender, started }))
}

fn decode_list(bytes: &[u8]) -> Option<BlockAccessList> {
    let list = alloy_rlp::decode_exact(bytes);
    list.inspect_err(|error| tracing::debug!(%error, "a peer's access list does not decode; executing without")).ok()
}

/// Moves the tip, and the pool with it.
fn tell_pool(shared: &Shared, tip: Tip, changes: &StateChanges, input: &BlockInput, outcome: &Outcome) {
    let changed: Vec<(_, u64, U256)> = changes
        .accounts
        .iter()
        .map(|(address, change)| {
            let account = change.account.unwrap_or_default();
            (*address, account.nonce, account.balance)
        })
        .collect();
    let refused = refused(outcome, &input.transactions);
    let (head, block_ms) = (tip.pool_head(&shared.store), tip.ordered.timestamp_ms);
    let mut pool = shared.pool.lock();
    {
        let executed = outcome.executed.iter().map(|index| input.transactions[*index].transaction.hash());
        let mut leaving = shared.leaving.lock();
        leaving.extend(executed.filter_map(|hash| Some((hash, pool.get(hash)?))));
    }
    *shared.tip.write() = Arc::new(tip);
    let risen = pool.on_block(head, changed, &refused, shared.clock.now_ms());
    shared.announce(&risen);
    if let Some(share) = &shared.share {
        share.remind(&pool, block_ms);
    }
}

/// Whether the block is the last executed or below it. Errors when it neither is nor follows.
fn is_executed(tip: &Tip, ordered: &OrderedBlock, hash: B256) -> Result<bool, Error> {
    let Last { height: head, hash: head_hash, .. } = tip.ordered;
    if let Some(first) = head_hash.filter(|ours| ordered.height == head && *ours != hash) {
        return Err(Error::TwoBlocks { height: head, first, second: hash });
    }
    if ordered.height <= head {
        return Ok(true);
    }
    if ordered.height != head.next() || head_hash.is_some_and(|ours| ours != ordered.parent) {
        let head_hash = head_hash.unwrap_or_default();
        return Err(Error::OutOfOrder { height: ordered.height, parent: ordered.parent, head, head_hash });
    }
    Ok(false)
}

/// Waits until this node's view of L1 holds what a decided block builds on: those who decided it may have seen L1 earlier.
fn wait_for_l1(store: &Store, parent: &Tip, ordered: &OrderedBlock) -> Result<(), Error> {
    let consumed: u64 =
        sections(ordered, store.config().rollup_id()).map(|section| u64::from(section.inbox_count)).sum();
    let messages = parent.inbox_count.0 + consumed;
    let mut warned = Instant::now();
    while store.l1_block(ordered.l1_origin)?.is_none() || store.message_count().0 < messages {
        if store.l1_head().is_some_and(|head| head.origin.number >= ordered.l1_origin) {
            // It is above the origin and still lacks something: that is for the checks to say.
            return Ok(());
        }
        if warned.elapsed() >= L1_WARNING {
            warned = Instant::now();
            tracing::warn!(height = %ordered.height, origin = %ordered.l1_origin, "a decided block waits for L1 to be seen here");
        }
        thread::sleep(L1_PAUSE);
    }
    Ok(())
}

/// What our rollup's section asks to execute.
fn block_input(
    store: &Store,
    parent: &Tip,
    ordered: &OrderedBlock,
    recovered: Vec<InputTransaction>,
) -> Result<BlockInput, Error> {
    let height = ordered.height;
    let bad = |reason: String| Error::BadBlock { height, reason };
    let rollup = store.config().rollup_id();
    let section = ordered.sections.iter().find(|s| s.rollup == rollup).ok_or(Error::NoSection { height, rollup })?;
    let origin = checked_origin(store, parent, ordered)?;
    let timestamp = ordered.timestamp_ms / 1_000;
    if timestamp < parent.header.timestamp.max(origin.timestamp) {
        let least = parent.header.timestamp.max(origin.timestamp);
        return Err(bad(format!("timestamp {timestamp} is before its parent's or its L1 origin's, {least}")));
    }
    let messages = messages(store, parent.inbox_count, section.inbox_count)?
        .ok_or_else(|| bad(format!("it takes {} inbox messages, fewer are known here", section.inbox_count)))?;
    if messages.len() > BLOCK_MESSAGES_MAX || !inbox_fits(&messages, store.config().inbox_gas_per_block) {
        return Err(bad(format!("its {} inbox messages ask for more than a block may take", messages.len())));
    }
    if let Some(early) = messages.iter().find(|message| message.l1_number > origin.number) {
        return Err(bad(format!("inbox message {} is above its L1 origin {}", early.index, origin.number)));
    }
    let mut transactions = inbox_inputs(&messages, rollup);
    let inbox_transactions = transactions.len();
    transactions.extend(recovered);
    Ok(BlockInput {
        number: parent.number().next(),
        timestamp,
        l1_origin: origin,
        beneficiary: ordered.beneficiary,
        inbox_count: MessageIndex(parent.inbox_count.0 + u64::from(section.inbox_count)),
        transactions,
        inbox_transactions,
    })
}

fn checked_origin(store: &Store, parent: &Tip, ordered: &OrderedBlock) -> Result<L1Origin, Error> {
    let (number, then) = (ordered.l1_origin, ordered.l1_origin_hash);
    let before = &parent.l1_origin;
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
