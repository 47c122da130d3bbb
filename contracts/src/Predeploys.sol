// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Addresses that every rollup has from genesis.
library Predeploys {
    address internal constant L1_BLOCK = 0x5100000000000000000000000000000000000001;
    address internal constant OUTBOX = 0x5100000000000000000000000000000000000002;
    address internal constant FEE_VAULT = 0x5100000000000000000000000000000000000003;
    address internal constant L2_BRIDGE = 0x5100000000000000000000000000000000000004;
    /// @dev Sender of the system call at the start of every L2 block.
    address internal constant SYSTEM_CALLER = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;
}
