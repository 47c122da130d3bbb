// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Messages from L2 to L1. At 0x5100000000000000000000000000000000000002.
/// @notice Each message is a leaf of an append-only Merkle tree of depth 32. A leaf is `keccak256(abi.encode(uint64
/// index, address sender, address target, uint256 value, keccak256(data)))`, a node `keccak256(left ‖ right)`, an
/// absent leaf zero. Every batch commits to the root; with it, `Bridge.claim` carries a message out on L1. ETH that a
/// message carries stays here for good, since it leaves L2.
///
/// Assumptions: genesis sets the root to that of the empty tree, `EMPTY_ROOT`.
///
/// Liveness: needs nobody, until 2^32 - 1 messages have been sent.
interface IOutbox {
    /// @notice A message was sent.
    /// @param index Its place among all messages, from 0.
    /// @param sender Who sent it.
    /// @param target Whom it calls on L1.
    /// @param value Wei that it carries.
    /// @param data Call data.
    /// @param leaf Its leaf.
    /// @param root Root of the tree with it.
    event MessageSent(
        uint64 indexed index,
        address indexed sender,
        address indexed target,
        uint256 value,
        bytes data,
        bytes32 leaf,
        bytes32 root
    );

    /// @notice The recipient is the zero address.
    error ZeroRecipient();
    /// @notice The data is longer than `DATA_SIZE_MAX`.
    error DataTooLong(uint256 sizeBytes, uint256 sizeBytesMax);
    /// @notice The tree takes no more messages.
    error OutboxFull();

    /// @notice Sends a call with `msg.value` to L1. Anyone may call.
    /// @dev Emits `MessageSent`. Reverts with `DataTooLong`, `OutboxFull`.
    /// @param target Whom to call on L1. The caller there is the executor of the bridge.
    /// @param data Call data, at most `DATA_SIZE_MAX` bytes.
    /// @return index Its place among all messages.
    function sendMessage(address target, bytes calldata data) external payable returns (uint64 index);

    /// @notice Sends `msg.value` to an account on L1. Anyone may call.
    /// @dev Emits `MessageSent`. Reverts with `ZeroRecipient`, `OutboxFull`.
    /// @param to Recipient on L1. Not zero.
    /// @return index Its place among all messages.
    function withdraw(address to) external payable returns (uint64 index);

    /// @notice Root of the tree. Storage slot 0.
    function root() external view returns (bytes32);

    /// @notice How many messages were sent. Storage slot 1.
    function messageCount() external view returns (uint64);

    /// @notice Root of the tree without messages.
    function EMPTY_ROOT() external view returns (bytes32);

    /// @notice Most bytes of data in a message: 32,768.
    function DATA_SIZE_MAX() external view returns (uint256);
}
