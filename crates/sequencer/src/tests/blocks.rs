//! What blocks hold, and what becomes of transactions.

use alloy_consensus::{TxEip1559, TxEip2930, TxEip7702};
use alloy_eips::{
    eip2930::AccessListItem,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes, keccak256};
use sluice_ordering::Reason;
use sluice_types::{ChainConfig, GenesisAccount, Height, L2Number};

use super::rig::*;
use crate::{Rejection, block_bytes_max, start};

#[tokio::test]
async fn an_idle_sequencer_says_nothing_to_work_and_an_empty_block_to_a_heartbeat() {
    let mut rig = Rig::new();
    assert_eq!(rig.propose(Reason::Work).await, None);
    let empty = rig.propose(Reason::Heartbeat).await.unwrap();
    let sealed = rig.finalize(empty).await;
    assert_eq!((sealed.number(), sealed.block.transactions.len()), (L2Number(1), 0));
    assert_eq!(start(&rig.store), (rig.tip.0, Some(rig.tip.1)));
}

#[tokio::test]
async fn without_an_l1_view_there_is_nothing_to_build_on() {
    let store = sluice_store::Store::in_memory(&genesis(config())).unwrap();
    let rig = Rig::on(store);
    rig.submit(&user(0).pay(0, 1)).await.unwrap();
    assert_eq!(rig.propose(Reason::Heartbeat).await, None);
    extend_l1(&rig.store, vec![vec![]]);
    assert!(rig.propose(Reason::Work).await.is_some());
}

#[tokio::test]
async fn orders_by_tip_pays_the_beneficiary_and_empties_the_pool() {
    let mut rig = Rig::new();
    let mut hashes = Vec::new();
    for (index, nonce, tip) in [(0, 0, 1), (1, 0, 3), (1, 1, 1), (2, 0, 2)] {
        hashes.push(rig.submit(&user(index).pay(nonce, tip)).await.unwrap());
    }
    assert_eq!(rig.pool.status(), (4, 0));
    assert_eq!(rig.pool.pending_nonce(user(1).address()), Some(2));
    let sealed = rig.order().await;
    assert_eq!(rig.hashes(sealed.number()), [hashes[1], hashes[3], hashes[0], hashes[2]]);
    assert_eq!(rig.pool.status(), (0, 0));
    assert_eq!(rig.pool.pending_nonce(user(1).address()), None);
    // 21,000 gas each; tips of 3 + 2 + 1 + 1 gwei.
    assert_eq!(rig.account(BENEFICIARY).balance, U256::from(21_000u64 * 7 * 1_000_000_000));
    assert_eq!(rig.account(user(1).address()).nonce, 2);
}

#[tokio::test]
async fn what_does_not_fit_one_block_goes_into_the_next() {
    let small = ChainConfig { block_gas_limit: 2_000_000, inbox_gas_per_block: 2_000_000, ..config() };
    let mut rig = Rig::with(small);
    for nonce in 0..120 {
        rig.submit(&user(0).pay(nonce, 1)).await.unwrap();
    }
    // 95 × 21,000 = 1,995,000.
    assert_eq!(rig.order().await.block.transactions.len(), 95);
    assert_eq!(rig.order().await.block.transactions.len(), 25);
    assert_eq!(rig.propose(Reason::Work).await, None);
}

/// Counts down from its only argument, 40 gas each.
const COUNTER: Address = Address::repeat_byte(0xc0);

fn with_counter() -> ChainConfig {
    let mut config = ChainConfig { block_gas_limit: 2_000_000, inbox_gas_per_block: 2_000_000, ..config() };
    let code = bytes!("6004355b8015601057600190036003565b00");
    let contract =
        GenesisAccount { address: COUNTER, balance_wei: U256::ZERO, nonce: 1, code, storage: Default::default() };
    config.genesis_accounts.push(contract);
    config
}

fn count_down(nonce: u64, from: u64) -> TxEip1559 {
    let input = [&[1, 2, 3, 4][..], &U256::from(from).to_be_bytes::<32>()].concat();
    TxEip1559 {
        gas_limit: 200_000,
        to: TxKind::Call(COUNTER),
        value: U256::ZERO,
        input: input.into(),
        ..transfer(nonce, 1)
    }
}

#[tokio::test]
async fn a_block_is_filled_by_what_such_calls_used_before() {
    let mut rig = Rig::with(with_counter());
    for nonce in 0..80 {
        rig.submit(&user(0).sign(count_down(nonce, 0))).await.unwrap();
    }
    assert_eq!(rig.order().await.block.transactions.len(), 10, "nothing is known, so that limits count");
    // Each uses some 22,000, of 200,000 that it may: all that are left find room.
    assert_eq!(rig.order().await.block.transactions.len(), 70);
}

#[tokio::test]
async fn what_finds_too_little_gas_because_others_use_more_than_before_goes_into_the_next_block() {
    let mut rig = Rig::with(with_counter());
    rig.submit(&user(0).sign(count_down(0, 0))).await.unwrap();
    rig.order().await;
    for nonce in 0..15 {
        for index in [1, 2] {
            rig.submit(&user(index).sign(count_down(nonce, 4_000))).await.unwrap();
        }
    }
    let block = rig.propose(Reason::Work).await.unwrap();
    assert_eq!(block.sections[0].transactions.len(), 30, "all are expected to use little");
    // Some 182,000 each.
    assert_eq!(rig.finalize(block).await.block.transactions.len(), 10);
    assert_eq!(rig.pool.status(), (20, 0), "nothing is lost");
    let block = rig.propose(Reason::Work).await.unwrap();
    assert_eq!(block.sections[0].transactions.len(), 10, "and it is learnt from");
    assert_eq!(rig.finalize(block).await.block.transactions.len(), 10);
    assert_eq!(rig.order().await.block.transactions.len(), 10);
    assert_eq!([1, 2].map(|index| rig.account(user(index).address()).nonce), [15; 2]);
    assert_eq!(rig.pool.status(), (0, 0));
}

#[tokio::test]
async fn a_block_never_outgrows_a_batch() {
    let narrow = ChainConfig { batch_decompressed_size_max: 100_000, ..config() };
    let bytes_max = block_bytes_max(&narrow);
    assert_eq!(bytes_max, 25_000);
    assert_eq!(block_bytes_max(&config()), 6 * 126_945 / 2, "and never what six blobs carry uncompressed");
    let mut rig = Rig::with(narrow);
    for nonce in 0..4 {
        let noise: Vec<u8> = (0..320u16).flat_map(|i| keccak256([&i.to_be_bytes()[..], &[nonce]].concat()).0).collect();
        let tx = TxEip1559 { gas_limit: 1_000_000, input: noise.into(), ..transfer(nonce.into(), 1) };
        rig.submit(&user(0).sign(tx)).await.unwrap();
    }
    let too_long = TxEip1559 { gas_limit: 1_100_000, input: vec![1; 25_000].into(), ..transfer(0, 1) };
    let rejection = rig.submit(&user(1).sign(too_long)).await.unwrap_err();
    assert!(matches!(rejection, Rejection::Oversized { limit: 25_000, .. }), "{rejection}");
    for _ in 0..2 {
        let block = rig.propose(Reason::Work).await.unwrap();
        let bytes: usize = block.sections[0].transactions.iter().map(|raw| raw.len()).sum();
        assert!(bytes > 20_000 && bytes <= bytes_max, "{bytes}");
        assert_eq!(rig.finalize(block).await.block.transactions.len(), 2);
    }
}

#[tokio::test]
async fn what_cannot_execute_is_left_out_and_the_rest_goes_on() {
    let mut rig = Rig::new();
    let good = [user(0).pay(0, 1), user(1).pay(0, 1)];
    let foreign = user(2).sign(TxEip1559 { chain_id: 1, ..transfer(0, 1) });
    let penniless = user(200).pay(0, 1);
    let raw = vec![
        Bytes::from_static(b"garbage"),
        Bytes::new(),
        good[0].clone(),
        good[0].clone(),
        user(0).pay(7, 1),
        foreign,
        penniless,
        good[1].clone(),
    ];
    let sealed = rig.order_raw(raw).await;
    assert_eq!(sealed.block.senders, [user(0).address(), user(1).address()]);
    assert_eq!(rig.hashes(sealed.number()), good.map(keccak256));
    assert_eq!(rig.store.receipts(sealed.number()).unwrap().unwrap().len(), 2);
}

#[tokio::test]
async fn a_pool_transaction_that_execution_refuses_leaves_the_pool() {
    let mut rig = Rig::new();
    for nonce in 0..3 {
        rig.submit(&user(0).pay(nonce, 1)).await.unwrap();
    }
    // The pool cannot know that the inbox takes nonce 0 and nearly all the money in the same block.
    let all = U256::from(999 * ETHER) + U256::from(ETHER * 9_999 / 10_000);
    let empties = TxEip1559 { to: TxKind::Call(Address::repeat_byte(0x77)), value: all, ..transfer(0, 1) };
    let empties = TxEip1559 { max_fee_per_gas: 1_000_000_000, max_priority_fee_per_gas: 0, ..empties };
    extend_l1(&rig.store, vec![vec![forced(user(0).sign(empties))], vec![], vec![]]);
    let sealed = rig.order().await;
    assert_eq!((sealed.block.transactions.len(), sealed.block.inbox_transactions), (1, 1));
    // Nonce 0 was used and nonce 1 refused for want of funds; nonce 2 only came too early and waits.
    assert!(rig.pool.get(keccak256(user(0).pay(1, 1))).is_none());
    assert!(rig.pool.get(keccak256(user(0).pay(2, 1))).is_some());
    assert_eq!(rig.pool.status(), (0, 1));
    assert_eq!(rig.propose(Reason::Work).await, None, "what was refused is not offered again");
}

#[tokio::test]
async fn the_pool_is_measured_against_the_head() {
    let mut rig = Rig::new();
    rig.submit(&user(0).pay(0, 1)).await.unwrap();
    assert_eq!(rig.submit(&user(0).pay(0, 1)).await, Err(Rejection::AlreadyKnown));
    rig.order().await;
    let used = rig.submit(&user(0).pay(0, 1)).await;
    assert_eq!(used, Err(Rejection::NonceTooLow { nonce: 0, next: 1 }));
    let penniless = rig.submit(&user(200).pay(0, 1)).await.unwrap_err();
    assert!(matches!(penniless, Rejection::InsufficientFunds { .. }), "{penniless}");
    let mut announced = rig.pool.subscribe();
    let waiting = rig.submit(&user(0).pay(2, 1)).await.unwrap();
    assert_eq!(rig.pool.status(), (0, 1));
    assert!(announced.try_recv().is_err(), "what waits for a nonce is not announced");
    let filling = rig.submit(&user(0).pay(1, 1)).await.unwrap();
    assert_eq!((announced.try_recv(), announced.try_recv()), (Ok(filling), Ok(waiting)));
    assert_eq!(rig.pool.content().pending[&user(0).address()].keys().collect::<Vec<_>>(), [&1, &2]);
}

/// The pool's own count of intrinsic gas, held against execution: one gas less is skipped, exactly that is not.
#[tokio::test]
async fn refuses_for_intrinsic_gas_exactly_what_execution_refuses() {
    let mut rig = Rig::new();
    let access = AccessListItem { address: Address::ZERO, storage_keys: vec![B256::ZERO; 2] };
    let authorisation = SignedAuthorization::new_unchecked(
        Authorization { chain_id: U256::from(CHAIN_ID), address: Address::ZERO, nonce: 0 },
        0,
        U256::from(1),
        U256::from(1),
    );
    let data: Bytes = [vec![0; 40], vec![1; 60]].concat().into();
    // 40 + 60 × 4 = 280 tokens: 4 gas each intrinsically, 10 as a floor.
    type Build<'a> = Box<dyn Fn(u64, u64) -> Bytes + 'a>;
    let cases: [(u64, Build<'_>); 4] = [
        (
            21_000 + 2_800,
            Box::new(|nonce, gas_limit| {
                user(0).sign(TxEip1559 { gas_limit, input: data.clone(), ..transfer(nonce, 1) })
            }),
        ),
        (
            53_000 + 1_120 + 4 * 2,
            Box::new(|nonce, gas_limit| {
                user(0).sign(TxEip1559 { gas_limit, to: TxKind::Create, input: data.clone(), ..transfer(nonce, 1) })
            }),
        ),
        (
            21_000 + 2_400 + 2 * 1_900,
            Box::new(|nonce, gas_limit| {
                let (to, gas_price) = (TxKind::Call(Address::ZERO), 100_000_000_000);
                let access_list = vec![access.clone()].into();
                let chain_id = CHAIN_ID;
                user(0).sign(TxEip2930 {
                    chain_id,
                    nonce,
                    gas_limit,
                    gas_price,
                    to,
                    access_list,
                    ..TxEip2930::default()
                })
            }),
        ),
        (
            21_000 + 2 * 25_000,
            Box::new(|nonce, gas_limit| {
                let authorization_list = vec![authorisation.clone(); 2];
                let max_fee_per_gas = 100_000_000_000;
                let chain_id = CHAIN_ID;
                let tx = TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    authorization_list,
                    ..TxEip7702::default()
                };
                user(0).sign(tx)
            }),
        ),
    ];
    for (nonce, (needed, build)) in cases.iter().enumerate() {
        let nonce = nonce as u64;
        let (less, exact) = (build(nonce, needed - 1), build(nonce, *needed));
        let rejection = rig.submit(&less).await.unwrap_err();
        let stated = match rejection {
            Rejection::IntrinsicGas { needed, .. } | Rejection::FloorGas { needed, .. } => needed,
            other => panic!("case {nonce}: {other}"),
        };
        assert_eq!(stated, *needed, "case {nonce}");
        let sealed = rig.order_raw(vec![less, exact.clone()]).await;
        assert_eq!(rig.hashes(sealed.number()), [keccak256(exact)], "case {nonce}");
    }
}

#[tokio::test]
async fn heights_and_timestamps_go_up_even_when_the_clock_goes_back() {
    let mut rig = Rig::new();
    let first = rig.propose(Reason::Heartbeat).await.unwrap();
    rig.finalize(first.clone()).await;
    rig.set_clock(GENESIS_TIMESTAMP + 5);
    let second = rig.propose(Reason::Heartbeat).await.unwrap();
    assert_eq!((second.height, second.parent), (Height(2), first.hash()));
    assert_eq!(second.timestamp_ms, first.timestamp_ms);
    assert_eq!(rig.finalize(second).await.number(), L2Number(2));
}
