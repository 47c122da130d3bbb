//! Pushing certified blocks over WebSocket, from a height in the past into what is ordered now: what a node without a seat follows.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Bytes, U64};
use jsonrpsee::{
    RpcModule, SubscriptionSink,
    core::SubscriptionError,
    server::{RegisterMethodError, SubscriptionMessage},
    types::Params,
};
use serde::Deserialize;
use serde_json::{json, value::to_raw_value};
use sluice_types::{ACCESS_LIST_BYTES_MAX, Height, L2Number, OrderedBlock};
use tokio::time::Instant;

use crate::{
    arguments::Arguments,
    backend::{Backend, Cost},
    failure::Failure,
    rollup::certificate_view,
    view::quantity,
};

/// Messages of one connection that wait to be taken before the next block is read from the store. Few, because blocks are big.
const WAITING_MAX: usize = 16;
/// Pause before it is looked at again how many wait.
const WAITING_PAUSE: Duration = Duration::from_millis(2);

/// What is wanted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    /// Where to begin, as a quantity or a number.
    from_height: AnyNumber,
    #[serde(default)]
    access_lists: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AnyNumber {
    Quantity(U64),
    Plain(u64),
}

/// The first height, and whether access lists are wanted, too.
fn wanted(params: &Params<'_>) -> Result<(Height, bool), Failure> {
    let mut arguments = Arguments::read(params)?;
    let name: String = arguments.required()?;
    if name != "certifiedBlocks" {
        let shown: String = name.chars().take(64).collect();
        return Err(Failure::params(format!(
            "no \"{shown}\" subscription in rollup namespace; there is certifiedBlocks"
        )));
    }
    let Wanted { from_height, access_lists } = arguments.required()?;
    arguments.end()?;
    let height = match from_height {
        AnyNumber::Quantity(height) => height.to(),
        AnyNumber::Plain(height) => height,
    };
    if height == 0 {
        return Err(Failure::params("nothing is ordered at height 0; give 1 or more"));
    }
    Ok((Height(height), access_lists))
}

/// `rollup_subscribe("certifiedBlocks", {fromHeight, accessLists})`: pushes `{height, ordered, certificate: {height, blockHash, scheme,
/// proof}}` for every height from the given one on, in order, as it is stored here. `ordered` is the RLP of the ordered block; the
/// certificate is of that block, or of one above that comes later. Where `accessLists` is true, `accessList` is the RLP of the access list
/// of the L2 block that came of it, from which it is executed quicker; it is left out where that is not known, is larger than
/// [`ACCESS_LIST_BYTES_MAX`], or some of the block was skipped, of which a list does not tell. It ends with an error notification when a
/// height is not here, or when the client is too slow.
pub(crate) fn register(module: &mut RpcModule<Backend>) -> Result<(), RegisterMethodError> {
    module.register_subscription(
        "rollup_subscribe",
        "rollup_subscription",
        "rollup_unsubscribe",
        |params, pending, backend, _| async move {
            let first: Result<(Height, bool), Failure> = async {
                let (first, access_lists) = wanted(&params)?;
                if first.0 <= backend.store.heads().executed.0 {
                    // So that what is not here is said in answer to the request.
                    read(&backend, first, false).await?;
                }
                Ok((first, access_lists))
            }
            .await;
            let (first, access_lists) = match first {
                Ok(wanted) => wanted,
                Err(failure) => {
                    pending.reject(failure).await;
                    return Ok(());
                }
            };
            let Ok(sink) = pending.accept().await else { return Ok(()) };
            metrics::gauge!("rpc_subscriptions_count").increment(1);
            let ended = tokio::select! {
                () = sink.closed() => Ok(()),
                ended = push_all(&backend, &sink, (first, access_lists)) => ended,
            };
            metrics::gauge!("rpc_subscriptions_count").decrement(1);
            ended.map_err(|failure| {
                tracing::debug!(reason = failure.message, "a subscription to certified blocks ended");
                SubscriptionError::from(failure.message)
            })
        },
    )?;
    Ok(())
}

/// Pushes until something ends it.
async fn push_all(
    backend: &Arc<Backend>,
    sink: &SubscriptionSink,
    (mut next, access_lists): (Height, bool),
) -> Result<(), Failure> {
    let mut heads = backend.store.watch_heads();
    loop {
        while next.0 <= backend.store.heads().executed.0 {
            let wait_max = backend.config.limits.subscription_wait_max();
            wait_for_room(sink, next, wait_max).await?;
            let message = read(backend, next, access_lists).await?;
            let sent = sink.send_timeout(message, wait_max).await;
            sent.map_err(|_| too_slow(next, wait_max))?;
            next = next.next();
        }
        heads.changed().await.map_err(|_| Failure::server("the node is stopping; subscribe at another one"))?;
    }
}

/// Waits until the client has taken enough of what it was sent.
async fn wait_for_room(sink: &SubscriptionSink, next: Height, wait_max: Duration) -> Result<(), Failure> {
    let since = Instant::now();
    while sink.max_capacity() - sink.capacity() >= WAITING_MAX.min(sink.max_capacity()) {
        if since.elapsed() >= wait_max {
            return Err(too_slow(next, wait_max));
        }
        tokio::time::sleep(WAITING_PAUSE).await;
    }
    Ok(())
}

fn too_slow(next: Height, wait_max: Duration) -> Failure {
    let ms = wait_max.as_millis();
    Failure::limit(format!("the client took too little for {ms} ms; subscribe again from height {next}"))
}

/// The message of one height. An ordered block is stored with the L2 block that came from it, and because one rollup is ordered
/// alone, height and number are the same.
async fn read(backend: &Arc<Backend>, height: Height, access_lists: bool) -> Result<SubscriptionMessage, Failure> {
    let work = move |backend: &Backend| {
        let number = L2Number(height.0);
        let (block, certificate) = backend.store.ordered(number)?.ok_or_else(|| {
            Failure::server(format!(
                "this node has no certified block of height {height}: it derived block {number} from L1; subscribe at a sequencer or at \
                 a node that has it from one, or derive as far from L1 and subscribe from above"
            ))
        })?;
        if block.height != height {
            return Err(Failure::internal(format!("block {number} came from ordered height {}", block.height)));
        }
        let mut message = json!({
            "height": quantity(height.0),
            "ordered": Bytes::from(alloy_rlp::encode(&block)),
            "certificate": certificate_view(&certificate),
        });
        if access_lists && let Some(list) = access_list(backend, number, &block)? {
            message["accessList"] = json!(list);
        }
        Ok(to_raw_value(&message).expect("a block has a JSON form").into())
    };
    backend.run(Cost::Read, work).await
}

/// RLP of the access list of the block that came of an ordered one, if it says all that executing the latter does.
fn access_list(backend: &Backend, number: L2Number, ordered: &OrderedBlock) -> Result<Option<Bytes>, Failure> {
    let rollup = backend.store.config().rollup_id();
    let section = ordered.sections.iter().find(|section| section.rollup == rollup);
    let Some((sealed, section)) = backend.store.block(number)?.zip(section) else { return Ok(None) };
    let executed = sealed.block.transactions.len() - sealed.block.inbox_transactions;
    if executed != section.transactions.len() {
        return Ok(None);
    }
    let list = backend.store.access_list(number)?.map(|list| list.to_rlp());
    Ok(list.filter(|list| list.len() <= ACCESS_LIST_BYTES_MAX).map(Bytes::from))
}
