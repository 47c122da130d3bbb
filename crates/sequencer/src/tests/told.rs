//! Blocks that come with what somebody says that they do.

use std::sync::atomic::Ordering;

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_rlp::Decodable as _;
use sluice_ordering::Reason;
use sluice_types::{BlockAccessList, Change, L2Number, OrderedBlock, access_list_hash, predeploys::HISTORY};

use super::{
    counted::{LISTS_USED, counting},
    rig::*,
};

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
    let (recorder, used) = counting(LISTS_USED);
    // Blocks are executed on other threads, all of this process's without a list but for these.
    assert!(metrics::set_global_recorder(recorder).is_ok(), "no other test sets one");
    let used = || used.load(Ordering::Relaxed);
    let blocks = ordered().await;
    let right = blocks.iter().map(|(_, list, _)| Some(list.clone())).collect();
    let others = |index: usize| &blocks[(index + 1) % blocks.len()].1;
    let mut said: Vec<Vec<Option<Bytes>>> = vec![right];
    let wrong: Vec<_> = blocks.iter().enumerate().map(|(index, (_, list, _))| falsified(list, others(index))).collect();
    said.extend((0..6).map(|kind| wrong.iter().map(|lists| lists[kind].clone()).collect()));
    for (kind, lists) in said.into_iter().enumerate() {
        let (rig, used_before) = (Rig::sharing_all(), used());
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
        // The right ones are used, and those that are right but for the parent's hash, which nobody takes from them.
        assert_eq!(used() - used_before, if kind == 0 || kind == 3 { BLOCKS } else { 0 }, "lists of kind {kind}");
    }
}
