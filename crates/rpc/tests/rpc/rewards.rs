//! What the seats of an epoch did.

use alloy_primitives::{B256, U256, keccak256};
use serde_json::{Value, json};
use sluice_store::EpochRewards;
use sluice_types::RewardEntry;

use crate::{
    chain::Chain,
    rig::{Rig, hex},
};

#[tokio::test]
async fn every_entry_of_an_epoch_comes_with_the_way_to_its_root_and_an_epoch_that_goes_on_is_null() {
    let rig = Rig::new(Chain::new(1_000_000)).await;
    let entries = [(3, 5, 0), (7, 0, 5), (9, 4, 1)].map(|(seat, produced_count, missed_count)| {
        let fees_wei = U256::from(produced_count) * U256::from(1_u128 << 70);
        RewardEntry { seat, produced_count, missed_count, fees_wei }
    });
    let kept = EpochRewards { epoch: 4, last_block: 9.into(), entries: entries.to_vec() };
    rig.chain.store.add_rewards(&kept).unwrap();

    let answer = rig.ask("rollup_getRewards", json!([hex(4)])).await;
    assert_eq!(rig.ask("rollup_getRewards", json!([4])).await, answer);
    assert_eq!((&answer["epoch"], &answer["blockCount"], &answer["lastBlock"]), (&hex(4), &hex(9), &hex(9)),);
    let fees: U256 = serde_json::from_value(answer["feesWei"].clone()).unwrap();
    assert_eq!(fees, U256::from(9) * U256::from(1_u128 << 70));
    let root: B256 = serde_json::from_value(answer["root"].clone()).unwrap();
    for (shown, entry) in answer["entries"].as_array().unwrap().iter().zip(entries) {
        assert_eq!(serde_json::from_value::<RewardEntry>(shown["entry"].clone()).unwrap(), entry);
        let proof: Vec<B256> = serde_json::from_value(shown["proof"].clone()).unwrap();
        let climbed = proof
            .iter()
            .fold(entry.leaf(), |below, sibling| keccak256([below.min(*sibling), below.max(*sibling)].concat()));
        assert_eq!(climbed, root);
    }
    assert_eq!(rig.ask("rollup_getRewards", json!([5])).await, Value::Null);
}
