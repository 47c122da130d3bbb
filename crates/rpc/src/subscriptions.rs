//! Pushing what is new over WebSocket.

use std::sync::Arc;

use alloy_rpc_types_eth::Filter;
use jsonrpsee::{
    RpcModule, SubscriptionSink,
    server::{IdProvider, RegisterMethodError},
    types::{Params, SubscriptionId},
};
use serde::Serialize;
use serde_json::{Value, value::to_raw_value};
use sluice_types::L2Number;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    arguments::Arguments,
    backend::{Backend, Cost},
    failure::Failure,
    filters::no_pool,
    logs, view,
};

/// Names subscriptions as Ethereum's clients expect: hex, unguessable.
#[derive(Debug)]
pub(crate) struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        format!("{:#034x}", rand::random::<u128>()).into()
    }
}

/// What a client may subscribe to.
enum Topic {
    NewHeads,
    Logs(Box<Filter>),
    /// With whole transactions, or their hashes.
    Pending {
        full: bool,
    },
}

impl Topic {
    fn read(params: &Params<'_>) -> Result<Self, Failure> {
        let mut arguments = Arguments::read(params)?;
        let name: String = arguments.required()?;
        let topic = match name.as_str() {
            "newHeads" => Self::NewHeads,
            "logs" => Self::Logs(arguments.optional()?.unwrap_or_default()),
            "newPendingTransactions" => Self::Pending { full: arguments.optional()?.unwrap_or(false) },
            other => {
                let shown: String = other.chars().take(64).collect();
                return Err(Failure::params(format!(
                    "no \"{shown}\" subscription in eth namespace; there are newHeads, logs and newPendingTransactions"
                )));
            }
        };
        arguments.end()?;
        Ok(topic)
    }
}

pub(crate) fn register(module: &mut RpcModule<Backend>) -> Result<(), RegisterMethodError> {
    module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, backend, _| async move {
            let topic = match Topic::read(&params) {
                Ok(topic) => topic,
                Err(failure) => return pending.reject(failure).await,
            };
            // Where the news begins is settled before the client hears that it is subscribed.
            let next = backend.store.heads().executed.next();
            let hashes = match (&topic, &backend.pool) {
                (Topic::Pending { .. }, None) => return pending.reject(no_pool()).await,
                (Topic::Pending { .. }, Some(pool)) => Some(pool.subscribe()),
                _ => None,
            };
            let Ok(sink) = pending.accept().await else { return };
            metrics::gauge!("rpc_subscriptions_count").increment(1);
            let pushing = async {
                match (topic, hashes) {
                    (Topic::Pending { full }, Some(hashes)) => push_pending(&backend, &sink, hashes, full).await,
                    (Topic::Logs(filter), _) => push_blocks(&backend, &sink, next, Some(Arc::from(filter))).await,
                    _ => push_blocks(&backend, &sink, next, None).await,
                }
            };
            let ended = tokio::select! {
                () = sink.closed() => Ok(()),
                ended = pushing => ended,
            };
            metrics::gauge!("rpc_subscriptions_count").decrement(1);
            if let Err(failure) = ended {
                tracing::debug!(reason = failure.message, "a subscription ended");
            }
        },
    )?;
    Ok(())
}

/// Headers of new blocks, or their logs that match. No block is left out: a slow client is followed at its own pace.
async fn push_blocks(
    backend: &Arc<Backend>,
    sink: &SubscriptionSink,
    mut next: L2Number,
    filter: Option<Arc<Filter>>,
) -> Result<(), Failure> {
    let mut heads = backend.store.watch_heads();
    loop {
        while next <= backend.store.heads().executed {
            let (number, filter) = (next, filter.clone());
            let news = backend.run(Cost::Read, move |backend| block_news(backend, number, filter.as_deref())).await?;
            for value in news {
                push(backend, sink, &value).await?;
            }
            next = next.next();
        }
        heads.changed().await.map_err(|_| Failure::server("the node is stopping"))?;
    }
}

fn block_news(backend: &Backend, number: L2Number, filter: Option<&Filter>) -> Result<Vec<Value>, Failure> {
    let sealed = backend.store.block(number)?.ok_or_else(Failure::header_not_found)?;
    let Some(filter) = filter else { return Ok(vec![view::header(&sealed)]) };
    let mut found = Vec::new();
    if filter.matches_bloom(sealed.block.header.logs_bloom) {
        let receipts = backend.receipts_of(&sealed)?;
        logs::append_matching(filter, &sealed, &receipts, &mut found);
    }
    Ok(found.into_iter().map(|log| serde_json::to_value(log).expect("a log has a JSON form")).collect())
}

async fn push_pending(
    backend: &Backend,
    sink: &SubscriptionSink,
    mut hashes: broadcast::Receiver<alloy_primitives::B256>,
    full: bool,
) -> Result<(), Failure> {
    let pool = backend.pool.as_ref().ok_or_else(no_pool)?;
    loop {
        let hash = match hashes.recv().await {
            Ok(hash) => hash,
            // Lost the oldest, as the pool says it may; go on with what is left.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return Ok(()),
        };
        if !full {
            push(backend, sink, &hash).await?;
        } else if let Some(waiting) = pool.get(hash) {
            push(backend, sink, &view::pending(&waiting.transaction, waiting.sender)).await?;
        }
    }
}

async fn push(backend: &Backend, sink: &SubscriptionSink, value: &impl Serialize) -> Result<(), Failure> {
    let message = to_raw_value(value).expect("what is pushed has a JSON form");
    let sent = sink.send_timeout(message, backend.config.limits.subscription_wait_max()).await;
    sent.map_err(|error| Failure::server(format!("the client takes nothing: {error}")))
}
