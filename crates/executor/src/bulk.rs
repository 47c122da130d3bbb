//! Transfers at the end of a block, settled account by account.

use std::{
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use sluice_stf::{
    Plan,
    engine::Reader,
    lanes::{Bulk, Chunk, Committer},
};
use sluice_types::StateRead;

use crate::{
    block::lock,
    crew::{self, Crew},
    executor::LOOKED_AT_TRANSACTIONS,
};

/// Transfers from which on they are settled so. Fewer are not worth the two times that workers wait for each other.
pub const BULK_TRANSFERS_MIN: usize = 128;
/// Parts of the accounts for each worker, so that all end together and a part's accounts stay in a core's cache.
const PARTS_PER_WORKER: usize = 8;
/// Transfers that are prepared at once.
const CHUNK_TRANSFERS: usize = 512;

/// The transfers at the end of a block that are worth it; none otherwise.
pub(crate) fn find(crew: &Crew, plan: &Plan<'_>) -> Range<usize> {
    let none = plan.len()..plan.len();
    let Some(last) = plan.len().checked_sub(BULK_TRANSFERS_MIN).map(|start| start..plan.len()) else { return none };
    if plan.transfers_at_end(last.clone()) != last {
        return none;
    }
    // They come from far, so that looking at many takes long.
    let parts = crew::parts(0..plan.len(), LOOKED_AT_TRANSACTIONS);
    let found = crew.all(parts.clone(), |part| plan.transfers_at_end(part));
    let mut start = plan.len();
    for (part, found) in parts.iter().zip(found).rev() {
        start = found.start;
        if found != *part {
            break;
        }
    }
    start..plan.len()
}

/// Commits the transfers at the end of a block. Where something is not certain, says so, and commits nothing.
pub(crate) fn settle<S: StateRead + Sync>(
    crew: &Crew,
    plan: &Plan<'_>,
    transfers: Range<usize>,
    committer: &mut Committer,
    state: &S,
) -> bool {
    let parts = crew.free() * PARTS_PER_WORKER;
    let bulk = Bulk::new(plan, transfers.clone(), committer, parts);
    let failed = AtomicBool::new(false);
    let chunks: Vec<Option<Chunk>> = crew.all(crew::parts(transfers, CHUNK_TRANSFERS), |chunk| {
        // Who knows that it fails spares the others their work.
        let prepared = if failed.load(Ordering::Relaxed) { None } else { bulk.prepare(chunk) };
        failed.fetch_or(prepared.is_none(), Ordering::Relaxed);
        prepared
    });
    let Some(chunks) = chunks.into_iter().collect::<Option<Vec<_>>>() else { return false };
    let bulk = bulk.with(chunks);
    // Whoever has settled a part goes on in the memory that it is used to.
    let memory: Vec<_> = (0..=parts).map(|_| committer.spare()).collect();
    let memory = Mutex::new(memory);
    let spare = || lock(&memory).pop().expect("there is one for each part and one for the fees");
    let settled = {
        let committer = &*committer;
        crew.all((0..=parts).collect(), |part| {
            let reader = Reader::new(state);
            // The fees are less work than a part, and so come last.
            if part == parts {
                return bulk.settle_fees(committer, &reader, spare());
            }
            let (settlement, rest) = bulk.settle(committer, &reader, part, spare())?;
            lock(&memory).extend(rest);
            Some(settlement)
        })
    };
    committer.give_back(memory.into_inner().unwrap_or_else(PoisonError::into_inner));
    let Some(settled) = settled.into_iter().collect() else { return false };
    committer.commit_bulk(bulk, settled);
    true
}
