//! Where the heads stand, given what L1 says.

use sluice_l1::L1Heads;
use sluice_store::{L1Update, Store};
use sluice_types::{BatchIndex, L1Number, L2Number};

use crate::Error;

/// What L1 says at one moment about how far the chain has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct L1Claims {
    pub(crate) heads: L1Heads,
    /// Batches that the contract holds for final.
    pub(crate) final_batch_count: BatchIndex,
}

/// An update that adds nothing and sets the heads, with `derived` as given.
pub(crate) fn update(store: &Store, claims: &L1Claims, derived: L2Number) -> Result<L1Update, Error> {
    let count = store.batch_count().0;
    let l1_finalized =
        store.l1_head().map_or(L1Number::default(), |head| head.origin.number.min(claims.heads.finalized));
    let proven_count = claims.final_batch_count.0.min(count);
    let final_count = first_after(store, proven_count, l1_finalized)?;
    Ok(L1Update {
        derived,
        proven: end_of(store, proven_count)?,
        finalized: end_of(store, final_count)?,
        l1_finalized,
        ..L1Update::default()
    })
}

/// Last block of the first `count` batches; 0 when there are none.
pub(crate) fn end_of(store: &Store, count: u64) -> Result<L2Number, Error> {
    let Some(last) = count.checked_sub(1) else { return Ok(L2Number(0)) };
    let batch = store.batch(BatchIndex(last))?.ok_or_else(|| Error::Missing { what: format!("batch {last}") })?;
    Ok(batch.header.last_block)
}

/// How many of the first `count` batches are in L1 blocks up to `number`. Batches are in the order of L1, so halving finds it.
pub(crate) fn first_after(store: &Store, count: u64, number: L1Number) -> Result<u64, Error> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        let batch =
            store.batch(BatchIndex(middle))?.ok_or_else(|| Error::Missing { what: format!("batch {middle}") })?;
        if batch.l1_number <= number {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
