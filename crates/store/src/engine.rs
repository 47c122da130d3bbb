//! The state of an open store, and how a block gets into it: journal, memory, tables.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Instant,
};

use alloy_primitives::{B256, Bytes};
use parking_lot::{Condvar, Mutex, RwLock};
use redb::{Database, Durability, ReadTransaction, ReadableDatabase as _, WriteTransaction};
use sluice_trie::TrieChanges;
use sluice_types::{ChainConfig, Heads, Height, L2Number, Receipt, SealedBlock, StateChanges};
use tokio::sync::watch;

use crate::{
    BlockCommit, Cores, Error, Options,
    cache::Cache,
    codec, flush,
    hot::Hot,
    l1::L1View,
    layer::Layer,
    snapshot::{Layers, Nodes, NodesAbove},
    tables::{self, JOURNAL, META, META_FLUSHED},
    versioned::{Layout, Versioned},
};

/// How many blocks below the executed head have proofs.
pub(crate) const PROOF_HISTORY_BLOCKS: u64 = 256;

/// Most blocks in memory that are not yet in the tables. A commit waits while there are more.
pub(crate) const LAYERS_MAX: usize = 64;

/// Most bytes of journal entries of those blocks. A commit waits while there are more.
pub(crate) const LAYERS_SIZE_BYTES_MAX: usize = 256 << 20;

/// Encoded size of the blocks, and of the receipts, that are remembered after they are in the tables.
pub(crate) const RECENT_BLOCKS_SIZE_BYTES_MAX: usize = 64 << 20;

/// Size of the contract code that is remembered.
pub(crate) const CODES_SIZE_BYTES_MAX: usize = 64 << 20;

pub(crate) const VERSIONED_ACCOUNTS: Versioned =
    Versioned { current: tables::ACCOUNTS, history: tables::ACCOUNT_HISTORY, layout: Layout::ByKey };
pub(crate) const VERSIONED_STORAGE: Versioned =
    Versioned { current: tables::STORAGE, history: tables::STORAGE_HISTORY, layout: Layout::ByKey };
pub(crate) const VERSIONED_NODES: Versioned =
    Versioned { current: tables::NODES, history: tables::NODE_HISTORY, layout: Layout::ByBlock };

/// An open store.
pub(crate) struct Engine {
    pub(crate) config: ChainConfig,
    pub(crate) options: Options,
    /// The tables.
    pub(crate) main: Database,
    /// Blocks that are not yet in the tables. A file of its own, so that a block need not wait for a flush.
    pub(crate) journal: Database,
    /// Where the files are; `None` in memory.
    pub(crate) dir: Option<PathBuf>,
    pub(crate) recent: RwLock<Recent>,
    pub(crate) hot: Hot,
    pub(crate) l1: RwLock<L1View>,
    pub(crate) heads: watch::Sender<Heads>,
    pub(crate) blocks: Mutex<Cache<u64, Arc<SealedBlock>>>,
    pub(crate) receipts: Mutex<Cache<u64, Arc<Vec<Receipt>>>>,
    pub(crate) codes: Mutex<Cache<B256, Bytes>>,
    /// Held by whoever commits a block; the number up to which the journal is trimmed.
    pub(crate) committing: Mutex<u64>,
    /// Held by whoever updates the L1 view.
    pub(crate) updating_l1: Mutex<()>,
    /// Held by whoever flushes.
    pub(crate) flushing: Mutex<()>,
    /// Held while looking at, or announcing, that there is room for another layer.
    pub(crate) room: Mutex<()>,
    pub(crate) room_made: Condvar,
    /// Why the store takes no more writes.
    pub(crate) poison: OnceLock<String>,
}

/// The newest blocks.
pub(crate) struct Recent {
    /// Blocks not yet in the tables, oldest first.
    pub(crate) layers: VecDeque<Arc<Layer>>,
    pub(crate) size_bytes: usize,
    pub(crate) head: Arc<SealedBlock>,
    pub(crate) ordered_head: Option<(Height, B256, u64)>,
}

impl Recent {
    pub(crate) fn push(&mut self, layer: Arc<Layer>) {
        self.head = layer.sealed.clone();
        if let Some((block, _)) = &layer.ordered {
            self.ordered_head = Some((block.height, block.hash(), block.timestamp_ms));
        }
        self.size_bytes += layer.size_bytes;
        self.layers.push_back(layer);
    }
}

impl Engine {
    /// What is needed to read the state after `number`: the tables, the block they belong to, the layers above them.
    pub(crate) fn view(&self, number: L2Number) -> Result<(ReadTransaction, u64, Layers), Error> {
        // Layers first: they leave only after their blocks are in the tables, so whatever the tables lack is among them.
        let layers: Layers = {
            let recent = self.recent.read();
            if number.0 > recent.head.block.header.number {
                return Err(Error::UnknownBlock(number));
            }
            recent.layers.iter().rev().cloned().collect()
        };
        let txn = self.main.begin_read()?;
        let flushed = flushed(&txn)?;
        let layers = layers.into_iter().filter(|layer| (flushed + 1..=number.0).contains(&layer.number())).collect();
        Ok((txn, flushed, layers))
    }

    /// The layer of a block, when it is not yet in the tables.
    pub(crate) fn layer(&self, number: u64) -> Option<Arc<Layer>> {
        let recent = self.recent.read();
        let first = recent.layers.front()?.number();
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        recent.layers.get(index).cloned()
    }

    /// Root and trie changes that `changes` give on top of the executed head.
    pub(crate) fn state_root(self: &Arc<Self>, changes: &StateChanges) -> Result<(B256, TrieChanges), Error> {
        let head = self.recent.read().head.clone();
        self.state_root_after(&[], head.block.header.state_root, changes, Cores::All)
    }

    /// Root and trie changes that `changes` give on top of blocks that follow the executed head and are not committed yet.
    pub(crate) fn state_root_after(
        self: &Arc<Self>,
        uncommitted: &[(L2Number, Arc<TrieChanges>)],
        parent_root: B256,
        changes: &StateChanges,
        cores: Cores,
    ) -> Result<(B256, TrieChanges), Error> {
        let head = self.recent.read().head.number();
        let nodes = Nodes::new(self.clone(), head)?;
        // Some may have been committed meanwhile; those are among the nodes.
        let above = uncommitted.iter().rev().filter(|(number, _)| *number > head).map(|(_, trie)| trie.clone());
        let nodes = NodesAbove { above: above.collect(), nodes };
        Ok(match cores {
            Cores::All => sluice_trie::update_parallel(&nodes, parent_root, changes)?,
            Cores::One => sluice_trie::update(&nodes, parent_root, changes)?,
        })
    }

    /// The oldest block with proofs.
    pub(crate) fn oldest_proof(&self) -> L2Number {
        L2Number(self.recent.read().head.block.header.number.saturating_sub(PROOF_HISTORY_BLOCKS))
    }

    /// Adds a block: durable in the journal, then visible.
    pub(crate) fn commit_block(&self, commit: BlockCommit) -> Result<(), Error> {
        let started = Instant::now();
        let mut trimmed = self.committing.lock();
        self.wait_for_room()?;
        check_follows(&self.recent.read().head, &commit)?;
        let number = commit.sealed.number();
        debug_assert_eq!(commit.sealed.hash, commit.sealed.block.header.hash_slow(), "a sealed block knows its hash");
        let row = codec::encode_journal(&commit);
        let flushed = self.recent.read().layers.front().map_or(number.0 - 1, |layer| layer.number() - 1);
        self.writing(|| {
            let mut txn = self.journal.begin_write()?;
            txn.set_durability(Durability::Immediate)?;
            {
                let mut table = txn.open_table(JOURNAL)?;
                for old in *trimmed + 1..=flushed {
                    table.remove(old)?;
                }
                table.insert(number.0, row.as_slice())?;
            }
            Ok(txn.commit()?)
        })?;
        *trimmed = flushed;
        self.push(Layer::new(commit, row.len()));
        self.refresh_heads();
        metrics::histogram!("store_commit_seconds").record(started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Makes a durable block visible.
    pub(crate) fn push(&self, layer: Layer) {
        self.hot.apply(layer.number(), &layer.changes, &layer.trie);
        self.recent.write().push(Arc::new(layer));
    }

    /// Waits until another layer may be added.
    fn wait_for_room(&self) -> Result<(), Error> {
        let mut room = self.room.lock();
        loop {
            self.check_poison()?;
            {
                let recent = self.recent.read();
                if recent.layers.len() < LAYERS_MAX && recent.size_bytes < LAYERS_SIZE_BYTES_MAX {
                    return Ok(());
                }
            }
            self.room_made.wait(&mut room);
        }
    }

    /// True when enough layers are there to be moved to the tables.
    pub(crate) fn wants_flush(&self) -> bool {
        let recent = self.recent.read();
        recent.layers.len() >= self.options.flush_blocks.get().min(LAYERS_MAX)
            || recent.size_bytes >= LAYERS_SIZE_BYTES_MAX / 2
    }

    /// Moves all layers to the tables, together.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let _alone = self.flushing.lock();
        let layers: Vec<_> = self.recent.read().layers.iter().cloned().collect();
        let Some(last) = layers.last() else { return Ok(()) };
        let started = Instant::now();
        let done = self.write_main(|txn| flush::write(txn, &layers));
        if done.is_ok() {
            self.remember(&layers);
            let mut recent = self.recent.write();
            while recent.layers.front().is_some_and(|layer| layer.number() <= last.number()) {
                let layer = recent.layers.pop_front().expect("just looked at");
                recent.size_bytes -= layer.size_bytes;
            }
        }
        // Also after a failure: whoever waits must learn of the poison.
        drop(self.room.lock());
        self.room_made.notify_all();
        metrics::histogram!("store_flush_seconds").record(started.elapsed().as_secs_f64());
        self.record_size();
        done
    }

    /// Keeps blocks that leave memory as layers, since the newest are asked for most.
    fn remember(&self, layers: &[Arc<Layer>]) {
        for layer in layers {
            self.blocks.lock().insert(layer.number(), layer.sealed.clone(), layer.size_bytes);
            self.receipts.lock().insert(layer.number(), layer.receipts.clone(), layer.size_bytes);
        }
    }

    /// One durable transaction on the tables.
    pub(crate) fn write_main(&self, write: impl FnOnce(&WriteTransaction) -> Result<(), Error>) -> Result<(), Error> {
        self.writing(|| {
            let mut txn = self.main.begin_write()?;
            txn.set_durability(Durability::Immediate)?;
            // Without it, opening after a crash walks through the whole database.
            txn.set_quick_repair(true);
            write(&txn)?;
            Ok(txn.commit()?)
        })
    }

    /// Runs a write; when the medium fails, no further one is allowed. What was merely refused changes nothing.
    fn writing(&self, write: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        self.check_poison()?;
        let done = write();
        if let Err(error) = &done
            && matches!(error, Error::Database(_) | Error::Io { .. } | Error::Damaged(_))
        {
            // Set once; the first failure is the one to report.
            let _first = self.poison.set(error.to_string());
        }
        done
    }

    fn check_poison(&self) -> Result<(), Error> {
        self.poison.get().map_or(Ok(()), |reason| Err(Error::Poisoned(reason.clone())))
    }

    /// Computes the heads anew and tells whoever watches.
    pub(crate) fn refresh_heads(&self) {
        self.heads.send_if_modified(|heads| {
            let executed = self.recent.read().head.number();
            let new = self.l1.read().heads(executed);
            assert!(new.is_ordered(), "clamping orders the heads");
            std::mem::replace(heads, new) != new
        });
    }

    fn record_size(&self) {
        let Some(dir) = &self.dir else { return };
        let size_bytes: u64 = [crate::open::MAIN_FILE, crate::open::JOURNAL_FILE]
            .iter()
            .filter_map(|file| std::fs::metadata(dir.join(file)).ok())
            .map(|metadata| metadata.len())
            .sum();
        #[allow(clippy::cast_precision_loss, reason = "a gauge of bytes needs no 53rd bit")]
        metrics::gauge!("store_size_bytes").set(size_bytes as f64);
    }
}

/// The last block in the tables, as a transaction sees them.
pub(crate) fn flushed(txn: &ReadTransaction) -> Result<u64, Error> {
    let table = txn.open_table(META)?;
    let value =
        table.get(META_FLUSHED)?.ok_or_else(|| Error::Damaged("the number of the last block is missing".into()))?;
    codec::decode_number("the number of the last block", value.value())
}

/// A block must be the head's child and complete.
fn check_follows(head: &SealedBlock, commit: &BlockCommit) -> Result<(), Error> {
    let (number, expected) = (commit.sealed.number(), head.number().next());
    if number != expected {
        return Err(Error::WrongNumber { number, expected });
    }
    let found = commit.sealed.block.header.parent_hash;
    if found != head.hash {
        return Err(Error::WrongParent { number, found, expected: head.hash });
    }
    let (transactions, receipts) = (commit.sealed.block.transactions.len(), commit.receipts.len());
    if transactions != receipts || transactions != commit.sealed.block.senders.len() {
        return Err(Error::ReceiptCount { number, transactions, receipts });
    }
    Ok(())
}
