//! What the seats of an epoch did, with what L1 asks for to pay them.

use alloy_primitives::U64;
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_types::reward_proof;

use crate::{arguments::Arguments, backend::Backend, failure::Failure, view::quantity};

/// Which epoch, as a quantity or a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Epoch {
    Quantity(U64),
    Plain(u64),
}

/// The record of an epoch as this node counted it: `{epoch, blockCount, feesWei, root, hash, lastBlock, entries: [{entry: {seat,
/// producedCount, missedCount, feesWei}, proof}]}`; null while the epoch goes on, and where this node has not seen all its blocks from
/// sequencers.
///
/// Entries stand in the order of the committee. `entry` and `proof` are what `Rewards.claim` on L1 takes once the record is there.
pub(crate) fn rewards(backend: &Backend, arguments: &mut Arguments) -> Result<Option<Value>, Failure> {
    let epoch = match arguments.required()? {
        Epoch::Quantity(epoch) => epoch.to(),
        Epoch::Plain(epoch) => epoch,
    };
    let Some(rewards) = backend.store.rewards(epoch)? else { return Ok(None) };
    let record = rewards.record();
    let entries = rewards.entries.iter().enumerate().map(|(place, entry)| {
        let proof = reward_proof(&rewards.entries, place);
        json!({
            // Counts as numbers, as `sluice stake claim` reads them from a file.
            "entry": entry,
            "proof": proof,
        })
    });
    Ok(Some(json!({
        "epoch": quantity(epoch),
        "blockCount": quantity(record.block_count),
        "feesWei": record.fees_wei,
        "root": record.root,
        "hash": record.hash(),
        "lastBlock": quantity(rewards.last_block.0),
        "entries": entries.collect::<Vec<_>>(),
    })))
}
