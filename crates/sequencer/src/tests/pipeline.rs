//! Blocks on their way together.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, bytes};
use sluice_ordering::Reason;
use sluice_store::{BlockCommit, Store};
use sluice_types::{BlockInput, GenesisAccount, InputTransaction, L2Number, SealedBlock, predeploys::HISTORY};

use super::rig::*;

/// Adds the hash of the block before to what is in slot 0.
const ASKER: Address = address!("00000000000000000000000000000000000a5ce4");
const ASKER_CODE: Bytes = bytes!("600143034060005401600055");
const BLOCKS: u64 = 24;

/// What the transactions of a stored block ask to execute.
fn input_of(sealed: &SealedBlock) -> BlockInput {
    let block = sealed.block.clone();
    let transactions = block.transactions.into_iter().zip(block.senders);
    BlockInput {
        number: sealed.number(),
        timestamp: block.header.timestamp,
        l1_origin: block.l1_origin,
        beneficiary: block.header.beneficiary,
        inbox_count: block.inbox_count,
        transactions: transactions.map(|(transaction, sender)| InputTransaction { transaction, sender }).collect(),
        inbox_transactions: block.inbox_transactions,
    }
}

/// Makes the stored chain once more, each block from its stored parent.
fn assert_made_one_by_one(store: &Store) {
    let replica = Store::in_memory(&genesis(store.config().clone())).unwrap();
    for number in (1..=store.heads().executed.0).map(L2Number) {
        let stored = store.block(number).unwrap().unwrap();
        let parent = replica.head_block();
        let input = input_of(&stored);
        let state = replica.state(parent.number()).unwrap();
        let outcome = sluice_stf::execute_block(store.config(), &parent.block.header, &input, &state).unwrap();
        let (root, trie) = replica.state_root(&outcome.changes).unwrap();
        let sealed = SealedBlock::seal(store.config(), parent.hash, input, &outcome, root);
        assert_eq!(sealed, *stored);
        assert_eq!(store.access_list(number).unwrap().unwrap(), outcome.access_list);
        assert_eq!(*store.receipts(number).unwrap().unwrap(), outcome.receipts);
        let (receipts, access_list) = (outcome.receipts, outcome.access_list);
        let (changes, trie) = (outcome.changes.into(), trie.into());
        replica.commit_block(BlockCommit { sealed, receipts, changes, trie, access_list, ordered: None }).unwrap();
    }
}

fn asking_config() -> sluice_types::ChainConfig {
    let mut config = config();
    let asker = GenesisAccount {
        address: ASKER,
        balance_wei: U256::ZERO,
        nonce: 1,
        code: ASKER_CODE,
        storage: Default::default(),
    };
    config.genesis_accounts.push(asker);
    config
}

#[tokio::test]
async fn blocks_on_their_way_together_are_those_made_one_by_one() {
    let mut rig = Rig::with(asking_config());
    let mut durable = Vec::new();
    for number in 0..BLOCKS {
        rig.submit(&user(0).pay(number, 1)).await.unwrap();
        let mut ask = transfer(number, 2);
        (ask.to, ask.value, ask.gas_limit) = (TxKind::Call(ASKER), U256::ZERO, 100_000);
        rig.submit(&user(1).sign(ask)).await.unwrap();
        if number % 3 == 0 {
            extend_l1(&rig.store, vec![vec![deposit(user(9).address(), ETHER, 50_000)]]);
        }
        if number % 5 == 4 {
            // The history contract itself answers for the block before.
            let mut get = transfer(number / 5, 3);
            (get.to, get.value, get.gas_limit) = (TxKind::Call(HISTORY), U256::ZERO, 100_000);
            get.input = U256::from(number).to_be_bytes_vec().into();
            rig.submit(&user(2).sign(get)).await.unwrap();
        }
        let block = rig.propose(Reason::Work).await.expect("two transactions wait");
        rig.tip = (block.height, block.hash());
        durable.push(rig.deliver(block).await);
    }
    for durable in durable {
        durable.await.unwrap();
    }
    assert_eq!(rig.store.heads().executed, L2Number(BLOCKS));
    let block = rig.store.block(L2Number(5)).unwrap().unwrap();
    assert!(rig.store.receipts(block.number()).unwrap().unwrap().iter().all(|receipt| receipt.success));
    assert_made_one_by_one(&rig.store);
}

#[tokio::test]
async fn what_is_executed_and_not_stored_is_neither_lost_nor_pending() {
    let mut rig = Rig::new();
    for nonce in 0..40 {
        let hash = rig.submit(&user(0).pay(nonce, 1)).await.unwrap();
        let block = rig.propose(Reason::Work).await.expect("it waits");
        rig.tip = (block.height, block.hash());
        let durable = rig.deliver(block).await;
        // Executed before the next answer, stored perhaps.
        assert_eq!(rig.propose(Reason::Work).await, None);
        let waiting = rig.pool.get(hash).is_some();
        let next = rig.pool.pending_nonce(user(0).address());
        // In this order: what is not stored after it was looked up has not left the pool for the store before.
        let stored = rig.store.transaction(hash).unwrap().is_some();
        assert!(waiting || stored, "a transaction that is in neither");
        assert!(next == Some(nonce + 1) || rig.account(user(0).address()).nonce == nonce + 1);
        assert_eq!(rig.pool.status(), (0, 0));
        durable.await.unwrap();
        assert!(rig.pool.get(hash).is_none() && rig.store.transaction(hash).unwrap().is_some());
        assert_eq!(rig.pool.pending_nonce(user(0).address()), None);
    }
}

#[tokio::test]
async fn a_failure_further_down_stops_the_sequencer_with_its_own_reason() {
    let mut rig = Rig::new();
    let mut waiting = Vec::new();
    for nonce in 0..4 {
        rig.submit(&user(0).pay(nonce, 1)).await.unwrap();
        let mut block = rig.propose(Reason::Work).await.expect("it waits");
        if nonce == 3 {
            block.sections[0].executed_hash = B256::repeat_byte(0xdd);
        }
        rig.tip = (block.height, block.hash());
        waiting.push(rig.deliver(block).await);
    }
    let mut durable = Vec::new();
    for waiting in waiting {
        durable.push(waiting.await.is_ok());
    }
    assert_eq!(durable, [true, true, true, false], "what came before is stored, the rest is not");
    let store = rig.store.clone();
    let error = rig.stopped().await;
    assert!(matches!(error, crate::Error::Diverged { .. }), "{error}");
    assert_eq!(store.heads().executed, L2Number(3));
}

#[tokio::test]
async fn calls_that_write_where_others_write_are_spread_once_that_was_seen() {
    let mut rig = Rig::with(asking_config());
    let ask = |nonce| {
        let mut ask = transfer(nonce, 1);
        (ask.to, ask.value, ask.gas_limit) = (TxKind::Call(ASKER), U256::ZERO, 100_000);
        ask
    };
    const CALLS: u64 = 40;
    for block in 0..2 {
        // All calls come before all transfers, at the same tip.
        for nonce in block * CALLS..(block + 1) * CALLS {
            rig.submit(&user(1).sign(ask(nonce))).await.unwrap();
        }
        for nonce in block * CALLS..(block + 1) * CALLS {
            rig.submit(&user(0).pay(nonce, 1)).await.unwrap();
        }
        let sealed = rig.order().await;
        let senders = &sealed.block.senders;
        assert_eq!(senders.len() as u64, 2 * CALLS, "every nonce is in its place");
        let calls_first = senders.iter().take(senders.len() / 2).all(|sender| *sender == user(1).address());
        assert_eq!(calls_first, block == 0, "nothing is known before the first block");
    }
    assert_made_one_by_one(&rig.store);
}
