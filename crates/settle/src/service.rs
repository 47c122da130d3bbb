//! The loop: cut, remember, send, wait until L1 shows it.

use std::{
    collections::VecDeque,
    future::Future,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy_primitives::{B256, Bytes, U256};
use sluice_derive::{batch, blob};
use sluice_l1::{Fees, Progress, SendRecord};
use sluice_store::{L1Fees, PendingBatch, Store};
use sluice_types::{
    BatchBlock, BatchHeader, BatchIndex, L2Number, SealedBlock, Severity, StateRead, Transaction, predeploys,
};
use tracing::{info, warn};

use crate::{
    Alone, Authority, Config, Cosigners, Error,
    cut::{Candidate, cut, cut_together},
    poster::{NO_PARENT, Poster},
};

/// Most waiting time after an error of L1's, however often it comes.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing to post yet.
    Idle,
    /// A batch was cut and stored.
    Cut(BatchIndex),
    /// Others must sign the batch first, or it is another's turn to post it.
    Waiting(BatchIndex),
    /// A transaction is signed, or sent, or waits.
    Posting(BatchIndex),
}

/// Posts batches, one after another.
#[derive(Debug)]
pub struct Settle<P: Poster, C: Cosigners = Alone> {
    config: Config,
    store: Store,
    poster: P,
    cosigners: C,
    /// Blocks after the last batch, as far as looked at.
    candidates: VecDeque<Candidate>,
    /// The batch on its way, with its transaction.
    tracked: Option<(PendingBatch, P::Tracked)>,
    /// Hash of the batch that was cut last, because blobs are costly to commit to.
    hashed: Option<(BatchHeader, B256)>,
}

impl<P: Poster> Settle<P> {
    /// Takes up where the store says an earlier process was. Nobody else signs.
    pub const fn new(config: Config, store: Store, poster: P) -> Self {
        Self::together(config, store, poster, Alone)
    }
}

impl<P: Poster, C: Cosigners> Settle<P, C> {
    /// The same where others must sign.
    pub const fn together(config: Config, store: Store, poster: P, cosigners: C) -> Self {
        Self { config, store, poster, cosigners, candidates: VecDeque::new(), tracked: None, hashed: None }
    }

    /// Works until `stop` resolves. Errors that pass are waited out, with growing pauses; others end the room.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        tokio::pin!(stop);
        let poll = Duration::from_millis(self.config.poll_ms);
        let mut pause = poll;
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            match self.step(now).await {
                Ok(Step::Cut(_)) => pause = Duration::ZERO,
                Ok(Step::Idle | Step::Waiting(_) | Step::Posting(_)) => pause = poll,
                Err(error) if error.severity() != Severity::Fatal => {
                    pause = (pause.max(poll) * 2).min(BACKOFF_MAX);
                    metrics::counter!("settle_retries_total").increment(1);
                    warn!(%error, retry_in = ?pause, "posting waits");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Does the next thing. `now` in seconds.
    pub async fn step(&mut self, now: u64) -> Result<Step, Error> {
        self.forget_settled()?;
        let next = self.store.batch_count();
        metrics::gauge!("settle_next_batch_index").set(next.0 as f64);
        if self.tracked.as_ref().is_some_and(|(pending, _)| pending.header.index != next) {
            // L1 has it, or a reorganisation took its parent: what is next is decided anew from the store.
            self.tracked = None;
        }
        if self.tracked.is_none() {
            let Some(pending) = self.pending(next)? else { return self.cut_next(next, now).await };
            let Some(authority) = self.authority(&pending, now).await? else { return Ok(Step::Waiting(next)) };
            let tracked = match record(&pending) {
                Some(record) => self.poster.resume(&pending.header, &pending.payload, (&authority, record)).await?,
                None => self.poster.prepare(&pending.header, &pending.payload, &authority).await?,
            };
            self.tracked = Some((pending, tracked));
            self.remember()?;
        }
        self.advance(next).await?;
        Ok(Step::Posting(next))
    }

    /// Why L1 will take the batch, if it will and it is our turn to post it.
    async fn authority(&mut self, pending: &PendingBatch, now: u64) -> Result<Option<Authority>, Error> {
        let index = pending.header.index;
        if !self.cosigners.are_there() {
            return Ok(self.cosigners.authority(index, B256::ZERO));
        }
        let batch_hash = match &self.hashed {
            Some((header, hash)) if *header == pending.header => *hash,
            _ => {
                let blobs = blob::to_blobs(&pending.payload).map_err(|source| Error::Encode { index, source })?;
                let hashes: Vec<B256> =
                    sluice_l1::blob_hashes(blobs).await?.into_iter().map(|(_, hash)| hash).collect();
                pending.header.hash(&hashes)
            }
        };
        self.hashed = Some((pending.header.clone(), batch_hash));
        // Asked before whose turn it is, because the others need our signature whoever posts.
        let authority = self.cosigners.authority(index, batch_hash);
        let last_posted = match index.0.checked_sub(1) {
            Some(before) => self.store.batch(BatchIndex(before))?.map_or(0, |batch| batch.l1_timestamp),
            None => 0,
        };
        // What was sent before is ours to see through.
        let ours = record(pending).is_some() || self.cosigners.in_turn(now, last_posted);
        Ok(authority.filter(|_| ours))
    }

    /// Moves the transaction on its way by one action.
    async fn advance(&mut self, index: BatchIndex) -> Result<(), Error> {
        let Some((pending, tracked)) = self.tracked.as_mut() else { return Ok(()) };
        loop {
            match self.poster.advance(tracked).await? {
                Progress::Prepared => {
                    set_record(pending, self.poster.record(tracked));
                    self.store.put_pending_batch(pending)?;
                }
                Progress::Waiting | Progress::Included { .. } => return Ok(()),
                // The L1 view shows it with the next poll of `follow`; only then does the index move.
                Progress::Confirmed(receipt) if receipt.status() => return Ok(()),
                Progress::Confirmed(receipt) => {
                    warn!(%index, tx = %receipt.transaction_hash, "L1 rejected the batch; cutting it anew");
                    metrics::counter!("settle_rejected_batches_total").increment(1);
                    return self.drop_pending(index);
                }
                Progress::Displaced => {
                    warn!(%index, "the posting account's nonce was used by something else; cutting anew");
                    return self.drop_pending(index);
                }
            }
        }
    }

    fn drop_pending(&mut self, index: BatchIndex) -> Result<(), Error> {
        self.tracked = None;
        Ok(self.store.remove_pending_batch(index)?)
    }

    /// Stores what was signed, before it is sent.
    fn remember(&mut self) -> Result<(), Error> {
        if let Some((pending, tracked)) = self.tracked.as_mut() {
            set_record(pending, self.poster.record(tracked));
            self.store.put_pending_batch(pending)?;
        }
        Ok(())
    }

    /// Removes records that L1 cannot give back: their batch is in a final L1 block, or another batch is.
    fn forget_settled(&mut self) -> Result<(), Error> {
        for pending in self.store.pending_batches()? {
            let index = pending.header.index;
            let Some(committed) = self.store.batch(index)? else { continue };
            let other = committed.header != pending.header;
            if other {
                warn!(%index, "L1 holds another batch than the one that was being posted");
            }
            if other || committed.l1_number <= self.store.l1_finalized() {
                self.store.remove_pending_batch(index)?;
            }
        }
        Ok(())
    }

    fn pending(&self, index: BatchIndex) -> Result<Option<PendingBatch>, Error> {
        Ok(self.store.pending_batches()?.into_iter().find(|pending| pending.header.index == index))
    }

    /// Cuts the batch after the last one on L1, if it is time, and stores it.
    async fn cut_next(&mut self, index: BatchIndex, now: u64) -> Result<Step, Error> {
        let previous = match index.0.checked_sub(1) {
            Some(before) => self.store.batch(BatchIndex(before))?,
            None => None,
        };
        let first = previous.as_ref().map_or(L2Number(0), |batch| batch.header.last_block).next();
        self.look_for_candidates(first)?;
        let size_max_bytes = self.store.config().batch_decompressed_size_max;
        let candidates = self.candidates.make_contiguous();
        let last = if self.cosigners.are_there() {
            cut_together(candidates, size_max_bytes, &self.config)
        } else {
            cut(candidates, now, size_max_bytes, &self.config)
        };
        let Some(mut last) = last else { return Ok(Step::Idle) };
        let (blocks, payload) = loop {
            let blocks = self.blocks(first, last)?;
            let decoded = batch::decoded_size(&blocks).map_err(|source| Error::Encode { index, source })?;
            if decoded > size_max_bytes && first < last {
                last = L2Number(first.0 + (last.0 - first.0) / 2);
                continue;
            }
            let (blocks, payload) = self.encode(blocks, index).await?;
            if payload.len() <= blob::PAYLOAD_BYTES_MAX {
                break (blocks, payload);
            }
            if first == last {
                return Err(Error::BlockTooLarge { number: first, size: payload.len(), max: blob::PAYLOAD_BYTES_MAX });
            }
            last = L2Number(first.0 + (last.0 - first.0) / 2);
        };
        let parent_hash = previous.map_or(NO_PARENT, |batch| batch.hash());
        let header = self.header(index, parent_hash, first, last)?;
        info!(%index, %first, %last, bytes = payload.len(), transactions = blocks, "batch cut");
        metrics::counter!("settle_batches_total").increment(1);
        metrics::counter!("settle_payload_bytes_total").increment(payload.len() as u64);
        self.store.put_pending_batch(&PendingBatch { header, payload, ..PendingBatch::default() })?;
        Ok(Step::Cut(index))
    }

    /// Extends the candidates to the executed head. A block younger than L1's head waits, since no L1 block could hold it yet.
    fn look_for_candidates(&mut self, first: L2Number) -> Result<(), Error> {
        if self.candidates.front().is_some_and(|candidate| candidate.number != first) {
            self.candidates.clear();
        }
        let Some(l1_head) = self.store.l1_head() else { return Ok(()) };
        let executed = self.store.heads().executed;
        let mut next = self.candidates.back().map_or(first, |candidate| candidate.number.next());
        while next <= executed && (self.candidates.len() as u64) < self.config.blocks_max {
            let block = self.block(next)?;
            if block.block.header.timestamp > l1_head.origin.timestamp {
                break;
            }
            let transactions = block.block.transactions.iter().skip(block.block.inbox_transactions);
            let size_bytes = transactions.map(|tx| tx.encode().len() as u64).sum();
            self.candidates.push_back(Candidate { number: next, timestamp: block.block.header.timestamp, size_bytes });
            next = next.next();
        }
        Ok(())
    }

    fn block(&self, number: L2Number) -> Result<std::sync::Arc<SealedBlock>, Error> {
        self.store.block(number)?.ok_or(Error::Missing { what: "the body", number })
    }

    fn blocks(&self, first: L2Number, last: L2Number) -> Result<Vec<BatchBlock>, Error> {
        let mut inbox_before = match first.0.checked_sub(1) {
            Some(0) | None => 0,
            Some(before) => self.block(L2Number(before))?.block.inbox_count.0,
        };
        let mut blocks = Vec::new();
        for number in first.0..=last.0 {
            let sealed = self.block(L2Number(number))?;
            let block = &sealed.block;
            let inbox_count = u32::try_from(block.inbox_count.0 - inbox_before)
                .expect("a block's messages are bounded by their gas, far below u32");
            inbox_before = block.inbox_count.0;
            blocks.push(BatchBlock {
                timestamp: block.header.timestamp,
                l1_origin: block.l1_origin.number,
                beneficiary: block.header.beneficiary,
                inbox_count,
                transactions: block.transactions[block.inbox_transactions..]
                    .iter()
                    .map(|tx| match tx {
                        Transaction::Signed(tx) => tx.clone(),
                        Transaction::Deposit(_) => unreachable!("deposits come from the inbox only"),
                    })
                    .collect(),
            });
        }
        Ok(blocks)
    }

    /// Encodes on a thread of its own; the answer has the number of transactions beside the bytes.
    async fn encode(&self, blocks: Vec<BatchBlock>, index: BatchIndex) -> Result<(usize, Bytes), Error> {
        let (chain_id, quality) = (self.store.config().chain_id, self.config.compression_quality);
        tokio::task::spawn_blocking(move || {
            let transactions = blocks.iter().map(|block| block.transactions.len()).sum();
            let quality = batch::Quality::new(quality).expect("the config was checked");
            let payload =
                batch::encode(&blocks, chain_id, quality).map_err(|source| Error::Encode { index, source })?;
            Ok((transactions, payload.into()))
        })
        .await
        .map_err(|error| Error::Thread(error.to_string()))?
    }

    fn header(
        &self,
        index: BatchIndex,
        parent_hash: B256,
        first_block: L2Number,
        last_block: L2Number,
    ) -> Result<BatchHeader, Error> {
        let sealed = self.block(last_block)?;
        let block = &sealed.block;
        let inbox_hash = self
            .store
            .inbox_hash(block.inbox_count)?
            .ok_or(Error::Missing { what: "the inbox hash", number: last_block })?;
        let outbox_root =
            self.store.state(last_block)?.storage(predeploys::OUTBOX, U256::from(predeploys::OUTBOX_ROOT_SLOT))?;
        Ok(BatchHeader {
            index,
            parent_hash,
            first_block,
            last_block,
            last_timestamp: block.header.timestamp,
            l1_origin_number: block.l1_origin.number,
            l1_origin_hash: block.l1_origin.hash,
            inbox_count: block.inbox_count,
            inbox_hash,
            last_block_hash: sealed.hash,
            state_root: block.header.state_root,
            outbox_root: outbox_root.into(),
        })
    }
}

/// What was stored of a transaction, if one was signed.
fn record(pending: &PendingBatch) -> Option<SendRecord> {
    Some(SendRecord {
        nonce: pending.nonce?,
        tx_hashes: pending.tx_hashes.clone(),
        fees: Fees {
            max_fee_wei: pending.fees.max_fee_per_gas_wei,
            priority_fee_wei: pending.fees.max_priority_fee_per_gas_wei,
            max_blob_fee_wei: pending.fees.max_fee_per_blob_gas_wei,
        },
    })
}

fn set_record(pending: &mut PendingBatch, record: SendRecord) {
    pending.nonce = Some(record.nonce);
    pending.tx_hashes = record.tx_hashes;
    pending.fees = L1Fees {
        max_fee_per_gas_wei: record.fees.max_fee_wei,
        max_priority_fee_per_gas_wei: record.fees.priority_fee_wei,
        max_fee_per_blob_gas_wei: record.fees.max_blob_fee_wei,
    };
}
