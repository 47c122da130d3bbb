//! What a commit costs. Run alone and optimised: `cargo test -p sluice-store --release cost -- --ignored --nocapture`.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::fixture::*;
use crate::Store;

#[test]
#[ignore = "a measurement: it takes long and checks nothing but that it ends"]
fn cost_of_blocks_with_2000_transfers() {
    const ACCOUNTS: u64 = 200_000;
    const TRANSFERS: u64 = 2_000;
    const BLOCKS: u64 = 48;
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let mut start = genesis();
    for who in 2..ACCOUNTS {
        start.state.insert(
            address(who),
            1,
            alloy_primitives::U256::from(1_000_000_007u64 * who),
            Default::default(),
            Default::default(),
        );
    }
    let begun = Instant::now();
    let store = Store::open(dir.path(), &start).unwrap();
    println!("genesis of {ACCOUNTS} accounts: {:?}", begun.elapsed());
    let mut seed = 1u64;
    let mut pick = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % ACCOUNTS
    };
    let (mut roots, mut commits) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        let mut accounts = BTreeMap::new();
        let snapshot = store.state(head(&store)).unwrap();
        for _ in 0..TRANSFERS {
            for who in [pick(), pick()] {
                let old = sluice_types::StateRead::account(&snapshot, address(who)).unwrap().unwrap();
                let account = sluice_types::Account { nonce: old.nonce + 1, ..old };
                let change = sluice_types::AccountChange { account: Some(account), ..Default::default() };
                accounts.insert(address(who), change);
            }
        }
        let changes = sluice_types::StateChanges { accounts: accounts.into_iter().collect(), ..Default::default() };
        let begun = Instant::now();
        let commit = next_block(&store, changes, usize::try_from(TRANSFERS).unwrap());
        roots.push(begun.elapsed());
        let begun = Instant::now();
        store.commit_block(commit).unwrap();
        commits.push(begun.elapsed());
    }
    let begun = Instant::now();
    store.flush().unwrap();
    println!("last flush: {:?}", begun.elapsed());
    let show = |what, mut times: Vec<Duration>| {
        times.sort_unstable();
        println!("{what}: median {:?}, worst {:?}", times[times.len() / 2], times[times.len() - 1]);
    };
    show("state root and sealing of a block", roots);
    show("commit of a block", commits);
    let size = |file: &str| std::fs::metadata(dir.path().join(file)).unwrap().len() >> 20;
    println!("store {} MiB, journal {} MiB", size("store.redb"), size("journal.redb"));
}
