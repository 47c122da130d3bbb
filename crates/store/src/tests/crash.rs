//! A process that is killed while it commits.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use sluice_trie::naive_state_root;
use sluice_types::L2Number;

use super::fixture::*;
use crate::Store;

/// Set for the child: where its store is.
const DIR_VARIABLE: &str = "SLUICE_STORE_CRASH_TEST_DIR";
/// How often the child is killed and started anew on the same store.
const KILLS: u64 = 6;
const POOL: u64 = 6;

/// What block `number` does; parent and child agree on it.
fn ops(number: u64) -> Vec<(u64, Op)> {
    let who = number % POOL;
    let op = match number % 4 {
        0 => Op::Recreate { slot: 1, value: number },
        1 => Op::Destroy,
        _ => Op::Write { slot: number % 3, value: number },
    };
    vec![(who, op), ((number + 1) % POOL, Op::Pay(number))]
}

fn model_at(number: L2Number) -> Model {
    let mut model = genesis().state;
    for block in 1..=number.0 {
        apply(&mut model, &ops(block));
    }
    model
}

/// The child: commits for ever and says so after each block. Does nothing when run as an ordinary test.
#[test]
fn child_commits_until_killed() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE).map(PathBuf::from) else { return };
    let store = Store::open_with(&dir, &genesis(), &options(3)).unwrap();
    let mut model = model_at(head(&store));
    loop {
        let number = head(&store).0 + 1;
        commit(&store, &mut model, &ops(number));
        println!("\ncommitted {number}");
    }
}

#[test]
fn acknowledged_blocks_survive_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut floor = 0;
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::crash::child_commits_until_killed", "--nocapture"])
            .env(DIR_VARIABLE, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut acknowledged = 0;
        let stop = floor + 5 + 4 * round;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        for number in lines.filter_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok()) {
            acknowledged = number;
            if number >= stop {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(acknowledged >= stop, "the child came to block {acknowledged}, {stop} was due");

        let store = Store::open_with(dir.path(), &genesis(), &options(3)).unwrap();
        floor = head(&store).0;
        assert!(floor >= acknowledged, "block {acknowledged} was acknowledged, block {floor} is there");
        let model = model_at(head(&store));
        assert_eq!(store.head_block().block.header.state_root, naive_state_root(&model));
        assert_state(&store.state(head(&store)).unwrap(), &model, POOL, 4);
        for number in 0..=floor {
            let block = store.block(L2Number(number)).unwrap().unwrap();
            assert_eq!(block.hash, block.block.header.hash_slow());
            assert_state(&store.state(L2Number(number)).unwrap(), &model_at(L2Number(number)), POOL, 4);
        }
    }
}
