//! Whoever posts in turn is refunded to the wei, and whose turn it is follows from the parameters as the contract says.

use alloy::{
    providers::{Provider, ProviderBuilder, RootProvider},
    rpc::types::TransactionReceipt,
};
use sluice_l1::{
    Turns,
    contracts::{Posting, post_call},
    http_client,
};

use super::*;

/// Account that posts for every seat, so that it is in turn whenever L1 takes the transaction.
const POSTER: u32 = 8;
const POT_WEI: u64 = 1_000_000_000_000_000_000;
/// Times of each epoch at which the formulas are compared.
const ROUNDS: u64 = 40;

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Locks the seats and stores the committees of epochs 0 and 1, the second of which has just begun. Answers who is at which index.
async fn committees(l1: &DevL1, registry: &Registry) -> Vec<u8> {
    let (at, params) = (registry.contracts().sequencers, registry.params());
    for (seat, account) in (1..=SEATS).zip(2..) {
        let staker = Staker::new(registry.clone(), sender(l1, account).await);
        let contact = Contact { poster: key(POSTER).address(), ..contact(seat) };
        staker.lock(&registration(seat, at, staker.operator()), &contact).await.unwrap();
    }
    let anybody = Staker::new(registry.clone(), sender(l1, 7).await);
    for (epoch, seconds) in [(0, 1_000), (1, params.epoch_seconds - params.snapshot_lead_seconds)] {
        l1.advance_time(seconds + params.snapshot_lead_seconds).await.unwrap();
        l1.mine(1).await.unwrap();
        let _ = anybody.snapshot(epoch).await.unwrap();
    }
    let mut order: Vec<u8> = (1..=SEATS).collect();
    order.sort_by_key(|seat| keccak256([*seat]));
    order
}

/// The batch after `parent`, with its certificate by three of the committee, as a transaction to `Posting`.
async fn post(
    registry: &Registry,
    order: &[u8],
    parent: Option<(&BatchHeader, B256)>,
) -> (BatchHeader, B256, TxRequest) {
    let rpc = registry.l1();
    let origin = origin(rpc).await;
    let first_block = parent.map_or(1, |(header, _)| header.last_block.0 + 1);
    let header = BatchHeader {
        index: parent.map_or(0, |(header, _)| header.index.0 + 1).into(),
        parent_hash: parent.map_or(B256::ZERO, |(_, hash)| hash),
        first_block: first_block.into(),
        last_block: (first_block + 4).into(),
        last_timestamp: origin.timestamp,
        l1_origin_number: origin.number,
        l1_origin_hash: origin.hash,
        ..BatchHeader::default()
    };
    let blobs = vec![vec![0; 131_072].into_boxed_slice().try_into().unwrap(); 2];
    let sidecar = build_sidecar(blobs).await.unwrap();
    let batch_hash = header.hash(&sidecar.versioned_hashes().collect::<Vec<_>>());
    let message = batch_message(rpc.contracts().rollup, 1, header.index.0, batch_hash);
    let data = post_call(&header, 1, &certificate(order, &[0, 2, 3], &message));
    let to = Some(registry.contracts().posting);
    (header, batch_hash, TxRequest { to, data, sidecar: Some(sidecar), ..TxRequest::default() })
}

/// The batch that L1 took in the transaction's block, and that block's timestamp.
async fn taken(rpc: &RpcL1, receipt: &TransactionReceipt) -> (BatchHeader, Address, u64) {
    let number = receipt.block_number.unwrap().into();
    let blocks = rpc.blocks(number, number).await.unwrap();
    let [L1Event::Batch(batch)] = blocks[0].events.as_slice() else { panic!("{:?}", blocks[0].events) };
    (batch.header.clone(), batch.poster, batch.l1_timestamp)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_posts_in_turn_is_refunded_to_the_wei_and_turns_are_the_contracts() {
    Box::pin(refunds_and_turns()).await;
}

async fn refunds_and_turns() {
    let block_time = Duration::from_millis(200);
    let l1 = sluice_devl1::start(sluice_devl1::Config { block_time, ..Default::default() }).await.unwrap();
    let registry = deployed(&l1).await;
    let order = committees(&l1, &registry).await;
    let (rpc, pot) = (registry.l1(), registry.contracts().posting);
    let provider: RootProvider =
        ProviderBuilder::default().connect_reqwest(http_client("l1").unwrap(), l1.rpc_url.parse().unwrap());
    let balance = async |address: Address| provider.get_balance(address).await.unwrap();

    let fees = TxRequest { to: Some(pot), value_wei: U256::from(POT_WEI), ..TxRequest::default() };
    let _ = sender(&l1, 7).await.send_and_wait(fees, TIME_MAX).await.unwrap();
    assert_eq!(balance(pot).await, U256::from(POT_WEI));

    // In turn: what the transaction cost comes back, all of it.
    let poster = sender(&l1, POSTER).await;
    let before = balance(poster.address()).await;
    let (header, hash, request) = post(&registry, &order, None).await;
    let receipt = poster.send_and_wait(request, TIME_MAX).await.unwrap();
    let (found, by, posted_at) = taken(rpc, &receipt).await;
    assert_eq!((&found, by), (&header, poster.address()), "the event is the rollup's, whoever was called");
    let blob_gas = receipt.blob_gas_used.unwrap();
    assert_eq!(blob_gas, 2 * 131_072);
    let cost = u128::from(receipt.gas_used) * receipt.effective_gas_price
        + u128::from(blob_gas) * receipt.blob_gas_price.unwrap();
    let refund = receipt.decoded_log::<Posting::Refunded>().unwrap().data;
    assert_eq!(refund.refundWei, U256::from(cost));
    assert_eq!((refund.index, refund.poster), (0, poster.address()));
    assert_eq!(refund.seat, registry.in_turn(posted_at, 0, At::Latest).await.unwrap().0);
    assert_eq!(balance(poster.address()).await, before);
    assert_eq!(balance(pot).await, U256::from(u128::from(POT_WEI) - cost));

    // Not in turn: the batch is taken, and nothing comes back.
    let other = sender(&l1, 6).await;
    let (before, left) = (balance(other.address()).await, balance(pot).await);
    let (header, _, request) = post(&registry, &order, Some((&header, hash))).await;
    let receipt = other.send_and_wait(request, TIME_MAX).await.unwrap();
    assert_eq!(taken(rpc, &receipt).await.0, header);
    assert!(receipt.decoded_log::<Posting::Refunded>().is_none());
    assert!(balance(other.address()).await < before);
    assert_eq!(balance(pot).await, left);

    // The formula, before and after a seat is slashed.
    compare_turns(&registry, 1).await;
    let sign = |byte| {
        let message = batch_message(rpc.contracts().rollup, 1, 7, B256::repeat_byte(byte));
        let signature = secret(order[1]).sign(&message, MESSAGE_TAG, &[]).compress();
        SignedBatch {
            batch_hash: B256::repeat_byte(byte),
            signature: points::uncompress_signature(&signature).unwrap(),
        }
    };
    let reporter = Staker::new(registry.clone(), sender(&l1, 7).await);
    let _ = reporter.report(1, 1, &Evidence::Batches { index: 7, headers: [sign(1), sign(2)] }).await.unwrap();
    compare_turns(&registry, 2).await;
    l1.stop().await;
}

/// Asks the contract at random times of two epochs.
async fn compare_turns(registry: &Registry, seed: u64) {
    let turns: &Turns = registry.turns();
    let mut dice = Dice(seed);
    for epoch in [0, 1] {
        let committee = registry.committee(epoch, At::Latest).await.unwrap().unwrap();
        let start = registry.params().start_of(epoch);
        for _ in 0..ROUNDS {
            let now = start + dice.below(turns.epoch_seconds);
            // Long ago, about now, or in the future.
            let span = if dice.below(3) == 0 { now } else { 300 };
            let last_posted = (now + 60).saturating_sub(dice.below(span));
            let (seat, _) = registry.in_turn(now, last_posted, At::Latest).await.unwrap();
            let index = turns.index(now, last_posted, u32::from(SEATS), committee.ejected).unwrap();
            assert_eq!(turns.epoch_at(now), Some(u64::from(epoch)));
            let id = committee.seats[usize::try_from(index).unwrap()].id;
            assert_eq!(id, seat, "seed {seed}, at {now} after {last_posted}, {:b} ejected", committee.ejected);
        }
    }
}
