//! 20,000 slot updates on 1,000,000 slots, of one account or of many, on one thread and on all: both have to be split.
//!
//! Nodes are in memory. Times are wall times.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use alloy_primitives::{B256, Bytes, U256, keccak256};
use sluice_trie::{
    EMPTY_ROOT_HASH, HashedAccount, HashedChanges, Nibbles, NodeRead, TrieChanges, update_hashed,
    update_hashed_parallel,
};
use sluice_types::Account;

const SLOTS: u64 = 1_000_000;
const UPDATES: u64 = 20_000;
const ROUNDS: u64 = 7;

struct Store(TrieChanges);

impl NodeRead for Store {
    type Error = Infallible;

    fn node(&self, owner: Option<B256>, path: &Nibbles, _: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(self.0.nodes.get(&(owner, *path)).cloned().flatten())
    }
}

/// Writes `count` slots, spread evenly over the accounts and over the slots of each.
fn changes(accounts: u64, count: u64, round: u64) -> HashedChanges {
    let mut keys: Vec<_> = (0..accounts).map(|index| keccak256(index.to_be_bytes())).collect();
    keys.sort_unstable();
    let (slots_of_each, count_of_each) = (SLOTS / accounts, count / accounts);
    let mut changes = HashedChanges::default();
    for hashed_address in keys {
        let slot = |n: u64| (n * (slots_of_each / count_of_each) + round) % slots_of_each;
        let mut slots: Vec<_> = (0..count_of_each)
            .map(|n| (keccak256(U256::from(slot(n)).to_be_bytes::<32>()), U256::from(round + n + 1)))
            .collect();
        slots.sort_unstable();
        let account = Some(Account::default());
        let change = HashedAccount { hashed_address, account, storage_wiped: false, slots: &slots };
        changes.push(change).expect("the keys are sorted");
    }
    changes
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn main() {
    println!("| accounts | slots of each | wall ms, one thread | wall ms, all threads | ratio |");
    println!("|---|---|---|---|---|");
    for accounts in [1, 20, 1_000] {
        let start = changes(accounts, SLOTS, 0);
        let empty = Store(TrieChanges::default());
        let (root, nodes) =
            update_hashed_parallel(&empty, EMPTY_ROOT_HASH, &start).expect("an empty trie needs no node");
        let store = Store(nodes);
        let [mut alone_times, mut parallel_times] = [const { Vec::new() }; 2];
        for round in 1..=ROUNDS {
            let changes = changes(accounts, UPDATES, round);
            let started = Instant::now();
            let alone = update_hashed(&store, root, &changes).expect("the nodes are all there");
            alone_times.push(started.elapsed());
            let started = Instant::now();
            let parallel = update_hashed_parallel(&store, root, &changes).expect("the nodes are all there");
            parallel_times.push(started.elapsed());
            assert_eq!(alone, parallel, "the number of threads made a difference in round {round}");
        }
        let (alone, parallel) = (median(alone_times), median(parallel_times));
        println!("| {accounts} | {} | {alone:.1} | {parallel:.1} | {:.2} |", SLOTS / accounts, alone / parallel);
    }
}
