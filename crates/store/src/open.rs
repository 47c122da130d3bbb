//! Creates, checks and loads a store.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use alloy_primitives::{B256, Bytes};
use parking_lot::{Condvar, Mutex, RwLock};
use redb::{Builder, Database, DatabaseError, ReadableDatabase as _, ReadableTable as _};
use sluice_trie::{EMPTY_ROOT_HASH, Nibbles, NodeRead};
use sluice_types::{Block, ChainConfig, Header, L1Origin, L2Number, MessageIndex, SealedBlock, StateChanges};
use tokio::sync::watch;

use crate::{
    BlockCommit, Error, Genesis, Options,
    cache::Cache,
    codec,
    engine::{self, CODES_SIZE_BYTES_MAX, Engine, RECENT_BLOCKS_SIZE_BYTES_MAX, Recent},
    flush,
    hot::Hot,
    l1::L1View,
    layer::Layer,
    tables::{self, BLOCKS, JOURNAL, META, META_CONFIG, META_ORDERED_HEAD, META_SCHEMA, SCHEMA_VERSION},
};

/// File of the tables.
pub(crate) const MAIN_FILE: &str = "store.redb";
/// File of the journal. It is opened first and so locks the directory.
pub(crate) const JOURNAL_FILE: &str = "journal.redb";
/// File of the tables until they hold a genesis.
const NEW_FILE: &str = "store.redb.new";

/// Memory for the journal's pages; it is written in order and read once.
const JOURNAL_CACHE_SIZE_BYTES: usize = 16 << 20;

/// Opens the store in `dir`; creates it when there is none and a genesis is given.
pub(crate) fn open(dir: &Path, genesis: Option<&Genesis>, options: &Options) -> Result<Arc<Engine>, Error> {
    let main_path = dir.join(MAIN_FILE);
    if genesis.is_none() && !main_path.exists() {
        return Err(Error::NotInitialised(dir.to_path_buf()));
    }
    std::fs::create_dir_all(dir).map_err(|source| Error::Io {
        what: "cannot create",
        path: dir.to_path_buf(),
        source,
    })?;
    let journal = database(dir, JOURNAL_FILE, JOURNAL_CACHE_SIZE_BYTES)?;
    if let Some(genesis) = genesis
        && !main_path.exists()
    {
        create(dir, &main_path, &journal, genesis)?;
    }
    let main = database(dir, MAIN_FILE, options.cache_size_bytes)?;
    load(main, journal, Some(dir.to_path_buf()), genesis, options)
}

/// A store that is gone with its last handle.
pub(crate) fn in_memory(genesis: &Genesis, options: &Options) -> Result<Arc<Engine>, Error> {
    let backend = redb::backends::InMemoryBackend::new;
    let main = Builder::new().set_cache_size(options.cache_size_bytes).create_with_backend(backend())?;
    let journal = Builder::new().set_cache_size(JOURNAL_CACHE_SIZE_BYTES).create_with_backend(backend())?;
    clear_journal(&journal)?;
    write_genesis(&main, genesis)?;
    load(main, journal, None, Some(genesis), options)
}

fn database(dir: &Path, file: &str, cache_size_bytes: usize) -> Result<Database, Error> {
    Builder::new().set_cache_size(cache_size_bytes).create(dir.join(file)).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => Error::Locked(dir.to_path_buf()),
        error => error.into(),
    })
}

/// Writes a new store under another name first, so that a store that can be seen has a genesis.
fn create(dir: &Path, main_path: &PathBuf, journal: &Database, genesis: &Genesis) -> Result<(), Error> {
    let new_path = dir.join(NEW_FILE);
    let io = |what| {
        let path = new_path.clone();
        move |source| Error::Io { what, path, source }
    };
    if new_path.exists() {
        // Of an earlier attempt that did not come to its end.
        std::fs::remove_file(&new_path).map_err(io("cannot remove"))?;
    }
    clear_journal(journal)?;
    write_genesis(&database(dir, NEW_FILE, JOURNAL_CACHE_SIZE_BYTES)?, genesis)?;
    std::fs::rename(&new_path, main_path).map_err(io("cannot rename"))?;
    std::fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(io("cannot flush the directory of"))
}

/// Empties the journal; blocks without the tables below them belong to nothing.
fn clear_journal(journal: &Database) -> Result<(), Error> {
    let txn = journal.begin_write()?;
    txn.delete_table(JOURNAL)?;
    txn.open_table(JOURNAL)?;
    Ok(txn.commit()?)
}

/// The tries before genesis.
struct NoNodes;

impl NodeRead for NoNodes {
    type Error = Error;

    fn node(&self, _owner: Option<B256>, _path: &Nibbles, _hash: B256) -> Result<Option<Bytes>, Error> {
        Ok(None)
    }
}

/// Block 0 with what it does to the empty state.
fn genesis_commit(genesis: &Genesis, changes: StateChanges) -> Result<BlockCommit, Error> {
    let (state_root, trie) = sluice_trie::update(&NoNodes, EMPTY_ROOT_HASH, &changes)?;
    let header = genesis.config.genesis_header(state_root);
    let block = Block {
        transactions: Vec::new(),
        senders: Vec::new(),
        l1_origin: L1Origin { number: genesis.config.l1.start_block, ..L1Origin::default() },
        inbox_count: MessageIndex(0),
        inbox_transactions: 0,
        header,
    };
    let sealed = SealedBlock { hash: block.header.hash_slow(), block };
    Ok(BlockCommit {
        sealed,
        receipts: Vec::new(),
        changes: changes.into(),
        trie: trie.into(),
        access_list: Default::default(),
        ordered: None,
    })
}

/// Writes genesis to an empty database.
pub(crate) fn write_genesis(main: &Database, genesis: &Genesis) -> Result<(), Error> {
    let commit = genesis_commit(genesis, genesis.state.clone().into_changes())?;
    let txn = main.begin_write()?;
    tables::create_all(&txn)?;
    {
        let mut meta = txn.open_table(META)?;
        meta.insert(META_SCHEMA, SCHEMA_VERSION.to_be_bytes().as_slice())?;
        meta.insert(META_CONFIG, genesis.config.to_toml().as_bytes())?;
    }
    flush::write(&txn, &[Arc::new(Layer::new(commit, 0))])?;
    Ok(txn.commit()?)
}

/// Checks what is there and reads what is kept in memory.
pub(crate) fn load(
    main: Database,
    journal: Database,
    dir: Option<PathBuf>,
    genesis: Option<&Genesis>,
    options: &Options,
) -> Result<Arc<Engine>, Error> {
    let txn = main.begin_read()?;
    let config = check_meta(&txn)?;
    let flushed = engine::flushed(&txn)?;
    let block = |number: u64| -> Result<SealedBlock, Error> {
        let bytes = txn.open_table(BLOCKS)?.get(number)?;
        codec::decode_block(bytes.ok_or_else(|| Error::Damaged(format!("block {number} is missing")))?.value())
    };
    if let Some(genesis) = genesis {
        check_chain(&config, &block(0)?, genesis)?;
    }
    let ordered_head = match txn.open_table(META)?.get(META_ORDERED_HEAD)? {
        Some(bytes) => {
            let row: codec::OrderedRow = codec::decode("the ordered head", bytes.value())?;
            Some((row.block.height, row.block.hash(), row.block.timestamp_ms))
        }
        None => None,
    };
    let recent = Recent { layers: Default::default(), size_bytes: 0, head: Arc::new(block(flushed)?), ordered_head };
    let l1 = L1View::read(&txn)?;
    drop(txn);
    let engine = Arc::new(Engine {
        config,
        options: options.clone(),
        main,
        dir,
        recent: RwLock::new(recent),
        hot: Hot::new(flushed),
        heads: watch::Sender::new(l1.heads(L2Number(flushed))),
        l1: RwLock::new(l1),
        blocks: Mutex::new(Cache::new(RECENT_BLOCKS_SIZE_BYTES_MAX)),
        receipts: Mutex::new(Cache::new(RECENT_BLOCKS_SIZE_BYTES_MAX)),
        codes: Mutex::new(Cache::new(CODES_SIZE_BYTES_MAX)),
        committing: Mutex::new(0),
        flushing: Mutex::new(()),
        updating_l1: Mutex::new(()),
        room: Mutex::new(()),
        room_made: Condvar::new(),
        poison: OnceLock::new(),
        journal,
    });
    replay(&engine, flushed)?;
    engine.refresh_heads();
    Ok(engine)
}

/// Reads the schema version, then what this version wrote.
fn check_meta(txn: &redb::ReadTransaction) -> Result<ChainConfig, Error> {
    let meta = txn.open_table(META)?;
    let missing = |what: &str| Error::Damaged(format!("{what} is missing"));
    let schema = meta.get(META_SCHEMA)?.ok_or_else(|| missing("the schema version"))?;
    let found = codec::decode_number("the schema version", schema.value())?;
    if found != SCHEMA_VERSION {
        return Err(Error::SchemaVersion { found, supported: SCHEMA_VERSION });
    }
    let config = meta.get(META_CONFIG)?.ok_or_else(|| missing("the chain config"))?;
    let text = std::str::from_utf8(config.value()).map_err(|error| Error::Damaged(format!("chain config: {error}")))?;
    ChainConfig::from_toml(text).map_err(|error| Error::Damaged(error.to_string()))
}

/// The chain in the store must be the one that was asked for.
fn check_chain(config: &ChainConfig, stored: &SealedBlock, genesis: &Genesis) -> Result<(), Error> {
    let other = |what, found: String, expected: String| Err(Error::OtherChain { what, found, expected });
    if config.chain_id != genesis.config.chain_id {
        return other("the chain id", config.chain_id.to_string(), genesis.config.chain_id.to_string());
    }
    let expected = genesis_commit(genesis, genesis.state.clone().into_changes())?.sealed.hash;
    if stored.hash != expected {
        return other("the genesis hash", stored.hash.to_string(), expected.to_string());
    }
    if *config != genesis.config {
        let (stored, given) = (config.to_toml(), genesis.config.to_toml());
        let line = |text: &str, index| text.lines().nth(index).unwrap_or("nothing").to_owned();
        let index = (0..)
            .find(|&index| line(&stored, index) != line(&given, index))
            .expect("different configs differ in a line");
        return other("a line of the chain config", line(&stored, index), line(&given, index));
    }
    Ok(())
}

/// Brings the blocks of the journal back to memory. Their tries are computed anew, which checks them.
fn replay(engine: &Arc<Engine>, flushed: u64) -> Result<(), Error> {
    let txn = engine.journal.begin_write()?;
    txn.open_table(JOURNAL)?;
    txn.commit()?;
    let table = engine.journal.begin_read()?.open_table(JOURNAL)?;
    if let Some((first, _)) = table.first()? {
        *engine.committing.lock() = first.value().saturating_sub(1);
    } else {
        *engine.committing.lock() = flushed;
    }
    for entry in table.range(flushed + 1..)? {
        let (number, bytes) = entry?;
        let entry = codec::decode_journal(bytes.value())?;
        let head = engine.recent.read().head.clone();
        let header: &Header = &entry.sealed.block.header;
        if number.value() != header.number || header.number != head.number().0 + 1 || header.parent_hash != head.hash {
            return Err(Error::Damaged(format!(
                "block {} of the journal does not follow block {}",
                number.value(),
                head.number()
            )));
        }
        let (root, trie): (B256, _) = engine.state_root(&entry.changes)?;
        if root != header.state_root {
            return Err(Error::Damaged(format!("the state root of block {} of the journal is wrong", header.number)));
        }
        let commit = BlockCommit {
            sealed: entry.sealed,
            receipts: entry.receipts,
            changes: entry.changes.into(),
            trie: trie.into(),
            access_list: entry.access_list,
            ordered: entry.ordered,
        };
        engine.push(Layer::new(commit, bytes.value().len()));
    }
    Ok(())
}
