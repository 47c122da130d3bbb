// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The bytes that sequencers sign.
/// @notice Every message is `uint8(length of namespace) ‖ namespace ‖ body`. The namespace says what is signed, and the
/// body or the namespace on which chain and for which contract, so that no signature means anything elsewhere.
library SignedMessages {
    bytes internal constant POSSESSION = "SLUICE_POP";
    bytes internal constant BATCH = "SLUICE_BATCH";
    bytes internal constant RECORD = "SLUICE_RECORD";
    bytes internal constant SIMPLEX = "SLUICE_SIMPLEX";

    /// @dev Longest namespace whose length is one byte of LEB128.
    uint256 private constant NAMESPACE_SIZE_MAX = 127;

    /// @notice A key's proof of possession, which also names who may register the key.
    /// @param compressedKey The key, 96 bytes.
    function possession(address sequencers, address operator, bytes memory compressedKey)
        internal
        view
        returns (bytes memory)
    {
        return join(abi.encodePacked(POSSESSION, uint64(block.chainid), sequencers, operator), compressedKey);
    }

    /// @notice The header of a batch, by its hash.
    function batch(address rollup, uint32 epoch, uint64 index, bytes32 batchHash) internal view returns (bytes memory) {
        return join(BATCH, abi.encodePacked(uint64(block.chainid), rollup, uint64(epoch), index, batchHash));
    }

    /// @notice What the seats did in an epoch, by the record's hash.
    function record(address rewards, uint32 epoch, bytes32 recordHash) internal view returns (bytes memory) {
        return join(RECORD, abi.encodePacked(uint64(block.chainid), rewards, uint64(epoch), recordHash));
    }

    /// @notice A vote to notarize a proposal in simplex.
    function notarize(address sequencers, uint64 epoch, uint64 view_, uint64 parent, bytes32 payload)
        internal
        view
        returns (bytes memory)
    {
        return join(_simplex(sequencers, "_NOTARIZE"), _proposal(epoch, view_, parent, payload));
    }

    /// @notice A vote to finalize a proposal in simplex.
    function finalize(address sequencers, uint64 epoch, uint64 view_, uint64 parent, bytes32 payload)
        internal
        view
        returns (bytes memory)
    {
        return join(_simplex(sequencers, "_FINALIZE"), _proposal(epoch, view_, parent, payload));
    }

    /// @notice A vote to give up a view in simplex.
    function nullify(address sequencers, uint64 epoch, uint64 view_) internal view returns (bytes memory) {
        return join(_simplex(sequencers, "_NULLIFY"), bytes.concat(varint(epoch), varint(view_)));
    }

    /// @notice `length ‖ namespace ‖ body`.
    function join(bytes memory namespace, bytes memory body) internal pure returns (bytes memory) {
        // No namespace here is longer; a longer one would take two bytes for its length.
        assert(namespace.length <= NAMESPACE_SIZE_MAX);
        return abi.encodePacked(uint8(namespace.length), namespace, body);
    }

    /// @notice LEB128 in its shortest form: seven bits to a byte, the lowest first.
    function varint(uint64 value) internal pure returns (bytes memory out) {
        out = new bytes(10);
        uint256 size = 0;
        while (value >= 0x80) {
            out[size++] = bytes1(uint8(value & 0x7f) | 0x80);
            value >>= 7;
        }
        out[size++] = bytes1(uint8(value));
        assembly ("memory-safe") {
            mstore(out, size)
        }
    }

    function _simplex(address sequencers, bytes memory suffix) private view returns (bytes memory) {
        return abi.encodePacked(SIMPLEX, uint64(block.chainid), sequencers, suffix);
    }

    function _proposal(uint64 epoch, uint64 view_, uint64 parent, bytes32 payload) private pure returns (bytes memory) {
        return abi.encodePacked(varint(epoch), varint(view_), varint(parent), payload);
    }
}
