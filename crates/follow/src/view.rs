//! The L1 view: takes in new L1 blocks, and walks back when L1 reorganised.

use alloy_primitives::B256;
use sluice_l1::{BLOCKS_MAX, L1, L1BlockEvents, L1Event, L1Heads};
use sluice_store::{L1Block, L1BlockData, Store};
use sluice_types::{L1Number, L2Number};

use crate::{Error, heads};

/// Deepest reorg that is followed. Ethereum finalises far sooner; a development L1 without finality is bounded by this.
pub(crate) const REORG_BLOCKS_MAX: u64 = 4_096;

/// What there is to take in.
#[derive(Debug)]
pub(crate) struct Intake {
    /// Set when L1 reorganised: the newest block that stays.
    pub(crate) rewind_to: Option<L1Number>,
    /// Blocks to add.
    pub(crate) blocks: Vec<L1BlockData>,
    /// `derived`, moved back to the last batch that stays.
    pub(crate) derived: L2Number,
}

/// Reads the next blocks of L1, up to [`BLOCKS_MAX`]. Nothing when L1 has nothing new; an L1 that is merely behind has nothing new.
pub(crate) async fn read<C: L1>(l1: &C, store: &Store, at: &L1Heads) -> Result<Option<Intake>, Error> {
    let derived = store.heads().derived;
    let latest = at.latest.0;
    let Some(head) = store.l1_head() else {
        let first = store.config().l1.start_block;
        if latest < first {
            return Ok(None);
        }
        let blocks = read_from(l1, store, first, latest, None).await?;
        return Ok(Some(Intake { rewind_to: None, blocks, derived }));
    };
    let number = head.origin.number;
    if latest > number {
        match read_from(l1, store, number.next(), latest, Some(head.origin.hash)).await {
            Ok(blocks) => return Ok(Some(Intake { rewind_to: None, blocks, derived })),
            // Another parent: walk back. If L1 only moved while it was read, the walk finds our head where it was.
            Err(Error::Moved { .. }) => {}
            Err(error) => return Err(error),
        }
    } else if same_block(store, at)? {
        return Ok(None);
    }
    let ancestor = common_ancestor(l1, store, &head, latest).await?;
    if ancestor.origin.number == number {
        return Err(Error::Moved { number: number.next() });
    }
    let keeps = ancestor.origin.number;
    let blocks = match latest > keeps {
        true => read_from(l1, store, keeps.next(), latest, Some(ancestor.origin.hash)).await?,
        false => Vec::new(),
    };
    let batches = heads::first_after(store, store.batch_count().0, keeps)?;
    let derived = derived.min(heads::end_of(store, batches)?);
    Ok(Some(Intake { rewind_to: Some(keeps), blocks, derived }))
}

/// Whether the newest L1 block is one that we have: then L1 is where we are, or its endpoint is behind.
fn same_block(store: &Store, at: &L1Heads) -> Result<bool, Error> {
    let (number, hash) = at.latest;
    Ok(store.l1_block(number)?.is_some_and(|block| block.origin.hash == hash))
}

/// The newest block that is in the store and on L1.
async fn common_ancestor<C: L1>(l1: &C, store: &Store, head: &L1Block, latest: L1Number) -> Result<L1Block, Error> {
    let newest = head.origin.number;
    let start = store.config().l1.start_block;
    let mut number = newest.min(latest);
    let mut replaced = None;
    loop {
        let stored = store.l1_block(number)?.ok_or_else(|| Error::Missing { what: format!("L1 block {number}") })?;
        let l1_hash = l1.block(number).await?.ok_or(Error::Moved { number })?.origin.hash;
        if stored.origin.hash == l1_hash {
            check_executed(store, &stored, replaced)?;
            return Ok(stored);
        }
        let reason = if number <= store.l1_finalized() {
            Some("it was finalized")
        } else if number <= start {
            Some("it is the first block of the rollup's L1 view")
        } else if newest.0 - number.0 >= REORG_BLOCKS_MAX {
            Some("the reorganisation is too deep to follow")
        } else {
            None
        };
        if let Some(reason) = reason {
            return Err(Error::DeepReorg { number, stored: stored.origin.hash, l1_hash, reason });
        }
        replaced = Some((number, stored.origin.hash, l1_hash));
        number = L1Number(number.0 - 1);
    }
}

/// Executed blocks build on L1 blocks up to their head's origin, and consumed only messages up to it: all of that must stay.
fn check_executed(store: &Store, ancestor: &L1Block, replaced: Option<(L1Number, B256, B256)>) -> Result<(), Error> {
    let head = store.head_block();
    let origin = head.block.l1_origin.number;
    match replaced {
        Some((number, stored, l1_hash)) if head.number().0 > 0 && origin > ancestor.origin.number => {
            Err(Error::OriginReplaced { block: head.number(), origin, number, stored, l1_hash })
        }
        _ => Ok(()),
    }
}

/// The executed head must stand on the L1 view. It may fail to when it was executed while L1 was being rewound.
pub(crate) fn check_head(store: &Store) -> Result<(), Error> {
    let head = store.head_block();
    let origin = &head.block.l1_origin;
    match store.l1_block(origin.number)? {
        Some(block) if head.number().0 > 0 && block.origin.hash != origin.hash => Err(Error::OriginReplaced {
            block: head.number(),
            origin: origin.number,
            number: origin.number,
            stored: origin.hash,
            l1_hash: block.origin.hash,
        }),
        _ => Ok(()),
    }
}

/// Reads blocks from `first` on and checks that they continue the view.
async fn read_from<C: L1>(
    l1: &C,
    store: &Store,
    first: L1Number,
    latest: L1Number,
    parent: Option<B256>,
) -> Result<Vec<L1BlockData>, Error> {
    let last = latest.min(L1Number(first.0.saturating_add(BLOCKS_MAX - 1)));
    let blocks = l1.blocks(first, last).await?;
    let (Some(lowest), Some(parent)) = (blocks.first(), parent) else {
        return if blocks.is_empty() { Err(Error::Moved { number: first }) } else { split(store, blocks) };
    };
    if lowest.header.origin.number != first || lowest.header.parent_hash != parent {
        return Err(Error::Moved { number: first });
    }
    split(store, blocks)
}

/// Sorts events by kind and checks that the first message continues the queue; `l1` checked the others.
fn split(store: &Store, blocks: Vec<L1BlockEvents>) -> Result<Vec<L1BlockData>, Error> {
    let mut checked = false;
    let mut all = Vec::with_capacity(blocks.len());
    for L1BlockEvents { header, events } in blocks {
        let number = header.origin.number;
        let block = L1Block { origin: header.origin, parent_hash: header.parent_hash };
        let mut data = L1BlockData { block, messages: Vec::new(), batches: Vec::new() };
        for event in events {
            match event {
                L1Event::Message { message, rolling_hash } => {
                    if !checked {
                        let before = store.inbox_hash(message.index)?;
                        if before.is_none_or(|before| message.roll(before) != rolling_hash) {
                            return Err(sluice_l1::Error::Queue { index: message.index, number }.into());
                        }
                        checked = true;
                    }
                    data.messages.push(message);
                }
                L1Event::Batch(batch) => data.batches.push(batch),
            }
        }
        all.push(data);
    }
    Ok(all)
}
