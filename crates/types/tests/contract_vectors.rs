//! The hashes that the contracts and this room both compute. The contracts' tests assert the same numbers.

use alloy_primitives::{Address, B256, Bytes, U256, address, b256, bytes};
use sluice_types::{BatchHeader, InboxMessage, L1Number, MessageKind, alias_l1_address};

const ALICE: Address = address!("00000000000000000000000000000000000a11ce");
const BOB: Address = address!("0000000000000000000000000000000000000b0b");
const ETHER: u64 = 1_000_000_000_000_000_000;

fn message(index: u64, kind: MessageKind, from: Address, data: Bytes) -> InboxMessage {
    InboxMessage {
        index: index.into(),
        kind,
        from,
        to: Address::ZERO,
        mint: U256::ZERO,
        value: U256::ZERO,
        gas_limit: 0,
        data,
        l1_number: L1Number(1),
        l1_timestamp: 1,
    }
}

/// Source: `InboxVectorTest` in `contracts/test/l1/InboxForce.t.sol`.
#[test]
fn inbox_messages_roll_as_in_the_contract() {
    let contract = alias_l1_address(address!("00000000000000000000000000000000c0117ac7"));
    assert_eq!(contract, address!("11110000000000000000000000000000c0118bd8"));
    let queue = [
        InboxMessage {
            to: BOB,
            mint: U256::from(3 * ETHER),
            value: U256::from(2 * ETHER),
            gas_limit: 123_456,
            ..message(0, MessageKind::Deposit, ALICE, bytes!("deadbeef"))
        },
        message(1, MessageKind::Forced, contract, bytes!("02c0ffee")),
        InboxMessage {
            to: ALICE,
            mint: U256::from(5),
            value: U256::from(5),
            gas_limit: 100_000,
            ..message(2, MessageKind::Deposit, ALICE, Bytes::new())
        },
    ];
    let mut rolling = B256::ZERO;
    for (message, expected) in queue.iter().zip([
        b256!("fd3e0743182e1386bfb670fed2efec400ab27bac0d37847d050aeecff212d299"),
        b256!("f896aa2d9e4a74e20cb6a2278244dadb71b46a93dc64d6884001144c23770c67"),
        b256!("9a3989c65fa805f8bc2c382e1fd1d3adaf1b72cd7c52504e627808aee0e57ef6"),
    ]) {
        rolling = message.roll(rolling);
        assert_eq!(rolling, expected, "after message {}", message.index);
    }
}

/// Source: `RollupVectorTest` in `contracts/test/l1/RollupCommit.t.sol`.
#[test]
fn batches_hash_as_in_the_contract() {
    let header = BatchHeader {
        index: 0.into(),
        parent_hash: B256::ZERO,
        first_block: 1.into(),
        last_block: 17.into(),
        last_timestamp: 1_700_000_000,
        l1_origin_number: L1Number(999),
        l1_origin_hash: B256::repeat_byte(0xaa),
        inbox_count: 0.into(),
        inbox_hash: B256::ZERO,
        last_block_hash: B256::repeat_byte(0xbb),
        state_root: B256::repeat_byte(0xcc),
        outbox_root: B256::repeat_byte(0xdd),
    };
    let blobs = [
        b256!("0111111111111111111111111111111111111111111111111111111111111111"),
        b256!("0122222222222222222222222222222222222222222222222222222222222222"),
    ];
    assert_eq!(header.hash(&blobs), b256!("b9fc574b0a798f81667fcd70a6af67d8aa9c3fbdbcc47b96c1c3a2e257e7387a"));
}
