//! The loop: ingest, derive, move the heads.

use std::{future::Future, sync::Arc, time::Duration};

use sluice_executor::Executor;
use sluice_l1::L1;
use sluice_store::{L1Update, Store};
use sluice_types::{BatchIndex, CommittedBatch, L1Number, L2Number, Severity};
use tracing::{debug, warn};

use crate::{Config, Error, apply::apply_batch, ingest::ingest};

/// Batches that one step derives, so that the L1 head is looked at in between.
const BATCHES_PER_STEP: usize = 8;
/// Most waiting time after an error of L1's, however often it comes.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Follows L1.
#[derive(Debug)]
pub struct Follow<C: L1> {
    config: Config,
    store: Store,
    executor: Arc<Executor>,
    l1: Arc<C>,
}

impl<C: L1> Follow<C> {
    /// Takes up where the store says it was.
    pub fn new(config: Config, store: Store, executor: Executor, l1: Arc<C>) -> Self {
        Self { config, store, executor: Arc::new(executor), l1 }
    }

    /// Works until `stop` resolves. Errors that pass are waited out, with growing pauses; others end the room.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        tokio::pin!(stop);
        let poll = Duration::from_millis(self.config.poll_ms);
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            // A step in progress is not dropped by a stop: it commits at most a few batches and ends.
            match self.step().await {
                Ok(true) => pause = Duration::ZERO,
                Ok(false) => pause = poll,
                Err(error) if error.severity() != Severity::Fatal => {
                    pause = (pause.max(poll) * 2).min(BACKOFF_MAX);
                    metrics::counter!("follow_retries_total").increment(1);
                    warn!(%error, retry_in = ?pause, "following waits");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Follows until all that is on L1 now is ingested and derived.
    ///
    /// Errors: also those that [`Follow::run`] would wait out, after [`CATCH_UP_TRIES_MAX`] in a row.
    pub async fn catch_up(&mut self) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            match self.step().await {
                Ok(true) => tries = 0,
                Ok(false) => return Ok(()),
                Err(error) if error.severity() != Severity::Fatal && tries < CATCH_UP_TRIES_MAX => {
                    tries += 1;
                    warn!(%error, tries, "following waits");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Ingests some L1 blocks, derives some batches, moves the heads; true when there is more to do at once.
    pub async fn step(&mut self) -> Result<bool, Error> {
        let heads = self.l1.heads().await?;
        let more_blocks = ingest(&*self.l1, &self.store, &heads).await?;
        let more_batches = self.derive().await?;
        self.settle_heads().await?;
        Ok(more_blocks || more_batches)
    }

    /// Derives the next batches of the view; true when there are more.
    async fn derive(&mut self) -> Result<bool, Error> {
        for _ in 0..BATCHES_PER_STEP {
            let Some(batch) = self.next_batch()? else { return Ok(false) };
            let blobs = self.l1.blobs(&batch).await?;
            let (store, executor, committed) = (self.store.clone(), self.executor.clone(), batch.clone());
            tokio::task::spawn_blocking(move || apply_batch(&store, &executor, &committed, &blobs))
                .await
                .map_err(|error| Error::Thread(error.to_string()))??;
            debug!(index = %batch.header.index, last = %batch.header.last_block, "batch derived");
            metrics::counter!("follow_derived_batches_total").increment(1);
            self.move_heads(|heads| heads.derived = batch.header.last_block)?;
        }
        Ok(self.next_batch()?.is_some())
    }

    /// The first batch with a block that is not derived.
    fn next_batch(&self) -> Result<Option<CommittedBatch>, Error> {
        Ok(self.store.batch_of(self.store.heads().derived.next())?)
    }

    /// Moves proven and finalized to where L1 says.
    async fn settle_heads(&mut self) -> Result<(), Error> {
        let final_count = self.l1.final_batch_count().await?.min(self.store.batch_count());
        let proven = self.end_of(final_count, |_| true)?;
        let l1_finalized = self.store.l1_finalized();
        let finalized = self.end_of(final_count, |batch| batch.l1_number <= l1_finalized)?;
        self.move_heads(|heads| {
            heads.proven = proven;
            heads.finalized = finalized;
        })
    }

    /// Last block of the newest batch below `count` that fits.
    fn end_of(&self, count: BatchIndex, fits: impl Fn(&CommittedBatch) -> bool) -> Result<L2Number, Error> {
        let oldest = count.0.saturating_sub(BATCHES_LOOKED_BACK);
        for index in (oldest..count.0).rev() {
            if let Some(batch) = self.store.batch(BatchIndex(index))?.filter(|batch| fits(batch)) {
                return Ok(batch.header.last_block);
            }
        }
        // Older batches were final long before; the head stays where it is.
        Ok(self.store.heads().finalized)
    }

    fn move_heads(&self, change: impl FnOnce(&mut L1Update)) -> Result<(), Error> {
        let now = self.store.heads();
        let mut update = L1Update {
            derived: now.derived,
            proven: now.proven,
            finalized: now.finalized,
            l1_finalized: self.store.l1_finalized(),
            ..L1Update::default()
        };
        let before = (update.derived, update.proven, update.finalized);
        change(&mut update);
        if (update.derived, update.proven, update.finalized) != before {
            self.store.commit_l1(update)?;
        }
        Ok(())
    }

    /// How far the L1 view reaches.
    pub fn l1_number(&self) -> L1Number {
        self.store.l1_head().map(|head| head.origin.number).unwrap_or_default()
    }
}

/// Batches looked through for the newest final one: more than L1 takes between two finalised blocks.
const BATCHES_LOOKED_BACK: u64 = 1024;
/// Errors that pass, in a row, before [`Follow::catch_up`] gives up.
pub const CATCH_UP_TRIES_MAX: u32 = 10;
