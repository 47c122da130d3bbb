//! The room against a real execution client: the embedded development L1, and anvil where `SLUICE_ANVIL` names its binary.

#![allow(clippy::unwrap_used, reason = "a test file; helpers outside test functions unwrap as well")]

use std::time::Duration;

use alloy::{
    eips::BlockNumberOrTag,
    network::TransactionBuilder,
    providers::{Provider, ProviderBuilder, RootProvider},
    rpc::types::TransactionRequest,
    signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_devl1::{DevL1, Kind};
use sluice_l1::{
    Blob, DeployParams, Error, L1, L1Event, Progress, RpcL1, Sender, SenderConfig, TxRequest, build_sidecar,
    contracts::commit_batch_call, deploy, deploy_test_token, http_client, plan_deployment,
};
use sluice_types::{BatchHeader, CommittedBatch, L1Number, MessageKind, Severity};

const TIME_MAX: Duration = Duration::from_secs(60);
const CHAIN: u64 = 31_337;

fn key(index: u32) -> PrivateKeySigner {
    MnemonicBuilder::<English>::default().phrase(sluice_devl1::MNEMONIC).index(index).unwrap().build().unwrap()
}

fn provider(l1: &DevL1) -> RootProvider {
    ProviderBuilder::default().connect_reqwest(http_client("l1").unwrap(), l1.rpc_url.parse().unwrap())
}

async fn start(block_time_ms: u64) -> DevL1 {
    let block_time = Duration::from_millis(block_time_ms);
    sluice_devl1::start(sluice_devl1::Config { block_time, ..Default::default() }).await.unwrap()
}

async fn sender(l1: &DevL1, key: PrivateKeySigner, config: SenderConfig) -> Sender {
    Sender::connect(&l1.rpc_url, CHAIN, key, config).await.unwrap()
}

/// A rollup whose poster is account 1, deployed by account 0.
async fn rollup(l1: &DevL1) -> RpcL1 {
    let owner = sender(l1, key(0), SenderConfig::default()).await;
    let plan = plan_deployment(&owner).await.unwrap();
    let params = DeployParams {
        owner: owner.address(),
        poster: key(1).address(),
        fee_recipient: owner.address(),
        message_gas_price_wei: U256::from(1_000_000),
        l2_chain_id: 901,
        challenge_window_seconds: 100,
        inclusion_deadline_seconds: 1_000_000,
        genesis_block_hash: B256::repeat_byte(1),
        genesis_state_root: B256::repeat_byte(2),
    };
    deploy(&owner, &plan, &params).await.unwrap();
    RpcL1::connect(&l1.rpc_url, Some(&l1.beacon_url), plan.contracts).await.unwrap()
}

fn blob(seed: u8) -> Box<Blob> {
    // Field elements stay below the modulus when their first byte is zero.
    let bytes: Vec<u8> =
        (0..131_072usize).map(|i| if i % 32 == 0 { 0 } else { seed ^ u8::try_from(i % 251).unwrap() }).collect();
    bytes.into_boxed_slice().try_into().unwrap()
}

/// The first batch, on the parent of the head: a client that estimates as if in the head's block would refuse the head itself.
async fn first_batch(rollup: &RpcL1) -> BatchHeader {
    let head = rollup.heads().await.unwrap().latest.0;
    let origin = rollup.block(L1Number(head.0 - 1)).await.unwrap().unwrap().origin;
    BatchHeader {
        first_block: 1.into(),
        last_block: 5.into(),
        last_timestamp: origin.timestamp,
        l1_origin_number: origin.number,
        l1_origin_hash: origin.hash,
        last_block_hash: B256::repeat_byte(3),
        state_root: B256::repeat_byte(4),
        outbox_root: B256::repeat_byte(5),
        ..BatchHeader::default()
    }
}

async fn commit_request(rollup: &RpcL1, header: &BatchHeader, blobs: Vec<Box<Blob>>) -> TxRequest {
    let sidecar = Some(build_sidecar(blobs).await.unwrap());
    TxRequest { to: Some(rollup.contracts().rollup), data: commit_batch_call(header), sidecar, ..Default::default() }
}

async fn batches(rollup: &RpcL1) -> Vec<CommittedBatch> {
    let head = rollup.heads().await.unwrap().latest.0;
    let blocks = rollup.blocks(rollup.contracts().start_block, head).await.unwrap();
    let events = blocks.into_iter().flat_map(|block| block.events);
    events.filter_map(|event| if let L1Event::Batch(batch) = event { Some(batch) } else { None }).collect()
}

/// Posts a batch with two blobs, reads it and its blobs back, and knows when it is final.
async fn posts_and_reads_back(l1: &DevL1) {
    let rollup = rollup(l1).await;
    let poster = sender(l1, key(1), SenderConfig::default()).await;
    let header = first_batch(&rollup).await;
    let request = commit_request(&rollup, &header, vec![blob(1), blob(2)]).await;
    let receipt = poster.send_and_wait(request, TIME_MAX).await.unwrap();

    let found = batches(&rollup).await;
    assert_eq!(found.len(), 1);
    let batch = &found[0];
    assert_eq!((&batch.header, batch.poster), (&header, poster.address()));
    assert_eq!(batch.l1_tx_hash, receipt.transaction_hash);
    assert_eq!(Some(batch.l1_hash), receipt.block_hash);
    assert_eq!(rollup.blobs(batch).await.unwrap(), vec![blob(1), blob(2)]);

    let mut wrong = batch.clone();
    wrong.blob_hashes[1] = B256::repeat_byte(1);
    let error = rollup.blobs(&wrong).await.unwrap_err();
    assert!(matches!(error, Error::BlobsUnavailable { hash, .. } if hash == B256::repeat_byte(1)), "{error}");

    assert_eq!(rollup.final_batch_count().await.unwrap().0, 0);
    l1.advance_time(200).await.unwrap();
    l1.mine(1).await.unwrap();
    assert_eq!(rollup.final_batch_count().await.unwrap().0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_posted_and_read_back_with_its_blobs() {
    posts_and_reads_back(&start(200).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_posted_and_read_back_with_its_blobs_on_anvil() {
    let Some(path) = std::env::var_os("SLUICE_ANVIL") else {
        println!("skipped: SLUICE_ANVIL does not name an anvil binary");
        return;
    };
    let kind = Kind::Anvil { path: Some(path.into()) };
    let config = sluice_devl1::Config { kind, ..Default::default() };
    let l1 = sluice_devl1::start(config).await.unwrap();
    posts_and_reads_back(&l1).await;
    let head = provider(&l1).get_block_number().await.unwrap();
    l1.reorg(2).await.unwrap();
    assert!(provider(&l1).get_block_number().await.unwrap() > head);
    l1.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_development_l1_keeps_batches_and_blobs() {
    let dir = tempfile::tempdir().unwrap();
    let config = || sluice_devl1::Config {
        block_time: Duration::from_millis(200),
        data_dir: Some(dir.path().to_owned()),
        ..Default::default()
    };
    let l1 = sluice_devl1::start(config()).await.unwrap();
    let rollup = rollup(&l1).await;
    let poster = sender(&l1, key(1), SenderConfig::default()).await;
    let request = commit_request(&rollup, &first_batch(&rollup).await, vec![blob(3)]).await;
    poster.send_and_wait(request, TIME_MAX).await.unwrap();
    let before = batches(&rollup).await;
    l1.stop().await;

    let l1 = sluice_devl1::start(config()).await.unwrap();
    let rollup = RpcL1::connect(&l1.rpc_url, Some(&l1.beacon_url), *rollup.contracts()).await.unwrap();
    assert_eq!(batches(&rollup).await, before);
    assert_eq!(rollup.blobs(&before[0]).await.unwrap(), vec![blob(3)]);
    let poster = sender(&l1, key(1), SenderConfig::default()).await;
    let gift = TxRequest { to: Some(Address::repeat_byte(1)), value_wei: U256::ONE, ..TxRequest::default() };
    poster.send_and_wait(gift, TIME_MAX).await.unwrap();
    l1.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_and_forced_transactions_are_read_back_in_order() {
    let l1 = start(200).await;
    let rollup = rollup(&l1).await;
    let user = sender(&l1, key(2), SenderConfig::default()).await;
    let to = Address::repeat_byte(7);
    let token = deploy_test_token(&user, "Test", "TST", 6).await.unwrap();
    let amount = U256::from(40);
    user.send_and_wait(rollup.mint_test_token(token, user.address(), amount), TIME_MAX).await.unwrap();

    let deposit = rollup.deposit_eth(to, U256::from(1_000)).await.unwrap();
    let receipt = user.send_and_wait(deposit, TIME_MAX).await.unwrap();
    assert_eq!(rollup.queued_messages(&receipt), [0.into()]);
    let forced = rollup.force_transaction(Bytes::from_static(b"raw")).await.unwrap();
    user.send_and_wait(forced, TIME_MAX).await.unwrap();
    let call = rollup.deposit_call(to, U256::from(3), 60_000, Bytes::from_static(b"call")).await.unwrap();
    user.send_and_wait(call, TIME_MAX).await.unwrap();

    user.send_and_wait(rollup.approve_erc20(token, amount), TIME_MAX).await.unwrap();
    let tokens = rollup.deposit_erc20(token, to, amount).await.unwrap();
    user.send_and_wait(tokens, TIME_MAX).await.unwrap();
    assert_eq!(rollup.erc20_balance(token, rollup.contracts().bridge).await.unwrap(), amount);

    let head = rollup.heads().await.unwrap().latest.0;
    let blocks = rollup.blocks(rollup.contracts().start_block, head).await.unwrap();
    let messages: Vec<_> = blocks
        .iter()
        .flat_map(|block| block.events.iter().map(move |event| (block, event)))
        .map(|(block, event)| match event {
            L1Event::Message { message, .. } => {
                assert_eq!(message.l1_number, block.header.origin.number);
                assert_eq!(message.l1_timestamp, block.header.origin.timestamp);
                message
            }
            L1Event::Batch(_) => panic!("nobody posted"),
        })
        .collect();
    assert_eq!(messages.len(), 4);
    assert_eq!((messages[0].from, messages[0].to), (user.address(), to));
    assert_eq!((messages[0].mint, messages[0].value), (U256::from(1_000), U256::from(1_000)));
    assert_eq!((messages[1].kind, messages[1].data.as_ref()), (MessageKind::Forced, b"raw".as_slice()));
    assert_eq!((messages[2].gas_limit, messages[2].data.as_ref()), (60_000, b"call".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_carry_the_facts_that_the_client_gives() {
    let l1 = start(0).await;
    let rollup = rollup_without_contracts(&l1).await;
    l1.mine(6).await.unwrap();
    let heads = rollup.heads().await.unwrap();
    assert_eq!((heads.latest.0, heads.safe, heads.finalized), (L1Number(6), L1Number(4), L1Number(2)));
    let ours = rollup.block(L1Number(6)).await.unwrap().unwrap();
    let theirs = provider(&l1).get_block_by_number(BlockNumberOrTag::Latest).await.unwrap().unwrap().header;
    assert_eq!((ours.origin.hash, ours.parent_hash), (theirs.hash, theirs.parent_hash));
    assert_eq!(Some(ours.origin.base_fee_wei), theirs.base_fee_per_gas);
    assert_eq!(ours.origin.prev_randao, theirs.mix_hash);
    assert_eq!(Some(ours.origin.parent_beacon_block_root), theirs.parent_beacon_block_root);
    assert_eq!(rollup.block(L1Number(7)).await.unwrap(), None);
    assert_eq!(rollup.blocks(L1Number(5), L1Number(50)).await.unwrap().len(), 2);
    let error = rollup.blocks(L1Number(0), L1Number(128)).await.unwrap_err();
    assert!(matches!(error, Error::TooManyBlocks { count: 129, .. }), "{error}");
}

async fn rollup_without_contracts(l1: &DevL1) -> RpcL1 {
    let at = Address::repeat_byte(9);
    let contracts = sluice_types::L1Contracts {
        chain_id: CHAIN,
        start_block: L1Number(0),
        rollup: at,
        inbox: at,
        bridge: at,
        sequencers: None,
    };
    RpcL1::connect(&l1.rpc_url, None, contracts).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_makes_a_batch_vanish_and_the_sender_sends_it_again() {
    let l1 = start(200).await;
    let rollup = rollup(&l1).await;
    let config = SenderConfig { confirmations: 4, ..SenderConfig::default() };
    let poster = sender(&l1, key(1), config).await;
    let header = first_batch(&rollup).await;
    // Blocks go on by the timer, so that the origin of the batch is old enough to survive the reorg.
    l1.mine(3).await.unwrap();
    let mut tracked = poster.prepare(commit_request(&rollup, &header, vec![blob(1)]).await).await.unwrap();
    let mut seen = Vec::new();
    tokio::time::timeout(TIME_MAX, async {
        loop {
            match poster.advance(&mut tracked).await.unwrap() {
                Progress::Included { number, .. } if seen.is_empty() => {
                    let before = batches(&rollup).await;
                    let depth = rollup.heads().await.unwrap().latest.0.0 - number.0 + 1;
                    l1.reorg(depth).await.unwrap();
                    let receipt = provider(&l1).get_transaction_receipt(before[0].l1_tx_hash).await.unwrap();
                    assert!(receipt.is_none(), "the reorg took it out");
                    seen.push(before[0].l1_hash);
                }
                Progress::Confirmed(receipt) => {
                    assert!(receipt.status());
                    seen.push(receipt.block_hash.unwrap());
                    break;
                }
                Progress::Displaced => panic!("nobody else has the key"),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
    .unwrap();
    let after = batches(&rollup).await;
    assert_eq!((after.len(), after[0].l1_hash), (1, seen[1]));
    assert_ne!(seen[0], seen[1]);
    assert_eq!(rollup.blobs(&after[0]).await.unwrap(), vec![blob(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_is_told_and_goes_on_when_it_is_filled() {
    let l1 = start(200).await;
    let poor = sender(&l1, PrivateKeySigner::random(), SenderConfig::default()).await;
    let request = TxRequest { to: Some(Address::repeat_byte(1)), value_wei: U256::from(5), ..TxRequest::default() };
    let error = poor.prepare(request.clone()).await.unwrap_err();
    let Error::InsufficientBalance { address, balance_wei, needed_wei } = &error else { panic!("{error}") };
    assert_eq!((*address, *balance_wei, error.severity()), (poor.address(), U256::ZERO, Severity::Retry));
    assert!(*needed_wei > U256::from(5));

    let rich = sender(&l1, key(3), SenderConfig::default()).await;
    let gift = TxRequest { to: Some(poor.address()), value_wei: U256::from(10).pow(U256::from(18)), ..request.clone() };
    rich.send_and_wait(gift, TIME_MAX).await.unwrap();
    poor.send_and_wait(request, TIME_MAX).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_transaction_stuck_by_its_price_is_replaced_after_a_restart() {
    let l1 = start(0).await;
    let http = provider(&l1);
    l1.mine(1).await.unwrap();
    let request = TxRequest {
        to: Some(Address::repeat_byte(1)),
        gas_limit: Some(30_000),
        sidecar: Some(build_sidecar(vec![blob(1)]).await.unwrap()),
        ..TxRequest::default()
    };
    let base_fee_wei = http.get_block_by_number(BlockNumberOrTag::Latest).await.unwrap().unwrap();
    let base_fee_wei = base_fee_wei.header.base_fee_per_gas.unwrap();
    let tip_wei = u64::try_from(http.get_max_priority_fee_per_gas().await.unwrap()).unwrap().max(10_000_000);
    let tight = SenderConfig { max_fee_wei: base_fee_wei + tip_wei, bump_blocks: 1, ..SenderConfig::default() };
    let first = sender(&l1, key(1), tight.clone()).await;
    let mut tracked = first.prepare(request.clone()).await.unwrap();

    // The base fee passes the cap before the transaction arrives, and stays there.
    for _ in 0..6 {
        fill_block(&l1, 4).await;
    }
    assert!(matches!(first.advance(&mut tracked).await.unwrap(), Progress::Waiting));
    fill_block(&l1, 4).await;
    assert!(matches!(first.advance(&mut tracked).await.unwrap(), Progress::Waiting));
    let record = tracked.record().clone();
    assert_eq!(record.tx_hashes.len(), 1, "the cap allows no raise");
    drop(tracked);

    let second = sender(&l1, key(1), SenderConfig { bump_blocks: 1, ..SenderConfig::default() }).await;
    let mut tracked = second.resume(request, record.clone());
    assert!(matches!(second.advance(&mut tracked).await.unwrap(), Progress::Waiting));
    fill_block(&l1, 4).await;
    assert!(matches!(second.advance(&mut tracked).await.unwrap(), Progress::Prepared));
    let raised = tracked.record();
    assert_eq!((raised.nonce, raised.tx_hashes[0]), (record.nonce, record.tx_hashes[0]));
    assert!(raised.fees.max_fee_wei >= 2 * record.fees.max_fee_wei);
    assert!(raised.fees.priority_fee_wei >= 2 * record.fees.priority_fee_wei);
    assert!(raised.fees.max_blob_fee_wei >= 2 * record.fees.max_blob_fee_wei);
    let hash = raised.tx_hashes[1];
    assert!(matches!(second.advance(&mut tracked).await.unwrap(), Progress::Waiting));
    l1.mine(1).await.unwrap();
    let Progress::Confirmed(receipt) = second.advance(&mut tracked).await.unwrap() else { panic!("not included") };
    assert_eq!((receipt.transaction_hash, receipt.status()), (hash, true));
}

/// Burns most of a block's gas, so that the base fee rises.
async fn fill_block(l1: &DevL1, account: u32) {
    let burner = ProviderBuilder::new()
        .wallet(key(account))
        .connect_reqwest(http_client("l1").unwrap(), l1.rpc_url.parse().unwrap());
    for _ in 0..3 {
        // JUMPDEST PUSH1 0 JUMP: an endless loop.
        let burn = TransactionRequest::default()
            .with_deploy_code(Bytes::from_static(&[0x5b, 0x60, 0x00, 0x56]))
            .with_gas_limit(1 << 24)
            .with_max_fee_per_gas(20_000_000_000)
            .with_max_priority_fee_per_gas(2_000_000_000);
        let _ = burner.send_transaction(burn).await.unwrap();
    }
    l1.mine(1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_somebody_else_used_is_noticed() {
    let l1 = start(0).await;
    let ours = sender(&l1, key(5), SenderConfig::default()).await;
    let request = TxRequest { to: Some(Address::repeat_byte(1)), ..TxRequest::default() };
    let mut tracked = ours.prepare(request.clone()).await.unwrap();
    let other =
        ProviderBuilder::new().wallet(key(5)).connect_reqwest(http_client("l1").unwrap(), l1.rpc_url.parse().unwrap());
    let theirs = TransactionRequest::default().with_to(Address::repeat_byte(2)).with_value(U256::ONE);
    let _ = other.send_transaction(theirs).await.unwrap();
    for _ in 0..2 {
        l1.mine(1).await.unwrap();
        assert!(matches!(ours.advance(&mut tracked).await.unwrap(), Progress::Waiting));
    }
    l1.mine(1).await.unwrap();
    assert!(matches!(ours.advance(&mut tracked).await.unwrap(), Progress::Displaced));
    drop(tracked);
    assert_eq!(ours.prepare(request).await.unwrap().record().nonce, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_would_revert_is_not_sent_and_the_reason_is_named() {
    let l1 = start(200).await;
    let rollup = rollup(&l1).await;
    let stranger = sender(&l1, key(6), SenderConfig::default()).await;
    let request = commit_request(&rollup, &first_batch(&rollup).await, vec![blob(1)]).await;
    let error = stranger.prepare(request).await.unwrap_err();
    assert!(matches!(&error, Error::Reverted { reason, .. } if reason.contains("NotPoster")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_blob_base_fee_equals_the_client_s() {
    let l1 = start(0).await;
    let rollup = rollup_without_contracts(&l1).await;
    let http = provider(&l1);
    l1.mine(1).await.unwrap();
    let sidecar = build_sidecar(vec![blob(1); 6]).await.unwrap();
    let poster = sender(&l1, key(1), SenderConfig::default()).await;
    let request = TxRequest {
        to: Some(Address::repeat_byte(1)),
        gas_limit: Some(30_000),
        sidecar: Some(sidecar),
        ..TxRequest::default()
    };
    let mut highest = 0;
    // 13 blocks of 18 blobs push the excess far enough for a price of 2 wei.
    for _ in 0..13 {
        for _ in 0..3 {
            let mut tracked = poster.prepare(request.clone()).await.unwrap();
            poster.advance(&mut tracked).await.unwrap();
        }
        l1.mine(1).await.unwrap();
        let (number, _) = rollup.heads().await.unwrap().latest;
        let history = http.get_fee_history(1, BlockNumberOrTag::Latest, &[]).await.unwrap();
        let theirs = history.base_fee_per_blob_gas[0];
        let ours = u128::from(rollup.block(number).await.unwrap().unwrap().origin.blob_base_fee_wei);
        assert_eq!(ours, theirs, "block {number}");
        highest = highest.max(ours);
    }
    assert!(highest >= 2, "{highest}");
}

#[tokio::test]
async fn a_dead_endpoint_and_a_wrong_chain_are_told_apart() {
    let key = key(0);
    let dead = Sender::connect("http://127.0.0.1:1", CHAIN, key.clone(), SenderConfig::default()).await.unwrap_err();
    assert_eq!(dead.severity(), Severity::Retry, "{dead}");
    let l1 = start(0).await;
    let wrong = Sender::connect(&l1.rpc_url, 5, key, SenderConfig::default()).await.unwrap_err();
    assert!(matches!(wrong, Error::ChainId { expected: 5, got: CHAIN, .. }), "{wrong}");
    assert_eq!(wrong.severity(), Severity::Fatal);
}
