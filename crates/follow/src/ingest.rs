//! L1 blocks into the store's L1 view, and back out when L1 reorganises.

use alloy_primitives::B256;
use sluice_l1::{BLOCKS_MAX, L1, L1BlockEvents, L1Event, L1Heads};
use sluice_store::{L1Block, L1BlockData, L1Update, Store};
use sluice_types::L1Number;
use tracing::{info, warn};

use crate::Error;

/// How far back a common ancestor is looked for: two of Ethereum's epochs and more.
pub(crate) const REORG_DEPTH_MAX: u64 = 256;

/// Ingests the next L1 blocks, if there are any; true when there may be more.
///
/// Errors: [`Error::OriginGone`] when a reorganisation takes a block that L2 was built on.
pub(crate) async fn ingest<C: L1>(l1: &C, store: &Store, heads: &L1Heads) -> Result<bool, Error> {
    let (rewind_to, next, parent_hash) = match store.l1_head() {
        None => (None, store.config().l1.start_block, None),
        Some(head) => {
            let common = common_ancestor(l1, store, &head).await?;
            let rewind_to = (common.origin.number < head.origin.number).then_some(common.origin.number);
            (rewind_to, common.origin.number.next(), Some(common.origin.hash))
        }
    };
    if let Some(to) = rewind_to {
        check_origin_survives(l1, store, to).await?;
    }
    if next > heads.latest.0 && rewind_to.is_none() {
        return Ok(false);
    }
    let last = heads.latest.0.min(L1Number(next.0 + BLOCKS_MAX - 1));
    let blocks = if next <= last { l1.blocks(next, last).await? } else { Vec::new() };
    if let (Some(first), Some(parent_hash)) = (blocks.first(), parent_hash) {
        if first.header.parent_hash != parent_hash {
            return Err(sluice_l1::Error::Reorged { number: next }.into());
        }
    }
    let blocks = blocks_data(store, rewind_to, blocks)?;
    if let Some(to) = rewind_to {
        let from = store.l1_head().map(|head| head.origin.number).unwrap_or_default();
        warn!(%from, %to, "L1 reorganised");
        metrics::counter!("follow_reorgs_total").increment(1);
    }
    let more = blocks.last().is_some_and(|block| block.block.origin.number < heads.latest.0);
    let now = store.heads();
    store.commit_l1(L1Update {
        rewind_to,
        blocks,
        derived: now.derived,
        proven: now.proven,
        finalized: now.finalized,
        l1_finalized: heads.finalized.min(heads.latest.0),
    })?;
    if let Some(head) = store.l1_head() {
        metrics::gauge!("follow_l1_head_number").set(head.origin.number.0 as f64);
    }
    Ok(more)
}

/// The newest block of the view that is still on L1.
async fn common_ancestor<C: L1>(l1: &C, store: &Store, head: &L1Block) -> Result<L1Block, Error> {
    let start = store.config().l1.start_block;
    let oldest = L1Number(head.origin.number.0.saturating_sub(REORG_DEPTH_MAX)).max(start);
    let mut block = head.clone();
    loop {
        if l1.block(block.origin.number).await?.is_some_and(|now| now.origin.hash == block.origin.hash) {
            return Ok(block);
        }
        if block.origin.number <= oldest {
            return Err(Error::NoCommonBlock { oldest });
        }
        let before = L1Number(block.origin.number.0 - 1);
        block = store.l1_block(before)?.ok_or(Error::Missing { what: "L1 block", number: before.0 })?;
    }
}

/// Nothing executed builds on a block above `to`. Messages are covered too: a block takes none younger than its origin.
async fn check_origin_survives<C: L1>(l1: &C, store: &Store, to: L1Number) -> Result<(), Error> {
    let head = store.head_block();
    let origin = &head.block.l1_origin;
    if origin.number <= to || head.number().0 == 0 {
        return Ok(());
    }
    let theirs = l1.block(origin.number).await?.map_or(B256::ZERO, |block| block.origin.hash);
    Err(Error::OriginGone { number: head.number(), origin: origin.number, ours: origin.hash, theirs })
}

/// The store's form, with the inbox's rolling hash checked against what the view holds.
fn blocks_data(
    store: &Store,
    rewind_to: Option<L1Number>,
    blocks: Vec<L1BlockEvents>,
) -> Result<Vec<L1BlockData>, Error> {
    let mut rolling = None;
    blocks
        .into_iter()
        .map(|block| {
            let origin = block.header.origin;
            let (mut messages, mut batches) = (Vec::new(), Vec::new());
            for event in block.events {
                match event {
                    L1Event::Message { message, rolling_hash } => {
                        let queue = || sluice_l1::Error::Queue { index: message.index, number: origin.number };
                        let before = match rolling {
                            Some(hash) => hash,
                            None => kept_inbox_hash(store, rewind_to, &message)?.ok_or_else(queue)?,
                        };
                        if message.roll(before) != rolling_hash {
                            return Err(queue().into());
                        }
                        rolling = Some(rolling_hash);
                        messages.push(message);
                    }
                    L1Event::Batch(batch) => {
                        info!(index = %batch.header.index, l1 = %origin.number, last = %batch.header.last_block, "batch on L1");
                        batches.push(batch);
                    }
                }
            }
            Ok(L1BlockData { block: L1Block { origin, parent_hash: block.header.parent_hash }, messages, batches })
        })
        .collect()
}

/// The rolling hash before a message, from the messages that stay in the view.
fn kept_inbox_hash(
    store: &Store,
    rewind_to: Option<L1Number>,
    message: &sluice_types::InboxMessage,
) -> Result<Option<B256>, Error> {
    if let Some(before) = message.index.0.checked_sub(1) {
        let Some((last, _)) = store.message(before.into())? else { return Ok(None) };
        if rewind_to.is_some_and(|to| last.l1_number > to) {
            return Ok(None);
        }
    }
    Ok(store.inbox_hash(message.index)?)
}
