// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Rollup} from "../../src/l1/Rollup.sol";
import {IRollup} from "../../src/l1/interfaces/IRollup.sol";
import {ISequencers} from "../../src/l1/interfaces/ISequencers.sol";
import {BlsSignatures} from "../../src/l1/sequencers/BlsSignatures.sol";
import {Committees} from "../../src/l1/sequencers/Committees.sol";
import {SignedMessages} from "../../src/l1/sequencers/SignedMessages.sol";
import {Certified} from "./Certified.sol";

contract RollupCertifiedTest is Certified {
    uint256 private constant QUORUM = 7;

    function setUp() public {
        deployCertified(4);
    }

    function testFuzz_RevertWhen_CommittedWithoutCertificate(address caller) public {
        IRollup.BatchHeader memory header = nextHeader();
        setBlob();
        vm.expectRevert(abi.encodeWithSelector(IRollup.CertificateRequired.selector, address(sequencers)));
        vm.prank(caller);
        rollup.commitBatch(header);
    }

    function testFuzz_RevertWhen_ThereAreNoSequencers(address caller, uint64 epoch) public {
        ISequencers.Certificate memory certificate = certifyBatch(0, nextHeader(), QUORUM);
        IRollup.BatchHeader memory header = nextHeader();
        IRollup.Config memory alone = config();
        alone.sequencers = address(0);
        alone.poster = caller;
        rollup = new Rollup(alone);
        setBlob();
        vm.expectRevert(IRollup.NoSequencers.selector);
        vm.prank(caller);
        rollup.commitCertifiedBatch(header, epoch, certificate);
    }

    function testFuzz_RevertWhen_APosterIsSet(address poster, bool allowed) public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.PosterWithSequencers.selector, poster));
        vm.prank(OWNER);
        rollup.setPoster(poster, allowed);
    }

    function testFuzz_RevertWhen_DeployedWithSequencersAndAPoster(address poster) public {
        vm.assume(poster != address(0));
        IRollup.Config memory both = config();
        both.poster = poster;
        vm.expectRevert(abi.encodeWithSelector(IRollup.PosterWithSequencers.selector, poster));
        new Rollup(both);
    }

    /// @dev The committee of epoch 0 would still verify in `Sequencers`.
    function testFuzz_RevertWhen_TheEpochIsOlderThanThePreviousOne(uint256 wait) public {
        vm.warp(START + bound(wait, 2 * EPOCH, 1000 * EPOCH));
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate = certifyBatch(0, header, QUORUM);
        sequencers.verifyBatch(address(rollup), 0, 0, hashOf(header), certificate);
        expectRevert(
            header,
            0,
            certificate,
            abi.encodeWithSelector(IRollup.EpochOutOfReach.selector, 0, sequencers.epochAt(block.timestamp))
        );
    }

    /// @dev The committee of epoch 1 is there already.
    function test_RevertWhen_TheNextEpochCertifies() public {
        vm.warp(START + EPOCH - 1);
        sequencers.snapshot(1);
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate = certifyBatch(1, header, QUORUM);
        expectRevert(header, 1, certificate, abi.encodeWithSelector(IRollup.EpochOutOfReach.selector, 1, 0));
    }

    function testFuzz_RevertWhen_TheEpochIsOutOfReach(uint64 epoch, uint256 current) public {
        current = bound(current, 0, 10_000);
        vm.assume(epoch > current || uint256(epoch) + 1 < current);
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate = certifyBatch(0, header, QUORUM);
        vm.warp(START + current * EPOCH);
        expectRevert(
            header, epoch, certificate, abi.encodeWithSelector(IRollup.EpochOutOfReach.selector, epoch, current)
        );
    }

    /// @dev An epoch that has the lower 32 bits of the running one is another.
    function testFuzz_RevertWhen_TheEpochIsLongerThanItsKind(uint32 above) public {
        vm.assume(above != 0);
        uint64 epoch = uint64(above) << 32;
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate = certifyBatch(0, header, QUORUM);
        expectRevert(header, epoch, certificate, abi.encodeWithSelector(IRollup.EpochOutOfReach.selector, epoch, 0));
    }

    function test_RevertWhen_TheEpochHasNoCommittee() public {
        vm.warp(START + EPOCH);
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate = certifyBatch(0, header, QUORUM);
        expectRevert(header, 1, certificate, abi.encodeWithSelector(ISequencers.NoCommittee.selector, 1));
    }

    function testFuzz_RevertWhen_TwoThirdsOrLessSign(uint256 absent) public {
        uint256 signers = 15 & ~(1 << bound(absent, 0, 2)) & ~uint256(8);
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate = certifyBatch(0, header, signers);
        expectRevert(header, 0, certificate, abi.encodeWithSelector(Committees.NoQuorum.selector, 2, 4));
    }

    function testFuzz_RevertWhen_AnotherHeaderWasCertified(bytes32 stateRoot) public {
        IRollup.BatchHeader memory header = nextHeader();
        vm.assume(stateRoot != header.stateRoot);
        ISequencers.Certificate memory certificate = certifyBatch(0, header, QUORUM);
        header.stateRoot = stateRoot;
        expectRevert(header, 0, certificate, abi.encodeWithSelector(BlsSignatures.WrongSignature.selector));
    }

    function test_RevertWhen_OtherBlobsAreCertified() public {
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate = certifyBatch(0, header, QUORUM);
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = bytes32(uint256(1) << 248 | 2);
        vm.blobhashes(hashes);
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        rollup.commitCertifiedBatch(header, 0, certificate);
    }

    function test_RevertWhen_CertifiedForAnotherRollup() public {
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate =
            certify(0, SignedMessages.batch(address(this), 0, 0, hashOf(header)), QUORUM);
        expectRevert(header, 0, certificate, abi.encodeWithSelector(BlsSignatures.WrongSignature.selector));
    }

    /// @dev The same seats stand in both epochs, so that only the message differs.
    function test_RevertWhen_CertifiedInAnotherEpoch() public {
        vm.warp(START + EPOCH);
        sequencers.snapshot(1);
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate = certifyBatch(0, header, QUORUM);
        expectRevert(header, 1, certificate, abi.encodeWithSelector(BlsSignatures.WrongSignature.selector));
    }

    function test_RevertWhen_TheBatchIsCommittedAgain() public {
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate = certifyBatch(0, header, QUORUM);
        setBlob();
        rollup.commitCertifiedBatch(header, 0, certificate);
        expectRevert(header, 0, certificate, abi.encodeWithSelector(IRollup.WrongIndex.selector, 0, 1));
    }

    /// @dev A certificate replaces no other check.
    function test_RevertWhen_TheHeaderIsWrongButCertified() public {
        IRollup.BatchHeader memory header = nextHeader();
        header.l1OriginHash = bytes32(uint256(1));
        ISequencers.Certificate memory certificate = certifyBatch(0, header, QUORUM);
        bytes memory reason =
            abi.encodeWithSelector(IRollup.WrongOriginHash.selector, header.l1OriginHash, bytes32(uint256(0x999)));
        expectRevert(header, 0, certificate, reason);
        vm.blobhashes(new bytes32[](0));
        vm.expectRevert(IRollup.NoBlobs.selector);
        rollup.commitCertifiedBatch(header, 0, certificate);
    }

    /// @dev Any three of four, or all; anybody; at any time of the epoch and of the next.
    function testFuzz_AnybodyCommitsWhatAQuorumCertified(address caller, uint256 absent, uint256 wait, bytes32 root)
        public
    {
        vm.warp(START + bound(wait, 0, 2 * EPOCH - 1));
        IRollup.BatchHeader memory header = nextHeader();
        header.stateRoot = root;
        uint256 signers = 15 & ~(1 << bound(absent, 0, 4));
        ISequencers.Certificate memory certificate = certifyBatch(0, header, signers);
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = BLOB_HASH;
        setBlob();
        vm.expectEmit();
        emit IRollup.BatchCommitted(0, hashOf(header), header, hashes);
        vm.prank(caller);
        rollup.commitCertifiedBatch(header, 0, certificate);
        vm.assertEq(rollup.batchCount(), 1);
        vm.assertEq(rollup.lastTimestamp(), header.lastTimestamp);
        IRollup.Batch memory kept = rollup.batch(0);
        vm.assertEq(kept.batchHash, hashOf(header));
        vm.assertEq(kept.stateRoot, root);
        vm.assertEq(kept.lastBlock, 1);
        vm.assertEq(kept.committedAtSeconds, block.timestamp);
    }

    function test_BatchesFollowEachOtherAcrossEpochs() public {
        for (uint32 epoch = 0; epoch < 3; ++epoch) {
            if (epoch != 0) {
                vm.warp(START + epoch * EPOCH);
                sequencers.snapshot(epoch);
            }
            IRollup.BatchHeader memory header = nextHeader();
            ISequencers.Certificate memory certificate = certifyBatch(epoch, header, QUORUM);
            setBlob();
            rollup.commitCertifiedBatch(header, epoch, certificate);
        }
        vm.assertEq(rollup.batchCount(), 3);
        vm.assertEq(rollup.sequencers(), address(sequencers));
    }

    function expectRevert(
        IRollup.BatchHeader memory header,
        uint64 epoch,
        ISequencers.Certificate memory certificate,
        bytes memory reason
    ) private {
        setBlob();
        vm.expectRevert(reason);
        rollup.commitCertifiedBatch(header, epoch, certificate);
    }
}
