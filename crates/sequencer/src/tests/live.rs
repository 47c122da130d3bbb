//! With the real engine, in real time: everything that was taken in is executed once.

use std::{collections::BTreeSet, time::Duration};

use alloy_primitives::{B256, U256};
use sluice_executor::Executor;
use sluice_ordering::{EVENTS_MAX, Key, handle, solo, verify_certificate};
use sluice_store::Store;
use sluice_types::{Height, L2Number, MessageIndex, Transaction};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use super::rig::*;
use crate::{Config, Sequencer};

const USERS: u8 = 6;
const PER_USER: u64 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_taken_in_is_executed_once_under_valid_certificates() {
    let store = Store::in_memory(&genesis(config())).unwrap();
    extend_l1(&store, vec![vec![], vec![], vec![]]);
    let (engine, wake) = handle();
    let (sequencer, pool) =
        Sequencer::new(Config::new(BENEFICIARY), store.clone(), Executor::new(), engine, None).unwrap();
    let (events, receiver) = mpsc::channel(EVENTS_MAX);
    let key = Key::from_bytes(&B256::repeat_byte(9)).unwrap();
    let sequencer_address = key.address();
    let cadence = solo::Config {
        block_time: Duration::from_millis(5),
        heartbeat: Duration::from_millis(500),
        ..solo::Config::new(key)
    };
    let engine = tokio::spawn(solo::run(cadence, (Height(0), B256::ZERO), events, wake));
    let sequencer = tokio::spawn(sequencer.run(receiver));

    // Every user's transactions at once and in the wrong order; messages arrive meanwhile.
    let mut submissions = JoinSet::new();
    for index in 0..USERS {
        for nonce in (0..PER_USER).rev() {
            let (pool, raw) = (pool.clone(), user(index).pay(nonce, 1 + u128::from(index)));
            submissions.spawn(async move { pool.submit(raw).await.unwrap() });
        }
    }
    for _ in 0..5 {
        extend_l1(&store, vec![vec![deposit(user(100).address(), 1, 50_000)]; 2]);
    }
    extend_l1(&store, vec![vec![], vec![]]);
    let hashes: BTreeSet<B256> =
        timeout(Duration::from_secs(60), submissions.join_all()).await.unwrap().into_iter().collect();
    assert_eq!(hashes.len() as u64, u64::from(USERS) * PER_USER);

    let mut heads = store.watch_heads();
    let all_done = async {
        while hashes.iter().any(|hash| store.transaction(*hash).unwrap().is_none())
            || store.head_block().block.inbox_count < MessageIndex(10)
        {
            heads.changed().await.unwrap();
        }
    };
    timeout(Duration::from_secs(60), all_done).await.expect("everything is executed");

    let (mut executed, mut parent) = (Vec::new(), store.block(L2Number(0)).unwrap().unwrap().hash);
    let last = store.heads().executed;
    for number in (1..=last.0).map(L2Number) {
        let sealed = store.block(number).unwrap().unwrap();
        assert_eq!(sealed.block.header.parent_hash, parent);
        parent = sealed.hash;
        let signed = sealed.block.transactions.iter().filter(|tx| matches!(tx, Transaction::Signed(_)));
        executed.extend(signed.map(Transaction::hash));
        let (ordered, certificate) = store.ordered(number).unwrap().unwrap();
        assert_eq!(certificate.block_hash, ordered.hash());
        assert_eq!(verify_certificate(&certificate, &[sequencer_address]), Ok(()));
    }
    assert_eq!(executed.len(), hashes.len(), "nothing twice");
    assert_eq!(executed.into_iter().collect::<BTreeSet<_>>(), hashes, "nothing lost");
    use sluice_types::StateRead;
    let balance = store.state(last).unwrap().account(user(100).address()).unwrap().unwrap().balance;
    assert_eq!(balance, U256::from(10));
    assert!(!engine.is_finished() && !sequencer.is_finished());
}
