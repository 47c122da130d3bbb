//! 20,000 account updates on tries of growing size, from nodes in memory and from a redb file keyed as the store keys it.
//!
//! `cargo bench -p sluice-trie --bench curve -- [ACCOUNTS…] [memory]`: 100,000 and 1,000,000 accounts unless told otherwise;
//! with `memory`, nothing is written to disk. 10,000,000 accounts take about 5 GiB of memory, 4 GiB of disk and minutes.
//!
//! The file lies in the temporary directory and goes at the end. Before every round it is opened anew, so redb's own cache is
//! empty; the machine's page cache is not.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use alloy_primitives::{B256, Bytes, U256, keccak256};
use redb::{Builder, Database, Durability, ReadOnlyTable, ReadableDatabase as _, TableDefinition};
use sluice_trie::{
    EMPTY_ROOT_HASH, HashedAccount, HashedChanges, Nibbles, NodeRead, TrieChanges, update_hashed,
    update_hashed_parallel,
};
use sluice_types::Account;

const UPDATES: u64 = 20_000;
/// One update in this many is a new account.
const NEW_EVERY: u64 = 5;
const ROUNDS: u64 = 7;
/// Accounts of one step of building; bounds the memory that building takes.
const STEP: usize = 1_000_000;
/// The store's default.
const CACHE_SIZE_BYTES: usize = 512 << 20;
const NODES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("nodes");

/// Nodes in memory.
#[derive(Default)]
struct Memory(BTreeMap<Nibbles, Bytes>);

impl NodeRead for Memory {
    type Error = redb::StorageError;

    fn node(&self, _: Option<B256>, path: &Nibbles, _: B256) -> Result<Option<Bytes>, redb::StorageError> {
        Ok(self.0.get(path).cloned())
    }
}

/// Nodes on disk, as of one read transaction.
struct Disk {
    nodes: ReadOnlyTable<&'static [u8], &'static [u8]>,
    /// Closes when it goes.
    _database: Database,
}

impl NodeRead for Disk {
    type Error = redb::StorageError;

    fn node(&self, _: Option<B256>, path: &Nibbles, _: B256) -> Result<Option<Bytes>, redb::StorageError> {
        Ok(self.nodes.get(&key(path)[..])?.map(|node| Bytes::copy_from_slice(node.value())))
    }
}

/// Shape: `0`; then one byte per nibble; then `0xff`.
fn key(path: &Nibbles) -> Vec<u8> {
    let mut key = Vec::with_capacity(path.len() + 2);
    key.push(0);
    key.extend(path.iter());
    key.push(0xff);
    key
}

/// The account number `index` at some round; round 0 is the start.
fn account(index: u64, round: u64) -> Account {
    let balance = U256::from(index + 1) * U256::from(1_000_000_007_000_000_007u64) + U256::from(round);
    Account { nonce: index % 1000 + round, balance, ..Default::default() }
}

/// Accounts by hashed address, sorted.
fn sorted(indices: impl Iterator<Item = u64>) -> Vec<(B256, u64)> {
    let mut keys: Vec<_> = indices.map(|index| (keccak256(&keccak256(index.to_be_bytes())[12..]), index)).collect();
    keys.sort_unstable();
    keys
}

fn changes(keys: &[(B256, u64)], round: u64) -> HashedChanges {
    let mut changes = HashedChanges::default();
    for &(hashed_address, index) in keys {
        let account = Some(account(index, round));
        let change = HashedAccount { hashed_address, account, storage_wiped: false, slots: &[] };
        changes.push(change).expect("the keys are sorted");
    }
    changes
}

/// Four in five from all over the trie, one in five new.
fn updates(accounts: u64, round: u64) -> HashedChanges {
    let pick = |n: u64| {
        if n.is_multiple_of(NEW_EVERY) {
            accounts + round * UPDATES + n
        } else {
            // Coprime to every power of ten, so no account comes twice.
            (n * 7919 * (accounts / 100_000) + n + round * 104_729) % accounts
        }
    };
    let mut keys = sorted((0..UPDATES).map(pick));
    keys.dedup();
    changes(&keys, round)
}

/// Builds the trie in steps and gives each step's nodes to `write`, too.
fn build(accounts: u64, mut write: impl FnMut(&TrieChanges)) -> (B256, Memory) {
    let (mut root, mut memory) = (EMPTY_ROOT_HASH, Memory::default());
    for step in sorted(0..accounts).chunks(STEP) {
        let (next, nodes) = update_hashed(&memory, root, &changes(step, 0)).expect("the nodes are all there");
        write(&nodes);
        let put = |((_, path), node): (_, Option<Bytes>)| {
            (path, node.expect("nothing is removed where accounts are only added, below a root that is a branch"))
        };
        memory.0.extend(nodes.nodes.into_iter().map(put));
        root = next;
    }
    (root, memory)
}

fn store(file: &Path, nodes: &TrieChanges) -> Result<(), redb::Error> {
    let database = Builder::new().set_cache_size(CACHE_SIZE_BYTES).create(file)?;
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    {
        let mut table = txn.open_table(NODES)?;
        for ((_, path), node) in &nodes.nodes {
            if let Some(node) = node {
                table.insert(&key(path)[..], &node[..])?;
            }
        }
    }
    txn.commit()?;
    Ok(())
}

fn open(file: &Path) -> Result<Disk, redb::Error> {
    let database = Builder::new().set_cache_size(CACHE_SIZE_BYTES).create(file)?;
    Ok(Disk { nodes: database.begin_read()?.open_table(NODES)?, _database: database })
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells a thread its CPU time");
    let first = stat.split(' ').next().expect("split gives at least one part");
    Duration::from_nanos(first.parse().expect("the first field is nanoseconds"))
}

/// Median times of some rounds, in milliseconds.
struct Times {
    cpu: f64,
    wall: f64,
    parallel_wall: f64,
}

impl Times {
    fn of<R: NodeRead + Sync>(accounts: u64, root: B256, source: impl Fn() -> R) -> Self {
        let [mut cpus, mut walls, mut parallel_walls] = [const { Vec::new() }; 3];
        for round in 1..=ROUNDS {
            let changes = updates(accounts, round);
            let reader = source();
            let (wall, before) = (Instant::now(), cpu());
            let alone = update_hashed(&reader, root, &changes).expect("the nodes are all there");
            cpus.push(cpu().saturating_sub(before));
            walls.push(wall.elapsed());
            drop(reader);
            let reader = source();
            let wall = Instant::now();
            let parallel = update_hashed_parallel(&reader, root, &changes).expect("the nodes are all there");
            parallel_walls.push(wall.elapsed());
            assert_eq!(alone, parallel, "the number of threads made a difference in round {round}");
        }
        let median = |mut times: Vec<Duration>| {
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e3
        };
        Self { cpu: median(cpus), wall: median(walls), parallel_wall: median(parallel_walls) }
    }

    fn print(&self, accounts: u64, name: &str) {
        let each = self.cpu * 1e3 / UPDATES as f64;
        println!(
            "| {accounts:>10} | {name:<6} | {:7.1} | {:7.1} | {:7.1} | {each:5.2} |",
            self.cpu, self.wall, self.parallel_wall
        );
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut sizes, mut with_disk) = (Vec::<u64>::new(), true);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            // Cargo says this to every bench.
            "--bench" => {}
            "memory" => with_disk = false,
            number => sizes.push(number.parse().map_err(|_| format!("`{number}` is neither a number nor `memory`"))?),
        }
    }
    if sizes.is_empty() {
        sizes = vec![100_000, 1_000_000];
    }
    println!("|   accounts | nodes  | CPU ms  | wall ms | wall ms, all threads | CPU us per update |");
    println!("|---|---|---|---|---|---|");
    for accounts in sizes {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("nodes");
        let started = Instant::now();
        let (root, memory) = build(accounts, |nodes| {
            if with_disk {
                store(&file, nodes).expect("the temporary directory takes the nodes");
            }
        });
        eprintln!("built {accounts} accounts, {} nodes, in {:.1?}", memory.0.len(), started.elapsed());
        Times::of(accounts, root, || &memory).print(accounts, "memory");
        drop(memory);
        if with_disk {
            Times::of(accounts, root, || open(&file).expect("the file was just written")).print(accounts, "disk");
        }
    }
    Ok(())
}
