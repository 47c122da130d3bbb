//! The proof of one block.

use alloy_primitives::{B256, Bytes};
use serde_json::{Value, json};
use sluice_types::{Certificate, OrderedBlock};

use super::rig::*;
use crate::{CERTIFICATE_BLOCKS_MAX, Doubt, Proof, Solo};

/// As a node answers.
fn answer(blocks: &[OrderedBlock], certificate: &Certificate) -> Value {
    let first = &blocks[0];
    let ordered: Vec<_> = blocks.iter().map(|block| Bytes::from(alloy_rlp::encode(block))).collect();
    let certificate = told(first, certificate)["params"]["result"]["certificate"].clone();
    json!({ "height": format!("{:#x}", first.height.0), "blockHash": first.hash(), "ordered": ordered, "certificate": certificate })
}

fn read(blocks: &[OrderedBlock], certificate: &Certificate) -> Result<Proof, String> {
    serde_json::from_value(answer(blocks, certificate)).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_certificate_above_proves_a_block_below_to_who_knows_the_signer() {
    let blocks = chain(5);
    for upto in 1..=5 {
        let proof = read(&blocks[..upto], &certify(1, &blocks[upto - 1])).unwrap();
        assert_eq!((proof.block(), proof.signed()), (&blocks[0], &blocks[upto - 1]));
        assert_eq!(proof.verify(&Solo(address(1))).await, Ok(()));
        assert!(matches!(proof.verify(&Solo(address(2))).await, Err(Doubt::Wrong(_))));
    }
}

#[test]
fn what_does_not_lead_from_the_block_to_the_certificate_is_no_proof() {
    let blocks = chain(4);
    let last = certify(1, &blocks[3]);
    let older = {
        let block = OrderedBlock { epoch: 1, ..blocks[1].clone() };
        let certificate = certify(1, &block);
        (vec![blocks[0].clone(), block], certificate)
    };
    let stray = OrderedBlock { parent: B256::repeat_byte(1), ..blocks[1].clone() };
    let many = chain(CERTIFICATE_BLOCKS_MAX as u64 + 1);
    let table = [
        (vec![], last.clone(), "no block"),
        (vec![blocks[0].clone(), blocks[2].clone()], certify(1, &blocks[2]), "height 3 where 2 is next"),
        (vec![blocks[0].clone(), stray.clone()], certify(1, &stray), "but the block that it sent before"),
        (older.0, older.1, "is of epoch 1, but the one before of 2"),
        (blocks[..3].to_vec(), last, "at height 4"),
        (many.clone(), certify(1, &many[CERTIFICATE_BLOCKS_MAX]), "257 blocks"),
    ];
    for (blocks, certificate, reason) in table {
        let mut wire = answer(&chain(1), &certificate);
        wire["ordered"] = blocks.iter().map(|block| json!(Bytes::from(alloy_rlp::encode(block)))).collect();
        let error = serde_json::from_value::<Proof>(wire).unwrap_err().to_string();
        assert!(error.contains(reason), "{error} instead of {reason}");
    }
}

#[tokio::test]
async fn no_changed_byte_of_a_block_is_proven() {
    let blocks = chain(2);
    let good = answer(&blocks, &certify(1, &blocks[1]));
    for index in 0..2 {
        let bytes: Bytes = serde_json::from_value(good["ordered"][index].clone()).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            let mut wire = good.clone();
            wire["ordered"][index] = json!(Bytes::from(changed));
            assert!(serde_json::from_value::<Proof>(wire).is_err(), "byte {at} of block {index}");
        }
    }
}
