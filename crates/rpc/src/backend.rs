//! What every method works with, and where its work runs.

use std::{sync::Arc, time::Duration};

use alloy_eips::{BlockId, BlockNumberOrTag};
use jsonrpsee::http_client::HttpClient;
use parking_lot::Mutex;
use sluice_sequencer::PoolHandle;
use sluice_store::{Snapshot, Store};
use sluice_types::{L2Number, Receipt, SealedBlock};
use tokio::sync::{Semaphore, oneshot};

use crate::{Config, failure::Failure, filters::Filters, outbox::OutboxIndex};

/// Stack of a thread that executes code: more than a runtime's own threads have, which debug builds need.
const CALL_STACK_BYTES: usize = 32 << 20;

/// What every method works with.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) pool: Option<PoolHandle>,
    /// A sequencer to hand transactions to, on a node without a pool.
    pub(crate) sequencer: Option<HttpClient>,
    pub(crate) filters: Mutex<Filters>,
    pub(crate) outbox: Mutex<OutboxIndex>,
    reads: Arc<Semaphore>,
    calls: Arc<Semaphore>,
}

/// How much a request costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// A few reads of the store.
    Read,
    /// Executes code, or reads many blocks.
    Call,
}

impl Backend {
    pub(crate) fn new(config: Config, store: Store, pool: Option<PoolHandle>, sequencer: Option<HttpClient>) -> Self {
        let limits = &config.limits;
        Self {
            filters: Mutex::new(Filters::new(limits.filters_max, Duration::from_secs(limits.filter_idle_s))),
            outbox: Mutex::new(OutboxIndex::default()),
            reads: Arc::new(Semaphore::new(limits.reads_parallel.get().min(Semaphore::MAX_PERMITS))),
            calls: Arc::new(Semaphore::new(limits.calls_parallel.get().min(Semaphore::MAX_PERMITS))),
            config,
            store,
            pool,
            sequencer,
        }
    }

    /// Runs work on a thread where it may block, when there is room for it.
    ///
    /// The permit stays with the work, so that work whose caller has given up still counts.
    pub(crate) async fn run<R: Send + 'static>(
        self: &Arc<Self>,
        cost: Cost,
        work: impl FnOnce(&Self) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        let permits = match cost {
            Cost::Read => &self.reads,
            Cost::Call => &self.calls,
        };
        let limits = &self.config.limits;
        let busy = || Failure { code: -32009, message: "server is busy; try again later".into(), data: None };
        let permit = tokio::time::timeout(limits.request_time_max(), Arc::clone(permits).acquire_owned())
            .await
            .map_err(|_| busy())?
            .expect("the semaphore is never closed");
        let backend = Arc::clone(self);
        let (reply, answer) = oneshot::channel();
        let job = move || {
            let result = work(&backend);
            // Before the permit is free, so that a caller sees its answer first. Nobody may be left to hear it.
            let _ = reply.send(result);
            drop(permit);
        };
        match cost {
            Cost::Read => drop(tokio::task::spawn_blocking(job)),
            Cost::Call => {
                let thread = std::thread::Builder::new().name("sluice-rpc-call".into()).stack_size(CALL_STACK_BYTES);
                drop(thread.spawn(job).map_err(|_| busy())?);
            }
        }
        match tokio::time::timeout(limits.request_time_max(), answer).await {
            Err(_) => Err(Failure::timeout(limits.request_ms_max)),
            Ok(Ok(result)) => result,
            // The work panicked; its message is on standard error.
            Ok(Err(_)) => Err(Failure::internal("internal error")),
        }
    }

    /// The number that a tag stands for; it may be one that does not exist yet.
    pub(crate) fn number(&self, tag: BlockNumberOrTag) -> L2Number {
        let heads = self.store.heads();
        match tag {
            BlockNumberOrTag::Number(number) => L2Number(number),
            // There is no block between the executed one and the one being ordered.
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => heads.executed,
            BlockNumberOrTag::Safe => heads.derived,
            BlockNumberOrTag::Finalized => heads.finalized,
            BlockNumberOrTag::Earliest => L2Number(0),
        }
    }

    pub(crate) fn block(&self, id: BlockId) -> Result<Option<Arc<SealedBlock>>, Failure> {
        Ok(match id {
            BlockId::Hash(hash) => self.store.block_by_hash(hash.block_hash)?,
            BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Pending) => Some(self.store.head_block()),
            BlockId::Number(tag) => self.store.block(self.number(tag))?,
        })
    }

    pub(crate) fn block_with_receipts(&self, id: BlockId) -> Result<Option<BlockWithReceipts>, Failure> {
        let Some(sealed) = self.block(id)? else { return Ok(None) };
        let receipts = self.receipts_of(&sealed)?;
        Ok(Some((sealed, receipts)))
    }

    pub(crate) fn receipts_of(&self, sealed: &SealedBlock) -> Result<Arc<Vec<Receipt>>, Failure> {
        self.store.receipts(sealed.number())?.ok_or_else(|| Failure::internal("a block without receipts"))
    }

    /// The state after a block; the latest one by default.
    pub(crate) fn state(&self, id: Option<BlockId>) -> Result<Snapshot, Failure> {
        let number = match id.unwrap_or_default() {
            BlockId::Number(tag) => self.number(tag),
            BlockId::Hash(hash) => self.store.number_of(hash.block_hash)?.ok_or_else(Failure::header_not_found)?,
        };
        Ok(self.store.state(number)?)
    }
}

/// A block with its receipts.
pub(crate) type BlockWithReceipts = (Arc<SealedBlock>, Arc<Vec<Receipt>>);
