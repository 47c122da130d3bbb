//! Receipts and logs over JSON-RPC, in place of the library's own methods.
//!
//! Those read a block's receipts by a range, and the library's memory backend answers a range that begins at the first receipt
//! with the first receipt only: of a block with several transactions, receipts and logs would be missing. Here every receipt is
//! read by its own index.

use std::collections::HashSet;

use ethrex_common::types::{BlockHeader, calculate_base_fee_per_blob_gas};
use ethrex_rpc::{
    types::{
        block_identifier::BlockIdentifier,
        receipt::{RpcLog, RpcReceipt, RpcReceiptBlockInfo, RpcReceiptTxInfo},
    },
    utils::RpcRequest,
};
use ethrex_storage::Store;
use serde_json::Value;

use crate::Error;

/// Most blocks that one `eth_getLogs` may span.
const LOG_BLOCKS_MAX: u64 = 10_000;

/// Answers the methods that concern receipts; `None` for any other.
pub(crate) async fn answer(store: &Store, request: &RpcRequest) -> Option<Result<Value, Error>> {
    let param = request.params.as_deref().and_then(|params| params.first()).cloned().unwrap_or(Value::Null);
    match request.method.as_str() {
        "eth_getTransactionReceipt" => Some(transaction_receipt(store, param).await),
        "eth_getBlockReceipts" => Some(block_receipts(store, param).await),
        "eth_getLogs" => Some(logs(store, &param).await),
        _ => None,
    }
}

async fn transaction_receipt(store: &Store, hash: Value) -> Result<Value, Error> {
    let hash = serde_json::from_value(hash).map_err(|_| bad("give a transaction hash"))?;
    let location = store.get_transaction_location(hash).await.map_err(failed)?;
    let Some((number, _, index)) = location else { return Ok(Value::Null) };
    let receipts = receipts_of(store, number).await?;
    let found = receipts.into_iter().find(|receipt| receipt.tx_info.transaction_index == index);
    // A reorg may have put another transaction there since.
    to_json(&found.filter(|receipt| receipt.tx_info.transaction_hash == hash))
}

async fn block_receipts(store: &Store, tag: Value) -> Result<Value, Error> {
    match number_of(store, tag).await? {
        Some(number) => to_json(&receipts_of(store, number).await?),
        None => Ok(Value::Null),
    }
}

async fn logs(store: &Store, filter: &Value) -> Result<Value, Error> {
    let addresses = one_or_many(&filter["address"]);
    let topics: Vec<Option<HashSet<String>>> =
        filter["topics"].as_array().map_or_else(Vec::new, |topics| topics.iter().map(one_or_many).collect());
    let (first, last) = range(store, filter).await?;
    if last.saturating_sub(first) >= LOG_BLOCKS_MAX {
        return Err(bad(&format!("give a range of at most {LOG_BLOCKS_MAX} blocks")));
    }
    let mut found: Vec<RpcLog> = Vec::new();
    for number in first..=last {
        let header = store.get_block_header(number).map_err(failed)?;
        if header.is_none_or(|header| header.logs_bloom.is_zero()) {
            continue;
        }
        let logs = receipts_of(store, number).await?.into_iter().flat_map(|receipt| receipt.logs);
        found.extend(logs.filter(|log| matches(log, addresses.as_ref(), &topics)));
    }
    // The canonical block of this number may have become another one since.
    if let Some(hash) = filter["blockHash"].as_str()
        && found.iter().any(|log| !format!("{:?}", log.block_hash).eq_ignore_ascii_case(hash))
    {
        return Err(bad(&format!("unknown block hash {hash}")));
    }
    to_json(&found)
}

/// First and last block of a filter.
async fn range(store: &Store, filter: &Value) -> Result<(u64, u64), Error> {
    if let Some(hash) = filter["blockHash"].as_str() {
        let unknown = || bad(&format!("unknown block hash {hash}"));
        let parsed = serde_json::from_value(filter["blockHash"].clone()).map_err(|_| unknown())?;
        let header = store.get_block_header_by_hash(parsed).map_err(failed)?.ok_or_else(unknown)?;
        let canonical = store.get_canonical_block_hash(header.number).await.map_err(failed)?;
        return if canonical == Some(parsed) { Ok((header.number, header.number)) } else { Err(unknown()) };
    }
    let head = store.get_latest_block_number().await.map_err(failed)?;
    let mut bounds = [head; 2];
    for (bound, name) in bounds.iter_mut().zip(["fromBlock", "toBlock"]) {
        if !filter[name].is_null() {
            *bound = number_of(store, filter[name].clone()).await?.unwrap_or(head).min(head.saturating_add(1));
        }
    }
    Ok((bounds[0], bounds[1].min(head)))
}

async fn number_of(store: &Store, tag: Value) -> Result<Option<u64>, Error> {
    let tag = BlockIdentifier::parse(tag, 0).map_err(|_| bad("give a block number or tag"))?;
    tag.resolve_block_number(store).await.map_err(failed)
}

/// The receipts of a canonical block.
async fn receipts_of(store: &Store, number: u64) -> Result<Vec<RpcReceipt>, Error> {
    let Some(block) = store.get_block_by_number(number).await.map_err(failed)? else { return Ok(Vec::new()) };
    let hash = block.hash();
    let changed = || bad(&format!("block {number} changed while it was read; ask again"));
    let blob_price = blob_base_fee_wei(store, &block.header)?;
    let base_fee = block.header.base_fee_per_gas;
    let block_info = RpcReceiptBlockInfo::from_block_header(block.header);
    let (mut gas_used, mut log_index) = (0, 0);
    let mut receipts = Vec::with_capacity(block.body.transactions.len());
    for (index, tx) in (0u64..).zip(block.body.transactions) {
        let receipt = store.get_receipt(number, index).await.map_err(failed)?;
        let receipt = receipt.ok_or_else(changed)?;
        let tx_gas = receipt.cumulative_gas_used.saturating_sub(gas_used);
        gas_used = receipt.cumulative_gas_used;
        let tx_info = RpcReceiptTxInfo::from_transaction(tx, index, tx_gas, blob_price, base_fee).map_err(failed)?;
        let receipt = RpcReceipt::new(receipt, tx_info, block_info.clone(), log_index);
        log_index += receipt.logs.len() as u64;
        receipts.push(receipt);
    }
    // Receipts are found by number: a reorg in between would have given those of another block.
    let canonical = store.get_canonical_block_hash(number).await.map_err(failed)?;
    if canonical == Some(hash) { Ok(receipts) } else { Err(changed()) }
}

fn blob_base_fee_wei(store: &Store, header: &BlockHeader) -> Result<u64, Error> {
    let schedule = store.get_chain_config().get_fork_blob_schedule(header.timestamp);
    let fraction = schedule.map(|schedule| schedule.base_fee_update_fraction).unwrap_or_default();
    let price = calculate_base_fee_per_blob_gas(header.excess_blob_gas.unwrap_or_default(), fraction);
    u64::try_from(price).map_err(failed)
}

/// Lower-case texts of a string or an array of strings; `None` matches anything.
fn one_or_many(value: &Value) -> Option<HashSet<String>> {
    match value {
        Value::String(text) => Some(HashSet::from([text.to_lowercase()])),
        // An empty array matches anything, as in other clients.
        Value::Array(values) if !values.is_empty() => {
            Some(values.iter().filter_map(Value::as_str).map(str::to_lowercase).collect())
        }
        _ => None,
    }
}

fn matches(log: &RpcLog, addresses: Option<&HashSet<String>>, topics: &[Option<HashSet<String>>]) -> bool {
    let log = &log.log;
    addresses.is_none_or(|wanted| wanted.contains(&format!("{:?}", log.address)))
        && topics.len() <= log.topics.len()
        && topics
            .iter()
            .zip(&log.topics)
            .all(|(wanted, topic)| wanted.as_ref().is_none_or(|wanted| wanted.contains(&format!("{topic:?}"))))
}

fn to_json(value: &impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(failed)
}

fn bad(reason: &str) -> Error {
    Error::Node { what: "receipts", reason: reason.to_owned() }
}

fn failed<E: std::fmt::Debug>(error: E) -> Error {
    Error::Node { what: "receipts", reason: format!("{error:?}") }
}
