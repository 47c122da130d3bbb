//! Where a block is cut changes nothing about its outcome.

#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;
#[path = "../../stf/tests/world/mod.rs"]
mod world;

use std::{num::NonZeroUsize, time::Duration};

use alloy_primitives::{U256, keccak256};
use proptest::prelude::*;
use sluice_executor::Executor;
use world::{Draft, STORER, World, user};

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn cuts_change_no_outcome(mut cuts in prop::collection::vec(0usize..80, 0..20), is_sorted: bool) {
        if is_sorted {
            cuts.sort_unstable();
        }
        let world = World::new();
        let transactions = (0..64u64).map(|n| {
            let sender = user((n % 8) as u8);
            Draft::new(sender, n / 8, STORER).data(keccak256(n.to_be_bytes()).to_vec()).gas(100_000).type_2()
        });
        let input = world.input(transactions.collect());
        let executor = Executor::with_workers(NonZeroUsize::new(2).unwrap()).sharing_from(Duration::ZERO);
        let whole = executor.execute(&world.config, &world.parent, &input, &world.state).unwrap();
        prop_assert_eq!(whole.executed.len(), 64);
        prop_assert_ne!(whole.changes.accounts[&STORER].storage[&U256::ZERO], U256::ZERO);
        executor.cut_next(cuts);
        let cut = executor.execute(&world.config, &world.parent, &input, &world.state).unwrap();
        prop_assert_eq!(&cut, &whole);
        let sequential = Executor::with_workers(NonZeroUsize::MIN);
        prop_assert_eq!(&sequential.execute(&world.config, &world.parent, &input, &world.state).unwrap(), &whole);
    }
}
