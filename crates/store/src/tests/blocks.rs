//! What a commit refuses.

use alloy_primitives::B256;
use sluice_types::L2Number;

use super::fixture::*;
use crate::{Error, Store};

#[test]
fn refuses_block_that_does_not_follow_and_changes_nothing() {
    let store = Store::in_memory(&genesis()).unwrap();
    let mut model = genesis().state;
    commit(&store, &mut model, &[(0, Op::Pay(1))]);
    let good = next_block(&store, apply(&mut model, &[(1, Op::Pay(2))]), 1);
    let heads = store.heads();

    let mut again = good.clone();
    again.sealed = (*store.head_block()).clone();
    let error = store.commit_block(again).unwrap_err();
    assert!(matches!(error, Error::WrongNumber { number: L2Number(1), expected: L2Number(2) }), "{error}");

    let mut orphan = good.clone();
    orphan.sealed.block.header.parent_hash = B256::repeat_byte(9);
    orphan.sealed.hash = orphan.sealed.block.header.hash_slow();
    let error = store.commit_block(orphan).unwrap_err();
    assert!(matches!(error, Error::WrongParent { .. }), "{error}");

    let mut silent = good.clone();
    silent.receipts.clear();
    let error = store.commit_block(silent).unwrap_err();
    assert!(matches!(error, Error::ReceiptCount { transactions: 1, receipts: 0, .. }), "{error}");

    assert_eq!(store.heads(), heads);
    store.commit_block(good.clone()).unwrap();
    assert_block(&store, &good);
}

#[test]
fn unknown_things_are_none() {
    let store = Store::in_memory(&genesis()).unwrap();
    assert!(store.block(L2Number(1)).unwrap().is_none());
    assert!(store.block_by_hash(B256::repeat_byte(1)).unwrap().is_none());
    assert!(store.receipts(L2Number(1)).unwrap().is_none());
    assert!(store.transaction(B256::repeat_byte(1)).unwrap().is_none());
    assert!(store.ordered(L2Number(0)).unwrap().is_none());
    assert!(store.ordered_head().is_none());
    let zero = store.head_block();
    assert_eq!((zero.number(), zero.block.l1_origin.number), (L2Number(0), config().l1.start_block));
    assert_eq!(store.receipts(L2Number(0)).unwrap().unwrap().len(), 0);
}
