// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Makes the calls that messages from L2 ask for.
/// @notice It is the `msg.sender` of those calls in place of the bridge, so that no message can move what the bridge
/// holds.
///
/// Assumptions: anybody can have it call anything, so it must own nothing and be trusted with nothing: send it no
/// tokens, approve none to it, grant it no role. A contract that wants to know who sent a message checks that
/// `msg.sender` is the executor and asks `IBridge.l2Sender`.
///
/// Liveness: none of its own.
interface IExecutor {
    /// @notice The caller is not the bridge.
    error NotBridge(address caller);

    /// @notice Calls `target` with `data` and all of `msg.value`. Only the bridge may call.
    /// @dev Reverts with `NotBridge`, or with what the target reverts with.
    function execute(address target, bytes calldata data) external payable;

    /// @notice The only caller.
    function bridge() external view returns (address);
}
