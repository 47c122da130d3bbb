//! The store's door.

use std::{fmt, num::NonZeroUsize, path::Path, sync::Arc};

use alloy_primitives::{Address, B256, U256};
use redb::{ReadableDatabase as _, ReadableTable as _};
use sluice_trie::{AccountProof, TrieChanges};
use sluice_types::{
    BatchIndex, BlockAccessList, Certificate, ChainConfig, CommittedBatch, Heads, Height, InboxMessage, L1Number,
    L2Number, MessageIndex, OrderedBlock, Receipt, SealedBlock, StateChanges,
};
use tokio::sync::watch;

use crate::{
    BlockCommit, Error, Genesis, L1Block, L1Update, Nodes, PendingBatch, Roots, Snapshot,
    codec::{self, MessageRow, OrderedRow},
    engine::Engine,
    flusher::Flusher,
    open,
    tables::{self, Numbered},
};

/// How the store uses the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Memory for database pages, bytes.
    pub cache_size_bytes: usize,
    /// Blocks that gather in memory (and in the journal on disk) before they are moved to the tables together. At most 64 count.
    pub flush_blocks: NonZeroUsize,
}

/// How many cores work on one state root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cores {
    /// The caller's, because the others have something else to do.
    One,
    /// All of them.
    All,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_size_bytes: 512 << 20, flush_blocks: NonZeroUsize::new(16).expect("16 is not zero") }
    }
}

/// A handle to the store; cheap to clone. The directory is free again when the last handle and the last [`Snapshot`] are gone.
#[derive(Clone)]
pub struct Store {
    // Dropped before the engine: the thread must end before the files close.
    flusher: Arc<Flusher>,
    engine: Arc<Engine>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("dir", &self.engine.dir).field("heads", &self.heads()).finish_non_exhaustive()
    }
}

/// Opening.
impl Store {
    /// Opens the store in `dir` with default options; creates it with this genesis when there is none.
    ///
    /// Errors: [`Error::OtherChain`], [`Error::SchemaVersion`], [`Error::Locked`].
    pub fn open(dir: &Path, genesis: &Genesis) -> Result<Self, Error> {
        Self::open_with(dir, genesis, &Options::default())
    }

    /// [`Self::open`] with options.
    pub fn open_with(dir: &Path, genesis: &Genesis, options: &Options) -> Result<Self, Error> {
        Self::start(open::open(dir, Some(genesis), options)?)
    }

    /// Opens the store in `dir` with default options, whatever chain it holds.
    ///
    /// Errors: [`Error::NotInitialised`], [`Error::SchemaVersion`], [`Error::Locked`].
    pub fn open_existing(dir: &Path) -> Result<Self, Error> {
        Self::open_existing_with(dir, &Options::default())
    }

    /// [`Self::open_existing`] with options.
    pub fn open_existing_with(dir: &Path, options: &Options) -> Result<Self, Error> {
        Self::start(open::open(dir, None, options)?)
    }

    /// A store in memory, gone with its last handle.
    pub fn in_memory(genesis: &Genesis) -> Result<Self, Error> {
        Self::start(open::in_memory(genesis, &Options::default())?)
    }

    /// True when `dir` holds a store.
    pub fn is_initialised(dir: &Path) -> bool {
        dir.join(open::MAIN_FILE).exists()
    }

    pub(crate) fn start(engine: Arc<Engine>) -> Result<Self, Error> {
        let flusher = Arc::new(Flusher::start(&engine)?);
        if engine.wants_flush() {
            // The journal may hold so many blocks that the next commit has to wait for room.
            flusher.wake();
        }
        Ok(Self { flusher, engine })
    }
}

/// Blocks.
impl Store {
    /// The chain config that the store was created with.
    pub fn config(&self) -> &ChainConfig {
        &self.engine.config
    }

    /// The heads.
    pub fn heads(&self) -> Heads {
        *self.engine.heads.borrow()
    }

    /// The heads and every later change of them.
    pub fn watch_heads(&self) -> watch::Receiver<Heads> {
        self.engine.heads.subscribe()
    }

    /// The executed head, from memory; genesis at the start.
    pub fn head_block(&self) -> Arc<SealedBlock> {
        self.engine.recent.read().head.clone()
    }

    /// A block by number.
    pub fn block(&self, number: L2Number) -> Result<Option<Arc<SealedBlock>>, Error> {
        if let Some(layer) = self.engine.layer(number.0) {
            return Ok(Some(layer.sealed.clone()));
        }
        if let Some(block) = self.engine.blocks.lock().find(&number.0) {
            return Ok(Some(block));
        }
        self.row(tables::BLOCKS, number.0, |bytes| codec::decode_block(bytes).map(Arc::new))
    }

    /// A block by hash.
    pub fn block_by_hash(&self, hash: B256) -> Result<Option<Arc<SealedBlock>>, Error> {
        match self.number_of(hash)? {
            Some(number) => self.block(number),
            None => Ok(None),
        }
    }

    /// The number of the block with this hash.
    pub fn number_of(&self, hash: B256) -> Result<Option<L2Number>, Error> {
        if let Some(layer) = self.engine.recent.read().layers.iter().find(|layer| layer.sealed.hash == hash) {
            return Ok(Some(layer.sealed.number()));
        }
        let table = self.engine.main.begin_read()?.open_table(tables::BLOCK_NUMBERS)?;
        Ok(table.get(hash.0)?.map(|number| L2Number(number.value())))
    }

    /// The receipts of a block, one per transaction.
    pub fn receipts(&self, number: L2Number) -> Result<Option<Arc<Vec<Receipt>>>, Error> {
        if let Some(layer) = self.engine.layer(number.0) {
            return Ok(Some(layer.receipts.clone()));
        }
        if let Some(receipts) = self.engine.receipts.lock().find(&number.0) {
            return Ok(Some(receipts));
        }
        self.row(tables::RECEIPTS, number.0, |bytes| codec::decode("receipts", bytes).map(Arc::new))
    }

    /// The access list of a block, by EIP-7928.
    pub fn access_list(&self, number: L2Number) -> Result<Option<BlockAccessList>, Error> {
        if let Some(layer) = self.engine.layer(number.0) {
            return Ok(Some(layer.access_list.clone()));
        }
        self.row(tables::ACCESS_LISTS, number.0, |bytes| codec::decode("an access list", bytes))
    }

    /// Block and index of a transaction.
    pub fn transaction(&self, hash: B256) -> Result<Option<(L2Number, usize)>, Error> {
        let found = self.engine.recent.read().layers.iter().rev().find_map(|layer| {
            let index = layer.places.get(&hash)?;
            Some((layer.sealed.number(), *index))
        });
        if found.is_some() {
            return Ok(found);
        }
        let table = self.engine.main.begin_read()?.open_table(tables::TX_PLACES)?;
        let Some(place) = table.get(hash.0)? else { return Ok(None) };
        let (number, index) = place.value();
        let index = usize::try_from(index).map_err(|_| Error::Damaged(format!("the place of transaction {hash}")))?;
        Ok(Some((L2Number(number), index)))
    }

    /// The ordered block that a block came from, with its certificate; `None` for a block derived from L1.
    pub fn ordered(&self, number: L2Number) -> Result<Option<(OrderedBlock, Certificate)>, Error> {
        if let Some(layer) = self.engine.layer(number.0) {
            return Ok(layer.ordered.clone());
        }
        self.row(tables::ORDERED, number.0, |bytes| {
            let row: OrderedRow = codec::decode("an ordered block", bytes)?;
            Ok((row.block, row.certificate))
        })
    }

    /// Height, hash and timestamp (milliseconds) of the last ordered block that came with a block.
    pub fn ordered_head(&self) -> Option<(Height, B256, u64)> {
        self.engine.recent.read().ordered_head
    }

    /// Adds an executed block. When it returns, the block is durable, visible, and `executed` stands on it.
    ///
    /// Blocks the thread for one flush of a small file, and longer when the tables are far behind: call it off the async threads.
    /// Errors: [`Error::WrongNumber`], [`Error::WrongParent`], [`Error::ReceiptCount`], which change nothing; [`Error::Poisoned`].
    pub fn commit_block(&self, commit: BlockCommit) -> Result<(), Error> {
        self.engine.commit_block(commit)?;
        if self.engine.wants_flush() {
            self.flusher.wake();
        }
        Ok(())
    }

    /// Moves everything from the journal to the tables now. It loses nothing to leave it out; reopening is then a little slower.
    pub fn flush(&self) -> Result<(), Error> {
        self.engine.flush()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    fn row<T>(
        &self,
        table: Numbered,
        number: u64,
        decode: impl Fn(&[u8]) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let table = self.engine.main.begin_read()?.open_table(table)?;
        table.get(number)?.map(|bytes| decode(bytes.value())).transpose()
    }
}

/// State.
impl Store {
    /// The state after a block; any block, since nothing of it is pruned.
    ///
    /// Errors: [`Error::UnknownBlock`].
    pub fn state(&self, number: L2Number) -> Result<Snapshot, Error> {
        Snapshot::new(self.engine.clone(), number)
    }

    /// State root and trie changes that `changes` give on top of the executed head.
    pub fn state_root(&self, changes: &StateChanges) -> Result<(B256, TrieChanges), Error> {
        self.engine.state_root(changes)
    }

    /// State roots of the blocks after the executed head, one after another, also before they are committed.
    pub fn roots(&self) -> Roots {
        Roots::new(self.clone())
    }

    pub(crate) fn state_root_after(
        &self,
        uncommitted: &[(L2Number, Arc<TrieChanges>)],
        parent_root: B256,
        changes: &StateChanges,
        cores: Cores,
    ) -> Result<(B256, TrieChanges), Error> {
        self.engine.state_root_after(uncommitted, parent_root, changes, cores)
    }

    /// The oldest block that [`Self::proof`] answers for.
    pub fn oldest_proof(&self) -> L2Number {
        self.engine.oldest_proof()
    }

    /// The trie nodes after a block, for proofs and witnesses.
    ///
    /// Errors: [`Error::StatePruned`] more than 256 blocks below the executed head, [`Error::UnknownBlock`] above it.
    pub fn nodes(&self, number: L2Number) -> Result<Nodes, Error> {
        Nodes::new(self.engine.clone(), number)
    }

    /// Merkle proof of an account and some of its slots after a block. Errors: those of [`Self::nodes`].
    pub fn proof(&self, number: L2Number, address: Address, slots: &[U256]) -> Result<AccountProof, Error> {
        let nodes = self.nodes(number)?;
        let block = self.block(number)?.ok_or(Error::UnknownBlock(number))?;
        Ok(sluice_trie::prove(&nodes, block.block.header.state_root, address, slots)?)
    }
}

/// The L1 view. Only the room that follows L1 writes it.
impl Store {
    /// The last L1 block.
    pub fn l1_head(&self) -> Option<L1Block> {
        self.engine.l1.read().head.clone()
    }

    /// The last finalized L1 block, as the last update said.
    pub fn l1_finalized(&self) -> L1Number {
        self.engine.l1.read().claims.l1_finalized
    }

    /// An L1 block by number.
    pub fn l1_block(&self, number: L1Number) -> Result<Option<L1Block>, Error> {
        self.row(tables::L1_BLOCKS, number.0, |bytes| codec::decode("an L1 block", bytes))
    }

    /// An inbox message and the rolling hash after it.
    pub fn message(&self, index: MessageIndex) -> Result<Option<(InboxMessage, B256)>, Error> {
        self.row(tables::MESSAGES, index.0, |bytes| {
            let row: MessageRow = codec::decode("an inbox message", bytes)?;
            Ok((row.message, row.hash))
        })
    }

    /// How many inbox messages there are.
    pub fn message_count(&self) -> MessageIndex {
        self.engine.l1.read().message_count
    }

    /// The rolling hash after `count` messages; zero after none, `None` when there are fewer.
    pub fn inbox_hash(&self, count: MessageIndex) -> Result<Option<B256>, Error> {
        match count.0.checked_sub(1) {
            None => Ok(Some(B256::ZERO)),
            Some(last) => Ok(self.message(MessageIndex(last))?.map(|(_, hash)| hash)),
        }
    }

    /// A batch by index.
    pub fn batch(&self, index: BatchIndex) -> Result<Option<CommittedBatch>, Error> {
        self.row(tables::BATCHES, index.0, |bytes| codec::decode("a batch", bytes))
    }

    /// How many batches there are.
    pub fn batch_count(&self) -> BatchIndex {
        self.engine.l1.read().batch_count
    }

    /// The batch that holds a block; none holds genesis.
    pub fn batch_of(&self, number: L2Number) -> Result<Option<CommittedBatch>, Error> {
        let txn = self.engine.main.begin_read()?;
        let ends = txn.open_table(tables::BATCH_ENDS)?;
        let Some(entry) = ends.range(number.0..)?.next() else { return Ok(None) };
        let index = entry?.1.value();
        let Some(bytes) = txn.open_table(tables::BATCHES)?.get(index)? else {
            return Err(Error::Damaged(format!("batch {index} is missing")));
        };
        let batch: CommittedBatch = codec::decode("a batch", bytes.value())?;
        Ok((batch.header.first_block <= number).then_some(batch))
    }

    /// Applies one step of the L1 view, as a whole or not at all, and moves the heads.
    ///
    /// The heads are the update's, clamped to their invariant: a node that has executed less than L1 knows stands lower.
    /// Errors: [`Error::L1Gap`], [`Error::MessageOrder`], [`Error::BatchOrder`], [`Error::BatchRange`], which change nothing;
    /// [`Error::Poisoned`].
    pub fn commit_l1(&self, update: L1Update) -> Result<(), Error> {
        let engine = &*self.engine;
        let _alone = engine.updating_l1.lock();
        let mut view = engine.l1.read().clone();
        engine.write_main(|txn| view.apply(txn, &update))?;
        *engine.l1.write() = view;
        engine.refresh_heads();
        Ok(())
    }
}

/// What the poster of batches remembers.
impl Store {
    /// Batches on their way to L1, ascending by index.
    pub fn pending_batches(&self) -> Result<Vec<PendingBatch>, Error> {
        let table = self.engine.main.begin_read()?.open_table(tables::PENDING)?;
        table.iter()?.map(|entry| codec::decode_pending(entry?.1.value())).collect()
    }

    /// Writes a batch on its way to L1; replaces the one with the same index.
    pub fn put_pending_batch(&self, pending: &PendingBatch) -> Result<(), Error> {
        self.engine.write_main(|txn| {
            txn.open_table(tables::PENDING)?
                .insert(pending.header.index.0, codec::encode_pending(pending).as_slice())?;
            Ok(())
        })
    }

    /// Forgets a batch on its way to L1; nothing happens when there is none.
    pub fn remove_pending_batch(&self, index: BatchIndex) -> Result<(), Error> {
        self.engine.write_main(|txn| {
            txn.open_table(tables::PENDING)?.remove(index.0)?;
            Ok(())
        })
    }
}
