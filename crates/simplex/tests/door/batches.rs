//! A committee's signatures on a batch are those that the contract takes.

use alloy_primitives::{Address, B256, U256, hex};
use serde_json::Value;
use sluice_simplex::{BatchId, Committee, SeatKeys, certify, is_quorum};

use crate::seats::{committee, seats};

/// The seats, in order of index, and what they sign in the contracts' vectors.
fn signed() -> (Vec<SeatKeys>, Committee, BatchId, Value) {
    let vectors: Value = serde_json::from_str(include_str!("../../../../contracts/test/vectors/simplex.json")).unwrap();
    let text = |name: &str| vectors[name].as_str().unwrap().to_owned();
    let number = |name: &str| vectors[name].as_u64().unwrap();
    // The vectors take the first seats of a hundred.
    let keys = seats(100)[..4].to_vec();
    let committee = committee(number("epoch"), &keys);
    let batch = BatchId {
        chain_id: number("chainId"),
        rollup: text("rollup").parse().unwrap(),
        epoch: number("epoch"),
        index: number("batchIndex"),
        batch_hash: text("batchHash").parse().unwrap(),
    };
    (keys, committee, batch, vectors)
}

#[test]
fn the_sum_of_a_quorum_is_the_contracts_vector() {
    let (keys, committee, batch, vectors) = signed();
    let signatures: Vec<_> = (0u32..).zip(&keys).skip(1).map(|(seat, keys)| (seat, batch.sign(keys))).collect();
    assert!(signatures.iter().all(|(seat, signature)| batch.verify(&committee, *seat, signature)));
    assert!(is_quorum(&committee, 3) && !is_quorum(&committee, 2));
    let certificate = certify(&signatures).unwrap();
    assert_eq!(certificate.signers, U256::from(0b1110));
    assert_eq!(hex::encode_prefixed(certificate.signature), vectors["sets"][0]["batchSignature"]);
    assert_eq!(certify(&[]), None);
}

#[test]
fn a_signature_holds_for_its_seat_and_its_batch_alone() {
    let (keys, committee, batch, _) = signed();
    let signature = batch.sign(&keys[1]);
    assert!(batch.verify(&committee, 1, &signature));
    for other in [0, 2, 3, 4, u32::MAX] {
        assert!(!batch.verify(&committee, other, &signature), "seat {other}");
    }
    for other in [
        BatchId { chain_id: 1, ..batch },
        BatchId { rollup: Address::ZERO, ..batch },
        BatchId { epoch: batch.epoch + 1, ..batch },
        BatchId { index: batch.index + 1, ..batch },
        BatchId { batch_hash: B256::ZERO, ..batch },
    ] {
        assert!(!other.verify(&committee, 1, &signature), "{other:?}");
    }
    assert!(!batch.verify(&committee, 1, &[0; 48]), "no point of the curve");
    assert_eq!(certify(&[(1, [0; 48])]), None);
}
