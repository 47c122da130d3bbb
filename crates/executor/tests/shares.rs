//! However workers divide what a block has touched among them, its changes and its access list are the same: also where one account has
//! most of the slots.

#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;
#[path = "../../stf/tests/world/mod.rs"]
mod world;

use std::{num::NonZeroUsize, time::Duration};

use alloy_primitives::{Address, Bytes, U256};
use sluice_executor::Executor;
use sluice_types::InputTransaction;
use world::{Draft, ETHER, World};

/// Slots that one call uses.
const SLOTS: u16 = 300;
/// Calls of each contract.
const CALLS: u16 = 6;
/// Accounts that do nothing remarkable.
const OTHERS: u16 = 150;

/// Uses [`SLOTS`] slots, which follow the word that it is called with, or their hashes.
fn user_of_slots(is_hashed: bool, writes: bool) -> Bytes {
    let [high, low] = SLOTS.to_be_bytes();
    let hash: &[u8] = if is_hashed { &[0x5f, 0x52, 0x60, 0x20, 0x5f, 0x20] } else { &[] };
    let used: &[u8] = if writes { &[0x81, 0x90, 0x55] } else { &[0x54, 0x50] };
    let start = [0x61, high, low, 0x5b, 0x80, 0x5f, 0x35, 0x01];
    let end = [0x60, 0x01, 0x90, 0x03, 0x80, 0x60, 0x03, 0x57, 0x00];
    [&start, hash, used, &end].concat().into()
}

fn sender(n: u16) -> Address {
    let [high, low] = n.to_be_bytes();
    // All over the range of addresses.
    Address::right_padding_from(&[low.wrapping_mul(37), high, low, 1])
}

#[test]
fn an_account_with_most_of_the_slots_is_shared_like_others() {
    let mut world = World::new();
    world.config.block_gas_limit = 1_000_000_000;
    let contract = |n: u8| Address::repeat_byte(n);
    // Lowest, highest, in between, two neighbours; hashed keys and keys that all start alike; written and only read.
    let contracts = [
        (contract(0x01), true, true),
        (contract(0x7a), false, true),
        (contract(0x7b), true, true),
        (contract(0xff), true, false),
    ];
    for (address, is_hashed, writes) in contracts {
        world.state.insert(address, 1, U256::ZERO, user_of_slots(is_hashed, writes));
    }
    let mut senders = (0u16..).map(sender);
    let mut draft = |world: &mut World, to: Address| -> Draft {
        let from = senders.next().expect("there are always more");
        world.state.insert(from, 0, U256::from(ETHER), Bytes::new());
        Draft::new(from, 0, to)
    };
    let mut transactions: Vec<InputTransaction> = Vec::new();
    for call in 0..CALLS {
        for (address, ..) in contracts {
            let first: U256 = U256::from(call) << 16;
            let call = draft(&mut world, address).data(first.to_be_bytes::<32>()).gas(10_000_000);
            transactions.push(call.type_2());
        }
    }
    for n in 0..OTHERS {
        let to = sender(1_000 + n);
        // With input, so that they are not settled as transfers are.
        transactions.push(draft(&mut world, to).value(1).data(vec![1]).gas(60_000).type_2());
    }
    let input = world.input(transactions.clone());
    let expected = world.run(transactions);
    assert!(expected.receipts.iter().all(|receipt| receipt.success));
    for (address, _, writes) in contracts {
        let accessed = expected.access_list.account(&address).expect("it was called");
        let slots = usize::from(SLOTS * CALLS);
        let (changed, read) = if writes { (slots, 0) } else { (0, slots) };
        assert_eq!((accessed.storage_changes().len(), accessed.storage_reads().len()), (changed, read), "{address}");
        let change = expected.changes.accounts.get(&address);
        assert_eq!(change.map_or(0, |change| change.storage.len()), changed, "{address}");
    }
    for workers in [2, 3, 8] {
        let executor = Executor::with_workers(NonZeroUsize::new(workers).expect("some")).sharing_from(Duration::ZERO);
        let outcome = executor.execute(&world.config, &world.parent, &input, &world.state).unwrap();
        assert!(outcome == expected, "{workers} workers make something else");
    }
}
