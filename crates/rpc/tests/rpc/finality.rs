//! How final things are, and the way back to L1.

use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy_rlp::Decodable;
use serde_json::{Value, json};
use sluice_types::{Height, OrderedBlock, predeploys::OUTBOX};

use crate::{
    chain::{Chain, call, sign, withdraw},
    rig::{Rig, hex},
};

const ALICE: Address = address!("00000000000000000000000000000000000000a1");

/// Blocks 1 to 3 send one, none and two messages; batch 0 holds blocks 1 and 2, batch 1 block 3; block 4 is in none.
async fn rig() -> Rig {
    let mut chain = Chain::new(1_000_000);
    chain.block(vec![sign(withdraw(0, ALICE, 7))]);
    chain.block(vec![]);
    chain.batch(2, 2, 1, 1_000_100);
    chain.block(vec![sign(withdraw(1, ALICE, 8)), sign(withdraw(2, ALICE, 9))]);
    chain.batch(2, 2, 1, 1_000_160);
    chain.block(vec![sign(withdraw(3, ALICE, 10))]);
    Rig::new(chain).await
}

fn hash_of(rig: &Rig, block: u64, index: usize) -> B256 {
    rig.chain.store.block(block.into()).unwrap().unwrap().block.transactions[index].hash()
}

#[tokio::test]
async fn finality_names_the_rung_and_the_next() {
    let rig = rig().await;
    let finality = async |block| rig.ask("rollup_getFinality", json!([hash_of(&rig, block, 0)])).await;
    let final_one = finality(1).await;
    assert_eq!((&final_one["rung"], &final_one["next"]), (&json!("finalized"), &Value::Null));
    assert_eq!((&final_one["block"], &final_one["batch"]), (&json!("0x1"), &json!("0x0")));
    let batch = rig.chain.store.batch(0.into()).unwrap().unwrap();
    assert_eq!(final_one["l1Tx"], json!(batch.l1_tx_hash));
    let posted = finality(3).await;
    assert_eq!((&posted["rung"], &posted["batch"]), (&json!("posted"), &json!("0x1")));
    assert_eq!(posted["next"], json!({ "rung": "derived", "expectedAt": null }));
    let executed = finality(4).await;
    assert_eq!(
        (&executed["rung"], &executed["batch"], &executed["l1Tx"]),
        (&json!("executed"), &Value::Null, &Value::Null)
    );
    // The two batches are a minute apart, so the next is due a minute later.
    assert_eq!(executed["next"], json!({ "rung": "posted", "expectedAt": hex(1_000_220) }));
    assert_eq!(rig.ask("rollup_getFinality", json!([B256::ZERO])).await, Value::Null);
    for (tag, number) in [("safe", 2), ("finalized", 1), ("latest", 4)] {
        assert_eq!(rig.ask("eth_getBlockByNumber", json!([tag])).await["number"], hex(number), "{tag}");
    }
}

#[tokio::test]
async fn batches_are_found_by_index_and_by_block() {
    let rig = rig().await;
    let batch = rig.ask("rollup_getBatch", json!(["0x1"])).await;
    let stored = rig.chain.store.batch(1.into()).unwrap().unwrap();
    assert_eq!(
        (&batch["index"], &batch["firstBlock"], &batch["lastBlock"]),
        (&json!("0x1"), &json!("0x3"), &json!("0x3"))
    );
    assert_eq!((&batch["hash"], &batch["l1Tx"]), (&json!(stored.hash()), &json!(stored.l1_tx_hash)));
    assert_eq!(batch["rung"], "posted");
    assert_eq!(rig.ask("rollup_getBatch", json!([1])).await, batch);
    assert_eq!(rig.ask("rollup_getBatch", json!([{ "block": "0x3" }])).await, batch);
    assert_eq!(rig.ask("rollup_getBatch", json!([{ "block": "0x4" }])).await, Value::Null);
    assert_eq!(rig.ask("rollup_getBatch", json!(["0x2"])).await, Value::Null);
}

/// What `OutboxTree.rootFrom` and `leafHash` compute on L1.
fn root_on_l1(proof: &Value) -> B256 {
    let withdrawal = &proof["withdrawal"];
    let index: U256 = serde_json::from_value(proof["leafIndex"].clone()).unwrap();
    let address = |key: &str| serde_json::from_value::<Address>(withdrawal[key].clone()).unwrap().into_word();
    let value: U256 = serde_json::from_value(withdrawal["value"].clone()).unwrap();
    let data: alloy_primitives::Bytes = serde_json::from_value(withdrawal["data"].clone()).unwrap();
    let words = [index.into(), address("sender"), address("target"), value.into(), keccak256(data)];
    let leaf = keccak256(words.concat());
    let siblings: Vec<B256> = serde_json::from_value(proof["proof"].clone()).unwrap();
    assert_eq!(siblings.len(), 32);
    siblings.iter().enumerate().fold(leaf, |node, (height, sibling)| {
        let pair = if index.bit(height) { [*sibling, node] } else { [node, *sibling] };
        keccak256(pair.concat())
    })
}

#[tokio::test]
async fn withdrawals_prove_against_the_outbox_root_of_their_batch() {
    let rig = rig().await;
    // (message, its transaction's place, its batch, whether that is final)
    for (leaf, (block, index), batch, is_final) in [(0, (1, 0), 0, true), (1, (3, 0), 1, false), (2, (3, 1), 1, false)]
    {
        let by_index = rig.ask("rollup_getWithdrawalProof", json!([hex(leaf)])).await;
        let by_hash = rig.ask("rollup_getWithdrawalProof", json!([hash_of(&rig, block, index)])).await;
        assert_eq!(by_index, by_hash);
        assert_eq!((&by_hash["batchIndex"], &by_hash["leafIndex"]), (&hex(batch), &hex(leaf)));
        assert_eq!(by_hash["withdrawal"]["value"], hex(7 + leaf));
        assert_eq!(by_hash["final"], is_final);
        let committed = rig.chain.store.batch(batch.into()).unwrap().unwrap();
        assert_eq!(by_hash["root"], json!(committed.header.outbox_root));
        assert_eq!(root_on_l1(&by_hash), committed.header.outbox_root);
    }
}

#[tokio::test]
async fn withdrawals_that_cannot_be_proven_say_why() {
    let rig = rig().await;
    let plain = rig.chain.block(vec![sign(call(4, ALICE, 1, Default::default()))]);
    let refused = async |params: Value| {
        let (code, message, _) = rig.try_ask("rollup_getWithdrawalProof", params).await.unwrap_err();
        assert_eq!(code, -32000);
        message
    };
    let waiting = refused(json!([hash_of(&rig, 4, 0)])).await;
    assert!(waiting.starts_with("withdrawal 3 is in block 4, which no batch on L1 holds yet"), "{waiting}");
    assert_eq!(refused(json!([4])).await, "message 4 has not been sent up to block 5");
    let none = refused(json!([plain.block.transactions[0].hash()])).await;
    assert!(none.contains("sent 0 messages to L1"), "{none}");
    let second = refused(json!([hash_of(&rig, 1, 0), 1])).await;
    assert!(second.ends_with("sent 1 messages to L1; there is no message 1"), "{second}");
    assert_eq!(rig.ask("rollup_getWithdrawalProof", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(rig.ask("eth_getStorageAt", json!([OUTBOX, "0x1", "latest"])).await, json!(B256::with_last_byte(4)));
}

#[tokio::test]
async fn a_certificate_comes_with_the_blocks_up_to_the_one_that_it_is_of() {
    let chain = Chain::new(1_000_000);
    let block = |height: u64, parent: B256| OrderedBlock {
        height: Height(height),
        epoch: 0,
        view: 0,
        parent,
        timestamp_ms: 7,
        l1_origin: 1.into(),
        l1_origin_hash: B256::ZERO,
        beneficiary: ALICE,
        next_epoch: 0,
        sections: Vec::new(),
    };
    let (first, second) = (block(1, B256::ZERO), block(2, block(1, B256::ZERO).hash()));
    chain.ordered_block(first.clone(), 1, second.hash());
    chain.ordered_block(second.clone(), 0, second.hash());
    let third = chain.ordered_block(block(3, second.hash()), 1, B256::repeat_byte(9));
    chain.block(vec![]);
    let rig = Rig::new(chain).await;
    let read = |answer: &Value| -> Vec<OrderedBlock> {
        let encoded: Vec<Bytes> = serde_json::from_value(answer["ordered"].clone()).unwrap();
        encoded.iter().map(|bytes| OrderedBlock::decode(&mut bytes.as_ref()).unwrap()).collect()
    };

    let of_first = rig.ask("rollup_getCertificate", json!(["0x1"])).await;
    assert_eq!(read(&of_first), [first.clone(), second.clone()]);
    assert_eq!((&of_first["height"], &of_first["blockHash"]), (&json!("0x1"), &json!(first.hash())));
    let certificate = json!({ "height": "0x2", "blockHash": second.hash(), "scheme": "0x1", "proof": "0x010203" });
    assert_eq!(of_first["certificate"], certificate);
    let of_second = rig.ask("rollup_getCertificate", json!(["0x2"])).await;
    assert_eq!(read(&of_second), [second]);
    assert_eq!(of_second["certificate"], certificate);
    let (_, missing, _) = rig.try_ask("rollup_getCertificate", json!(["0x3"])).await.unwrap_err();
    assert!(missing.contains("not stored yet"), "the block after {} is not there: {missing}", third.height);
    assert_eq!(rig.ask("rollup_getCertificate", json!(["0x4"])).await, Value::Null, "derived from L1");
    assert_eq!(rig.ask("rollup_getCertificate", json!(["0x9"])).await, Value::Null);
}
