//! Whether another seat's proposal may stand: everything that its order alone must keep to. What its transactions do shows when they
//! are executed.

use sluice_store::Store;
use sluice_types::{OrderedBlock, RollupSection};

use crate::{
    Error,
    base::Base,
    block_bytes_max,
    epochs::NextEpoch,
    propose::{confirmed_head, next_messages},
};

/// How far another seat's clock may be ahead.
pub const CLOCK_AHEAD_MS_MAX: u64 = 500;
/// A block must not build on an L1 block that is this much older than the newest that it could build on, or deposits could wait for
/// ever.
pub const ORIGIN_BEHIND_S_MAX: u64 = 120;

/// What is known of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may stand.
    Good,
    /// It may not, for this reason, and never will.
    Bad(String),
    /// That cannot be known yet, for this reason.
    Later(&'static str),
}

/// Looks at a proposal on its base. `sealed` tells the hash of an L2 block of ours, if it is sealed.
pub(crate) fn verify(
    store: &Store,
    (base, epochs): (&Base, &[NextEpoch]),
    block: &OrderedBlock,
    now_ms: u64,
    sealed: impl Fn(&RollupSection) -> Result<Option<alloy_primitives::B256>, Error>,
) -> Result<Verdict, Error> {
    let bad = |reason: String| Ok(Verdict::Bad(reason));
    let config = store.config();
    let rollup = config.rollup_id();
    let [section] = block.sections.as_slice() else {
        return bad(format!("it has {} sections; this network orders for rollup {rollup} alone", block.sections.len()));
    };
    if section.rollup != rollup {
        return bad(format!("its section is of rollup {}, not {rollup}", section.rollup));
    }
    let (bytes, bytes_max) = (section.transactions.iter().map(|raw| raw.len()).sum::<usize>(), block_bytes_max(config));
    if bytes > bytes_max {
        return bad(format!("its transactions have {bytes} bytes, more than {bytes_max}"));
    }
    if block.timestamp_ms < base.timestamp_ms {
        return bad(format!("its time {} ms is before its parent's, {} ms", block.timestamp_ms, base.timestamp_ms));
    }
    if block.l1_origin < base.l1_origin.0 {
        return bad(format!("its L1 origin {} is before its parent's, {}", block.l1_origin, base.l1_origin.0));
    }
    if block.timestamp_ms > now_ms + CLOCK_AHEAD_MS_MAX {
        return Ok(Verdict::Later("its time is ahead of our clock"));
    }
    let confirmed = confirmed_head(store);
    let Some(origin) = store.l1_block(block.l1_origin)?.map(|known| known.origin) else {
        return Ok(Verdict::Later("its L1 origin is not known here"));
    };
    if block.l1_origin.0 > confirmed && block.l1_origin > base.l1_origin.0 {
        return Ok(Verdict::Later("its L1 origin is not confirmed here"));
    }
    if origin.hash != block.l1_origin_hash {
        // The view of L1 may be what changes.
        return Ok(Verdict::Later("its L1 origin has another hash here"));
    }
    if block.timestamp_ms / 1_000 < origin.timestamp {
        return bad(format!("its time {} ms is before its L1 origin's, {} s", block.timestamp_ms, origin.timestamp));
    }
    if let Some(newest) = store.l1_block(confirmed.into())?
        && newest.origin.timestamp > origin.timestamp + ORIGIN_BEHIND_S_MAX
        && block.timestamp_ms / 1_000 >= newest.origin.timestamp
    {
        return Ok(Verdict::Later("its L1 origin is far behind L1"));
    }
    if let Some(verdict) = next_epoch((base, epochs), block, origin.timestamp) {
        return Ok(verdict);
    }
    let (messages, _) = next_messages(store, base.inbox_count, block.l1_origin)?;
    if section.inbox_count != messages {
        return bad(format!("it takes {} messages from the inbox where {messages} are due", section.inbox_count));
    }
    match sealed(section)? {
        None => Ok(Verdict::Later("it names a block that is not sealed here")),
        Some(ours) if ours != section.executed_hash => bad(format!(
            "it builds on {} as block {}, this node computed {ours}",
            section.executed_hash, section.executed_number
        )),
        Some(_) => Ok(Verdict::Good),
    }
}

/// What is wrong with the epoch that a block names, if it names one. `origin_timestamp` is that of its L1 origin.
fn next_epoch((base, epochs): (&Base, &[NextEpoch]), block: &OrderedBlock, origin_timestamp: u64) -> Option<Verdict> {
    let named = block.next_epoch;
    if named == 0 {
        return None;
    }
    if named <= block.epoch {
        return Some(Verdict::Bad(format!("it names epoch {named} as next after {}", block.epoch)));
    }
    // The parent may be the last of the epoch before.
    if base.term.epoch == block.epoch && base.term.next_epoch != 0 {
        let before = base.term.next_epoch;
        return Some(Verdict::Bad(format!("it names epoch {named} as next, and a block below has named {before}")));
    }
    match epochs.iter().find(|next| next.epoch == named) {
        None => Some(Verdict::Later("the committee of the epoch that it names is not final on L1 here")),
        Some(next) if next.starts_at > origin_timestamp => Some(Verdict::Bad(format!(
            "it names epoch {named} as next, which begins at {} s, after its L1 origin at {origin_timestamp} s",
            next.starts_at
        ))),
        Some(_) => None,
    }
}
