//! Builds the next ordered block from the store's L1 view and the pool.

use std::{collections::HashSet, sync::Arc};

use alloy_primitives::{Address, B256};
use parking_lot::Mutex;
use sluice_ordering::{Reason, Round};
use sluice_store::Store;
use sluice_types::{
    Height, InboxMessage, L1Number, L1Origin, L2Number, MessageIndex, MessageKind, OrderedBlock, RollupId,
    RollupSection, inbox_gas, keccak256,
};

use crate::{
    Error,
    base::{Base, sections},
    block_bytes_max,
    epochs::NextEpoch,
    pool::{Pool, PoolTransaction, Room, TRANSACTION_GAS_MAX},
    shown::Shown,
    tip::Tip,
};

/// Most inbox messages that one block consumes, whatever gas they ask for: forced bytes that do not decode ask for none.
pub const BLOCK_MESSAGES_MAX: usize = 1_024;

/// L1 blocks by which the origin of a proposal stays below the newest that may be built on, where others must agree: they may see L1
/// later, and would have to wait.
pub const ORIGIN_MARGIN: u64 = 1;

/// What the engine asks for, and what the proposer adds of its own.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) height: Height,
    pub(crate) parent: B256,
    pub(crate) round: Round,
    /// Blocks below that were not decided when it was asked for.
    pub(crate) undecided: Vec<Arc<OrderedBlock>>,
    pub(crate) reason: Reason,
    /// Epochs whose committee is known.
    pub(crate) epochs: Vec<NextEpoch>,
    /// L1 blocks by which the origin stays below the newest that may be built on.
    pub(crate) origin_margin: u64,
    pub(crate) beneficiary: Address,
    pub(crate) now_ms: u64,
}

/// A proposal together with the pool's transactions in it, whose senders are known.
#[derive(Debug)]
pub(crate) struct Proposal {
    pub(crate) block: OrderedBlock,
    pub(crate) transactions: Vec<Arc<PoolTransaction>>,
}

/// Builds the block on the tip and what is undecided above it: first the inbox, then the pool by tip, and in an order that executes
/// well where tips are equal. It names the last block that is sealed here. `None` when an empty block is not wanted, while the L1
/// view does not yet reach the origin to build on, or when what was asked for does not follow the tip any more.
pub(crate) fn propose(
    store: &Store,
    (tip, sealed): (&Tip, (L2Number, B256)),
    (pool, shown): (&Mutex<Pool>, &Shown),
    request: &Request,
) -> Result<Option<Proposal>, Error> {
    let config = store.config();
    let rollup = config.rollup_id();
    let undecided: Vec<_> =
        request.undecided.iter().filter(|block| block.height > tip.ordered.height).cloned().collect();
    let base = Base::of(tip).above(&undecided, rollup);
    let Some(base) = base.filter(|base| (base.height.next(), base.hash) == (request.height, request.parent)) else {
        tracing::debug!(height = %request.height, "a proposal was asked for that does not follow what is executed");
        return Ok(None);
    };
    let timestamp_ms = request.now_ms.max(base.timestamp_ms);
    let confirmed = confirmed_head(store).saturating_sub(request.origin_margin);
    let origin = match next_origin(store, base.l1_origin, confirmed, timestamp_ms / 1_000) {
        // What is not decided may be given up, and with it what L1 gave up.
        Err(Error::OriginReplaced { .. }) if !undecided.is_empty() => None,
        origin => origin?,
    };
    let Some(origin) = origin else {
        tracing::debug!(origin = %base.l1_origin.0, "the L1 view does not reach the origin yet");
        return Ok(None);
    };
    // Only the parent's own origin can be ahead of the clock.
    let timestamp_ms = timestamp_ms.max(origin.timestamp.saturating_mul(1_000));

    let (messages, messages_gas) = next_messages(store, base.inbox_count, origin.number)?;
    let room = Room { gas: config.block_gas_limit.saturating_sub(messages_gas), bytes: block_bytes_max(config) };
    let taken: HashSet<B256> = undecided.iter().flat_map(|block| hashes(block, rollup)).collect();
    let transactions = pool.lock().best(room, &taken, |tx| shown.gas_use.expected(tx));
    let transactions = shown.hot.order(config.next_base_fee_wei(&tip.header), transactions);
    if messages == 0 && transactions.is_empty() && request.reason == Reason::Work {
        return Ok(None);
    }
    let section = RollupSection {
        rollup,
        inbox_count: messages,
        transactions: transactions.iter().map(|tx| tx.raw.clone()).collect(),
        executed_number: sealed.0,
        executed_hash: sealed.1,
    };
    let block = OrderedBlock {
        height: request.height,
        epoch: request.round.epoch,
        view: request.round.view,
        parent: request.parent,
        timestamp_ms,
        l1_origin: origin.number,
        l1_origin_hash: origin.hash,
        beneficiary: request.beneficiary,
        next_epoch: base.term.due(&request.epochs, origin.timestamp),
        sections: vec![section],
    };
    Ok(Some(Proposal { block, transactions }))
}

/// Whether the inbox holds a message that a block could consume now.
pub(crate) fn has_messages(store: &Store, tip: &Tip, origin_margin: u64, now_ms: u64) -> Result<bool, Error> {
    let parent = (tip.l1_origin.number, tip.l1_origin.hash);
    let confirmed = confirmed_head(store).saturating_sub(origin_margin);
    let Some(origin) = next_origin(store, parent, confirmed, now_ms / 1_000)? else { return Ok(false) };
    Ok(next_messages(store, tip.inbox_count, origin.number)?.0 > 0)
}

/// The L1 block to build on: the highest up to `confirmed` that is not after `timestamp`, but never before the parent's.
///
/// `None` when the L1 view does not hold it yet.
fn next_origin(
    store: &Store,
    parent: (L1Number, B256),
    confirmed: u64,
    timestamp: u64,
) -> Result<Option<L1Origin>, Error> {
    // L1 timestamps ascend: find the first block above the parent's origin that is still in the future.
    let (mut low, mut high) = (parent.0.0, confirmed.max(parent.0.0));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        match store.l1_block(L1Number(middle))? {
            Some(block) if block.origin.timestamp <= timestamp => low = middle,
            _ => high = middle - 1,
        }
    }
    let Some(block) = store.l1_block(L1Number(low))? else { return Ok(None) };
    // Genesis names its origin by number only, because the config does.
    if low == parent.0.0 && !parent.1.is_zero() && block.origin.hash != parent.1 {
        return Err(Error::OriginReplaced { number: parent.0, then: parent.1, now: block.origin.hash });
    }
    Ok(Some(block.origin))
}

/// Number of the highest L1 block that may be built on.
pub(crate) fn confirmed_head(store: &Store) -> u64 {
    store.l1_head().map_or(0, |head| head.origin.number.0.saturating_sub(store.config().l1_confirmations))
}

/// Hashes of a block's transactions for one rollup. What does not decode has a hash too, and is nobody's.
fn hashes(block: &OrderedBlock, rollup: RollupId) -> impl Iterator<Item = B256> {
    sections(block, rollup).flat_map(|section| section.transactions.iter().map(keccak256))
}

/// How many messages the block consumes, and the gas that they may use.
pub(crate) fn next_messages(store: &Store, first: MessageIndex, origin: L1Number) -> Result<(u32, u64), Error> {
    let gas_max = store.config().inbox_gas_per_block;
    let (mut count, mut gas, mut usable_gas) = (0, 0u64, 0u64);
    for index in (first.0..store.message_count().0).take(BLOCK_MESSAGES_MAX) {
        let Some((message, _)) = store.message(MessageIndex(index))? else { break };
        let asked = inbox_gas(&message);
        let with = gas.saturating_add(asked);
        // A single message always fits: the rule of `inbox_fits`, counted as we go.
        if message.l1_number > origin || (count > 0 && with > gas_max) {
            break;
        }
        (count, gas) = (count + 1, with);
        // A forced transaction above the limit of one transaction never executes, so it takes no room from the pool's.
        if message.kind == MessageKind::Deposit || asked <= TRANSACTION_GAS_MAX {
            usable_gas = usable_gas.saturating_add(asked);
        }
    }
    Ok((count, usable_gas))
}

/// Reads the messages that a block consumes. `None` when the L1 view does not hold them all.
pub(crate) fn messages(store: &Store, first: MessageIndex, count: u32) -> Result<Option<Vec<InboxMessage>>, Error> {
    let mut messages = Vec::new();
    for index in first.0..first.0.saturating_add(u64::from(count)) {
        let Some((message, _)) = store.message(MessageIndex(index))? else { return Ok(None) };
        messages.push(message);
    }
    Ok(Some(messages))
}
