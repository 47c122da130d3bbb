//! Moves blocks from memory to the tables.

use std::sync::Arc;

use redb::WriteTransaction;

use crate::{
    Error, codec,
    engine::{PROOF_HISTORY_BLOCKS, VERSIONED_ACCOUNTS, VERSIONED_NODES, VERSIONED_STORAGE},
    keys,
    layer::Layer,
    tables::{self, META, META_FLUSHED, META_ORDERED_HEAD, Numbered},
    versioned::Versions,
};

/// Writes consecutive blocks, table by table and each table in the order of its keys.
pub(crate) fn write(txn: &WriteTransaction, layers: &[Arc<Layer>]) -> Result<(), Error> {
    let Some(last) = layers.last() else { return Ok(()) };
    write_blocks(txn, layers)?;
    write_tx_places(txn, layers)?;
    write_state(txn, layers)?;
    write_nodes(txn, layers)?;
    prune_nodes(txn, last.number())?;
    let mut meta = txn.open_table(META)?;
    meta.insert(META_FLUSHED, last.number().to_be_bytes().as_slice())?;
    if let Some((block, certificate)) = layers.iter().rev().find_map(|layer| layer.ordered.clone()) {
        meta.insert(META_ORDERED_HEAD, codec::encode(&codec::OrderedRow { block, certificate }).as_slice())?;
    }
    Ok(())
}

fn write_blocks(txn: &WriteTransaction, layers: &[Arc<Layer>]) -> Result<(), Error> {
    let by_number = |table: Numbered, value: &dyn Fn(&Layer) -> Option<Vec<u8>>| -> Result<(), Error> {
        let mut table = txn.open_table(table)?;
        for layer in layers {
            if let Some(value) = value(layer) {
                table.insert(layer.number(), value.as_slice())?;
            }
        }
        Ok(())
    };
    by_number(tables::BLOCKS, &|layer| Some(codec::encode_block(&layer.sealed)))?;
    by_number(tables::RECEIPTS, &|layer| Some(codec::encode(&*layer.receipts)))?;
    by_number(tables::ACCESS_LISTS, &|layer| Some(layer.access_list.to_rlp()))?;
    by_number(tables::ORDERED, &|layer| {
        let (block, certificate) = layer.ordered.clone()?;
        Some(codec::encode(&codec::OrderedRow { block, certificate }))
    })?;
    let mut hashes = txn.open_table(tables::BLOCK_HASHES)?;
    let mut numbers = txn.open_table(tables::BLOCK_NUMBERS)?;
    for layer in layers {
        hashes.insert(layer.number(), layer.sealed.hash.0)?;
        numbers.insert(layer.sealed.hash.0, layer.number())?;
    }
    Ok(())
}

fn write_tx_places(txn: &WriteTransaction, layers: &[Arc<Layer>]) -> Result<(), Error> {
    let mut places: Vec<_> = layers
        .iter()
        .flat_map(|layer| layer.places.iter().map(|(hash, &index)| (hash.0, (layer.number(), index as u64))))
        .collect();
    places.sort_unstable();
    let mut table = txn.open_table(tables::TX_PLACES)?;
    for (hash, place) in places {
        table.insert(hash, place)?;
    }
    Ok(())
}

fn write_state(txn: &WriteTransaction, layers: &[Arc<Layer>]) -> Result<(), Error> {
    let mut accounts = Versions::default();
    let mut storage = Versions::default();
    let mut codes = txn.open_table(tables::CODES)?;
    {
        let stored = txn.open_table(tables::STORAGE)?;
        for layer in layers {
            let block = layer.number();
            for (&address, change) in &layer.changes.accounts {
                let account = change.account.map(|account| codec::encode(&account));
                accounts.set(address.to_vec(), block, account);
                if change.storage_wiped {
                    storage.wipe(address.as_slice(), block, &stored)?;
                }
                for (&slot, &value) in &change.storage {
                    storage.set(keys::storage(address, slot).to_vec(), block, codec::encode_slot(value));
                }
            }
            for (hash, code) in &layer.changes.codes {
                codes.insert(hash.0, code.as_ref())?;
            }
        }
    }
    accounts.write(txn, VERSIONED_ACCOUNTS)?;
    storage.write(txn, VERSIONED_STORAGE)
}

fn write_nodes(txn: &WriteTransaction, layers: &[Arc<Layer>]) -> Result<(), Error> {
    let mut nodes = Versions::default();
    {
        let stored = txn.open_table(tables::NODES)?;
        for layer in layers {
            for &owner in &layer.trie.wiped {
                nodes.wipe(&keys::owner_prefix(Some(owner)), layer.number(), &stored)?;
            }
            for ((owner, path), node) in &layer.trie.nodes {
                nodes.set(keys::node(*owner, path), layer.number(), node.as_ref().map(|node| node.to_vec()));
            }
        }
    }
    nodes.write(txn, VERSIONED_NODES)
}

/// Drops what blocks replaced that are too old for proofs: `last - PROOF_HISTORY_BLOCKS` is the oldest with proofs, and
/// needs only what later blocks replaced.
fn prune_nodes(txn: &WriteTransaction, last: u64) -> Result<(), Error> {
    let Some(oldest) = last.checked_sub(PROOF_HISTORY_BLOCKS) else { return Ok(()) };
    let end = keys::block_then_key(oldest + 1, &[]);
    txn.open_table(tables::NODE_HISTORY)?.retain_in::<&[u8], _>(..end.as_slice(), |_, _| false)?;
    Ok(())
}
