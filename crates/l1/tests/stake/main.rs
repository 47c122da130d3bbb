//! The contracts of the sequencers on a real execution client: deployed, staked with, read, and used for a certified batch.

#![allow(clippy::unwrap_used, reason = "a test file; helpers outside test functions unwrap as well")]

mod posting;

use std::time::Duration;

use alloy::signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};
use alloy_primitives::{Address, B256, U256, keccak256};
use blst::min_sig::{AggregateSignature, SecretKey};
use sluice_devl1::{DevL1, Kind};
use sluice_l1::{
    At, Blob, Contact, DeployParams, Error, Evidence, L1, L1Event, Registration, Registry, RpcL1, Sender, SenderConfig,
    SequencersParams, Staker, TxRequest, build_sidecar,
    contracts::{L1Certificate, commit_batch_call, commit_certified_batch_call},
    deploy, deploy_sequencers, fund_test_token, plan_deployment, plan_sequencers, points,
    registry::SeatState,
    stake::SignedBatch,
};
use sluice_types::{BatchHeader, L1Number, L1Origin};

const TIME_MAX: Duration = Duration::from_secs(60);
const CHAIN: u64 = 31_337;
const SEATS: u8 = 4;
const MESSAGE_TAG: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
const POSSESSION_TAG: &[u8] = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

fn key(index: u32) -> PrivateKeySigner {
    MnemonicBuilder::<English>::default().phrase(sluice_devl1::MNEMONIC).index(index).unwrap().build().unwrap()
}

async fn sender(l1: &DevL1, index: u32) -> Sender {
    Sender::connect(&l1.rpc_url, CHAIN, key(index), SenderConfig::default()).await.unwrap()
}

/// The secret that votes for a seat.
fn secret(seat: u8) -> SecretKey {
    SecretKey::key_gen(&[seat; 32], b"test").unwrap()
}

/// `length ‖ namespace ‖ body`, by `docs/spec/sequencers.md`.
fn message(namespace: &[u8], body: &[&[u8]]) -> Vec<u8> {
    [&[u8::try_from(namespace.len()).unwrap()], namespace, &body.concat()].concat()
}

fn registration(seat: u8, sequencers: Address, operator: Address) -> Registration {
    let key = secret(seat).sk_to_pk().compress();
    let namespace = [b"SLUICE_POP".as_slice(), &CHAIN.to_be_bytes(), sequencers.as_slice(), operator.as_slice()];
    let possession = secret(seat).sign(&message(&namespace.concat(), &[&key]), POSSESSION_TAG, &[]);
    Registration {
        p2p_key: keccak256([seat]),
        bls_key: points::uncompress_key(&key).unwrap().into(),
        possession: points::uncompress_signature(&possession.compress()).unwrap().into(),
    }
}

fn contact(seat: u8) -> Contact {
    Contact {
        network_address: format!("node{seat}.example:9000"),
        poster: Address::repeat_byte(seat),
        reward_recipient: Address::repeat_byte(0x40 + seat),
    }
}

fn batch_message(rollup: Address, epoch: u64, index: u64, hash: B256) -> Vec<u8> {
    let (chain, epoch, index) = (CHAIN.to_be_bytes(), epoch.to_be_bytes(), index.to_be_bytes());
    message(b"SLUICE_BATCH", &[&chain, rollup.as_slice(), &epoch, &index, hash.as_slice()])
}

/// An L1 block to put a batch on, the head's parent: a client that estimates as if in the head's block would refuse the head.
async fn origin(rpc: &RpcL1) -> L1Origin {
    let head = rpc.heads().await.unwrap().latest.0;
    rpc.block(L1Number(head.0 - 1)).await.unwrap().unwrap().origin
}

/// What the seats at these places of the committee sign together. `order` names the seat at each.
fn certificate(order: &[u8], places: &[usize], message: &[u8]) -> L1Certificate {
    let signatures: Vec<_> = places.iter().map(|at| secret(order[*at]).sign(message, MESSAGE_TAG, &[])).collect();
    let sum = AggregateSignature::aggregate(&signatures.iter().collect::<Vec<_>>(), false).unwrap().to_signature();
    L1Certificate {
        signers: places.iter().fold(U256::ZERO, |bits, at| bits | (U256::ONE << *at)),
        signature: points::uncompress_signature(&sum.compress()).unwrap(),
    }
}

/// A rollup with sequencers; account 0 deployed it, and accounts 2 to 5 have tokens for a seat each.
async fn deployed(l1: &DevL1) -> Registry {
    let owner = sender(l1, 0).await;
    let mut plan = plan_deployment(&owner).await.unwrap();
    let staking = plan_sequencers(&owner, plan.next_nonce(), None);
    plan.contracts.sequencers = Some(staking.contracts.in_chain_config());
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
    let rpc = RpcL1::connect(&l1.rpc_url, Some(&l1.beacon_url), plan.contracts).await.unwrap();
    let params = SequencersParams {
        set_size_min: u32::from(SEATS),
        // Test blocks run ahead of the clock by a second each.
        first_cutoff_delay_seconds: 1_000,
        ..SequencersParams::devnet()
    };
    deploy_sequencers(&owner, &rpc, &staking, &params).await.unwrap();
    let price = params.seat_price_tokens;
    let funds: Vec<_> = (2..6).map(|index| (key(index).address(), price)).collect();
    fund_test_token(&owner, staking.contracts.token, &funds).await.unwrap();
    let registry = Registry::connect(rpc).await.unwrap();
    assert_eq!(*registry.contracts(), staking.contracts);
    assert_eq!(registry.params().seat_price_tokens, price);
    assert_eq!(registry.emission_left().await.unwrap(), params.budget_tokens);
    registry
}

fn reason(error: Error) -> String {
    let Error::Reverted { reason, .. } = error else { panic!("{error}") };
    reason
}

#[tokio::test(flavor = "multi_thread")]
async fn four_seats_are_locked_read_back_certify_a_batch_and_one_is_slashed() {
    Box::pin(stake_of(Kind::Embedded)).await;
}

/// The contracts' points are checked by precompiles, of which each client has its own.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_anvil() {
    let Some(path) = std::env::var_os("SLUICE_ANVIL") else {
        println!("skipped: SLUICE_ANVIL does not name an anvil binary");
        return;
    };
    Box::pin(stake_of(Kind::Anvil { path: Some(path.into()) })).await;
}

async fn stake_of(kind: Kind) {
    let block_time = Duration::from_millis(200);
    let l1 = sluice_devl1::start(sluice_devl1::Config { kind, block_time, ..Default::default() }).await.unwrap();
    let registry = deployed(&l1).await;
    let rpc = registry.l1();
    let at = registry.contracts().sequencers;
    let price = registry.params().seat_price_tokens;

    // Locking: what is refused first.
    let stakers: Vec<Staker> = {
        let mut stakers = Vec::new();
        for index in 2..6 {
            stakers.push(Staker::new(registry.clone(), sender(&l1, index).await));
        }
        stakers
    };
    let poor = Staker::new(registry.clone(), sender(&l1, 7).await);
    let error = poor.lock(&registration(9, at, poor.operator()), &contact(9)).await.unwrap_err();
    assert!(matches!(error, Error::InsufficientTokens { needed, .. } if needed == price), "{error}");
    let stolen = registration(1, at, stakers[1].operator());
    let text = reason(stakers[0].lock(&stolen, &contact(1)).await.unwrap_err());
    assert!(text.contains("not for this operator"), "{text}");
    for (seat, staker) in (1..=SEATS).zip(&stakers) {
        let id = staker.lock(&registration(seat, at, staker.operator()), &contact(seat)).await.unwrap();
        assert_eq!(id, u32::from(seat));
        assert_eq!(registry.balance_of(staker.operator()).await.unwrap(), U256::ZERO);
    }

    // The committee, from its cutoff on, the same at every block.
    assert_eq!(registry.committee(0, At::Latest).await.unwrap(), None);
    let text = reason(stakers[0].snapshot(0).await.unwrap_err());
    assert!(text.contains("epoch 0 are fixed"), "{text}");
    l1.advance_time(1_000 + registry.params().snapshot_lead_seconds).await.unwrap();
    l1.mine(1).await.unwrap();
    let receipt = poor.snapshot(0).await.unwrap();
    let committee = registry.committee(0, At::Hash(receipt.block_hash.unwrap())).await.unwrap().unwrap();
    let mut order: Vec<u8> = (1..=SEATS).collect();
    order.sort_by_key(|seat| keccak256([*seat]));
    assert_eq!((committee.epoch, committee.ejected, committee.seats.len()), (0, U256::ZERO, 4));
    for (seat, number) in committee.seats.iter().zip(&order) {
        let operator = stakers[usize::from(*number) - 1].operator();
        let registered = registration(*number, at, operator);
        assert_eq!((seat.id, seat.operator), (u32::from(*number), operator));
        assert_eq!((seat.p2p_key, seat.bls_key), (registered.p2p_key, registered.bls_key.0));
        assert_eq!(seat.bls_key_compressed, secret(*number).sk_to_pk().compress());
        assert_eq!(seat.network_address, contact(*number).network_address);
        assert_eq!((seat.poster, seat.reward_recipient), (contact(*number).poster, contact(*number).reward_recipient));
    }
    let ids: Vec<u32> = order.iter().map(|seat| u32::from(*seat)).collect();
    assert_eq!(registry.members_of(0, At::Latest).await.unwrap(), ids);
    l1.mine(8).await.unwrap();
    assert_eq!(registry.committee(0, At::Finalized).await.unwrap(), Some(committee));
    assert_eq!(registry.epoch_of(At::Latest).await.unwrap(), 0);
    let start = registry.params().start_of(0);
    let turn = registry.in_turn(start, 0, At::Latest).await.unwrap();
    assert_eq!(turn, (ids[0], contact(order[0]).poster));
    assert_eq!(registry.in_turn(start - 1, 0, At::Latest).await.unwrap_err().severity(), sluice_types::Severity::Reset);

    // A batch: by anybody, with the signatures of three.
    let origin = origin(rpc).await;
    let header = BatchHeader {
        first_block: 1.into(),
        last_block: 5.into(),
        last_timestamp: origin.timestamp,
        l1_origin_number: origin.number,
        l1_origin_hash: origin.hash,
        state_root: B256::repeat_byte(4),
        ..BatchHeader::default()
    };
    let blob: Box<Blob> = vec![0; 131_072].into_boxed_slice().try_into().unwrap();
    let sidecar = build_sidecar(vec![blob]).await.unwrap();
    let batch_hash = header.hash(&sidecar.versioned_hashes().collect::<Vec<_>>());
    let to = Some(rpc.contracts().rollup);
    let signed = batch_message(rpc.contracts().rollup, 0, 0, batch_hash);
    let request = |data| TxRequest { to, data, sidecar: Some(sidecar.clone()), ..TxRequest::default() };
    let poster = sender(&l1, 8).await;
    let text = reason(poster.prepare(request(commit_batch_call(&header))).await.unwrap_err());
    assert!(text.contains("CertificateRequired"), "{text}");
    let two = commit_certified_batch_call(&header, 0, &certificate(&order, &[0, 3], &signed));
    assert!(reason(poster.prepare(request(two)).await.unwrap_err()).contains("NoQuorum"));
    let three = certificate(&order, &[0, 2, 3], &signed);
    let late = commit_certified_batch_call(&header, 1, &three);
    assert!(reason(poster.prepare(request(late)).await.unwrap_err()).contains("EpochOutOfReach"));
    let good = request(commit_certified_batch_call(&header, 0, &three));
    let receipt = poster.send_and_wait(good, TIME_MAX).await.unwrap();
    let head = rpc.heads().await.unwrap().latest.0;
    let blocks = rpc.blocks(L1Number(receipt.block_number.unwrap()), head).await.unwrap();
    let events: Vec<_> = blocks.into_iter().flat_map(|block| block.events).collect();
    let [L1Event::Batch(batch)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&batch.header, batch.poster, batch.hash()), (&header, poster.address(), batch_hash));

    // Two headers of one batch cost the stake.
    let sign = |hash| SignedBatch {
        batch_hash: hash,
        signature: points::uncompress_signature(
            &secret(order[1]).sign(&batch_message(rpc.contracts().rollup, 0, 7, hash), MESSAGE_TAG, &[]).compress(),
        )
        .unwrap(),
    };
    let headers = [sign(B256::repeat_byte(1)), sign(B256::repeat_byte(2))];
    let _ = poor.report(0, 1, &Evidence::Batches { index: 7, headers }).await.unwrap();
    assert_eq!(registry.balance_of(poor.operator()).await.unwrap(), price / U256::from(10));
    let committee = registry.committee(0, At::Latest).await.unwrap().unwrap();
    assert_eq!(committee.ejected, U256::from(2));
    assert_eq!(registry.seat_status(ids[1]).await.unwrap().state, SeatState::Slashed);

    // The life of a seat.
    let (id, staker) = (ids[0], &stakers[usize::from(order[0]) - 1]);
    let text = reason(poor.unlock_seat(id).await.unwrap_err());
    assert!(text.contains("use the key of its operator"), "{text}");
    let text = reason(staker.rotate_keys(id, &registration(11, at, staker.operator())).await.unwrap_err());
    assert!(text.contains("keys change rarely"), "{text}");
    let _ = staker.set_contact(id, &contact(12)).await.unwrap();
    let _ = staker.unlock_seat(id).await.unwrap();
    let seats = registry.seats_of(staker.operator()).await.unwrap();
    assert_eq!((seats.len(), seats[0].state, seats[0].active_until), (1, SeatState::Leaving, Some(1)));
    assert_eq!(seats[0].network_address, contact(12).network_address);
    let text = reason(staker.withdraw_seat(id).await.unwrap_err());
    assert!(text.contains("locked until"), "{text}");
    l1.advance_time(registry.params().epoch_seconds + registry.params().unlock_delay_seconds).await.unwrap();
    l1.mine(1).await.unwrap();
    let _ = staker.withdraw_seat(id).await.unwrap();
    assert_eq!(registry.balance_of(staker.operator()).await.unwrap(), price);

    // A reserve.
    let half = price / U256::from(2);
    let _ = staker.top_up(staker.operator(), price).await.unwrap();
    let _ = staker.unlock_reserve(half).await.unwrap();
    let reserve = registry.reserve_of(staker.operator()).await.unwrap();
    assert_eq!((reserve.tokens, reserve.unlocking_tokens), (half, half));
    assert!(reason(staker.withdraw_reserve(staker.operator()).await.unwrap_err()).contains("locked until"));
    l1.advance_time(registry.params().unlock_delay_seconds).await.unwrap();
    l1.mine(1).await.unwrap();
    let _ = staker.withdraw_reserve(staker.operator()).await.unwrap();
    assert_eq!(registry.balance_of(staker.operator()).await.unwrap(), half);
    l1.stop().await;
}
