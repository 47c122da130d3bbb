//! A scripted L1 for the tests of other rooms: blocks, events, blobs, reorgs and failures on command.
//!
//! Nothing here is real: hashes come from a counter, blob hashes are keccak, and time moves twelve seconds per block.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use sluice_types::{
    BatchHeader, BatchIndex, CommittedBatch, InboxMessage, L1Number, L1Origin, MessageIndex, MessageKind,
};

use crate::{BLOCKS_MAX, Blob, Error, L1, L1BlockEvents, L1Event, L1Header, L1Heads};

/// Seconds between blocks.
pub const BLOCK_SECONDS: u64 = 12;
/// Timestamp of block 0.
pub const GENESIS_TIMESTAMP: u64 = 1_700_000_000;
/// Depth of the final block.
const FINALITY_BLOCKS: u64 = 64;

/// The scripted L1. Clones are the same chain.
#[derive(Clone, Debug)]
pub struct FakeL1(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    chain_id: u64,
    blocks: Vec<L1BlockEvents>,
    /// Makes the hashes of another branch others.
    branch: u64,
    /// What the next block will hold.
    pending: Vec<L1Event>,
    blobs: HashMap<B256, Box<Blob>>,
    final_batch_count: BatchIndex,
    finality_blocks: u64,
    failures: usize,
    base_fee_wei: u64,
}

impl FakeL1 {
    /// A chain with block 0 only.
    pub fn new(chain_id: u64) -> Self {
        let mut state = State {
            chain_id,
            blocks: Vec::new(),
            branch: 0,
            pending: Vec::new(),
            blobs: HashMap::new(),
            final_batch_count: BatchIndex(0),
            finality_blocks: FINALITY_BLOCKS,
            failures: 0,
            base_fee_wei: 1_000_000_000,
        };
        state.mine();
        Self(Arc::new(Mutex::new(state)))
    }

    /// Adds a block with what was queued and committed since the last; gives its number.
    pub fn mine(&self) -> L1Number {
        self.lock().mine()
    }

    /// Adds this many blocks.
    pub fn mine_many(&self, count: u64) -> L1Number {
        let mut state = self.lock();
        (0..count).map(|_| state.mine()).last().unwrap_or_else(|| state.head())
    }

    /// Drops the last `depth` blocks with their events, and what was pending. The next blocks have other hashes.
    pub fn reorg(&self, depth: u64) {
        let mut state = self.lock();
        let keep = state.blocks.len().saturating_sub(usize::try_from(depth).unwrap_or(usize::MAX)).max(1);
        state.blocks.truncate(keep);
        state.pending.clear();
        state.branch += 1;
    }

    /// Queues a deposit for the next block.
    pub fn deposit(&self, from: Address, to: Address, mint: U256, value: U256) -> MessageIndex {
        let gas_limit = 100_000;
        self.queue(InboxMessage { to, mint, value, gas_limit, ..message(MessageKind::Deposit, from) })
    }

    /// Queues a forced transaction for the next block.
    pub fn force(&self, from: Address, raw: Bytes) -> MessageIndex {
        self.queue(InboxMessage { data: raw, ..message(MessageKind::Forced, from) })
    }

    /// Queues any message for the next block; its index and place on L1 are set here.
    pub fn queue(&self, mut message: InboxMessage) -> MessageIndex {
        let mut state = self.lock();
        let (index, before) = state.queue_end();
        message.index = index;
        let rolling_hash = message.roll(before);
        state.pending.push(L1Event::Message { message, rolling_hash });
        index
    }

    /// Commits a batch in the next block; gives its hash.
    pub fn commit(&self, header: BatchHeader, blobs: Vec<Box<Blob>>, poster: Address) -> B256 {
        let mut state = self.lock();
        let blob_hashes: Vec<B256> = blobs.iter().map(|blob| fake_blob_hash(blob)).collect();
        state.blobs.extend(blob_hashes.iter().copied().zip(blobs));
        let batch = CommittedBatch {
            header,
            blob_hashes,
            l1_number: L1Number(0),
            l1_hash: B256::ZERO,
            l1_timestamp: 0,
            l1_tx_hash: B256::ZERO,
            poster,
        };
        let hash = batch.hash();
        state.pending.push(L1Event::Batch(batch));
        hash
    }

    /// Forgets a blob, as a beacon node that prunes.
    pub fn prune_blob(&self, hash: B256) {
        self.lock().blobs.remove(&hash);
    }

    /// Says how many batches are final.
    pub fn set_final_batch_count(&self, count: BatchIndex) {
        self.lock().final_batch_count = count;
    }

    /// Sets the depth of the final block; 64 at first.
    pub fn set_finality_blocks(&self, blocks: u64) {
        self.lock().finality_blocks = blocks;
    }

    /// Sets the base fee of the blocks to come.
    pub fn set_base_fee_wei(&self, base_fee_wei: u64) {
        self.lock().base_fee_wei = base_fee_wei;
    }

    /// Lets the next `count` questions fail as if the endpoint were down.
    pub fn fail_next(&self, count: usize) {
        self.lock().failures = count;
    }

    /// The newest block.
    pub fn head(&self) -> L1Number {
        self.lock().head()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it scripts the chain")
    }

    /// Counts a question, which may be one that has to fail.
    fn asked(&self, what: &'static str) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.lock();
        if state.failures == 0 {
            return Ok(state);
        }
        state.failures -= 1;
        Err(Error::Endpoint { endpoint: "fake".to_owned(), what, reason: "told to fail".to_owned() })
    }
}

/// The hash that [`FakeL1::commit`] gives a blob: `0x01 ‖ keccak(blob)[1..]`. Real ones need seconds of set-up.
pub fn fake_blob_hash(blob: &Blob) -> B256 {
    let mut hash = keccak256(blob);
    hash[0] = 1;
    hash
}

/// A message that asks for nothing.
fn message(kind: MessageKind, from: Address) -> InboxMessage {
    InboxMessage {
        index: MessageIndex(0),
        kind,
        from,
        to: Address::ZERO,
        mint: U256::ZERO,
        value: U256::ZERO,
        gas_limit: 0,
        data: Bytes::new(),
        l1_number: L1Number(0),
        l1_timestamp: 0,
    }
}

impl State {
    fn head(&self) -> L1Number {
        L1Number(self.blocks.len() as u64 - 1)
    }

    fn mine(&mut self) -> L1Number {
        let number = L1Number(self.blocks.len() as u64);
        let seed = [number.0.to_be_bytes(), self.branch.to_be_bytes()].concat();
        let origin = L1Origin {
            number,
            hash: keccak256([b"hash".as_slice(), &seed].concat()),
            timestamp: GENESIS_TIMESTAMP + number.0 * BLOCK_SECONDS,
            base_fee_wei: self.base_fee_wei,
            blob_base_fee_wei: 1,
            prev_randao: keccak256([b"randao".as_slice(), &seed].concat()),
            parent_beacon_block_root: keccak256([b"beacon".as_slice(), &seed].concat()),
        };
        let parent_hash = self.blocks.last().map_or(B256::ZERO, |parent| parent.header.origin.hash);
        let mut events = std::mem::take(&mut self.pending);
        for (place, event) in (0u64..).zip(&mut events) {
            match event {
                L1Event::Message { message, .. } => {
                    message.l1_number = number;
                    message.l1_timestamp = origin.timestamp;
                }
                L1Event::Batch(batch) => {
                    batch.l1_number = number;
                    batch.l1_hash = origin.hash;
                    batch.l1_timestamp = origin.timestamp;
                    batch.l1_tx_hash = keccak256([origin.hash.as_slice(), &place.to_be_bytes()].concat());
                }
            }
        }
        self.blocks.push(L1BlockEvents { header: L1Header { origin, parent_hash }, events });
        number
    }

    /// Next index and rolling hash of the queue, pending messages counted.
    fn queue_end(&self) -> (MessageIndex, B256) {
        let events = self.blocks.iter().flat_map(|block| &block.events).chain(&self.pending);
        let messages = events.filter_map(|event| match event {
            L1Event::Message { message, rolling_hash } => Some((message.index.next(), *rolling_hash)),
            L1Event::Batch(_) => None,
        });
        messages.last().unwrap_or((MessageIndex(0), B256::ZERO))
    }
}

impl L1 for FakeL1 {
    fn chain_id(&self) -> u64 {
        self.lock().chain_id
    }

    async fn heads(&self) -> Result<L1Heads, Error> {
        let state = self.asked("heads")?;
        let head = state.head();
        let hash = state.blocks[state.blocks.len() - 1].header.origin.hash;
        Ok(L1Heads {
            latest: (head, hash),
            safe: L1Number(head.0.saturating_sub(state.finality_blocks / 2)),
            finalized: L1Number(head.0.saturating_sub(state.finality_blocks)),
        })
    }

    async fn block(&self, number: L1Number) -> Result<Option<L1Header>, Error> {
        let state = self.asked("a block")?;
        let index = usize::try_from(number.0).unwrap_or(usize::MAX);
        Ok(state.blocks.get(index).map(|block| block.header.clone()))
    }

    async fn blocks(&self, first: L1Number, last: L1Number) -> Result<Vec<L1BlockEvents>, Error> {
        let count = last.0.saturating_sub(first.0).saturating_add(1);
        if count > BLOCKS_MAX {
            return Err(Error::TooManyBlocks { count, max: BLOCKS_MAX });
        }
        let state = self.asked("blocks")?;
        let in_range = |block: &&L1BlockEvents| (first..=last).contains(&block.header.origin.number);
        Ok(state.blocks.iter().filter(in_range).cloned().collect())
    }

    async fn blobs(&self, batch: &CommittedBatch) -> Result<Vec<Box<Blob>>, Error> {
        let state = self.asked("blobs")?;
        batch
            .blob_hashes
            .iter()
            .map(|&hash| {
                state.blobs.get(&hash).cloned().ok_or_else(|| Error::BlobsUnavailable {
                    hash,
                    number: batch.l1_number,
                    endpoint: "fake".to_owned(),
                    reason: "pruned".to_owned(),
                })
            })
            .collect()
    }

    async fn final_batch_count(&self) -> Result<BatchIndex, Error> {
        Ok(self.asked("the final batch count")?.final_batch_count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::check_continuous;

    #[tokio::test]
    async fn scripts_what_the_real_one_would_accept() {
        let l1 = FakeL1::new(1);
        l1.mine_many(3);
        l1.deposit(Address::repeat_byte(1), Address::repeat_byte(2), U256::from(5), U256::from(5));
        l1.force(Address::repeat_byte(1), Bytes::from_static(b"raw"));
        let number = l1.mine();
        let blocks = l1.blocks(L1Number(0), L1Number(100)).await.unwrap();
        check_continuous(L1Number(0), &blocks).unwrap();
        assert_eq!((blocks.len(), number), (5, L1Number(4)));
        assert_eq!(blocks[4].events.len(), 2);

        l1.reorg(1);
        assert_eq!(l1.deposit(Address::ZERO, Address::ZERO, U256::ONE, U256::ONE), MessageIndex(0));
        l1.mine();
        let other = l1.blocks(L1Number(4), L1Number(4)).await.unwrap();
        assert_ne!(other[0].header.origin.hash, blocks[4].header.origin.hash);
        assert_eq!(other[0].header.parent_hash, blocks[3].header.origin.hash);
    }

    #[tokio::test]
    async fn keeps_blobs_until_they_are_pruned_and_fails_when_told() {
        let l1 = FakeL1::new(1);
        let blob: Box<Blob> = vec![7u8; 131_072].into_boxed_slice().try_into().unwrap();
        l1.commit(BatchHeader::default(), vec![blob.clone()], Address::ZERO);
        let number = l1.mine();
        let blocks = l1.blocks(number, number).await.unwrap();
        let L1Event::Batch(batch) = &blocks[0].events[0] else { panic!("not a batch") };
        assert_eq!(l1.blobs(batch).await.unwrap(), vec![blob]);
        l1.prune_blob(batch.blob_hashes[0]);
        assert!(matches!(l1.blobs(batch).await, Err(Error::BlobsUnavailable { .. })));
        l1.fail_next(1);
        l1.heads().await.unwrap_err();
        l1.heads().await.unwrap();
    }
}
