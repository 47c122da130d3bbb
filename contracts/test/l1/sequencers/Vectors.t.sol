// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {BlsSignatures} from "../../../src/l1/sequencers/BlsSignatures.sol";
import {Committees} from "../../../src/l1/sequencers/Committees.sol";
import {SignedMessages} from "../../../src/l1/sequencers/SignedMessages.sol";
import {BlsSigner} from "../../BlsSigner.sol";
import {Vectors} from "./Vectors.sol";

/// @dev The expected values are those of the consensus engine.
contract VectorsTest is Vectors {
    string private json;
    address private sequencers;
    uint64 private epoch;
    uint64 private view_;

    function setUp() public {
        json = vectors();
        sequencers = vm.parseJsonAddress(json, ".sequencers");
        epoch = uint64(vm.parseJsonUint(json, ".epoch"));
        view_ = uint64(vm.parseJsonUint(json, ".view"));
        vm.assertEq(block.chainid, vm.parseJsonUint(json, ".chainId"));
    }

    function test_KeysFollowFromTheirSecretsAndCompress() public view {
        bytes32[] memory secrets = vm.parseJsonBytes32Array(json, ".secrets");
        bytes[] memory keys = vm.parseJsonBytesArray(json, ".keys");
        bytes[] memory compressed = vm.parseJsonBytesArray(json, ".compressedKeys");
        for (uint256 i = 0; i < secrets.length; ++i) {
            vm.assertEq(abi.encode(BlsSigner.publicKey(uint256(secrets[i]))), keys[i]);
            vm.assertEq(BlsSignatures.compress(g2(keys[i])), compressed[i]);
        }
    }

    /// @dev The vectors' keys stand in the order in which the engine numbers its participants.
    function test_ParticipantsAreOrderedByTheBytesOfTheirP2pKeys() public view {
        bytes32[] memory p2pKeys = vm.parseJsonBytes32Array(json, ".p2pKeys");
        vm.assertEq(p2pKeys.length, 100);
        for (uint256 i = 1; i < p2pKeys.length; ++i) {
            vm.assertLt(uint256(p2pKeys[i - 1]), uint256(p2pKeys[i]));
        }
    }

    function test_PossessionIsTheEngines() public view {
        address operator = vm.parseJsonAddress(json, ".operator");
        bytes[] memory keys = vm.parseJsonBytesArray(json, ".keys");
        bytes[] memory proofs = vm.parseJsonBytesArray(json, ".proofs");
        for (uint256 i = 0; i < proofs.length; ++i) {
            BLS.G2Point memory key = g2(keys[i]);
            bytes memory message = SignedMessages.possession(sequencers, operator, BlsSignatures.compress(key));
            BlsSignatures.check(BlsSignatures.POSSESSION_TAG, message, key, g1(proofs[i]));
        }
    }

    function test_VotesAreTheEngines() public view {
        BLS.G2Point memory key = g2(vm.parseJsonBytesArray(json, ".keys")[vm.parseJsonUint(json, ".seat")]);
        uint256[] memory parents = vm.parseJsonUintArray(json, ".parents");
        bytes32[] memory payloads = vm.parseJsonBytes32Array(json, ".payloads");
        bytes[] memory notarizes = vm.parseJsonBytesArray(json, ".notarizes");
        bytes[] memory finalizes = vm.parseJsonBytesArray(json, ".finalizes");
        for (uint256 i = 0; i < parents.length; ++i) {
            uint64 parent = uint64(parents[i]);
            check(SignedMessages.notarize(sequencers, epoch, view_, parent, payloads[i]), key, notarizes[i]);
            check(SignedMessages.finalize(sequencers, epoch, view_, parent, payloads[i]), key, finalizes[i]);
        }
        check(SignedMessages.nullify(sequencers, epoch, view_), key, vm.parseJsonBytes(json, ".nullify"));
    }

    function test_MessagesHoldTheEnginesBytes() public view {
        bytes memory namespace = bytes.concat(vm.parseJsonBytes(json, ".namespace"), "_FINALIZE");
        vm.assertEq(
            SignedMessages.finalize(
                sequencers, epoch, view_, view_ - 1, vm.parseJsonBytes32Array(json, ".payloads")[0]
            ),
            bytes.concat(bytes1(uint8(namespace.length)), namespace, vm.parseJsonBytes(json, ".encodedProposal"))
        );
    }

    function test_CertificatesAreTheEngines() public {
        bytes32 payload = vm.parseJsonBytes32Array(json, ".payloads")[0];
        bytes memory finalize = SignedMessages.finalize(sequencers, epoch, view_, view_ - 1, payload);
        bytes memory batch = SignedMessages.batch(
            vm.parseJsonAddress(json, ".rollup"),
            uint32(epoch),
            uint64(vm.parseJsonUint(json, ".batchIndex")),
            vm.parseJsonBytes32(json, ".batchHash")
        );
        bytes[] memory keys = vm.parseJsonBytesArray(json, ".keys");
        for (uint256 i = 0; i < 4; ++i) {
            string memory set = string.concat(".sets[", vm.toString(i), "]");
            uint256 seats = vm.parseJsonUint(json, string.concat(set, ".seats"));
            address data = store(keys, seats);
            uint256 signers = signersOf(vm.parseJsonBytes(json, string.concat(set, ".finalization")), seats);
            vm.assertEq(abi.encode(firstKey(data)), vm.parseJsonBytes(json, string.concat(set, ".sumOfKeys")));
            BLS.G2Point memory sum = Committees.sumOfKeys(data, seats, signers);
            check(finalize, sum, vm.parseJsonBytes(json, string.concat(set, ".signature")));
            check(batch, sum, vm.parseJsonBytes(json, string.concat(set, ".batchSignature")));
        }
    }

    /// @dev Encodings at the borders of LEB128, by its definition.
    function test_VarintIsShortest() public pure {
        vm.assertEq(SignedMessages.varint(0), hex"00");
        vm.assertEq(SignedMessages.varint(127), hex"7f");
        vm.assertEq(SignedMessages.varint(128), hex"8001");
        vm.assertEq(SignedMessages.varint(16_383), hex"ff7f");
        vm.assertEq(SignedMessages.varint(16_384), hex"808001");
        vm.assertEq(SignedMessages.varint(type(uint64).max), hex"ffffffffffffffffff01");
    }

    function testFuzz_VarintReadsBack(uint64 value) public pure {
        bytes memory encoded = SignedMessages.varint(value);
        uint256 decoded = 0;
        for (uint256 i = 0; i < encoded.length; ++i) {
            decoded |= uint256(uint8(encoded[i]) & 0x7f) << (7 * i);
            vm.assertTrue((uint8(encoded[i]) & 0x80 == 0) == (i == encoded.length - 1));
        }
        vm.assertEq(decoded, value);
    }

    function check(bytes memory message, BLS.G2Point memory key, bytes memory signature) private view {
        BlsSignatures.check(BlsSignatures.MESSAGE_TAG, message, key, g1(signature));
    }

    function store(bytes[] memory keys, uint256 count) private returns (address) {
        bytes memory packed;
        uint32[] memory ids = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) {
            packed = bytes.concat(packed, Committees.pack(g2(keys[i])));
        }
        return Committees.store(packed, ids);
    }

    /// @dev The sum of all, which stands before the first key.
    function firstKey(address data) private view returns (BLS.G2Point memory) {
        bytes memory code = data.code;
        return Committees.unpack(code, 1);
    }

    /// @dev From the engine's certificate: 39 bytes of proposal, 8 of length, then the bits, the lowest first.
    function signersOf(bytes memory certificate, uint256 seats) private pure returns (uint256 signers) {
        for (uint256 i = 0; i < seats; ++i) {
            signers |= ((uint256(uint8(certificate[47 + i / 8])) >> (i % 8)) & 1) << i;
        }
    }
}
