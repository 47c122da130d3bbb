//! The pool as other rooms see it, and the threads that check what comes in.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool},
};

use alloy_primitives::{Address, B256, Bytes};
use parking_lot::{Mutex, RwLock};
use sluice_ordering::Peers;
use sluice_store::Store;
use sluice_types::{EMPTY_CODE_HASH, L2Number, StateRead};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    Clock, Config, Error, block_bytes_max,
    pool::{Content, Pool, PoolTransaction, Rejection, Rules, SenderState, recover},
    propose::{ORIGIN_MARGIN, has_messages},
    share::Share,
    tip::Tip,
};

/// Submissions that wait to be checked; [`PoolHandle::submit`] waits while there are more.
pub const SUBMISSIONS_MAX: usize = 4_096;
/// Submissions that one thread checks at a time, with one snapshot of the state and one lock of the pool.
const BATCH_MAX: usize = 64;
/// Hashes that a subscriber may lag behind before it loses the oldest.
const SUBSCRIPTION_LAG_MAX: usize = 8_192;
/// How often a batch is measured against a new head when the chain moves meanwhile.
const HEAD_ATTEMPTS_MAX: usize = 16;

/// The pool as other rooms see it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PoolHandle {
    shared: Arc<Shared>,
    submissions: mpsc::Sender<Submission>,
}

/// What handle, checking threads and sequencer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) pool: Mutex<Pool>,
    /// Where execution stands. Changed only with the pool locked, so that pool and tip belong together for whoever has locked it.
    pub(crate) tip: RwLock<Arc<Tip>>,
    /// Transactions that have left the pool into blocks that are not stored yet. Bounded by the blocks that may be on their way.
    pub(crate) leaving: Mutex<HashMap<B256, Arc<PoolTransaction>>>,
    /// A block is being executed, on all cores.
    pub(crate) executing: AtomicBool,
    /// The last block that is sealed here: number and hash.
    pub(crate) sealed: Mutex<(L2Number, B256)>,
    /// The pool's transactions in the last proposal, so that their senders are not recovered twice.
    pub(crate) proposed: Mutex<Vec<Arc<PoolTransaction>>>,
    pub(crate) store: Store,
    pub(crate) engine: sluice_ordering::Handle,
    pub(crate) clock: Clock,
    /// The way to the other seats, if there are any.
    pub(crate) share: Option<Share>,
    rules: Rules,
    pending: broadcast::Sender<B256>,
}

#[derive(Debug)]
struct Submission {
    raw: Bytes,
    /// `None`: another seat sent it, and nobody waits.
    reply: Option<oneshot::Sender<Result<B256, Rejection>>>,
}

impl PoolHandle {
    /// Starts the checking threads. They end when the last handle is dropped.
    pub(crate) fn start(
        config: &Config,
        store: Store,
        engine: sluice_ordering::Handle,
        peers: Option<Peers>,
    ) -> Result<(Self, Arc<Shared>), Error> {
        let chain = store.config();
        let rules = Rules {
            tip_min_wei: config.tip_min_wei,
            unprotected: config.unprotected_transactions,
            ..Rules::new(chain, block_bytes_max(chain))
        };
        let (tip, head) = (Tip::of(&store)?, store.head_block());
        let pool = Pool::new(config.pool.clone(), chain.l1_fee, tip.pool_head(&store));
        let (pending, _) = broadcast::channel(SUBSCRIPTION_LAG_MAX);
        let shared = Arc::new(Shared {
            pool: Mutex::new(pool),
            tip: RwLock::new(Arc::new(tip)),
            leaving: Mutex::default(),
            executing: AtomicBool::new(false),
            sealed: Mutex::new((head.number(), head.hash)),
            proposed: Mutex::default(),
            store,
            engine,
            clock: config.clock.clone(),
            share: peers.map(Share::new),
            rules,
            pending,
        });
        let (submissions, queue) = mpsc::channel(SUBMISSIONS_MAX);
        let queue = Arc::new(Mutex::new(queue));
        for index in 0..config.check_threads.get() {
            let (shared, queue) = (shared.clone(), queue.clone());
            std::thread::Builder::new()
                .name(format!("sluice-check-{index}"))
                .spawn(move || {
                    while let Some(batch) = next_batch(&queue) {
                        shared.check(batch);
                    }
                })
                .map_err(Error::Thread)?;
        }
        Ok((Self { shared: shared.clone(), submissions }, shared))
    }

    /// Takes a transaction in, or says why not. Waits while [`SUBMISSIONS_MAX`] others wait to be checked.
    pub async fn submit(&self, raw: Bytes) -> Result<B256, Rejection> {
        let gone = || Rejection::Unavailable("the node is stopping".into());
        let (reply, answer) = oneshot::channel();
        self.submissions.send(Submission { raw, reply: Some(reply) }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Takes in what another seat sent, as far as there is room.
    pub(crate) fn take_from_peer(&self, transactions: Vec<Bytes>) {
        for raw in transactions {
            if self.submissions.try_send(Submission { raw, reply: None }).is_err() {
                metrics::counter!("sequencer_submissions_total", "result" => "dropped").increment(1);
                return;
            }
        }
    }

    /// The nonce that the sender's next transaction needs, when the pool, or a block that is not stored yet, knows better than the
    /// stored state.
    pub fn pending_nonce(&self, sender: Address) -> Option<u64> {
        let (pending, tip) = {
            let pool = self.shared.pool.lock();
            (pool.pending_nonce(sender), self.shared.tip())
        };
        pending.or_else(|| tip.unstored_nonce(&self.shared.store, sender))
    }

    /// A transaction in the pool, or on its way from there into a stored block.
    pub fn get(&self, hash: B256) -> Option<Arc<PoolTransaction>> {
        let waiting = self.shared.pool.lock().get(hash);
        waiting.or_else(|| self.shared.leaving.lock().get(&hash).cloned())
    }

    /// How many transactions are (pending, queued).
    pub fn status(&self) -> (usize, usize) {
        let pool = self.shared.pool.lock();
        (pool.pending_count(), pool.queued_count())
    }

    /// Everything in the pool.
    pub fn content(&self) -> Content {
        self.shared.pool.lock().content()
    }

    /// Hashes of transactions that become pending, from now on. A slow reader loses the oldest and is told so.
    pub fn subscribe(&self) -> broadcast::Receiver<B256> {
        self.shared.pending.subscribe()
    }
}

/// Waits for submissions and takes up to [`BATCH_MAX`]; `None` when no handle is left.
fn next_batch(queue: &Mutex<mpsc::Receiver<Submission>>) -> Option<Vec<Submission>> {
    let mut queue = queue.lock();
    let mut batch = vec![queue.blocking_recv()?];
    while batch.len() < BATCH_MAX
        && let Ok(submission) = queue.try_recv()
    {
        batch.push(submission);
    }
    Some(batch)
}

type Reply = Option<oneshot::Sender<Result<B256, Rejection>>>;

impl Shared {
    /// Decodes, recovers, admits and answers a batch.
    fn check(&self, batch: Vec<Submission>) {
        let mut checked: Vec<(Arc<PoolTransaction>, Reply)> = Vec::with_capacity(batch.len());
        for Submission { raw, reply } in batch {
            match self.recover(raw) {
                Ok(tx) => checked.push((Arc::new(tx), reply)),
                Err(rejection) => answer(reply, Err(rejection)),
            }
        }
        self.admit(checked);
    }

    fn recover(&self, raw: Bytes) -> Result<PoolTransaction, Rejection> {
        let tx = self.rules.decode(&raw)?;
        // Asked before the costly step, because clients send again what they do not see confirmed.
        if self.pool.lock().get(*tx.tx_hash()).is_some() {
            return Err(Rejection::AlreadyKnown);
        }
        recover(tx, raw)
    }

    /// Admits transactions by accounts of one head; when the head moves meanwhile, by those of the new one.
    fn admit(&self, checked: Vec<(Arc<PoolTransaction>, Reply)>) {
        for _ in 0..HEAD_ATTEMPTS_MAX {
            let (head, tip) = {
                let pool = self.pool.lock();
                (pool.head().number, self.tip())
            };
            let states: Result<Vec<SenderState>, String> = tip
                .state(&self.store)
                .map_err(|error| error.to_string())
                .and_then(|state| checked.iter().map(|(tx, _)| sender_state(&state, tx.sender)).collect());
            let states = match states {
                Ok(states) => states,
                Err(error) => return refuse(checked, &error),
            };
            let mut pool = self.pool.lock();
            if pool.head().number != head {
                continue;
            }
            let now_ms = self.clock.now_ms();
            let mut work = false;
            let mut from_here = Vec::new();
            for ((tx, reply), state) in checked.into_iter().zip(states) {
                let hash = tx.hash();
                let admitted = pool.admit(tx.clone(), state, now_ms).map(|risen| {
                    if reply.is_some() {
                        from_here.push(tx);
                    }
                    work |= !risen.is_empty();
                    self.announce(&risen);
                    hash
                });
                answer(reply, admitted);
            }
            drop(pool);
            if work {
                self.engine.wake();
            }
            if let Some(share) = &self.share {
                share.hand_over(&from_here, now_ms);
            }
            return;
        }
        refuse(checked, "the chain moves faster than accounts can be read; send again");
    }

    pub(crate) fn tip(&self) -> Arc<Tip> {
        self.tip.read().clone()
    }

    /// See [`ORIGIN_MARGIN`].
    pub(crate) fn origin_margin(&self) -> u64 {
        if self.share.is_some() { ORIGIN_MARGIN } else { 0 }
    }

    /// Hash of an L2 block that is sealed here, if it is.
    pub(crate) fn sealed_hash(&self, number: L2Number) -> Result<Option<B256>, Error> {
        let (newest, hash) = *self.sealed.lock();
        if number == newest {
            return Ok(Some(hash));
        }
        Ok(self.store.block(number)?.map(|block| block.hash))
    }

    /// Wakes the engine if there is something to order.
    pub(crate) fn wake_for_work(&self) -> Result<(), Error> {
        let work = {
            let pool = self.pool.lock();
            metrics::gauge!("sequencer_pool_pending").set(pool.pending_count() as f64);
            metrics::gauge!("sequencer_pool_queued").set(pool.queued_count() as f64);
            metrics::gauge!("sequencer_pool_bytes").set(pool.bytes() as f64);
            pool.has_work()
        };
        if work || has_messages(&self.store, &self.tip(), self.origin_margin(), self.clock.now_ms())? {
            self.engine.wake();
        }
        Ok(())
    }

    /// Tells subscribers what became pending.
    pub(crate) fn announce(&self, risen: &[Arc<PoolTransaction>]) {
        for tx in risen {
            // An error means that nobody subscribes.
            let _ = self.pending.send(tx.hash());
        }
    }
}

fn sender_state<S: StateRead>(state: &S, sender: Address) -> Result<SenderState, String> {
    read_sender(state, sender).map_err(|error| error.to_string())
}

fn read_sender<S: StateRead>(state: &S, sender: Address) -> Result<SenderState, S::Error> {
    /// Code that delegates to another account. Source: EIP-7702.
    const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];
    let account = state.account(sender)?.unwrap_or_default();
    let is_contract = account.code_hash != EMPTY_CODE_HASH && !state.code(account.code_hash)?.starts_with(&DELEGATION);
    Ok(SenderState { nonce: account.nonce, balance_wei: account.balance, is_contract })
}

fn refuse(checked: Vec<(Arc<PoolTransaction>, Reply)>, reason: &str) {
    for (_, reply) in checked {
        answer(reply, Err(Rejection::Unavailable(reason.into())));
    }
}

fn answer(reply: Reply, result: Result<B256, Rejection>) {
    match &result {
        Ok(_) => metrics::counter!("sequencer_submissions_total", "result" => "admitted").increment(1),
        Err(_) => metrics::counter!("sequencer_submissions_total", "result" => "rejected").increment(1),
    }
    if let Some(reply) = reply {
        // An error means that the submitter went away; the transaction stays.
        let _ = reply.send(result);
    }
}
