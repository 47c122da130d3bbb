//! Mainnet blocks, Frontier to Cancun: every number of workers gives what sequential execution gives, bit for bit.

#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;

use std::{num::NonZeroUsize, time::Duration};

use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use sluice_executor::Executor;
use sluice_stf::Plan;
use sluice_types::access_list_hash;
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
            let outcome = executor.execute_from_list(&plan, &block.state, &expected.access_list, hash).unwrap();
            assert_eq!(outcome, expected, "block {} from its list, {workers} workers", block.number);
        }
    }
}
