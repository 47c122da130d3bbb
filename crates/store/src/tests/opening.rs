//! Opening, refusing to open, and refusing to write.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use alloy_primitives::{Bytes, U256};
use redb::{Database, StorageBackend, backends::InMemoryBackend};
use sluice_types::L2Number;

use super::fixture::*;
use crate::{
    Error, L1Update, Store,
    engine::LAYERS_MAX,
    open::{self, MAIN_FILE},
    tables::{META, META_SCHEMA, SCHEMA_VERSION},
};

#[test]
fn unknown_schema_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), &genesis()).unwrap());
    let database = Database::open(dir.path().join(MAIN_FILE)).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(META).unwrap().insert(META_SCHEMA, 77u64.to_be_bytes().as_slice()).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = Store::open(dir.path(), &genesis()).unwrap_err();
    assert!(matches!(error, Error::SchemaVersion { found: 77, supported: SCHEMA_VERSION }), "{error}");
    assert!(error.to_string().contains("run the version of sluice that wrote it"), "{error}");
    assert!(matches!(Store::open_existing(dir.path()), Err(Error::SchemaVersion { .. })));
}

#[test]
fn other_chain_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), &genesis()).unwrap());
    let what = |genesis: &crate::Genesis| match Store::open(dir.path(), genesis).unwrap_err() {
        Error::OtherChain { what, .. } => what,
        error => panic!("{error}"),
    };
    let mut other = genesis();
    other.config.chain_id += 1;
    assert_eq!(what(&other), "the chain id");
    let mut other = genesis();
    other.state.insert(address(5), 0, U256::from(5), Bytes::new(), Default::default());
    assert_eq!(what(&other), "the genesis hash");
    let mut other = genesis();
    other.config.l1_confirmations += 1;
    assert_eq!(what(&other), "a line of the chain config");
    drop(Store::open(dir.path(), &genesis()).unwrap());
}

#[test]
fn second_opener_is_told_that_the_directory_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &genesis()).unwrap();
    let error = Store::open(dir.path(), &genesis()).unwrap_err();
    assert!(matches!(error, Error::Locked(_)), "{error}");
    assert!(error.to_string().contains("is another sluice running on it?"), "{error}");
    drop(store);
    drop(Store::open(dir.path(), &genesis()).unwrap());
}

#[test]
fn existing_store_gives_its_config_back_and_a_missing_one_is_not_created() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    assert!(matches!(Store::open_existing(&missing), Err(Error::NotInitialised(_))));
    assert!(!missing.exists());
    assert!(!Store::is_initialised(dir.path()));
    drop(Store::open(dir.path(), &genesis()).unwrap());
    assert!(Store::is_initialised(dir.path()));
    assert_eq!(*Store::open_existing(dir.path()).unwrap().config(), config());
}

#[test]
fn creation_that_was_cut_short_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("store.redb.new"), b"half a file").unwrap();
    assert!(!Store::is_initialised(dir.path()));
    let store = Store::open(dir.path(), &genesis()).unwrap();
    assert_state(&store.state(L2Number(0)).unwrap(), &genesis().state, 4, 4);
}

#[test]
fn full_journal_does_not_block_the_first_commit_after_opening() {
    let dir = tempfile::tempdir().unwrap();
    let source = Store::in_memory(&genesis()).unwrap();
    let mut model = genesis().state;
    let commits: Vec<_> = (0..=LAYERS_MAX).map(|_| commit(&source, &mut model, &[(0, Op::Pay(1))])).collect();
    let (last, first) = commits.split_last().unwrap();
    // Without the thread that flushes.
    let engine = open::open(dir.path(), Some(&genesis()), &options(1_000)).unwrap();
    first.iter().for_each(|commit| engine.commit_block(commit.clone()).unwrap());
    drop(engine);
    let store = Store::open_with(dir.path(), &genesis(), &options(1_000)).unwrap();
    store.commit_block(last.clone()).unwrap();
    commits.iter().for_each(|commit| assert_block(&store, commit));
}

#[test]
fn damaged_journal_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let source = Store::in_memory(&genesis()).unwrap();
    let mut model = genesis().state;
    let mut wrong = commit(&source, &mut model, &[(0, Op::Pay(1))]);
    Arc::make_mut(&mut wrong.changes).accounts.iter_mut().for_each(|(_, change)| change.account = None);
    let store = Store::open(dir.path(), &genesis()).unwrap();
    store.commit_block(wrong).unwrap();
    drop(store);
    let error = Store::open(dir.path(), &genesis()).unwrap_err();
    assert!(matches!(&error, Error::Damaged(what) if what.contains("state root of block 1")), "{error}");
}

/// Memory that refuses to write once it is told to.
#[derive(Debug)]
struct Failing {
    memory: InMemoryBackend,
    fails: Arc<AtomicBool>,
}

impl Failing {
    fn check(&self) -> Result<(), std::io::Error> {
        if self.fails.load(Ordering::SeqCst) { Err(std::io::Error::other("disk full")) } else { Ok(()) }
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.memory.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.memory.read(offset, out)
    }
    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.check()?;
        self.memory.set_len(len)
    }
    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.check()?;
        self.memory.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.check()?;
        self.memory.write(offset, data)
    }
}

/// A store whose journal, or tables, fail when told to.
fn failing(journal_fails: bool) -> (Store, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(false));
    let never = Arc::new(AtomicBool::new(false));
    let database = |fails: &Arc<AtomicBool>| {
        let backend = Failing { memory: InMemoryBackend::new(), fails: fails.clone() };
        redb::Builder::new().create_with_backend(backend).unwrap()
    };
    let journal = database(if journal_fails { &fails } else { &never });
    let main = database(if journal_fails { &never } else { &fails });
    open::write_genesis(&main, &genesis()).unwrap();
    let engine = open::load(main, journal, None, Some(&genesis()), &options(1_000)).unwrap();
    (Store::start(engine).unwrap(), fails)
}

#[test]
fn failed_journal_write_stops_all_writes_until_reopened() {
    let (store, fails) = failing(true);
    let mut model = genesis().state;
    commit(&store, &mut model, &[(0, Op::Pay(1))]);
    let next = next_block(&store, apply(&mut model.clone(), &[(1, Op::Pay(2))]), 1);
    fails.store(true, Ordering::SeqCst);
    assert!(matches!(store.commit_block(next.clone()), Err(Error::Database(_))));
    assert_eq!(head(&store), L2Number(1));
    fails.store(false, Ordering::SeqCst);
    let error = store.commit_block(next).unwrap_err();
    assert!(matches!(&error, Error::Poisoned(reason) if reason.contains("disk full")), "{error}");
    assert!(matches!(store.commit_l1(L1Update::default()), Err(Error::Poisoned(_))));
    assert!(matches!(store.flush(), Err(Error::Poisoned(_))));
    // Reading goes on.
    assert_state(&store.state(L2Number(1)).unwrap(), &model, 4, 4);
}

#[test]
fn failed_flush_stops_all_writes_and_loses_nothing() {
    let (store, fails) = failing(false);
    let mut model = genesis().state;
    let first = commit(&store, &mut model, &[(0, Op::Pay(1))]);
    fails.store(true, Ordering::SeqCst);
    assert!(matches!(store.flush(), Err(Error::Database(_))));
    let next = next_block(&store, apply(&mut model.clone(), &[(1, Op::Pay(2))]), 1);
    assert!(matches!(store.commit_block(next), Err(Error::Poisoned(_))));
    assert_block(&store, &first);
    assert_state(&store.state(L2Number(1)).unwrap(), &model, 4, 4);
}
