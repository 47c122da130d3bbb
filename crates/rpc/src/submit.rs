//! Transactions on their way in.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{B256, Bytes, U64};
use jsonrpsee::{
    core::{ClientError, client::ClientT},
    http_client::HttpClient,
    rpc_params,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    arguments::Arguments,
    backend::{Backend, Cost},
    blocks,
    failure::Failure,
};

type Answer<T> = Result<T, Failure>;

/// How long `eth_sendRawTransactionSync` waits when the caller does not say, and at most. Source: EIP-7966.
const SYNC_WAIT: Duration = Duration::from_secs(2);
const SYNC_WAIT_MAX: Duration = Duration::from_secs(30);
/// The transaction was taken, but is in no block yet. Source: EIP-7966.
const SYNC_TIMEOUT: i32 = 4;

/// Into the pool of this node, or on to the sequencer it knows.
pub(crate) async fn send(backend: Arc<Backend>, mut arguments: Arguments) -> Answer<B256> {
    let raw: Bytes = arguments.required()?;
    arguments.end()?;
    accept(&backend, raw).await
}

/// Sends, and waits for the receipt.
pub(crate) async fn send_sync(backend: Arc<Backend>, mut arguments: Arguments) -> Answer<Value> {
    let raw: Bytes = arguments.required()?;
    let wait = match arguments.optional()? {
        None => SYNC_WAIT,
        Some(Wait::Plain(ms)) => Duration::from_millis(ms),
        Some(Wait::Quantity(ms)) => Duration::from_millis(ms.to()),
    };
    let wait = wait.min(SYNC_WAIT_MAX);
    arguments.end()?;
    let mut heads = backend.store.watch_heads();
    let hash = accept(&backend, raw).await?;
    let receipt = async {
        loop {
            let found = backend.run(Cost::Read, move |backend| blocks::receipt_of(backend, hash)).await?;
            if let Some(receipt) = found {
                return Ok(receipt);
            }
            heads.changed().await.map_err(|_| Failure::server("the node is stopping"))?;
        }
    };
    tokio::time::timeout(wait, receipt).await.unwrap_or_else(|_| {
        Err(Failure {
            code: SYNC_TIMEOUT,
            message: format!("the transaction was added to the pool but is in no block after {} ms", wait.as_millis()),
            data: Some(Value::String(hash.to_string())),
        })
    })
}

/// Milliseconds, as a number or a quantity.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wait {
    Quantity(U64),
    Plain(u64),
}

async fn accept(backend: &Backend, raw: Bytes) -> Answer<B256> {
    match (&backend.pool, &backend.sequencer) {
        (Some(pool), _) => Ok(pool.submit(raw).await?),
        (None, Some(sequencer)) => forward(sequencer, raw).await,
        (None, None) => Err(Failure::server(
            "this node follows the chain and takes no transactions; send to a sequencer's RPC, or set sequencer_rpc in this node's config",
        )),
    }
}

/// The sequencer's own answer goes back as it is.
async fn forward(sequencer: &HttpClient, raw: Bytes) -> Answer<B256> {
    match sequencer.request::<B256, _>("eth_sendRawTransaction", rpc_params![raw]).await {
        Ok(hash) => Ok(hash),
        Err(ClientError::Call(error)) => Err(Failure {
            code: error.code(),
            message: error.message().to_owned(),
            data: error.data().and_then(|data| serde_json::from_str(data.get()).ok()),
        }),
        Err(error) => {
            tracing::warn!(%error, "the sequencer cannot be reached");
            Err(Failure::server("the sequencer cannot be reached; try again later"))
        }
    }
}
