// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {LibBit} from "solady/utils/LibBit.sol";
import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {BlsSignatures} from "../../../src/l1/sequencers/BlsSignatures.sol";
import {Committees} from "../../../src/l1/sequencers/Committees.sol";
import {SignedMessages} from "../../../src/l1/sequencers/SignedMessages.sol";
import {BlsSigner} from "../../BlsSigner.sol";
import {Stake} from "./Stake.sol";

contract CertificateTest is Stake {
    uint256 private constant SEATS = 9;
    uint256 private constant QUORUM = (1 << 7) - 1;
    bytes private constant MESSAGE = "what they agree on";
    /// @dev The modulus of the field.
    uint256 private constant P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    function setUp() public {
        deploy();
        lockAndSnapshot(SEATS);
    }

    function test_RevertWhen_EpochHasNoCommittee() public {
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, QUORUM);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NoCommittee.selector, 1));
        sequencers.verify(1, MESSAGE, certificate);
    }

    function test_RevertWhen_ExactlyTwoThirdsSign() public {
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, (1 << 6) - 1);
        vm.expectRevert(abi.encodeWithSelector(Committees.NoQuorum.selector, 6, SEATS));
        sequencers.verify(0, MESSAGE, certificate);
    }

    function testFuzz_RevertWhen_TwoThirdsOrLessSign(uint256 signers) public {
        signers = bound(signers, 1, (1 << SEATS) - 1);
        vm.assume(3 * LibBit.popCount(signers) <= 2 * SEATS);
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, signers);
        vm.expectRevert(abi.encodeWithSelector(Committees.NoQuorum.selector, LibBit.popCount(signers), SEATS));
        sequencers.verify(0, MESSAGE, certificate);
    }

    function testFuzz_RevertWhen_ABitIsBeyondTheSet(uint256 bit) public {
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, QUORUM);
        certificate.signers |= 1 << bound(bit, SEATS, 255);
        vm.expectRevert(abi.encodeWithSelector(Committees.SignerBeyondSet.selector, certificate.signers, SEATS));
        sequencers.verify(0, MESSAGE, certificate);
    }

    /// @dev Six seats of which one signs twice are no seven.
    function testFuzz_RevertWhen_ASeatIsCountedTwice(uint256 twice) public {
        uint256 index = bound(twice, 0, 5);
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, (1 << 6) - 1);
        certificate.signature = BlsSignatures.sum(certificate.signature, certify(0, MESSAGE, 1 << index).signature);
        certificate.signers = QUORUM;
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        sequencers.verify(0, MESSAGE, certificate);
    }

    function testFuzz_RevertWhen_TheMessageIsAnother(bytes calldata message) public {
        vm.assume(keccak256(message) != keccak256(MESSAGE));
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, QUORUM);
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        sequencers.verify(0, message, certificate);
    }

    function testFuzz_RevertWhen_OneOfThemDidNotSign(uint256 missing) public {
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, QUORUM & ~(1 << bound(missing, 0, 6)));
        certificate.signers = QUORUM;
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        sequencers.verify(0, MESSAGE, certificate);
    }

    function test_RevertWhen_ACommitteeOfAnotherEpochSigned() public {
        for (uint256 i = SEATS; i < 2 * SEATS; ++i) {
            lock(BOB, i);
        }
        vm.warp(START + EPOCH);
        sequencers.snapshot(1);
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, (1 << SEATS) - 1);
        sequencers.verify(0, MESSAGE, certificate);
        vm.expectRevert(abi.encodeWithSelector(Committees.NoQuorum.selector, SEATS, 2 * SEATS));
        sequencers.verify(1, MESSAGE, certificate);
        certificate.signers = (1 << (2 * SEATS)) - 1;
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        sequencers.verify(1, MESSAGE, certificate);
    }

    function test_RevertWhen_TheSignatureIsInfinity() public {
        ISequencers.Certificate memory certificate;
        certificate.signers = QUORUM;
        vm.expectRevert(BlsSignatures.SignatureIsInfinity.selector);
        sequencers.verify(0, MESSAGE, certificate);
    }

    function testFuzz_RevertWhen_TheSignatureIsNotOnTheCurve(uint256 word, uint8 bit) public {
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, QUORUM);
        uint256 offset = 32 * bound(word, 0, 3);
        BLS.G1Point memory signature = certificate.signature;
        assembly {
            let place := add(signature, offset)
            mstore(place, xor(mload(place), shl(bit, 1)))
        }
        vm.expectRevert(BlsSignatures.SignatureNotOnCurve.selector);
        sequencers.verify(0, MESSAGE, certificate);
    }

    /// @dev The same coordinate written as `x + p`.
    function test_RevertWhen_ACoordinateIsNotBelowTheModulus() public {
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, QUORUM);
        unchecked {
            uint256 low = uint256(certificate.signature.x_b) + P_LOW;
            uint256 carry = low < P_LOW ? 1 : 0;
            certificate.signature.x_b = bytes32(low);
            certificate.signature.x_a = bytes32(uint256(certificate.signature.x_a) + P_HIGH + carry);
        }
        vm.expectRevert(BlsSignatures.SignatureNotOnCurve.selector);
        sequencers.verify(0, MESSAGE, certificate);
    }

    /// @dev (0, 2) is on y² = x³ + 4, and has order 3.
    function test_RevertWhen_TheSignatureIsNotInTheGroup() public {
        ISequencers.Certificate memory certificate;
        certificate.signers = QUORUM;
        certificate.signature.y_b = bytes32(uint256(2));
        vm.expectRevert(BlsSignatures.NotInSubgroup.selector);
        sequencers.verify(0, MESSAGE, certificate);
    }

    function test_RevertWhen_TheSignaturesSignIsWrong() public {
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, QUORUM);
        certificate.signature = BlsSigner.times(certificate.signature, BlsSigner.R - 1);
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        sequencers.verify(0, MESSAGE, certificate);
    }

    function test_RevertWhen_AnEjectedSeatSigned() public {
        uint32 seat = sequencers.committeeSeats(0)[2];
        vm.prank(SLASHER);
        sequencers.slash(seat);
        ISequencers.Certificate memory certificate = certify(0, MESSAGE, QUORUM);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.EjectedSeatSigned.selector, 1 << 2));
        sequencers.verify(0, MESSAGE, certificate);
        sequencers.verify(0, MESSAGE, certify(0, MESSAGE, ((1 << SEATS) - 1) & ~uint256(1 << 2)));
    }

    function testFuzz_AcceptsEveryQuorum(uint256 signers, bytes calldata message) public view {
        signers = bound(signers, 1, (1 << SEATS) - 1);
        // Those who are missing from a quorum join.
        for (uint256 i = 0; 3 * LibBit.popCount(signers) <= 2 * SEATS; ++i) {
            signers |= 1 << i;
        }
        sequencers.verify(0, message, certify(0, message, signers));
    }

    function testFuzz_BindsTheBatch(address rollup, uint64 index, bytes32 batchHash, uint8 change) public {
        ISequencers.Certificate memory certificate =
            certify(0, SignedMessages.batch(rollup, 0, index, batchHash), QUORUM);
        sequencers.verifyBatch(rollup, 0, index, batchHash, certificate);
        change = uint8(bound(change, 0, 3));
        if (change == 0) rollup = address(uint160(rollup) ^ 1);
        if (change == 1) index ^= 1;
        if (change == 2) batchHash = ~batchHash;
        if (change == 3) vm.chainId(4242);
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        sequencers.verifyBatch(rollup, 0, index, batchHash, certificate);
    }
}

/// @dev Where keys cancel out, which needs an operator who wants it.
contract CancellingKeysTest is Stake {
    function test_RevertWhen_TheKeysOfTheSignersCancelOut() public {
        deploy();
        uint256 secret = secretOf(0);
        uint256[4] memory secrets = [secret, BlsSigner.R - secret, 1, 0];
        secrets[3] = BlsSigner.R - 1;
        bytes memory packed;
        for (uint256 i = 0; i < 4; ++i) {
            packed = bytes.concat(packed, Committees.pack(BlsSigner.publicKey(secrets[i])));
        }
        address data = Committees.store(packed, new uint32[](4));
        vm.expectRevert(Committees.KeysCancelOut.selector);
        this.sumOfKeys(data, 15);
        // With one of them absent the sum is that one's, negated.
        BLS.G2Point memory sum = Committees.sumOfKeys(data, 4, 14);
        vm.assertEq(abi.encode(sum), abi.encode(BlsSigner.publicKey(BlsSigner.R - secret)));
    }

    function sumOfKeys(address data, uint256 signers) external view returns (BLS.G2Point memory) {
        return Committees.sumOfKeys(data, 4, signers);
    }
}
