//! The 41 mainnet blocks as one stream: what a node does with each is executing it, hashing its access list and computing its state
//! root. Sequentially on one core; on all cores with a barrier after each block; and as a pipeline, where a block is executed while
//! the one before gets its hash and its root. Interleaved in one run, without sender recovery.
//!
//! `cargo bench -p sluice-executor --bench stream`

mod cores;
#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;

use std::{
    collections::HashMap,
    convert::Infallible,
    hint::black_box,
    num::NonZeroUsize,
    sync::Mutex,
    time::{Duration, Instant},
};

use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::{B256, Bytes};
use cores::{Runs, WHEN};
use sluice_executor::Executor;
use sluice_stf::Plan;
use sluice_trie::{EMPTY_ROOT_HASH, Nibbles, NodeRead, update, update_parallel};
use sluice_types::{AccountChange, Outcome, StateChanges, access_list_hash};
use vectors::{MainnetBlock, mainnet_blocks};

/// The node's allocator.
#[global_allocator]
static ALLOCATOR: sluice_memory::Allocator = sluice_memory::Allocator;

/// Runs of the stream on each side.
const ROUNDS: usize = 15;

/// The trie of what is known of the state before a block.
struct Nodes {
    nodes: HashMap<(Option<B256>, Nibbles), Bytes>,
    root: B256,
}

impl NodeRead for Nodes {
    type Error = Infallible;
    fn node(&self, owner: Option<B256>, path: &Nibbles, _: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(self.nodes.get(&(owner, *path)).cloned())
    }
}

struct Empty;

impl NodeRead for Empty {
    type Error = Infallible;
    fn node(&self, _: Option<B256>, _: &Nibbles, _: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(None)
    }
}

fn with_nodes(block: MainnetBlock) -> (MainnetBlock, Nodes) {
    let accounts = block.state.accounts.iter().map(|(&address, (account, storage))| {
        let storage = storage.iter().filter(|(_, value)| !value.is_zero()).map(|(&slot, &value)| (slot, value));
        (address, AccountChange { account: Some(*account), storage_wiped: false, storage: storage.collect() })
    });
    let changes = StateChanges { accounts: accounts.collect(), ..StateChanges::default() };
    let (root, changed) = update(&Empty, EMPTY_ROOT_HASH, &changes).expect("a map does not fail");
    let nodes = changed.nodes.into_iter().filter_map(|(key, node)| Some((key, node?))).collect();
    (block, Nodes { nodes, root })
}

fn execute(executor: &Executor, block: &MainnetBlock) -> Outcome {
    let system_call = block.beacon_root.map(|root| (BEACON_ROOTS_ADDRESS, root));
    let plan = Plan::ethereum(&block.cfg, &block.env, system_call, &block.txs);
    executor.forget_preimages();
    let outcome = executor.execute_plan(&plan, &block.state).expect("a map does not fail");
    assert_eq!(outcome.gas_used, block.gas_used);
    outcome
}

/// Hash of the list and state root.
fn seal(nodes: &Nodes, outcome: &Outcome, in_parallel: bool) -> (B256, B256) {
    let updated = if in_parallel {
        update_parallel(nodes, nodes.root, &outcome.changes)
    } else {
        update(nodes, nodes.root, &outcome.changes)
    };
    let (root, changed) = updated.expect("a map does not fail");
    black_box(changed);
    (access_list_hash(&outcome.access_list), root)
}

type Hashes = Vec<(B256, B256)>;

fn one_after_another(executor: &Executor, stream: &[(MainnetBlock, Nodes)], in_parallel: bool) -> (Duration, Hashes) {
    let start = Instant::now();
    let hashes = stream.iter().map(|(block, nodes)| seal(nodes, &execute(executor, block), in_parallel)).collect();
    (start.elapsed(), hashes)
}

fn overlapping(executor: &Executor, stream: &[(MainnetBlock, Nodes)]) -> (Duration, Hashes) {
    let start = Instant::now();
    let hashes = Mutex::new(Vec::with_capacity(stream.len()));
    executor.beside(|beside| {
        for (block, nodes) in stream {
            let (outcome, hashes) = (execute(executor, block), &hashes);
            let is_taken = beside.spawn(move || {
                // On one core, as in a node that is executing meanwhile.
                hashes.lock().expect("sealing does not panic").push(seal(nodes, &outcome, false));
                true
            });
            assert!(is_taken, "sealing does not panic");
        }
    });
    (start.elapsed(), hashes.into_inner().expect("sealing does not panic"))
}

fn main() {
    sluice_memory::keep_freed();
    let stream: Vec<_> = mainnet_blocks().into_iter().map(with_nodes).collect();
    let sequential = Executor::with_workers(NonZeroUsize::MIN);
    let parallel = Executor::new();
    let names = ["one core", "all cores, a barrier after each block", "all cores, overlapping"];
    let mut runs = Runs::<3>::new();
    let run = || {
        let (one, hashes) = one_after_another(&sequential, &stream, false);
        let (barrier, same) = one_after_another(&parallel, &stream, true);
        assert_eq!(same, hashes);
        let (pipeline, same) = overlapping(&parallel, &stream);
        assert_eq!(same, hashes);
        [one, barrier, pipeline]
    };
    // Fills the code cache, as blocks before would have.
    run();
    (0..ROUNDS).for_each(|_| runs.add(&parallel, run));
    println!("{} workers; execution, access list's hash and state root of {} blocks", parallel.workers(), stream.len());
    for (when, are_near) in WHEN {
        let Some(summaries) = runs.summaries(are_near) else { continue };
        for (name, side) in names.iter().zip(summaries) {
            println!(
                "{name:>38}: median {:>6.1} ms ({:.2}x)  minimum {:>6.1} ms ({:.2}x)  {when}",
                side.median_ms,
                summaries[0].median_ms / side.median_ms,
                side.minimum_ms,
                summaries[0].minimum_ms / side.minimum_ms,
            );
        }
    }
}
