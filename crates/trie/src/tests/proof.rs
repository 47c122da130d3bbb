//! Proofs hold by our own check and by alloy's, and nothing else does.

use alloy_primitives::{Bytes, U256, keccak256};
use alloy_trie::proof::verify_proof;
use proptest::prelude::*;

use super::{MapStore, a_block, address, after, all_slots, large_state};
use crate::{AccountLeaf, AccountProof, EMPTY_ROOT_HASH, Error, Nibbles, account::slot_to_value, prove, update};

fn check_with_alloy(root: alloy_primitives::B256, proof: &AccountProof) {
    let leaf = proof.account.map(|account| AccountLeaf::new(&account, proof.storage_root).to_value());
    verify_proof(root, Nibbles::unpack(keccak256(proof.address)), leaf, &proof.proof).unwrap();
    for slot in &proof.storage {
        let value = (!slot.value.is_zero()).then(|| slot_to_value(&slot.value));
        let key = Nibbles::unpack(keccak256(slot.slot.to_be_bytes::<32>()));
        verify_proof(proof.storage_root, key, value, &slot.proof).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn proofs_of_presence_and_absence_verify(blocks in proptest::collection::vec(a_block(10), 1..4)) {
        let (store, root, state) = after(&blocks);
        let slots: Vec<_> = all_slots().into_iter().collect();
        for index in 0..12 {
            let proof = prove(&store, root, address(index), &slots).unwrap();
            let expected = state.accounts.get(&address(index));
            prop_assert_eq!(proof.account, expected.map(|(account, _)| *account));
            for slot in &proof.storage {
                let value = expected.and_then(|(_, storage)| storage.get(&slot.slot)).copied().unwrap_or_default();
                prop_assert_eq!(slot.value, value);
            }
            check_with_alloy(root, &proof);
            prop_assert_eq!(proof.verify(root), Ok(()));
        }
    }
}

#[test]
fn false_claims_are_rejected() {
    let state = large_state(200);
    let mut store = MapStore::default();
    let (root, nodes) = update(&store, EMPTY_ROOT_HASH, &state.clone().into_changes()).unwrap();
    store.apply(nodes);
    let (&owner, (account, _)) = state.accounts.iter().find(|(_, (_, storage))| storage.len() == 4).unwrap();
    let good = prove(&store, root, owner, &[U256::from(2), U256::from(99)]).unwrap();
    assert_eq!(good.verify(root), Ok(()));
    assert_ne!(good.verify(keccak256("another root")), Ok(()));

    let mut bad = good.clone();
    bad.account = None;
    assert_eq!(bad.verify(root), Err(Error::AccountMismatch(owner)));
    bad.account = Some(*account);
    bad.account.as_mut().unwrap().nonce += 1;
    assert_eq!(bad.verify(root), Err(Error::AccountMismatch(owner)));

    for index in 0..2 {
        let mut bad = good.clone();
        bad.storage[index].value += U256::from(1);
        assert_eq!(bad.verify(root), Err(Error::SlotMismatch(good.storage[index].slot)));
    }
    let mut bad = good.clone();
    bad.storage_root = EMPTY_ROOT_HASH;
    assert_eq!(bad.verify(root), Err(Error::AccountMismatch(owner)));

    for index in 0..good.proof.len() {
        let mut bad = good.clone();
        let mut node = bad.proof[index].to_vec();
        *node.last_mut().unwrap() ^= 1;
        bad.proof[index] = Bytes::from(node);
        assert!(matches!(bad.verify(root), Err(Error::Missing { .. })));
        bad.proof.remove(index);
        assert!(matches!(bad.verify(root), Err(Error::Missing { .. })));
    }
}

#[test]
fn an_empty_trie_proves_absence() {
    let proof = prove(&MapStore::default(), EMPTY_ROOT_HASH, address(1), &[U256::ZERO]).unwrap();
    assert_eq!((proof.account, proof.proof.len()), (None, 0));
    assert_eq!(proof.verify(EMPTY_ROOT_HASH), Ok(()));
    check_with_alloy(EMPTY_ROOT_HASH, &proof);
}
