//! Mainnet blocks, Frontier to Cancun: every number of workers gives what sequential execution gives, bit for bit.

#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;

use std::{num::NonZeroUsize, time::Duration};

use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use revm::primitives::hardfork::SpecId;
use sluice_executor::Executor;
use sluice_stf::{
    Plan, Workspace,
    engine::Reader,
    lanes::{Foresight, ToldLane, put_together},
};
use sluice_types::{Outcome, access_list_hash};
use vectors::mainnet_blocks;

#[test]
fn workers_give_what_sequential_execution_gives() {
    let executor = |workers| Executor::with_workers(NonZeroUsize::new(workers).unwrap()).sharing_from(Duration::ZERO);
    let sequential = executor(1);
    let parallel = [executor(2), executor(3), executor(5)];
    let blocks = mainnet_blocks();
    assert_eq!(blocks.len(), 41, "every vector runs");
    for block in &blocks {
        let system_call = block.beacon_root.map(|root| (BEACON_ROOTS_ADDRESS, root));
        let plan = Plan::ethereum(&block.cfg, &block.env, system_call, &block.txs);
        let expected = sequential.execute_plan(&plan, &block.state).unwrap();
        assert_eq!(expected.gas_used, block.gas_used, "gas of block {}", block.number);
        assert!(expected.skipped.is_empty(), "block {}: {:?}", block.number, expected.skipped);
        for executor in &parallel {
            let outcome = executor.execute_plan(&plan, &block.state).unwrap();
            let workers = executor.workers();
            assert_eq!(outcome.receipts, expected.receipts, "block {}, {workers} workers", block.number);
            assert_eq!(outcome.changes, expected.changes, "block {}, {workers} workers", block.number);
            assert_eq!(outcome.access_list, expected.access_list, "block {}, {workers} workers", block.number);
            assert_eq!(outcome, expected, "block {}, {workers} workers", block.number);
            let hash = access_list_hash(&expected.access_list);
            let outcome = executor.execute_from_list(&plan, &block.state, expected.access_list.clone(), hash).unwrap();
            assert_eq!(outcome, expected, "block {} from its list, {workers} workers", block.number);
        }
    }
}

/// Two lanes take turns from the end of the block to its start, so that nothing that a transaction needs was executed before it.
#[test]
fn from_its_list_every_transaction_is_executed_alone() {
    let executor = Executor::with_workers(NonZeroUsize::MIN);
    let mut blocks_count = 0;
    for block in &mainnet_blocks() {
        // Before, accounts may be there and be empty, of which a list does not tell.
        if !block.cfg.spec.is_enabled_in(SpecId::BYZANTIUM) {
            continue;
        }
        blocks_count += 1;
        let system_call = block.beacon_root.map(|root| (BEACON_ROOTS_ADDRESS, root));
        let plan = Plan::ethereum(&block.cfg, &block.env, system_call, &block.txs);
        let expected = executor.execute_plan(&plan, &block.state).unwrap();
        let foresight = Foresight::new(&expected.access_list).expect("stf's lists are in order");
        let reader = Reader::new(&block.state);
        let (mut even, mut odd) = (Workspace::default(), Workspace::default());
        let mut lanes = [&mut even, &mut odd].map(|workspace| ToldLane::new(&plan, &foresight, &reader, workspace));
        let mut receipts: Vec<_> = (0..plan.len())
            .rev()
            .flat_map(|index| {
                let receipt = lanes[index % 2].run(&plan, index..index + 1);
                receipt.unwrap_or_else(|| panic!("block {}, transaction {index}", block.number))
            })
            .collect();
        receipts.reverse();
        assert!(lanes[0].start(&plan), "system calls of block {}", block.number);
        let mut told = foresight.nothing_told();
        lanes.into_iter().for_each(|lane| told.add(lane.end()));
        let befores = foresight.all_told(told).expect("all of the list was done");
        let changes = foresight.changes(&befores, 0..foresight.len()).into();
        let outcome = put_together(&plan, receipts.into_iter()).expect("the block has gas for all");
        let outcome = Outcome { changes, access_list: expected.access_list.clone(), ..outcome };
        assert_eq!(outcome, expected, "block {}", block.number);
    }
    assert_eq!(blocks_count, 33, "blocks since Byzantium");
}
