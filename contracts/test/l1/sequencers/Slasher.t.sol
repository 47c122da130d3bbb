// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {ISlasher} from "../../../src/l1/interfaces/ISlasher.sol";
import {BlsSignatures} from "../../../src/l1/sequencers/BlsSignatures.sol";
import {Sequencers} from "../../../src/l1/sequencers/Sequencers.sol";
import {SignedMessages} from "../../../src/l1/sequencers/SignedMessages.sol";
import {Slasher} from "../../../src/l1/sequencers/Slasher.sol";
import {BlsSigner} from "../../BlsSigner.sol";
import {Protocol} from "./Protocol.sol";
import {Vectors} from "./Vectors.sol";

contract SlasherTest is Protocol {
    address private constant REPORTER = address(0x4e9);
    uint64 private constant VIEW = 123_456;
    uint256 private constant INDEX = 2;
    uint32 private seat;
    uint256 private secret;

    function setUp() public {
        deployProtocol(SUPPLY / 2);
        lockAndSnapshot(5);
        seat = sequencers.committeeSeats(0)[INDEX];
        secret = secretOf(numberOf[seat]);
    }

    function test_RevertWhen_ConstructedWronglyForIt() public {
        for (uint256 i = 0; i < 3; ++i) {
            ISlasher.Config memory config = slasherConfig();
            if (i == 0) config.sequencers = address(0);
            if (i == 1) config.token = address(0);
            if (i == 2) config.rollup = address(0);
            vm.expectRevert(ISlasher.ZeroAddress.selector);
            new Slasher(config);
        }
        ISlasher.Config memory greedy = slasherConfig();
        greedy.reporterShareBps = 10_001;
        vm.expectRevert(abi.encodeWithSelector(ISlasher.ShareAboveAll.selector, 10_001));
        new Slasher(greedy);
    }

    function testFuzz_RevertWhen_BothVotesAreTheSame(uint64 parent, bytes32 payload) public {
        ISlasher.Vote memory a = notarize(parent, payload);
        vm.expectRevert(ISlasher.NoConflict.selector);
        slasher.reportNotarizes(accused(), VIEW, a, a);
        a = finalize(parent, payload);
        vm.expectRevert(ISlasher.NoConflict.selector);
        slasher.reportFinalizes(accused(), VIEW, a, a);
        ISlasher.Header memory header = signHeader(7, payload);
        vm.expectRevert(ISlasher.NoConflict.selector);
        slasher.reportBatches(accused(), 7, header, header);
    }

    function test_RevertWhen_TheEvidenceIsTooOld() public {
        (ISlasher.Vote memory a, ISlasher.Vote memory b) = (notarize(1, "a"), notarize(1, "b"));
        vm.warp(START + EPOCH + 14 days + 1);
        vm.expectRevert(abi.encodeWithSelector(ISlasher.EvidenceTooOld.selector, 0, START + EPOCH + 14 days));
        slasher.reportNotarizes(accused(), VIEW, a, b);
        vm.warp(START + EPOCH + 14 days);
        slasher.reportNotarizes(accused(), VIEW, a, b);
    }

    function test_RevertWhen_ThereIsNoSuchSeatOrEpoch() public {
        (ISlasher.Vote memory a, ISlasher.Vote memory b) = (notarize(1, "a"), notarize(1, "b"));
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NoSuchIndex.selector, 5, 5));
        slasher.reportNotarizes(ISlasher.Accused(0, 5), VIEW, a, b);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NoCommittee.selector, 1));
        slasher.reportNotarizes(ISlasher.Accused(1, INDEX), VIEW, a, b);
    }

    function testFuzz_RevertWhen_AnotherSeatSigned(uint256 index) public {
        index = bound(index, 0, 4);
        vm.assume(index != INDEX);
        (ISlasher.Vote memory a, ISlasher.Vote memory b) = (notarize(1, "a"), notarize(1, "b"));
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        slasher.reportNotarizes(ISlasher.Accused(0, index), VIEW, a, b);
    }

    /// @dev Votes of different views, or of different kinds, are honest.
    function test_RevertWhen_TheVotesAreHonest() public {
        ISlasher.Vote memory a = notarize(1, "a");
        ISlasher.Vote memory b =
            ISlasher.Vote(1, "b", sign(SignedMessages.notarize(address(sequencers), 0, VIEW + 1, 1, "b")));
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        slasher.reportNotarizes(accused(), VIEW, a, b);
        b = finalize(1, "b");
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        slasher.reportNotarizes(accused(), VIEW, a, b);
        BLS.G1Point memory nullify = sign(SignedMessages.nullify(address(sequencers), 0, VIEW + 1));
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        slasher.reportNullifyFinalize(accused(), VIEW, nullify, b);
        ISlasher.Header memory header = signHeader(7, "a");
        ISlasher.Header memory next = signHeader(8, "b");
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        slasher.reportBatches(accused(), 7, header, next);
    }

    /// @dev Nor is a certificate in which the seat took part.
    function test_RevertWhen_OthersSignedToo() public {
        ISlasher.Vote memory a = notarize(1, "a");
        ISlasher.Vote memory b = ISlasher.Vote(
            1, "b", certify(0, SignedMessages.notarize(address(sequencers), 0, VIEW, 1, "b"), 31).signature
        );
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        slasher.reportNotarizes(accused(), VIEW, a, b);
    }

    function test_RevertWhen_SignaturesAreNoPoints() public {
        ISlasher.Vote memory a = notarize(1, "a");
        ISlasher.Vote memory b = notarize(1, "b");
        b.signature.y_b ^= bytes32(uint256(1));
        vm.expectRevert(BlsSignatures.SignatureNotOnCurve.selector);
        slasher.reportNotarizes(accused(), VIEW, a, b);
        b.signature = BlsSigner.times(a.signature, BlsSigner.R - 1);
        vm.expectRevert(BlsSignatures.SignatureIsInfinity.selector);
        slasher.reportNotarizes(accused(), VIEW, a, b);
    }

    function test_RevertWhen_SlashedAlready() public {
        slasher.reportNotarizes(accused(), VIEW, notarize(1, "a"), notarize(1, "b"));
        (ISlasher.Vote memory a, ISlasher.Vote memory b) = (finalize(1, "a"), finalize(1, "b"));
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, seat, ISequencers.State.Slashed));
        slasher.reportFinalizes(accused(), VIEW, a, b);
    }

    function testFuzz_SlashesForTwoNotarizes(uint64 view_, uint64 parent, uint64 otherParent, bytes32 payload) public {
        bytes32 otherPayload = parent == otherParent ? ~payload : payload;
        ISlasher.Vote memory a = ISlasher.Vote(
            parent, payload, sign(SignedMessages.notarize(address(sequencers), 0, view_, parent, payload))
        );
        ISlasher.Vote memory b = ISlasher.Vote(
            otherParent,
            otherPayload,
            sign(SignedMessages.notarize(address(sequencers), 0, view_, otherParent, otherPayload))
        );
        expectSlash(ISlasher.Offence.ConflictingNotarize);
        slasher.reportNotarizes(accused(), view_, a, b);
        checkSlashed();
    }

    function testFuzz_SlashesForTwoFinalizes(bytes32 payload) public {
        ISlasher.Vote memory a = finalize(1, payload);
        ISlasher.Vote memory b = finalize(1, ~payload);
        expectSlash(ISlasher.Offence.ConflictingFinalize);
        slasher.reportFinalizes(accused(), VIEW, a, b);
        checkSlashed();
    }

    function testFuzz_SlashesForNullifyAndFinalize(uint64 parent, bytes32 payload) public {
        BLS.G1Point memory nullify = sign(SignedMessages.nullify(address(sequencers), 0, VIEW));
        ISlasher.Vote memory vote = finalize(parent, payload);
        expectSlash(ISlasher.Offence.NullifyFinalize);
        slasher.reportNullifyFinalize(accused(), VIEW, nullify, vote);
        checkSlashed();
    }

    function testFuzz_SlashesForTwoHeadersOfOneBatch(uint64 index, bytes32 batchHash) public {
        ISlasher.Header memory a = signHeader(index, batchHash);
        ISlasher.Header memory b = signHeader(index, ~batchHash);
        expectSlash(ISlasher.Offence.ConflictingBatch);
        slasher.reportBatches(accused(), index, a, b);
        checkSlashed();
    }

    function test_BurnsWithoutATreasury() public {
        ISlasher.Config memory config = slasherConfig();
        config.treasury = address(0);
        config.reporterShareBps = 0;
        vm.etch(address(slasher), address(new Slasher(config)).code);
        slasher.reportNotarizes(accused(), VIEW, notarize(1, "a"), notarize(1, "b"));
        vm.assertEq(token.balanceOf(slasher.BURNED()), PRICE);
    }

    function accused() private pure returns (ISlasher.Accused memory) {
        return ISlasher.Accused(0, INDEX);
    }

    function sign(bytes memory message) private view returns (BLS.G1Point memory) {
        return BlsSigner.sign(secret, message);
    }

    function notarize(uint64 parent, bytes32 payload) private view returns (ISlasher.Vote memory) {
        bytes memory message = SignedMessages.notarize(address(sequencers), 0, VIEW, parent, payload);
        return ISlasher.Vote(parent, payload, sign(message));
    }

    function finalize(uint64 parent, bytes32 payload) private view returns (ISlasher.Vote memory) {
        bytes memory message = SignedMessages.finalize(address(sequencers), 0, VIEW, parent, payload);
        return ISlasher.Vote(parent, payload, sign(message));
    }

    function signHeader(uint64 index, bytes32 batchHash) private view returns (ISlasher.Header memory) {
        return ISlasher.Header(batchHash, sign(SignedMessages.batch(ROLLUP, 0, index, batchHash)));
    }

    function expectSlash(ISlasher.Offence offence) private {
        vm.expectEmit();
        emit ISlasher.Slashed(seat, 0, offence, REPORTER, PRICE / 10);
        vm.prank(REPORTER);
    }

    function checkSlashed() private view {
        vm.assertEq(token.balanceOf(REPORTER), PRICE / 10);
        vm.assertEq(token.balanceOf(TREASURY), PRICE - PRICE / 10);
        vm.assertEq(token.balanceOf(address(slasher)), 0);
        vm.assertEq(token.balanceOf(address(sequencers)), 4 * PRICE);
        vm.assertTrue(sequencers.seatOf(seat).state == ISequencers.State.Slashed);
        vm.assertEq(sequencers.committee(0).ejected, 1 << INDEX);
    }
}

/// @dev What the consensus engine's own votes prove. The vectors are for a contract at a given address, in epoch 3.
contract SlasherVectorsTest is Protocol, Vectors {
    string private json;
    Slasher private judge;
    ISlasher.Accused private accused;
    uint64 private view_;
    Sequencers private there;

    function setUp() public {
        deployProtocol(SUPPLY / 2);
        json = vectors();
        // The code with this deployment's parameters, on empty storage, where the vectors say.
        there = Sequencers(vm.parseJsonAddress(json, ".sequencers"));
        ISequencers.Config memory config = stakeConfig();
        config.token = address(token);
        config.slasher = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        vm.etch(address(there), address(new Sequencers(config)).code);
        ISlasher.Config memory judgeConfig = slasherConfig();
        judgeConfig.sequencers = address(there);
        judgeConfig.rollup = vm.parseJsonAddress(json, ".rollup");
        judge = new Slasher(judgeConfig);
        vm.assertEq(there.slasher(), address(judge));
        register();
        vm.warp(START + 3 * EPOCH);
        there.snapshot(3);
        accused = ISlasher.Accused(3, vm.parseJsonUint(json, ".seat"));
        view_ = uint64(vm.parseJsonUint(json, ".view"));
    }

    function test_SlashesForNotarizesOfTwoPayloads() public {
        judge.reportNotarizes(accused, view_, vote(".notarizes", 0), vote(".notarizes", 1));
        checkSlashed();
    }

    function test_SlashesForNotarizesOfTwoParents() public {
        judge.reportNotarizes(accused, view_, vote(".notarizes", 0), vote(".notarizes", 2));
        checkSlashed();
    }

    function test_SlashesForFinalizes() public {
        judge.reportFinalizes(accused, view_, vote(".finalizes", 1), vote(".finalizes", 2));
        checkSlashed();
    }

    function test_SlashesForNullifyAndFinalize() public {
        BLS.G1Point memory nullify = g1(vm.parseJsonBytes(json, ".nullify"));
        judge.reportNullifyFinalize(accused, view_, nullify, vote(".finalizes", 0));
        checkSlashed();
    }

    function register() private {
        address operator = vm.parseJsonAddress(json, ".operator");
        bytes32[] memory p2pKeys = vm.parseJsonBytes32Array(json, ".p2pKeys");
        bytes[] memory keys = vm.parseJsonBytesArray(json, ".keys");
        bytes[] memory proofs = vm.parseJsonBytesArray(json, ".proofs");
        token.mint(operator, 4 * PRICE);
        vm.prank(operator);
        token.approve(address(there), 4 * PRICE);
        // In another order than the committee's.
        for (uint256 i = 4; i != 0; --i) {
            vm.prank(operator);
            there.lock(ISequencers.Keys(p2pKeys[i - 1], g2(keys[i - 1]), g1(proofs[i - 1])), contactOf(i));
        }
    }

    function vote(string memory kind, uint256 i) private view returns (ISlasher.Vote memory) {
        return ISlasher.Vote(
            uint64(vm.parseJsonUintArray(json, ".parents")[i]),
            vm.parseJsonBytes32Array(json, ".payloads")[i],
            g1(vm.parseJsonBytesArray(json, kind)[i])
        );
    }

    function checkSlashed() private view {
        (uint32 seat,) = there.committeeMember(3, accused.index);
        vm.assertTrue(there.seatOf(seat).state == ISequencers.State.Slashed);
    }
}
