// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The cheat codes of forge that these tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    function warp(uint256) external;
    function roll(uint256) external;
    function chainId(uint256) external;
    function fee(uint256) external;
    function txGasPrice(uint256) external;
    /// @dev Of this forge, and against its name: sets the block's excess blob gas, from which the fee follows.
    function blobBaseFee(uint256) external;
    function lastCallGas() external view returns (Gas memory);
    function setBlockhash(uint256, bytes32) external;
    function blobhashes(bytes32[] calldata) external;
    function prank(address) external;
    function prank(address, address) external;
    function startPrank(address, address) external;
    function stopPrank() external;
    function deal(address, uint256) external;
    function etch(address, bytes calldata) external;
    function store(address, bytes32, bytes32) external;
    function load(address, bytes32) external view returns (bytes32);
    function getNonce(address) external view returns (uint64);
    function computeCreateAddress(address, uint256) external pure returns (address);
    function addr(uint256) external pure returns (address);
    function sign(uint256, bytes32) external pure returns (uint8, bytes32, bytes32);
    function assume(bool) external pure;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function expectEmit() external;
    function expectRevert() external;
    function expectRevert(bytes4) external;
    function expectRevert(bytes calldata) external;
    function readFile(string calldata) external view returns (string memory);
    function parseJsonUint(string calldata, string calldata) external pure returns (uint256);
    function parseJsonUintArray(string calldata, string calldata) external pure returns (uint256[] memory);
    function parseJsonAddress(string calldata, string calldata) external pure returns (address);
    function parseJsonBytes32(string calldata, string calldata) external pure returns (bytes32);
    function parseJsonBytes32Array(string calldata, string calldata) external pure returns (bytes32[] memory);
    function parseJsonBytes(string calldata, string calldata) external pure returns (bytes memory);
    function parseJsonBytesArray(string calldata, string calldata) external pure returns (bytes[] memory);
    function toString(uint256) external pure returns (string memory);
    function cool(address) external;
    function snapshotGasLastCall(string calldata, string calldata) external returns (uint256);
    function trim(string calldata) external pure returns (string memory);
    function parseBytes(string calldata) external pure returns (bytes memory);
    function assertEq(uint256, uint256) external pure;
    function assertEq(address, address) external pure;
    function assertEq(bytes32, bytes32) external pure;
    function assertEq(bytes calldata, bytes calldata) external pure;
    function assertEq(string calldata, string calldata) external pure;
    function assertTrue(bool) external pure;
    function assertFalse(bool) external pure;
    function assertLe(uint256, uint256) external pure;
    function assertGe(uint256, uint256) external pure;
    function assertLt(uint256, uint256) external pure;
}

/// @title Base of every test.
abstract contract T {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_TEST = true;

    /// @dev Brings a fuzzed value into `[low, high]`.
    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + value % (high - low + 1);
    }
}
