//! What waits in the pool.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use serde_json::{Value, json};
use sluice_sequencer::pool::PoolTransaction;

use crate::{
    arguments::Arguments,
    backend::Backend,
    failure::Failure,
    view::{self, quantity},
};

type Answer<T> = Result<T, Failure>;
type Waiting = BTreeMap<Address, BTreeMap<u64, Arc<PoolTransaction>>>;

/// A node without a pool has nothing waiting.
pub(crate) fn status(backend: &Backend, _: &mut Arguments) -> Answer<Value> {
    let (pending, queued) = backend.pool.as_ref().map(|pool| pool.status()).unwrap_or_default();
    Ok(json!({ "pending": quantity(pending as u64), "queued": quantity(queued as u64) }))
}

pub(crate) fn content(backend: &Backend, _: &mut Arguments) -> Answer<Value> {
    show(backend, |tx| view::pending(&tx.transaction, tx.sender))
}

/// One line for each transaction, in go-ethereum's form.
pub(crate) fn inspect(backend: &Backend, _: &mut Arguments) -> Answer<Value> {
    show(backend, |tx| {
        let (gas, price, value) = (tx.transaction.gas_limit(), tx.fee_cap_wei(), tx.transaction.value());
        match tx.transaction.to() {
            Some(to) => json!(format!("{to}: {value} wei + {gas} gas × {price} wei")),
            None => json!(format!("contract creation: {value} wei + {gas} gas × {price} wei")),
        }
    })
}

fn show(backend: &Backend, one: impl Fn(&PoolTransaction) -> Value) -> Answer<Value> {
    let content = backend.pool.as_ref().map(|pool| pool.content()).unwrap_or_default();
    let all = |waiting: &Waiting| -> Value {
        let senders = waiting.iter().map(|(sender, by_nonce)| {
            let transactions = by_nonce.iter().map(|(nonce, tx)| (nonce.to_string(), one(tx)));
            (sender.to_string(), Value::Object(transactions.collect()))
        });
        Value::Object(senders.collect())
    };
    Ok(json!({ "pending": all(&content.pending), "queued": all(&content.queued) }))
}
