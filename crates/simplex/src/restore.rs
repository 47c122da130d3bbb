//! Reads from the archive of decided blocks which epochs they belong to.

use std::sync::Arc;

use commonware_cryptography::sha256::Digest;
use commonware_storage::archive::{Archive, Identifier};

use crate::{Error, block::Block, epoch::State};

/// The epochs of all blocks that the archive has without a gap.
pub(crate) async fn epochs<A>(archive: &A, first_epoch: u64, tail: u64) -> Result<State, Error>
where
    A: Archive<Key = Digest, Value = Arc<Block>>,
{
    let (Some(end), _) = archive.next_gap(1) else { return Ok(State::new(first_epoch)) };
    let mut state = State::new(first_epoch);
    state.firsts.clear();
    // From the newest epoch down: where each begins is found by halving, since epochs ascend with height.
    let mut last = end;
    while last > 0 {
        let epoch = block(archive, last).await?.ordered.epoch;
        let (mut low, mut high) = (1, last);
        while low < high {
            let middle = low + (high - low) / 2;
            if block(archive, middle).await?.ordered.epoch < epoch {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        last = low - 1;
        // Height 0 belongs to the first.
        state.firsts.insert(epoch, if low == 1 { 0 } else { low });
        if state.firsts.len() == 1 && last > 0 {
            state.below = block(archive, last).await?.hash();
        }
    }
    // What the newest epoch's last blocks say of the one after.
    let newest = state.firsts.last_key_value().map_or(0, |(_, first)| *first).max(1);
    for height in newest.max(end.saturating_sub(tail))..=end {
        let block = block(archive, height).await?;
        state.see(&block.ordered, block.hash(), tail);
    }
    state.height = end;
    Ok(state)
}

async fn block<A>(archive: &A, height: u64) -> Result<Arc<Block>, Error>
where
    A: Archive<Key = Digest, Value = Arc<Block>>,
{
    match archive.get(Identifier::Index(height)).await {
        Ok(Some(block)) => Ok(block),
        Ok(None) => Err(Error::Files(format!("the archive has no block {height}, and those around it"))),
        Err(error) => Err(Error::Files(error.to_string())),
    }
}
