//! Blocks that come with what somebody says that they do.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_rlp::Decodable as _;
use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use sluice_ordering::Reason;
use sluice_types::{BlockAccessList, Change, L2Number, OrderedBlock, access_list_hash, predeploys::HISTORY};

use super::rig::*;

/// How often a list was used. Nothing else in this process gives the executor any.
static USED: AtomicU64 = AtomicU64::new(0);

/// Counts that, and nothing else.
struct Counting;

impl Recorder for Counting {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        if key.name() == "executor_lists_used_total" { Counter::from_arc(Arc::new(Used)) } else { Counter::noop() }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

struct Used;

impl CounterFn for Used {
    fn increment(&self, value: u64) {
        USED.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        USED.fetch_max(value, Ordering::Relaxed);
    }
}

const BLOCKS: u64 = 6;
const USERS: u8 = 6;
/// Transactions of each user in a block: enough for two workers, and not so many that they are settled together.
const PER_USER: u64 = 20;

/// Blocks of transfers that a sequencer ordered and executed, with their lists and hashes.
async fn ordered() -> Vec<(OrderedBlock, Bytes, B256)> {
    let mut rig = Rig::new();
    let mut blocks = Vec::new();
    for number in 0..BLOCKS {
        for nonce in number * PER_USER..(number + 1) * PER_USER {
            for index in 0..USERS {
                rig.submit(&user(index).pay(nonce, 1)).await.unwrap();
            }
        }
        let block = rig.propose(Reason::Work).await.expect("there is something to order");
        let sealed = rig.finalize(block.clone()).await;
        assert_eq!(sealed.block.transactions.len() as u64, u64::from(USERS) * PER_USER);
        let list = rig.store.access_list(sealed.number()).unwrap().expect("it was just made");
        blocks.push((block, list.to_rlp().into(), sealed.hash));
    }
    blocks
}

/// Lists that are not the block's, and bytes that are none.
fn falsified(list: &Bytes, others: &Bytes) -> [Option<Bytes>; 6] {
    let right = BlockAccessList::decode(&mut list.as_ref()).expect("it is a list");
    let first = right.accounts().next().expect("somebody pays");
    let mut padded = right.clone();
    padded.end_account([0xff; 20].into(), |balances, _, _| balances.extend_from_slice(first.balance_changes()));
    let mut lacking = BlockAccessList::default();
    lacking.append_accounts(&right, 1..right.len());
    // It says of the block before that it has another hash.
    let (place, mut strange) = (right.find(&HISTORY).expect("it is there"), BlockAccessList::default());
    let written = right.get(place).and_then(|history| history.storage_changes().next()).expect("a hash was written");
    strange.append_accounts(&right, 0..place);
    strange.write(written.slot, |values| values.push(Change { index: 0, value: U256::from(7) }));
    strange.end_account(HISTORY, |_, _, _| ());
    strange.append_accounts(&right, place + 1..right.len());
    let [padded, lacking, strange] = [padded, lacking, strange].map(|list| Some(list.to_rlp().into()));
    let cut_off = list.slice(..list.len() - 1);
    [padded, lacking, strange, Some(others.clone()), Some(cut_off), None]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_somebody_says_that_a_block_does_it_is_the_same_block() {
    metrics::set_global_recorder(Counting).expect("no other test sets one");
    let blocks = ordered().await;
    let right = blocks.iter().map(|(_, list, _)| Some(list.clone())).collect();
    let others = |index: usize| &blocks[(index + 1) % blocks.len()].1;
    let mut said: Vec<Vec<Option<Bytes>>> = vec![right];
    let wrong: Vec<_> = blocks.iter().enumerate().map(|(index, (_, list, _))| falsified(list, others(index))).collect();
    said.extend((0..6).map(|kind| wrong.iter().map(|lists| lists[kind].clone()).collect()));
    for (kind, lists) in said.into_iter().enumerate() {
        let (rig, used) = (Rig::sharing_all(), USED.load(Ordering::Relaxed));
        let mut durable = Vec::new();
        for ((block, ..), list) in blocks.iter().zip(lists) {
            durable.push(rig.deliver_told(block.clone(), list).await);
        }
        for durable in durable {
            durable.await.unwrap();
        }
        for (number, (_, list, hash)) in (1..).zip(&blocks) {
            let sealed = rig.store.block(L2Number(number)).unwrap().expect("it is durable");
            let made = rig.store.access_list(sealed.number()).unwrap().expect("it is durable");
            assert_eq!((sealed.hash, access_list_hash(&made)), (*hash, keccak256(list)));
        }
        // The first are right, and are what the blocks were executed from; the third are right but for what nobody has used.
        let used = USED.load(Ordering::Relaxed) - used;
        assert_eq!(used, if kind == 0 || kind == 3 { BLOCKS } else { 0 }, "lists of kind {kind}");
    }
}
