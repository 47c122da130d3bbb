//! Transactions.

use alloy_consensus::{Transaction as _, transaction::Recovered};
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};
use sluice_types::{DepositTransaction, SealedBlock, SignedTransaction, Transaction};

use super::quantity;

/// The transaction at this index of a block. Panics: past the end.
pub(crate) fn mined(sealed: &SealedBlock, index: usize) -> Value {
    let header = &sealed.block.header;
    match &sealed.block.transactions[index] {
        Transaction::Signed(tx) => to_value(alloy_rpc_types_eth::Transaction {
            inner: Recovered::new_unchecked(tx.clone(), sealed.block.senders[index]),
            block_hash: Some(sealed.hash),
            block_number: Some(header.number),
            transaction_index: Some(index as u64),
            effective_gas_price: Some(tx.effective_gas_price(header.base_fee_per_gas)),
            block_timestamp: None,
        }),
        Transaction::Deposit(tx) => deposit(tx, sealed.block.transactions[index].hash(), sealed, index),
    }
}

/// A transaction that is in no block yet.
pub(crate) fn pending(tx: &SignedTransaction, sender: Address) -> Value {
    to_value(alloy_rpc_types_eth::Transaction {
        inner: Recovered::new_unchecked(tx.clone(), sender),
        block_hash: None,
        block_number: None,
        transaction_index: None,
        effective_gas_price: None,
        block_timestamp: None,
    })
}

fn to_value(tx: alloy_rpc_types_eth::Transaction<SignedTransaction>) -> Value {
    serde_json::to_value(tx).expect("a transaction has a JSON form")
}

/// A deposit in the OP stack's shape: the fields of a signature and a price are there, all zero, because libraries ask for them.
fn deposit(tx: &DepositTransaction, hash: B256, sealed: &SealedBlock, index: usize) -> Value {
    json!({
        "type": "0x7e",
        "hash": hash,
        "sourceHash": tx.source_hash,
        "from": tx.from,
        "to": tx.to.to(),
        "mint": tx.mint,
        "value": tx.value,
        "gas": quantity(tx.gas_limit),
        "isSystemTx": tx.is_system,
        "input": tx.input,
        "nonce": "0x0",
        "gasPrice": "0x0",
        "r": "0x0",
        "s": "0x0",
        "v": "0x0",
        "yParity": "0x0",
        "blockHash": sealed.hash,
        "blockNumber": quantity(sealed.block.header.number),
        "transactionIndex": quantity(index as u64),
    })
}
