//! Addresses of the contracts that every rollup has from genesis.
//!
//! Their code is compiled from `contracts/src/l2` and committed under `contracts/artifacts`.

use alloy_primitives::{Address, address};
use alloy_sol_types::sol;

sol! {
    /// A message to L1, as [`OUTBOX`] logs it. Source: `IOutbox.MessageSent`.
    #[derive(Debug)]
    event MessageSent(
        uint64 indexed index,
        address indexed sender,
        address indexed target,
        uint256 value,
        bytes data,
        bytes32 leaf,
        bytes32 root
    );
}

/// Facts of the L1 block that the current L2 block builds on; written by a system call at the start of every block.
pub const L1_BLOCK: Address = address!("5100000000000000000000000000000000000001");
/// Messages and withdrawals to L1, in an append-only incremental Merkle tree.
pub const OUTBOX: Address = address!("5100000000000000000000000000000000000002");
/// Receives base fees and L1 data fees; anyone may send its balance to the recipient on L1.
pub const FEE_VAULT: Address = address!("5100000000000000000000000000000000000003");
/// The L2 side of the ERC-20 bridge.
pub const L2_BRIDGE: Address = address!("5100000000000000000000000000000000000004");
/// EIP-2935: hashes of the last 8191 blocks.
pub const HISTORY: Address = alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
/// Keyless CREATE2 deployer that Ethereum's tools expect at this address.
pub const CREATE2_DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");
/// Sender of system calls.
pub const SYSTEM_CALLER: Address = address!("fffffffffffffffffffffffffffffffffffffffe");

/// Storage slot of the outbox's root in [`OUTBOX`]. Checked against the contract's storage layout by its tests.
pub const OUTBOX_ROOT_SLOT: u64 = 0;
/// Storage slot of the number of leaves in [`OUTBOX`].
pub const OUTBOX_COUNT_SLOT: u64 = 1;
/// Levels of the outbox's tree, and so siblings in a proof. Source: `contracts/src/OutboxTree.sol`.
pub const OUTBOX_DEPTH: usize = 32;
