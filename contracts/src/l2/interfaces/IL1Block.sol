// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Facts of the L1 block that the current L2 block builds on. At 0x5100000000000000000000000000000000000001.
///
/// Assumptions: every node makes the system call with the facts that L1 has; a node that did otherwise would get
/// another state root.
///
/// Liveness: written at the start of every L2 block. All zero at genesis.
interface IL1Block {
    /// @notice The caller is not the system.
    error NotSystem(address caller);

    /// @notice Records the facts. Only the system caller `0xffff…fffe` may call.
    /// @dev Reverts with `NotSystem`, and with nothing else, since that would stop the chain. Fees above 128 bits are
    /// saturated.
    /// @param number Number of the L1 block.
    /// @param timestamp Its timestamp, in seconds.
    /// @param baseFee Its base fee per gas, in wei.
    /// @param blobBaseFee Its blob base fee per gas, in wei.
    /// @param hash Its hash.
    /// @param inboxCount Inbox messages consumed up to and including this L2 block.
    function setL1Block(
        uint64 number,
        uint64 timestamp,
        uint256 baseFee,
        uint256 blobBaseFee,
        bytes32 hash,
        uint64 inboxCount
    ) external;

    /// @notice Number of the L1 block.
    function number() external view returns (uint64);

    /// @notice Its timestamp, in seconds.
    function timestamp() external view returns (uint64);

    /// @notice Its base fee per gas, in wei.
    function baseFee() external view returns (uint256);

    /// @notice Its blob base fee per gas, in wei.
    function blobBaseFee() external view returns (uint256);

    /// @notice Its hash.
    function hash() external view returns (bytes32);

    /// @notice Inbox messages consumed up to and including this L2 block.
    function inboxCount() external view returns (uint64);
}
