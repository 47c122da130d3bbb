//! Receipts and logs.

use alloy_primitives::Address;
use serde_json::{Value, json};
use sluice_types::{Receipt, SealedBlock};

use super::quantity;

/// The receipt of the transaction at this index of a block. Panics: past the end.
pub(crate) fn receipt(sealed: &SealedBlock, receipts: &[Receipt], index: usize) -> Value {
    let first_log = receipts[..index].iter().map(|receipt| receipt.logs.len()).sum();
    one(sealed, &receipts[index], index, first_log)
}

/// All receipts of a block.
pub(crate) fn receipts(sealed: &SealedBlock, receipts: &[Receipt]) -> Vec<Value> {
    let mut first_log = 0;
    let mut values = Vec::with_capacity(receipts.len());
    for (index, receipt) in receipts.iter().enumerate() {
        values.push(one(sealed, receipt, index, first_log));
        first_log += receipt.logs.len();
    }
    values
}

fn one(sealed: &SealedBlock, receipt: &Receipt, index: usize, first_log: usize) -> Value {
    let tx = &sealed.block.transactions[index];
    let logs: Vec<Value> =
        (0..receipt.logs.len()).map(|at| to_value(log(sealed, index, &receipt.logs[at], first_log + at))).collect();
    let created = (receipt.contract_address != Address::ZERO).then_some(receipt.contract_address);
    json!({
        "transactionHash": tx.hash(),
        "transactionIndex": quantity(index as u64),
        "blockHash": sealed.hash,
        "blockNumber": quantity(sealed.block.header.number),
        "from": sealed.block.senders[index],
        "to": tx.kind().to(),
        "cumulativeGasUsed": quantity(receipt.cumulative_gas_used),
        "gasUsed": quantity(receipt.gas_used),
        "contractAddress": created,
        "logs": logs,
        "logsBloom": receipt.bloom(),
        "status": quantity(u64::from(receipt.success)),
        "effectiveGasPrice": receipt.effective_gas_price,
        "l1Fee": receipt.l1_fee_wei,
        "type": quantity(u64::from(receipt.tx_type)),
    })
}

/// A log with its place.
pub(crate) fn log(
    sealed: &SealedBlock,
    transaction_index: usize,
    log: &alloy_primitives::Log,
    log_index: usize,
) -> alloy_rpc_types_eth::Log {
    let header = &sealed.block.header;
    alloy_rpc_types_eth::Log {
        inner: log.clone(),
        block_hash: Some(sealed.hash),
        block_number: Some(header.number),
        block_timestamp: Some(header.timestamp),
        transaction_hash: Some(sealed.block.transactions[transaction_index].hash()),
        transaction_index: Some(transaction_index as u64),
        log_index: Some(log_index as u64),
        removed: false,
    }
}

fn to_value(log: alloy_rpc_types_eth::Log) -> Value {
    serde_json::to_value(log).expect("a log has a JSON form")
}
