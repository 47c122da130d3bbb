// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

/// @title Signatures over BLS12-381 with keys in G2 and signatures in G1, checked with the precompiles of EIP-2537.
/// @notice Points are not compressed: each field element is 64 bytes, the highest 16 of them zero, and an element of
/// Fp2 is `c0 ‖ c1`. Messages are hashed by RFC 9380, suite `BLS12381G1_XMD:SHA-256_SSWU_RO_`.
library BlsSignatures {
    /// @notice The key is the point at infinity.
    error KeyIsInfinity();
    /// @notice The key is no point of the curve, or a coordinate is not encoded as it should be.
    error KeyNotOnCurve();
    /// @notice The signature is the point at infinity.
    error SignatureIsInfinity();
    /// @notice The signature is no point of the curve, or a coordinate is not encoded as it should be.
    error SignatureNotOnCurve();
    /// @notice The key or the signature is a point of the curve outside of the group.
    error NotInSubgroup();
    /// @notice The signature is not that of this key on this message.
    error WrongSignature();

    /// @dev First 32 bytes of the domain separation tags, which differ only there; the rest, and the tag's length.
    bytes32 internal constant MESSAGE_TAG = "BLS_SIG_BLS12381G1_XMD:SHA-256_S";
    bytes32 internal constant POSSESSION_TAG = "BLS_POP_BLS12381G1_XMD:SHA-256_S";
    bytes12 private constant TAG_END = "SWU_RO_POP_\x2b";

    /// @dev The field's modulus, and half of it rounded down.
    uint256 private constant P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
    uint256 private constant HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOW = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    address private constant MODEXP = address(5);

    /// @notice Reverts unless `signature` is that of `key` on `message`.
    /// @dev A key that comes from outside must have proven its possession before.
    function check(bytes32 tag, bytes memory message, BLS.G2Point memory key, BLS.G1Point memory signature)
        internal
        view
    {
        if (!isSigned(hashToG1(tag, message), key, signature)) revert WrongSignature();
    }

    /// @notice Whether `signature` is that of `key` on a message that was hashed to `hash`. Reverts with any of the other
    /// errors when the key or the signature is no point that could be one.
    function isSigned(BLS.G1Point memory hash, BLS.G2Point memory key, BLS.G1Point memory signature)
        internal
        view
        returns (bool)
    {
        if (isInfinity(key)) revert KeyIsInfinity();
        if (isInfinity(signature)) revert SignatureIsInfinity();
        // e(hash, key) · e(signature, −G2) = 1. The precompile checks that all of them are in the group.
        (bool success, bytes memory result) =
            BLS.BLS12_PAIRING_CHECK.staticcall(abi.encode(hash, key, signature, _minusG2()));
        if (!success) _explain(key, signature);
        return abi.decode(result, (bool));
    }

    /// @notice The point of G1 that stands for a message.
    function hashToG1(bytes32 tag, bytes memory message) internal view returns (BLS.G1Point memory) {
        bytes32 b0 = sha256(abi.encodePacked(bytes32(0), bytes32(0), message, uint16(128), uint8(0), tag, TAG_END));
        bytes32 b1 = sha256(abi.encodePacked(b0, uint8(1), tag, TAG_END));
        bytes32 b2 = sha256(abi.encodePacked(b0 ^ b1, uint8(2), tag, TAG_END));
        bytes32 b3 = sha256(abi.encodePacked(b0 ^ b2, uint8(3), tag, TAG_END));
        bytes32 b4 = sha256(abi.encodePacked(b0 ^ b3, uint8(4), tag, TAG_END));
        return BLS.add(BLS.toG1(_reduce(b1, b2)), BLS.toG1(_reduce(b3, b4)));
    }

    /// @notice The sum of two signatures. Reverts with `SignatureNotOnCurve`.
    function sum(BLS.G1Point memory a, BLS.G1Point memory b) internal view returns (BLS.G1Point memory) {
        (bool success, bytes memory result) = BLS.BLS12_G1ADD.staticcall(abi.encode(a, b));
        if (!success) revert SignatureNotOnCurve();
        return abi.decode(result, (BLS.G1Point));
    }

    /// @notice The point of the opposite sign.
    function negate(BLS.G2Point memory point) internal pure returns (BLS.G2Point memory) {
        (bytes32 c0High, bytes32 c0Low) = _negate(uint256(point.y_c0_a), uint256(point.y_c0_b));
        (bytes32 c1High, bytes32 c1Low) = _negate(uint256(point.y_c1_a), uint256(point.y_c1_b));
        return BLS.G2Point(point.x_c0_a, point.x_c0_b, point.x_c1_a, point.x_c1_b, c0High, c0Low, c1High, c1Low);
    }

    /// @notice The 96 bytes of a key as Ethereum's consensus layer writes it: x alone, c1 first, and three flags.
    function compress(BLS.G2Point memory key) internal pure returns (bytes memory) {
        bool isLarger = key.y_c1_a | key.y_c1_b == 0
            ? _isAboveHalf(uint256(key.y_c0_a), uint256(key.y_c0_b))
            : _isAboveHalf(uint256(key.y_c1_a), uint256(key.y_c1_b));
        bytes16 flags = bytes16(uint128(isLarger ? 0xa0 : 0x80) << 120);
        return abi.encodePacked(
            bytes16(uint128(uint256(key.x_c1_a))) | flags, key.x_c1_b, bytes16(uint128(uint256(key.x_c0_a))), key.x_c0_b
        );
    }

    function isInfinity(BLS.G1Point memory point) internal pure returns (bool) {
        return point.x_a | point.x_b | point.y_a | point.y_b == 0;
    }

    function isInfinity(BLS.G2Point memory point) internal pure returns (bool) {
        return point.x_c0_a | point.x_c0_b | point.x_c1_a | point.x_c1_b | point.y_c0_a | point.y_c0_b | point.y_c1_a
                | point.y_c1_b == 0;
    }

    /// @dev Says why the pairing could not be computed. Adding infinity fails only off the curve.
    function _explain(BLS.G2Point memory key, BLS.G1Point memory signature) private view {
        BLS.G1Point memory zero1;
        (bool success,) = BLS.BLS12_G1ADD.staticcall(abi.encode(signature, zero1));
        if (!success) revert SignatureNotOnCurve();
        BLS.G2Point memory zero2;
        (success,) = BLS.BLS12_G2ADD.staticcall(abi.encode(key, zero2));
        if (!success) revert KeyNotOnCurve();
        revert NotInSubgroup();
    }

    /// @dev 64 bytes modulo p: the power of one, modulo p.
    function _reduce(bytes32 high, bytes32 low) private view returns (BLS.Fp memory) {
        (bool success, bytes memory result) = MODEXP.staticcall(
            abi.encodePacked(uint256(64), uint256(1), uint256(64), high, low, uint8(1), P_HIGH, P_LOW)
        );
        // It fails for want of gas only.
        assert(success);
        return abi.decode(result, (BLS.Fp));
    }

    function _negate(uint256 high, uint256 low) private pure returns (bytes32, bytes32) {
        if (high | low == 0) return (0, 0);
        unchecked {
            // The borrow makes this exact, since a coordinate is below p.
            return (bytes32(P_HIGH - high - (low > P_LOW ? 1 : 0)), bytes32(P_LOW - low));
        }
    }

    function _isAboveHalf(uint256 high, uint256 low) private pure returns (bool) {
        return high == HALF_HIGH ? low > HALF_LOW : high > HALF_HIGH;
    }

    /// @dev The generator of G2, negated.
    function _minusG2() private pure returns (BLS.G2Point memory) {
        return BLS.G2Point(
            bytes32(uint256(0x024aa2b2f08f0a91260805272dc51051)),
            0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8,
            bytes32(uint256(0x13e02b6052719f607dacd3a088274f65)),
            0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e,
            bytes32(uint256(0x0d1b3cc2c7027888be51d9ef691d77bc)),
            0xb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa,
            bytes32(uint256(0x13fa4d4a0ad8b1ce186ed5061789213d)),
            0x993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed
        );
    }
}
