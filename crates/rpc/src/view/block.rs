//! Blocks.

use alloy_primitives::U256;
use alloy_rlp::Encodable;
use serde_json::{Value, json};
use sluice_types::{SealedBlock, Transaction};

use super::mined;

/// A header, as `newHeads` shows it.
pub(crate) fn header(sealed: &SealedBlock) -> Value {
    to_value(sealed, None)
}

/// A block with its transactions, or with their hashes.
pub(crate) fn block(sealed: &SealedBlock, full: bool) -> Value {
    let mut value = to_value(sealed, Some(raw_block(sealed).len()));
    let transactions: Vec<Value> = if full {
        (0..sealed.block.transactions.len()).map(|index| mined(sealed, index)).collect()
    } else {
        sealed.block.transactions.iter().map(|tx| json!(tx.hash())).collect()
    };
    value["transactions"] = Value::Array(transactions);
    value["uncles"] = json!([]);
    value["withdrawals"] = json!([]);
    value
}

fn to_value(sealed: &SealedBlock, size_bytes: Option<usize>) -> Value {
    let header = alloy_rpc_types_eth::Header {
        hash: sealed.hash,
        inner: sealed.block.header.clone(),
        total_difficulty: None,
        size: size_bytes.map(U256::from),
    };
    serde_json::to_value(header).expect("a header has a JSON form")
}

/// RLP of the whole block: `[header, transactions, uncles, withdrawals]`, the last two empty.
pub(crate) fn raw_block(sealed: &SealedBlock) -> Vec<u8> {
    let mut transactions = Vec::new();
    for tx in &sealed.block.transactions {
        let bytes = tx.encode();
        match tx {
            // A legacy transaction is a list itself; the others are byte strings in the list.
            Transaction::Signed(signed) if signed.is_legacy() => transactions.extend_from_slice(&bytes),
            _ => bytes.as_slice().encode(&mut transactions),
        }
    }
    let mut payload = Vec::with_capacity(transactions.len() + 1_024);
    sealed.block.header.encode(&mut payload);
    alloy_rlp::Header { list: true, payload_length: transactions.len() }.encode(&mut payload);
    payload.extend_from_slice(&transactions);
    payload.extend_from_slice(&[alloy_rlp::EMPTY_LIST_CODE; 2]);
    let mut out = Vec::with_capacity(payload.len() + 9);
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend_from_slice(&payload);
    out
}
