//! 20,000 account updates on a trie of 1,000,000 accounts: this crate and `ethrex-trie` in turns, in one run.
//!
//! Both start from the same nodes in ordered maps keyed by path and from plain accounts; both hash the addresses, each with
//! its own Keccak, sort, encode, update, hash, and give all changed nodes. Roots must be equal. Times are the CPU time of the
//! thread, so that other work on the machine disturbs little, and wall time. Of `update_parallel` only the wall time counts.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use ethrex_crypto::{NativeCrypto, keccak::keccak_hash};
use ethrex_trie::{InMemoryTrieDB, Trie};
use sluice_trie::{AccountLeaf, EMPTY_ROOT_HASH, Nibbles, NodeRead, TrieChanges, update, update_parallel};
use sluice_types::{Account, AccountChange, StateChanges};

const ACCOUNTS: u64 = 1_000_000;
const UPDATES: u64 = 20_000;
/// One update in this many is a new account.
const NEW_EVERY: u64 = 5;
const ROUNDS: u64 = 9;

struct Store(TrieChanges);

impl NodeRead for Store {
    type Error = Infallible;

    fn node(&self, owner: Option<B256>, path: &Nibbles, _: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(self.0.nodes.get(&(owner, *path)).cloned().flatten())
    }
}

/// The account number `index` at some round; round 0 is the start.
fn account(index: u64, round: u64) -> (Address, AccountChange) {
    let address = Address::from_slice(&keccak256(index.to_be_bytes())[12..]);
    let balance = U256::from(index + 1) * U256::from(1_000_000_007_000_000_007u64) + U256::from(round);
    let account = Account { nonce: index % 1000 + round, balance, ..Default::default() };
    (address, AccountChange { account: Some(account), ..Default::default() })
}

/// Four in five from all over the trie, one in five new.
fn updates(round: u64) -> StateChanges {
    let pick = |n: u64| {
        if n.is_multiple_of(NEW_EVERY) {
            ACCOUNTS + round * UPDATES + n
        } else {
            (n * 7919 + round * 104_729) % ACCOUNTS
        }
    };
    StateChanges { accounts: (0..UPDATES).map(|n| account(pick(n), round)).collect(), ..Default::default() }
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells a thread its CPU time");
    let first = stat.split(' ').next().expect("split gives at least one part");
    Duration::from_nanos(first.parse().expect("the first field is nanoseconds"))
}

#[derive(Default)]
struct Times {
    cpu: Vec<Duration>,
    wall: Vec<Duration>,
}

impl Times {
    fn of<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (wall, before) = (Instant::now(), cpu());
        let result = work();
        self.cpu.push(cpu().saturating_sub(before));
        self.wall.push(wall.elapsed());
        result
    }

    fn print(&mut self, name: &str) -> (f64, f64) {
        let show = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            let millis = |time: Duration| time.as_secs_f64() * 1e3;
            (millis(times[times.len() / 2]), millis(times[0]))
        };
        let (cpu, wall) = (show(&mut self.cpu), show(&mut self.wall));
        println!(
            "{name:<18} cpu median {:8.1} ms, min {:8.1} ms; wall median {:8.1} ms, min {:8.1} ms",
            cpu.0, cpu.1, wall.0, wall.1
        );
        cpu
    }
}

fn ethrex(nodes: &Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>, root: B256, changes: &StateChanges) -> (B256, impl Sized) {
    let mut hash = ethrex_trie::EMPTY_TRIE_HASH;
    hash.0 = root.0;
    let mut leaves: Vec<_> = changes
        .accounts
        .iter()
        .map(|(address, change)| {
            let account = change.account.as_ref().expect("every update writes an account");
            let leaf = AccountLeaf::new(account, EMPTY_ROOT_HASH);
            (keccak_hash(address).to_vec(), alloy_rlp::encode(leaf))
        })
        .collect();
    leaves.sort_unstable();
    let mut trie = Trie::open(Box::new(InMemoryTrieDB::new(nodes.clone())), hash);
    for (key, value) in leaves {
        trie.insert(key, value).expect("the nodes are all there");
    }
    let (root, changed) = trie.collect_changes_since_last_hash(&NativeCrypto);
    (B256::new(root.0), (trie, changed))
}

fn main() {
    let start = StateChanges { accounts: (0..ACCOUNTS).map(|n| account(n, 0)).collect(), ..Default::default() };
    let building = Instant::now();
    let (root, nodes) =
        update(&Store(TrieChanges::default()), EMPTY_ROOT_HASH, &start).expect("an empty trie needs no node");
    println!("built {ACCOUNTS} accounts, {} nodes, in {:?}", nodes.nodes.len(), building.elapsed());
    drop(start);
    let theirs = nodes.nodes.iter().map(|((_, path), node)| {
        (path.to_vec(), node.as_ref().expect("nothing is removed from an empty trie").to_vec())
    });
    let theirs = Arc::new(Mutex::new(theirs.collect()));
    let store = Store(nodes);

    let [mut our_times, mut their_times, mut parallel_times] = [const { Times { cpu: vec![], wall: vec![] } }; 3];
    for round in 1..=ROUNDS {
        let changes = updates(round);
        let mut ours = || our_times.of(|| update(&store, root, &changes).expect("the nodes are all there"));
        let mut ethrex = || their_times.of(|| ethrex(&theirs, root, &changes));
        let (ours, ethrex) = if round % 2 == 0 {
            let ours = ours();
            (ours, ethrex())
        } else {
            let ethrex = ethrex();
            (ours(), ethrex)
        };
        let parallel = parallel_times.of(|| update_parallel(&store, root, &changes).expect("the nodes are all there"));
        assert_eq!(ours.0, ethrex.0, "the roots differ in round {round}");
        assert_eq!(ours, parallel, "the number of threads made a difference in round {round}");
        if round == 1 {
            println!("{} updates change {} nodes", changes.accounts.len(), ours.1.nodes.len());
        }
    }
    let ours = our_times.print("sluice-trie");
    let ethrex = their_times.print("ethrex-trie 24");
    parallel_times.print("sluice, parallel");
    let wall = |times: &Times| times.wall[times.wall.len() / 2].as_secs_f64();
    println!("one thread / all threads: wall median {:.2}", wall(&our_times) / wall(&parallel_times));
    println!("ethrex / sluice: cpu median {:.2}, min {:.2}", ethrex.0 / ours.0, ethrex.1 / ours.1);
}
