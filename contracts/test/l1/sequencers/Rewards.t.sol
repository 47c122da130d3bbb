// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IRewards} from "../../../src/l1/interfaces/IRewards.sol";
import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {BlsSignatures} from "../../../src/l1/sequencers/BlsSignatures.sol";
import {Committees} from "../../../src/l1/sequencers/Committees.sol";
import {Rewards} from "../../../src/l1/sequencers/Rewards.sol";
import {Protocol} from "./Protocol.sol";

abstract contract RewardsBase is Protocol {
    uint256 internal constant SEATS = 5;

    function setUp() public virtual {
        deployProtocol(SUPPLY / 2);
        lockAndSnapshot(SEATS);
        vm.warp(START + EPOCH);
    }

    /// @dev Seat `i + 1` produced what is said, missed nothing, and earned `i` ether.
    function entriesOf(uint64[SEATS] memory produced) internal pure returns (IRewards.Entry[] memory entries) {
        entries = new IRewards.Entry[](SEATS);
        for (uint256 i = 0; i < SEATS; ++i) {
            entries[i] = IRewards.Entry(uint32(i + 1), produced[i], 0, i * 1 ether);
        }
    }

    function sendFees(uint256 feesWei) internal {
        vm.deal(address(this), feesWei);
        (bool success,) = address(rewards).call{value: feesWei}("");
        vm.assertTrue(success);
    }

    function recordEqual() internal returns (IRewards.Entry[] memory entries) {
        entries = entriesOf([uint64(100), 100, 100, 100, 100]);
        sendFees(10 ether);
        submit(recordOf(0, entries));
    }
}

contract RewardsSubmitTest is RewardsBase {
    function test_RevertWhen_ConstructedWrongly() public {
        for (uint256 i = 0; i < 3; ++i) {
            IRewards.Config memory zero = rewardsConfig(address(emission));
            if (i == 0) zero.sequencers = address(0);
            if (i == 1) zero.emission = address(0);
            if (i == 2) zero.token = address(0);
            vm.expectRevert(IRewards.ZeroAddress.selector);
            new Rewards(zero);
        }
        IRewards.Config memory config = rewardsConfig(address(emission));
        config.missedShareMaxBps = 10_000;
        vm.expectRevert(abi.encodeWithSelector(IRewards.BadConfig.selector, "a seat may miss everything"));
        new Rewards(config);
        config = rewardsConfig(address(emission));
        config.epochsToJail = 0;
        vm.expectRevert(abi.encodeWithSelector(IRewards.BadConfig.selector, "epochs to jail"));
        new Rewards(config);
        config.epochsToJail = 33;
        vm.expectRevert(abi.encodeWithSelector(IRewards.BadConfig.selector, "epochs to jail"));
        new Rewards(config);
    }

    function test_RevertWhen_TheEpochIsNotOver() public {
        IRewards.Record memory record = recordOf(0, entriesOf([uint64(1), 1, 1, 1, 1]));
        record.feesWei = 0;
        ISequencers.Certificate memory certificate = certify(0, messageOf(record), 31);
        vm.warp(START + EPOCH - 1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.EpochNotOver.selector, 0, START + EPOCH));
        rewards.submit(record, certificate);
    }

    /// @dev Those who certify must have something to lose.
    function test_RevertWhen_TheEpochIsTooOld() public {
        IRewards.Record memory record = IRewards.Record(0, 1, 0, bytes32("root"));
        ISequencers.Certificate memory certificate = certify(0, messageOf(record), 31);
        uint256 until = START + EPOCH + 14 days;
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.RecordTooLate.selector, 0, until));
        rewards.submit(record, certificate);
        vm.warp(until);
        rewards.submit(record, certificate);
    }

    function test_RevertWhen_RecordedAlready() public {
        IRewards.Record memory record = recordOf(0, recordEqual());
        record.feesWei = 0;
        ISequencers.Certificate memory certificate = certify(0, messageOf(record), 31);
        vm.expectRevert(abi.encodeWithSelector(IRewards.AlreadyRecorded.selector, 0));
        rewards.submit(record, certificate);
    }

    function test_RevertWhen_TheRecordIsBeyondItsBounds() public {
        IRewards.Record memory record = IRewards.Record(0, BLOCKS_MAX + 1, 0, bytes32("root"));
        ISequencers.Certificate memory certificate = certify(0, messageOf(record), 31);
        vm.expectRevert(abi.encodeWithSelector(IRewards.TooManyBlocks.selector, BLOCKS_MAX + 1, BLOCKS_MAX));
        rewards.submit(record, certificate);
        record = IRewards.Record(0, 1, 0, bytes32(0));
        vm.expectRevert(IRewards.NoRoot.selector);
        rewards.submit(record, certificate);
    }

    function testFuzz_RevertWhen_TheFeesAreNotHere(uint96 feesWei, uint96 missing) public {
        vm.assume(missing != 0);
        sendFees(feesWei);
        IRewards.Record memory record = IRewards.Record(0, 1, uint256(feesWei) + missing, bytes32("root"));
        ISequencers.Certificate memory certificate = certify(0, messageOf(record), 31);
        vm.expectRevert(abi.encodeWithSelector(IRewards.FeesNotReceived.selector, record.feesWei, feesWei));
        rewards.submit(record, certificate);
    }

    /// @dev Fees of one record cannot be given away by the next.
    function test_RevertWhen_TheFeesAreAssignedAlready() public {
        recordEqual();
        sequencers.snapshot(1);
        vm.warp(START + 2 * EPOCH);
        IRewards.Record memory record = IRewards.Record(1, 1, 1, bytes32("root"));
        ISequencers.Certificate memory certificate = certify(1, messageOf(record), 31);
        vm.expectRevert(abi.encodeWithSelector(IRewards.FeesNotReceived.selector, 1, 0));
        rewards.submit(record, certificate);
    }

    function testFuzz_RevertWhen_TheRecordIsNotTheCertifiedOne(uint8 change) public {
        IRewards.Record memory record = IRewards.Record(0, 10, 0, bytes32("root"));
        ISequencers.Certificate memory certificate = certify(0, messageOf(record), 31);
        change = uint8(bound(change, 0, 2));
        if (change == 0) record.blockCount += 1;
        if (change == 1) record.root = bytes32("other root");
        sendFees(1);
        if (change == 2) record.feesWei = 1;
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        rewards.submit(record, certificate);
    }

    function test_RevertWhen_TooFewCertifyIt() public {
        IRewards.Record memory record = IRewards.Record(0, 10, 0, bytes32("root"));
        ISequencers.Certificate memory certificate = certify(0, messageOf(record), 7);
        vm.expectRevert(abi.encodeWithSelector(Committees.NoQuorum.selector, 3, 5));
        rewards.submit(record, certificate);
    }

    function testFuzz_SetsThePayAside(uint64 blocks, uint96 feesWei) public {
        blocks = uint64(bound(blocks, 0, BLOCKS_MAX));
        sendFees(feesWei);
        IRewards.Record memory record = IRewards.Record(0, blocks, feesWei, bytes32("root"));
        submit(record);
        vm.assertEq(emission.committedTokens(), blocks * PER_BLOCK);
        vm.assertEq(rewards.assignedWei(), feesWei);
        vm.assertEq(rewards.unassignedWei(), 0);
        vm.assertEq(
            abi.encode(rewards.payOf(0)),
            abi.encode(IRewards.Pay(bytes32("root"), blocks, feesWei, blocks == 0 ? 0 : PER_BLOCK))
        );
    }

    /// @dev At the end of the emission a block earns less, and nothing is promised that cannot be paid.
    function testFuzz_SharesWhatIsLeftOfTheEmission(uint256 budget, uint64 blocks) public {
        budget = bound(budget, 0, 700e18);
        blocks = uint64(bound(blocks, 1, BLOCKS_MAX));
        deployProtocol(budget);
        lockAndSnapshot(SEATS);
        vm.warp(START + EPOCH);
        submit(IRewards.Record(0, blocks, 0, bytes32("root")));
        uint256 perBlock = rewards.payOf(0).tokensPerBlock;
        vm.assertEq(perBlock, budget / blocks < PER_BLOCK ? budget / blocks : PER_BLOCK);
        vm.assertLe(emission.committedTokens(), budget);
    }
}

contract RewardsClaimTest is RewardsBase {
    function test_RevertWhen_NotRecorded() public {
        IRewards.Entry[] memory entries = entriesOf([uint64(1), 1, 1, 1, 1]);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotRecorded.selector, 0));
        rewards.claim(0, entries[0], new bytes32[](0));
    }

    function testFuzz_RevertWhen_TheEntryIsAnother(uint8 change, uint64 by) public {
        IRewards.Entry[] memory entries = recordEqual();
        bytes32[] memory proof = proofOf(entries, 0);
        by = uint64(bound(by, 1, 1000));
        change = uint8(bound(change, 0, 3));
        if (change == 0) entries[0].seat += uint32(by);
        if (change == 1) entries[0].producedCount += by;
        if (change == 2) entries[0].missedCount += by;
        if (change == 3) entries[0].feesWei += by;
        vm.expectRevert(abi.encodeWithSelector(IRewards.WrongProof.selector, 0, entries[0].seat));
        rewards.claim(0, entries[0], proof);
    }

    function test_RevertWhen_ClaimedTwice() public {
        IRewards.Entry[] memory entries = recordEqual();
        rewards.claim(0, entries[1], proofOf(entries, 1));
        bytes32[] memory proof = proofOf(entries, 1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.AlreadyClaimed.selector, 0, 2));
        rewards.claim(0, entries[1], proof);
        vm.expectRevert(abi.encodeWithSelector(IRewards.AlreadyClaimed.selector, 0, 2));
        vm.prank(ALICE);
        rewards.relock(0, entries[1], proof);
    }

    /// @dev A committee that certifies entries which add up to more than the record takes from its own members only.
    function test_RevertWhen_TheEntriesAddUpToMore() public {
        IRewards.Entry[] memory entries = entriesOf([uint64(100), 100, 100, 100, 100]);
        sendFees(10 ether);
        IRewards.Record memory record = recordOf(0, entries);
        record.blockCount -= 1;
        submit(record);
        for (uint256 i = 0; i < 4; ++i) {
            rewards.claim(0, entries[i], proofOf(entries, i));
        }
        bytes32[] memory proof = proofOf(entries, 4);
        vm.expectRevert(abi.encodeWithSelector(IRewards.RecordOverdrawn.selector, 0));
        rewards.claim(0, entries[4], proof);
    }

    function test_RevertWhen_TheEntriesFeesAddUpToMore() public {
        IRewards.Entry[] memory entries = entriesOf([uint64(100), 100, 100, 100, 100]);
        sendFees(10 ether);
        IRewards.Record memory record = recordOf(0, entries);
        record.feesWei -= 1;
        submit(record);
        for (uint256 i = 0; i < 4; ++i) {
            rewards.claim(0, entries[i], proofOf(entries, i));
        }
        bytes32[] memory proof = proofOf(entries, 4);
        vm.expectRevert(abi.encodeWithSelector(IRewards.RecordOverdrawn.selector, 0));
        rewards.claim(0, entries[4], proof);
    }

    function testFuzz_RevertWhen_SomebodyElseRelocks(address caller) public {
        vm.assume(caller != ALICE);
        IRewards.Entry[] memory entries = recordEqual();
        bytes32[] memory proof = proofOf(entries, 0);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotOperator.selector, 1, caller));
        vm.prank(caller);
        rewards.relock(0, entries[0], proof);
    }

    function testFuzz_PaysExactlyWhatTheEntrySays(uint64[SEATS] memory produced, uint96[SEATS] memory feesWei) public {
        IRewards.Entry[] memory entries = entriesOf(produced);
        uint256 total = 0;
        for (uint256 i = 0; i < SEATS; ++i) {
            entries[i].producedCount %= BLOCKS_MAX / uint64(SEATS);
            entries[i].feesWei = feesWei[i];
            total += feesWei[i];
        }
        sendFees(total);
        submit(recordOf(0, entries));
        for (uint256 i = 0; i < SEATS; ++i) {
            address recipient = address(uint160(0x7000 + i));
            setRecipient(entries[i].seat, recipient);
            uint256 tokens = entries[i].producedCount * PER_BLOCK;
            vm.expectEmit();
            emit IRewards.Claimed(0, entries[i].seat, recipient, tokens, feesWei[i]);
            rewards.claim(0, entries[i], proofOf(entries, i));
            vm.assertEq(token.balanceOf(recipient), tokens);
            vm.assertEq(recipient.balance, feesWei[i]);
        }
        vm.assertEq(emission.committedTokens(), 0);
        vm.assertEq(rewards.assignedWei() + address(rewards).balance, 0);
        vm.assertEq(emission.paidTokens(), SUPPLY / 2 - token.balanceOf(address(emission)));
    }

    function test_RelocksTokensIntoTheReserve() public {
        IRewards.Entry[] memory entries = recordEqual();
        bytes32[] memory proof = proofOf(entries, 3);
        vm.prank(ALICE);
        rewards.relock(0, entries[3], proof);
        vm.assertEq(sequencers.reserveOf(ALICE).tokens, 100 * PER_BLOCK);
        vm.assertEq(token.balanceOf(RECIPIENT), 0);
        vm.assertEq(RECIPIENT.balance, 3 ether);
        vm.assertEq(token.balanceOf(address(rewards)), 0);
    }

    function test_OneWhoWasDownGetsFeesAndNoTokens() public {
        IRewards.Entry[] memory entries = entriesOf([uint64(79), 80, 0, 100, 100]);
        entries[0].missedCount = 21;
        entries[1].missedCount = 20;
        entries[0].feesWei = 1 ether;
        sendFees(11 ether);
        submit(recordOf(0, entries));
        vm.expectEmit();
        emit IRewards.Forfeited(0, 1, 79 * PER_BLOCK);
        rewards.claim(0, entries[0], proofOf(entries, 0));
        vm.assertEq(token.balanceOf(RECIPIENT), 0);
        vm.assertEq(RECIPIENT.balance, 1 ether);
        vm.assertEq(emission.leftTokens(), SUPPLY / 2 - 280 * PER_BLOCK);
        // One fifth missed is what is still allowed.
        rewards.claim(0, entries[1], proofOf(entries, 1));
        vm.assertEq(token.balanceOf(RECIPIENT), 80 * PER_BLOCK);
        // Who had no turn missed none.
        rewards.claim(0, entries[2], proofOf(entries, 2));
        vm.assertEq(RECIPIENT.balance, 4 ether);
    }

    function test_ARecipientWhoRefusesEtherCanBeReplaced() public {
        IRewards.Entry[] memory entries = recordEqual();
        bytes32[] memory proof = proofOf(entries, 1);
        setRecipient(2, address(token));
        vm.expectRevert();
        rewards.claim(0, entries[1], proof);
        setRecipient(2, RECIPIENT);
        rewards.claim(0, entries[1], proof);
        vm.assertEq(RECIPIENT.balance, 1 ether);
    }

    function setRecipient(uint32 seat, address recipient) private {
        vm.prank(ALICE);
        sequencers.setContact(seat, ISequencers.Contact("host:1", POSTER, recipient));
    }
}

contract RewardsDowntimeTest is RewardsBase {
    function setUp() public override {
        super.setUp();
        // Ten epochs, in all of which seat 1 is down.
        for (uint32 epoch = 1; epoch < 10; ++epoch) {
            vm.warp(sequencers.startOf(epoch));
            sequencers.snapshot(epoch);
        }
        vm.warp(START + 10 * EPOCH);
        for (uint32 epoch = 0; epoch < 10; ++epoch) {
            submit(recordOf(epoch, down()));
        }
    }

    function test_RevertWhen_TheSeatWasUp() public {
        bytes32[] memory proof = proofOf(down(), 1);
        IRewards.Entry memory entry = down()[1];
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotDown.selector, 2, 100, 0));
        rewards.reportMissed(0, entry, proof);
    }

    function test_RevertWhen_TheProofIsWrong() public {
        bytes32[] memory proof = proofOf(down(), 0);
        IRewards.Entry memory entry = down()[0];
        entry.seat = 2;
        vm.expectRevert(abi.encodeWithSelector(IRewards.WrongProof.selector, 0, 2));
        rewards.reportMissed(0, entry, proof);
        vm.expectRevert(abi.encodeWithSelector(IRewards.NotRecorded.selector, 10));
        rewards.reportMissed(10, entry, proof);
    }

    function test_RevertWhen_ReportedTwice() public {
        report(4);
        bytes32[] memory proof = proofOf(down(), 0);
        IRewards.Entry memory entry = down()[0];
        vm.expectRevert(abi.encodeWithSelector(IRewards.AlreadyReported.selector, 4, 1));
        rewards.reportMissed(4, entry, proof);
    }

    function test_RevertWhen_TheReportIsTooOld() public {
        vm.warp(START + EPOCH + 14 days + 1);
        refusedAsTooOld(0);
        report(1);
    }

    function test_RevertWhen_TheSeatIsLeaving() public {
        report(4);
        vm.prank(ALICE);
        sequencers.unlockSeat(1);
        bytes32[] memory proof = proofOf(down(), 0);
        IRewards.Entry memory entry = down()[0];
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 1, ISequencers.State.Leaving));
        rewards.reportMissed(5, entry, proof);
    }

    function test_EpochsThatAreNotInARowDoNotJail() public {
        report(0);
        report(2);
        report(4);
        vm.assertTrue(sequencers.seatOf(1).state == ISequencers.State.Open);
    }

    /// @dev In whichever order they are reported.
    function test_TwoInARowJail() public {
        report(4);
        report(2);
        vm.assertTrue(sequencers.seatOf(1).state == ISequencers.State.Open);
        vm.expectEmit();
        emit IRewards.MissedReported(3, 1, 2);
        report(3);
        vm.assertTrue(sequencers.seatOf(1).state == ISequencers.State.Jailed);
        vm.assertEq(token.balanceOf(address(sequencers)), 5 * PRICE);
    }

    /// @dev What was before the jail is paid for.
    function test_JailIsForOnce() public {
        report(8);
        report(9);
        refusedAsTooOld(7);
        vm.warp(START + 13 * EPOCH);
        vm.prank(ALICE);
        sequencers.readmit(1);
        refusedAsTooOld(7);
        vm.assertTrue(sequencers.seatOf(1).state == ISequencers.State.Open);
    }

    function down() private pure returns (IRewards.Entry[] memory entries) {
        entries = entriesOf([uint64(100), 100, 100, 100, 100]);
        for (uint256 i = 0; i < SEATS; ++i) {
            entries[i].feesWei = 0;
        }
        entries[0].producedCount = 0;
        entries[0].missedCount = 100;
    }

    function report(uint32 epoch) private {
        rewards.reportMissed(epoch, down()[0], proofOf(down(), 0));
    }

    function refusedAsTooOld(uint32 epoch) private {
        bytes32[] memory proof = proofOf(down(), 0);
        IRewards.Entry memory entry = down()[0];
        vm.expectRevert(abi.encodeWithSelector(IRewards.ReportTooOld.selector, epoch, 1));
        rewards.reportMissed(epoch, entry, proof);
    }
}
