//! The loop: one step after another, waiting when there is nothing to do.

use std::{sync::Arc, thread, time::Duration, time::Instant};

use sluice_executor::Executor;
use sluice_l1::L1;
use sluice_store::{L1Update, Store};
use sluice_types::{CommittedBatch, L2Number, Severity};
use tokio::{sync::oneshot, time};

use crate::{
    Config, Error, Mode,
    check::check_batch,
    heads::{self, L1Claims},
    metrics, view,
};

/// Longest wait between tries. The sequencer of this node sees no new deposits meanwhile, so it is short.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(15);
/// Tries in a row that may fail before the service ends: about eight hours at the longest wait.
const RETRIES_MAX: u32 = 2_000;
/// Tries in a row that may fail while catching up, where somebody waits for the result.
const CATCH_UP_TRIES_MAX: u32 = 10;
/// Stack of the working thread: execution in debug builds wants more than the usual 2 MiB.
const STACK_BYTES: usize = 32 << 20;

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// L1 blocks taken in.
    pub l1_blocks: usize,
    /// L1 blocks dropped because L1 reorganised.
    pub l1_blocks_dropped: u64,
    /// Whether a batch was derived and found right.
    pub derived: bool,
}

impl Step {
    /// Whether the next step may have more to do already.
    pub const fn is_busy(self) -> bool {
        self.l1_blocks > 0 || self.l1_blocks_dropped > 0 || self.derived
    }
}

/// Follows L1 for one rollup.
#[derive(Debug)]
pub struct Follow<C> {
    l1: Arc<C>,
    store: Store,
    executor: Arc<Executor>,
    config: Config,
}

impl<C: L1> Follow<C> {
    /// Takes up where the store says it was.
    pub fn new(config: Config, store: Store, executor: Executor, l1: Arc<C>) -> Self {
        Self { config, store, executor: Arc::new(executor), l1 }
    }

    /// Steps until `stop` is ready; a step that has begun is finished, because its thread writes to the store.
    ///
    /// Ends with an error when a step fails fatally, or when too many fail in a row.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        tokio::pin!(stop);
        let mut failed = 0;
        loop {
            let wait = match self.step().await {
                Ok(step) => {
                    failed = 0;
                    if step.is_busy() { Duration::ZERO } else { self.config.poll() }
                }
                Err(error) => self.wait_after(error, &mut failed, RETRIES_MAX)?,
            };
            tokio::select! {
                biased;
                () = &mut stop => return Ok(()),
                () = time::sleep(wait) => {}
            }
        }
    }

    /// Steps until all that is on L1 now is taken in and derived. Errors: like [`Self::run`], but gives up sooner.
    pub async fn catch_up(&mut self) -> Result<(), Error> {
        let mut failed = 0;
        loop {
            match self.step().await {
                Ok(step) if !step.is_busy() => return Ok(()),
                Ok(_) => failed = 0,
                Err(error) => time::sleep(self.wait_after(error, &mut failed, CATCH_UP_TRIES_MAX)?).await,
            }
        }
    }

    /// How long to wait after an error, or the error when waiting does not help.
    fn wait_after(&self, error: Error, failed: &mut u32, tries_max: u32) -> Result<Duration, Error> {
        if error.severity() == Severity::Fatal {
            return Err(error);
        }
        *failed += 1;
        metrics::retry();
        if *failed >= tries_max {
            return Err(Error::GivenUp { count: *failed, last: Box::new(error) });
        }
        let wait = self.config.poll().saturating_mul(1 << (*failed).min(10)).min(RETRY_WAIT_MAX);
        tracing::warn!(%error, failed, ?wait, "following L1 failed, trying again");
        Ok(wait)
    }

    /// Takes in what L1 has new, derives the next batch if there is one, and moves the heads.
    ///
    /// Errors: [`Error::Config`] and [`Error::OtherL1`] before anything is done, else see [`Error::severity`].
    pub async fn step(&mut self) -> Result<Step, Error> {
        self.config.check()?;
        let (expected, got) = (self.store.config().l1.chain_id, self.l1.chain_id());
        if expected != got {
            return Err(Error::OtherL1 { expected, got });
        }
        let claims = L1Claims { heads: self.l1.heads().await?, final_batch_count: self.l1.final_batch_count().await? };
        let mut step = self.take_in(&claims).await?;
        view::check_head(&self.store)?;
        let mut derived = self.store.heads().derived;
        if let Some(batch) = self.next_batch(derived)? {
            derived = self.derive(&batch).await?;
            step.derived = true;
        }
        let update = heads::update(&self.store, &claims, derived)?;
        self.commit(update)?;
        metrics::heads(&self.store.heads());
        Ok(step)
    }

    async fn take_in(&self, claims: &L1Claims) -> Result<Step, Error> {
        let Some(intake) = view::read(&*self.l1, &self.store, &claims.heads).await? else { return Ok(Step::default()) };
        let before = self.store.l1_head().map_or(0, |head| head.origin.number.0);
        let dropped = intake.rewind_to.map_or(0, |number| before.saturating_sub(number.0));
        if let Some(number) = intake.rewind_to {
            tracing::warn!(depth = dropped, ancestor = %number, "L1 reorganised");
            metrics::reorg(dropped);
        }
        let l1_blocks = intake.blocks.len();
        // Proven and finalized follow at the end of the step, when the batches are in the store; until then they stay or fall.
        let now = self.store.heads();
        self.store.commit_l1(L1Update {
            rewind_to: intake.rewind_to,
            blocks: intake.blocks,
            derived: intake.derived,
            proven: now.proven,
            finalized: now.finalized,
            l1_finalized: self.store.l1_finalized(),
        })?;
        if let Some(head) = self.store.l1_head() {
            metrics::l1_head(head.origin.number);
            tracing::debug!(number = %head.origin.number, hash = %head.origin.hash, l1_blocks, "L1 view moved");
        }
        Ok(Step { l1_blocks, l1_blocks_dropped: dropped, derived: false })
    }

    /// The batch after the derived head, if this node may look at it already.
    fn next_batch(&self, derived: L2Number) -> Result<Option<CommittedBatch>, Error> {
        let batch = self.store.batch_of(derived.next())?;
        let executed = self.store.heads().executed;
        Ok(batch.filter(|batch| self.config.mode == Mode::Execute || batch.header.last_block <= executed))
    }

    /// Fetches, derives and checks a batch; gives the new derived head.
    async fn derive(&self, batch: &CommittedBatch) -> Result<L2Number, Error> {
        let blobs = self.l1.blobs(batch).await?;
        let started = Instant::now();
        let (done, result) = oneshot::channel();
        let (store, executor, checked) = (self.store.clone(), self.executor.clone(), batch.clone());
        thread::Builder::new()
            .name("sluice-follow".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                // Nobody listens any more when the service is shutting down.
                let _ = done.send(check_batch(&store, &executor, &checked, &blobs));
            })
            .map_err(|error| Error::Thread(error.to_string()))?;
        result.await.map_err(|_| Error::Thread("it panicked; see the log above".to_owned()))??;
        metrics::derived_batch(started.elapsed());
        let (index, block) = (batch.header.index, batch.header.last_block);
        tracing::info!(%index, %block, hash = %batch.header.last_block_hash, "batch derived");
        Ok(block)
    }

    /// Writes the heads if they differ from what the store says.
    fn commit(&self, update: L1Update) -> Result<(), Error> {
        let now = self.store.heads();
        let same = (now.derived, now.proven, now.finalized, self.store.l1_finalized())
            == (update.derived, update.proven.min(now.derived), update.finalized.min(now.proven), update.l1_finalized);
        if same {
            return Ok(());
        }
        Ok(self.store.commit_l1(update)?)
    }
}
