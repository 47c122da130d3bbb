// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {BlsSignatures} from "../src/l1/sequencers/BlsSignatures.sol";

/// @title Keys and signatures made with the precompiles, for tests only: the secrets are public.
library BlsSigner {
    /// @dev Order of the groups.
    uint256 internal constant R = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    function publicKey(uint256 secret) internal view returns (BLS.G2Point memory) {
        BLS.G2Point[] memory points = new BLS.G2Point[](1);
        points[0] = generator2();
        return BLS.msm(points, one(secret));
    }

    function sign(uint256 secret, bytes memory message) internal view returns (BLS.G1Point memory) {
        return times(BlsSignatures.hashToG1(BlsSignatures.MESSAGE_TAG, message), secret);
    }

    function possess(uint256 secret, bytes memory message) internal view returns (BLS.G1Point memory) {
        return times(BlsSignatures.hashToG1(BlsSignatures.POSSESSION_TAG, message), secret);
    }

    function times(BLS.G1Point memory point, uint256 scalar) internal view returns (BLS.G1Point memory) {
        BLS.G1Point[] memory points = new BLS.G1Point[](1);
        points[0] = point;
        return BLS.msm(points, one(scalar));
    }

    function generator2() internal pure returns (BLS.G2Point memory) {
        return BLS.G2Point(
            bytes32(uint256(0x024aa2b2f08f0a91260805272dc51051)),
            0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8,
            bytes32(uint256(0x13e02b6052719f607dacd3a088274f65)),
            0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e,
            bytes32(uint256(0x0ce5d527727d6e118cc9cdc6da2e351a)),
            0xadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801,
            bytes32(uint256(0x0606c4a02ea734cc32acd2b02bc28b99)),
            0xcb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be
        );
    }

    function one(uint256 scalar) private pure returns (bytes32[] memory scalars) {
        scalars = new bytes32[](1);
        scalars[0] = bytes32(scalar);
    }
}
