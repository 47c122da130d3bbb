// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {LibBit} from "solady/utils/LibBit.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {BlsSignatures} from "./BlsSignatures.sol";

/// @title The keys of an epoch's seats, kept as code, because code is the cheapest to read.
/// @notice `sum of all keys ‖ key of each seat ‖ id of each seat`. A key is four coordinates of 48 bytes, 192 in all; an
/// id is 4 bytes. The place of a seat in this list is its index, and its bit in the signers of a certificate.
library Committees {
    /// @notice The signers have a bit that no seat has.
    error SignerBeyondSet(uint256 signers, uint256 seatCount);
    /// @notice The signers are not more than two thirds of the seats.
    error NoQuorum(uint256 signerCount, uint256 seatCount);
    /// @notice The keys of the signers cancel each other out.
    error KeysCancelOut();

    /// @notice Most seats whose keys fit into the code of one contract: 192 + 196 for each is at most 24,575.
    uint256 internal constant SEATS_MAX = 124;
    uint256 internal constant KEY_SIZE_BYTES = 192;
    uint256 private constant ID_SIZE_BYTES = 4;

    /// @notice Stores a committee.
    /// @param keys Packed keys, in order.
    /// @param ids Ids of the seats, in the same order.
    function store(bytes memory keys, uint32[] memory ids) internal returns (address data) {
        bytes memory packedIds;
        BLS.G2Point memory sum;
        for (uint256 i = 0; i < ids.length; ++i) {
            sum = BLS.add(sum, unpack(keys, i * KEY_SIZE_BYTES));
            packedIds = bytes.concat(packedIds, bytes4(ids[i]));
        }
        return SSTORE2.write(bytes.concat(pack(sum), keys, packedIds));
    }

    /// @notice Id of the seat at an index that is below `seatCount`.
    function seatAt(address data, uint256 seatCount, uint256 index) internal view returns (uint32) {
        uint256 offset = KEY_SIZE_BYTES * (1 + seatCount) + ID_SIZE_BYTES * index;
        return uint32(bytes4(SSTORE2.read(data, offset, offset + ID_SIZE_BYTES)));
    }

    /// @notice Ids of all seats, in order.
    function seats(address data, uint256 seatCount) internal view returns (uint32[] memory ids) {
        uint256 offset = KEY_SIZE_BYTES * (1 + seatCount);
        bytes memory packed = SSTORE2.read(data, offset, offset + ID_SIZE_BYTES * seatCount);
        ids = new uint32[](seatCount);
        for (uint256 i = 0; i < seatCount; ++i) {
            uint256 word;
            assembly ("memory-safe") {
                word := mload(add(add(packed, 32), mul(i, 4)))
            }
            ids[i] = uint32(word >> 224);
        }
    }

    /// @notice Key of the seat at an index that is below the number of seats.
    function keyAt(address data, uint256 index) internal view returns (BLS.G2Point memory) {
        return _keyAtOffset(data, KEY_SIZE_BYTES * (1 + index));
    }

    /// @notice Sum of the signers' keys.
    /// @dev Counted from the sum of all, because a quorum's absent seats are fewer than those present.
    /// @param signers Bit `i` is the seat at index `i`. No seat can be counted twice.
    function sumOfKeys(address data, uint256 seatCount, uint256 signers)
        internal
        view
        returns (BLS.G2Point memory sum)
    {
        if (signers >> seatCount != 0) revert SignerBeyondSet(signers, seatCount);
        uint256 signerCount = LibBit.popCount(signers);
        if (3 * signerCount <= 2 * seatCount) revert NoQuorum(signerCount, seatCount);
        sum = _keyAtOffset(data, 0);
        uint256 absent = ((1 << seatCount) - 1) & ~signers;
        if (absent != 0) sum = BLS.add(sum, BlsSignatures.negate(_sumOf(data, absent)));
        if (BlsSignatures.isInfinity(sum)) revert KeysCancelOut();
    }

    /// @notice The 192 bytes of a key.
    function pack(BLS.G2Point memory key) internal pure returns (bytes memory) {
        return abi.encodePacked(
            bytes16(uint128(uint256(key.x_c0_a))),
            key.x_c0_b,
            bytes16(uint128(uint256(key.x_c1_a))),
            key.x_c1_b,
            bytes16(uint128(uint256(key.y_c0_a))),
            key.y_c0_b,
            bytes16(uint128(uint256(key.y_c1_a))),
            key.y_c1_b
        );
    }

    /// @notice The key whose 192 bytes begin at `offset`; all of them must be there.
    function unpack(bytes memory packed, uint256 offset) internal pure returns (BLS.G2Point memory key) {
        assembly ("memory-safe") {
            let source := add(add(packed, 32), offset)
            for { let i := 0 } lt(i, 4) { i := add(i, 1) } {
                mcopy(add(key, add(mul(i, 64), 16)), add(source, mul(i, 48)), 48)
            }
        }
    }

    /// @dev `chosen` is not zero. The sum and the next key lie side by side, as the precompile wants them, in memory that
    /// is used again for each key: this loop is what dear certificates pay for.
    function _sumOf(address data, uint256 chosen) private view returns (BLS.G2Point memory sum) {
        sum = keyAt(data, LibBit.ffs(chosen));
        chosen &= chosen - 1;
        bytes memory packed = new bytes(KEY_SIZE_BYTES);
        bytes memory pair = new bytes(512);
        assembly ("memory-safe") {
            mcopy(add(pair, 32), sum, 256)
        }
        bool isAdded = true;
        while (chosen != 0) {
            // One for the byte that keeps the data from being run.
            uint256 offset = 1 + KEY_SIZE_BYTES * (1 + LibBit.ffs(chosen));
            chosen &= chosen - 1;
            assembly ("memory-safe") {
                let source := add(packed, 32)
                extcodecopy(data, source, offset, 192)
                // The upper 16 bytes of each coordinate stay zero.
                mcopy(add(pair, 304), source, 48)
                mcopy(add(pair, 368), add(source, 48), 48)
                mcopy(add(pair, 432), add(source, 96), 48)
                mcopy(add(pair, 496), add(source, 144), 48)
                let done := staticcall(gas(), 0x0d, add(pair, 32), 512, add(pair, 32), 256)
                isAdded := and(isAdded, done)
            }
        }
        // Registered keys are points of the curve.
        assert(isAdded);
        assembly ("memory-safe") {
            mcopy(sum, add(pair, 32), 256)
        }
    }

    function _keyAtOffset(address data, uint256 offset) private view returns (BLS.G2Point memory) {
        return unpack(SSTORE2.read(data, offset, offset + KEY_SIZE_BYTES), 0);
    }
}
