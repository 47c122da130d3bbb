// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The outbox tree the slow way: keeps every leaf and hashes row by row.
contract NaiveTree {
    bytes32[] public leaves;

    function push(bytes32 leaf) external {
        leaves.push(leaf);
    }

    function count() external view returns (uint256) {
        return leaves.length;
    }

    function root() external view returns (bytes32 node) {
        (node,) = walk(0, leaves.length);
    }

    function proof(uint256 index) external view returns (bytes32[32] memory siblings) {
        (, siblings) = walk(index, leaves.length);
    }

    /// @dev The proof that was right when the tree had so many leaves.
    function proofAt(uint256 index, uint256 leafCount) external view returns (bytes32[32] memory siblings) {
        (, siblings) = walk(index, leafCount);
    }

    function walk(uint256 index, uint256 leafCount) private view returns (bytes32 node, bytes32[32] memory siblings) {
        bytes32[] memory row = new bytes32[](leafCount);
        for (uint256 i = 0; i < leafCount; ++i) {
            row[i] = leaves[i];
        }
        bytes32 empty = bytes32(0);
        for (uint256 height = 0; height < 32; ++height) {
            uint256 sibling = index ^ 1;
            siblings[height] = sibling < row.length ? row[sibling] : empty;
            bytes32[] memory above = new bytes32[]((row.length + 1) / 2);
            for (uint256 i = 0; i < above.length; ++i) {
                bytes32 right = 2 * i + 1 < row.length ? row[2 * i + 1] : empty;
                above[i] = keccak256(abi.encodePacked(row[2 * i], right));
            }
            row = above;
            index /= 2;
            empty = keccak256(abi.encodePacked(empty, empty));
        }
        node = row.length == 0 ? empty : row[0];
    }
}
