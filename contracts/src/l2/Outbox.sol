// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

import {OutboxTree} from "../OutboxTree.sol";
import {IOutbox} from "./interfaces/IOutbox.sol";

contract Outbox is IOutbox {
    /// @inheritdoc IOutbox
    bytes32 public constant EMPTY_ROOT = 0x27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757;
    /// @inheritdoc IOutbox
    uint256 public constant DATA_SIZE_MAX = 32_768;

    /// @inheritdoc IOutbox
    bytes32 public root;
    /// @inheritdoc IOutbox
    uint64 public messageCount;
    /// @dev At each height the last left node whose subtree is full: what the right nodes to come are hashed with.
    bytes32[32] private _frontier;

    /// @inheritdoc IOutbox
    function sendMessage(address target, bytes calldata data) external payable returns (uint64 index) {
        if (data.length > DATA_SIZE_MAX) revert DataTooLong(data.length, DATA_SIZE_MAX);
        return _send(target, data);
    }

    /// @inheritdoc IOutbox
    function withdraw(address to) external payable returns (uint64 index) {
        if (to == address(0)) revert ZeroRecipient();
        return _send(to, msg.data[0:0]);
    }

    function _send(address target, bytes calldata data) private returns (uint64 index) {
        index = messageCount;
        // The last place stays empty, so that every append has a left node to keep.
        if (index == type(uint32).max) revert OutboxFull();
        bytes32 leaf = OutboxTree.leafHash(index, msg.sender, target, msg.value, keccak256(data));
        bytes32 newRoot = _append(leaf, index);
        root = newRoot;
        messageCount = index + 1;
        emit MessageSent(index, msg.sender, target, msg.value, data, leaf, newRoot);
    }

    /// @dev Climbs from the leaf to the new root. Where the path first is a left node, the subtree below has just
    /// become full.
    function _append(bytes32 leaf, uint64 index) private returns (bytes32 node) {
        node = leaf;
        bytes32 empty = bytes32(0);
        bool kept = false;
        for (uint256 height = 0; height < OutboxTree.DEPTH; ++height) {
            if ((index >> height) & 1 == 1) {
                node = Hashes.efficientKeccak256(_frontier[height], node);
            } else {
                if (!kept) {
                    _frontier[height] = node;
                    kept = true;
                }
                node = Hashes.efficientKeccak256(node, empty);
            }
            empty = Hashes.efficientKeccak256(empty, empty);
        }
    }
}
