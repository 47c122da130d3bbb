// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @title The Merkle tree of messages to L1: `Outbox` builds it on L2, `Bridge` checks proofs against it on L1.
/// @dev Depth 32; a node is `keccak256(left ‖ right)`; an absent leaf is zero. A leaf hashes 160 bytes and a node 64,
/// so neither can pose as the other.
library OutboxTree {
    uint256 internal constant DEPTH = 32;

    /// @dev `keccak256(abi.encode(index, sender, target, value, keccak256(data)))`.
    function leafHash(uint64 index, address sender, address target, uint256 value, bytes32 dataHash)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(index, sender, target, value, dataHash));
    }

    /// @dev The root that `leaf` at `index` has with these siblings, lowest first.
    function rootFrom(bytes32 leaf, uint64 index, bytes32[DEPTH] calldata siblings)
        internal
        pure
        returns (bytes32 node)
    {
        node = leaf;
        for (uint256 height = 0; height < DEPTH; ++height) {
            node = (index >> height) & 1 == 1
                ? Hashes.efficientKeccak256(siblings[height], node)
                : Hashes.efficientKeccak256(node, siblings[height]);
        }
    }
}
