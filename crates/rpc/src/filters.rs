//! Installed filters: what a client has seen, remembered for it between polls.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use alloy_primitives::{B256, U128};
use alloy_rpc_types_eth::{Filter, FilterBlockOption};
use serde_json::{Value, json};
use sluice_types::L2Number;
use tokio::sync::broadcast::{self, error::TryRecvError};

use crate::{arguments::Arguments, backend::Backend, failure::Failure, logs};

type Answer<T> = Result<T, Failure>;

/// What a filter watches.
#[derive(Debug)]
enum Watch {
    Blocks { next: L2Number },
    Logs { filter: Box<Filter>, next: L2Number },
    Pending(broadcast::Receiver<B256>),
}

#[derive(Debug)]
struct Installed {
    watch: Watch,
    asked: Instant,
}

/// All installed filters. Bounded in number; those that nobody asks for go away.
#[derive(Debug)]
pub(crate) struct Filters {
    installed: HashMap<U128, Installed>,
    count_max: usize,
    idle_max: Duration,
}

impl Filters {
    pub(crate) fn new(count_max: usize, idle_max: Duration) -> Self {
        Self { installed: HashMap::new(), count_max, idle_max }
    }

    fn install(&mut self, watch: Watch) -> Answer<U128> {
        self.drop_idle();
        if self.installed.len() >= self.count_max {
            return Err(Failure::limit(format!(
                "too many filters: {} are installed on this node; uninstall some, or subscribe over WebSocket",
                self.installed.len()
            )));
        }
        // Unguessable, because everybody on the node shares one name space.
        let id = U128::from(rand::random::<u128>());
        self.installed.insert(id, Installed { watch, asked: Instant::now() });
        Ok(id)
    }

    fn drop_idle(&mut self) {
        let idle_max = self.idle_max;
        self.installed.retain(|_, filter| filter.asked.elapsed() < idle_max);
    }

    fn find(&mut self, id: U128) -> Answer<&mut Watch> {
        self.drop_idle();
        let filter = self.installed.get_mut(&id).ok_or_else(|| Failure::server("filter not found"))?;
        filter.asked = Instant::now();
        Ok(&mut filter.watch)
    }
}

pub(crate) fn new_filter(backend: &Backend, arguments: &mut Arguments) -> Answer<U128> {
    let filter: Filter = arguments.required()?;
    // Changes begin with the next block; `eth_getFilterLogs` answers the whole range of the filter.
    let next = match filter.block_option {
        FilterBlockOption::AtBlockHash(_) => {
            return Err(Failure::params("a filter cannot watch one block; use eth_getLogs"));
        }
        FilterBlockOption::Range { .. } => backend.store.heads().executed.next(),
    };
    backend.filters.lock().install(Watch::Logs { filter: Box::new(filter), next })
}

pub(crate) fn new_block_filter(backend: &Backend, _: &mut Arguments) -> Answer<U128> {
    let next = backend.store.heads().executed.next();
    backend.filters.lock().install(Watch::Blocks { next })
}

pub(crate) fn new_pending_filter(backend: &Backend, _: &mut Arguments) -> Answer<U128> {
    let pool = backend.pool.as_ref().ok_or_else(no_pool)?;
    backend.filters.lock().install(Watch::Pending(pool.subscribe()))
}

/// A follower sees transactions only in blocks.
pub(crate) fn no_pool() -> Failure {
    Failure::server("this node has no transaction pool; ask a sequencer's RPC")
}

pub(crate) fn uninstall(backend: &Backend, arguments: &mut Arguments) -> Answer<bool> {
    let id: U128 = arguments.required()?;
    Ok(backend.filters.lock().installed.remove(&id).is_some())
}

/// What is new since the last time. At most `logs_blocks_max` blocks at a time; the rest comes with the next call.
pub(crate) fn changes(backend: &Backend, arguments: &mut Arguments) -> Answer<Value> {
    let id: U128 = arguments.required()?;
    let limits = &backend.config.limits;
    let head = backend.store.heads().executed;
    let (filter, from) = {
        let mut filters = backend.filters.lock();
        match filters.find(id)? {
            Watch::Pending(hashes) => return Ok(json!(drain(hashes, limits.logs_max))),
            Watch::Blocks { next } => (None, *next),
            Watch::Logs { filter, next } => (Some(filter.clone()), *next),
        }
    };
    if from > head {
        return Ok(json!([]));
    }
    let to = L2Number(head.0.min(from.0 + limits.logs_blocks_max.saturating_sub(1)));
    let found = match filter {
        None => {
            let hashes = (from.0..=to.0).map(|number| {
                let sealed = backend.store.block(L2Number(number))?.ok_or_else(Failure::header_not_found)?;
                Ok(sealed.hash)
            });
            json!(hashes.collect::<Answer<Vec<B256>>>()?)
        }
        Some(filter) => watched_logs(backend, &filter, from, to)?,
    };
    // Only now, so that a failed request loses nothing. Two polls at once see the same changes, as with any client's race.
    match backend.filters.lock().find(id)? {
        Watch::Blocks { next } | Watch::Logs { next, .. } => *next = to.next(),
        Watch::Pending(_) => {}
    }
    Ok(found)
}

/// Logs in new blocks, within the filter's own range.
fn watched_logs(backend: &Backend, filter: &Filter, from: L2Number, to: L2Number) -> Answer<Value> {
    let (first, last) = filter.extract_block_range();
    let from = from.0.max(first.unwrap_or(0));
    let to = to.0.min(last.unwrap_or(u64::MAX));
    if from > to {
        return Ok(json!([]));
    }
    Ok(json!(logs::in_range(backend, filter, L2Number(from), L2Number(to))?))
}

fn drain(hashes: &mut broadcast::Receiver<B256>, max: usize) -> Vec<B256> {
    let mut found = Vec::new();
    while found.len() < max {
        match hashes.try_recv() {
            Ok(hash) => found.push(hash),
            // Lost the oldest, as the pool says it may; go on with what is left.
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    found
}

/// All logs of a log filter's range.
pub(crate) fn filter_logs(backend: &Backend, arguments: &mut Arguments) -> Answer<Value> {
    let id: U128 = arguments.required()?;
    let filter = match backend.filters.lock().find(id)? {
        Watch::Logs { filter, .. } => filter.clone(),
        Watch::Blocks { .. } | Watch::Pending(_) => return Err(Failure::server("filter not found")),
    };
    Ok(json!(logs::find(backend, &filter)?))
}
