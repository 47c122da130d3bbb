// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {Stake} from "./Stake.sol";

contract SnapshotTest is Stake {
    function setUp() public {
        deploy();
        for (uint256 i = 0; i < 4; ++i) {
            lock(ALICE, i);
        }
    }

    function testFuzz_RevertWhen_BeforeTheCutoff(uint32 epoch, uint256 time) public {
        epoch = uint32(bound(epoch, 0, 1_000_000));
        uint256 cutoff = START + uint256(epoch) * EPOCH - LEAD;
        time = bound(time, START - LEAD - 1, cutoff - 1);
        vm.warp(time);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.SnapshotTooEarly.selector, epoch, cutoff));
        sequencers.snapshot(epoch);
    }

    function testFuzz_RevertWhen_TheEpochIsOver(uint32 epoch, uint64 late) public {
        uint256 end = START + (uint256(epoch) + 1) * EPOCH;
        vm.warp(end + bound(late, 0, 1000 * EPOCH));
        vm.expectRevert(abi.encodeWithSelector(ISequencers.SnapshotTooLate.selector, epoch, end));
        sequencers.snapshot(epoch);
    }

    function test_RevertWhen_Taken() public {
        vm.warp(START - LEAD);
        sequencers.snapshot(0);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.SnapshotTaken.selector, 0));
        sequencers.snapshot(0);
    }

    function test_RevertWhen_TooFewSeats() public {
        vm.prank(ALICE);
        sequencers.unlockSeat(3);
        vm.warp(START);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.TooFewSeats.selector, 3, 4));
        sequencers.snapshot(0);
    }

    function test_RevertWhen_AskedForWhatIsNotThere() public {
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NoCommittee.selector, 5));
        sequencers.committee(5);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NoCommittee.selector, 5));
        sequencers.committeeSeats(5);
        vm.warp(START);
        sequencers.snapshot(0);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NoSuchIndex.selector, 4, 4));
        sequencers.committeeMember(0, 4);
    }

    function test_OrdersSeatsByTheirP2pKeys() public {
        for (uint256 i = 4; i < 20; ++i) {
            lock(BOB, i);
        }
        vm.warp(START);
        uint32[] memory seats = sequencers.membersOf(0);
        vm.expectEmit();
        emit ISequencers.EpochSnapshot(0, vm.computeCreateAddress(address(sequencers), 21), seats);
        sequencers.snapshot(0);
        vm.assertEq(seats.length, 20);
        vm.assertEq(abi.encode(sequencers.committeeSeats(0)), abi.encode(seats));
        bytes32 last = 0;
        for (uint256 i = 0; i < 20; ++i) {
            (bytes32 p2pKey, BLS.G2Point memory key) = sequencers.keysOf(seats[i], 0);
            vm.assertLt(uint256(last), uint256(p2pKey));
            last = p2pKey;
            (uint32 seat, BLS.G2Point memory stored) = sequencers.committeeMember(0, i);
            vm.assertEq(seat, seats[i]);
            vm.assertEq(abi.encode(stored), abi.encode(key));
        }
    }

    /// @dev Whoever joins or leaves one second before the cutoff counts, and at the cutoff only for the epoch after.
    function test_TheCutoffIsSharp() public {
        vm.warp(START + EPOCH - LEAD - 1);
        uint32 early = lock(BOB, 4);
        vm.warp(START + EPOCH - LEAD);
        uint32 late = lock(BOB, 5);
        vm.assertEq(sequencers.seatOf(early).activeFrom, 1);
        vm.assertEq(sequencers.seatOf(late).activeFrom, 2);
        vm.prank(ALICE);
        sequencers.unlockSeat(1);
        vm.assertEq(sequencers.seatOf(1).activeUntil, 2);
    }

    /// @dev Nothing that anybody does after the cutoff changes the members of the epoch, until it is over.
    function testFuzz_MembersAreFixedAfterTheCutoff(uint256 actions, uint64[8] memory waits) public {
        lock(BOB, 4);
        vm.warp(START + EPOCH - LEAD);
        bytes memory members = abi.encode(sequencers.membersOf(1));
        for (uint256 i = 0; i < waits.length; ++i) {
            vm.warp(block.timestamp + waits[i] % 3 hours);
            act(uint8(actions >> (8 * i)), i);
            vm.assertEq(abi.encode(sequencers.membersOf(1)), members);
        }
        sequencers.snapshot(1);
        vm.assertEq(abi.encode(sequencers.committeeSeats(1)), members);
    }

    function test_ForgetsSeatsThatAreGone() public {
        vm.warp(START);
        for (uint256 i = 4; i < 10; ++i) {
            lock(BOB, i);
        }
        vm.warp(START + EPOCH);
        sequencers.snapshot(1);
        vm.prank(BOB);
        sequencers.unlockSeat(5);
        vm.warp(START + 2 * EPOCH);
        sequencers.snapshot(2);
        vm.assertEq(sequencers.membersOf(2).length, 9);
        // Past epochs can no longer be computed, as the interface says.
        vm.assertEq(sequencers.membersOf(1).length, 9);
        vm.assertEq(sequencers.committeeSeats(1).length, 10);
    }

    /// @dev More seats than the roster holds come and go, and no snapshot is ever taken.
    function test_TheRosterIsPrunedWithoutSnapshots() public {
        ISequencers.Config memory config = stakeConfig();
        config.setSizeMin = 1;
        config.setSizeMax = 2;
        deploy(config);
        for (uint32 i = 1; i < 30; ++i) {
            vm.warp(block.timestamp + 12 hours);
            lock(ALICE, i);
            vm.prank(ALICE);
            if (i % 2 == 0) sequencers.unlockSeat(i);
            else if (i > 1) sequencers.unlockSeat(i - 2);
        }
        vm.warp(block.timestamp + EPOCH);
        sequencers.snapshot(sequencers.epochAt(block.timestamp));
        vm.assertEq(sequencers.committeeSeats(sequencers.epochAt(block.timestamp)).length, 1);
    }

    function act(uint8 action, uint256 number) private {
        if (action % 4 == 0) {
            lock(BOB, 100 + number);
            return;
        }
        uint32 seat = uint32(1 + number % 5);
        ISequencers.State state = sequencers.seatOf(seat).state;
        if (state == ISequencers.State.Jailed && action % 4 == 1) {
            if (block.timestamp < sequencers.seatOf(seat).releaseAtSeconds) return;
            vm.prank(sequencers.seatOf(seat).operator);
            sequencers.readmit(seat);
        }
        if (state != ISequencers.State.Open) return;
        if (action % 4 == 1) {
            vm.prank(sequencers.seatOf(seat).operator);
            sequencers.unlockSeat(seat);
        } else if (action % 4 == 2) {
            vm.prank(REWARDS);
            sequencers.jail(seat);
        } else {
            vm.prank(SLASHER);
            sequencers.slash(seat);
        }
    }
}

contract JailTest is Stake {
    function setUp() public {
        deploy();
        lockAndSnapshot(5);
    }

    function testFuzz_RevertWhen_NotTheRewardsContract(address caller) public {
        vm.assume(caller != REWARDS);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NotRewards.selector, caller));
        vm.prank(caller);
        sequencers.jail(1);
    }

    function test_RevertWhen_ThereIsNoSuchSeat() public {
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 9, ISequencers.State.None));
        vm.prank(REWARDS);
        sequencers.jail(9);
    }

    function test_RevertWhen_ReadmittedTooSoonOrWithoutReason() public {
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 1, ISequencers.State.Open));
        vm.prank(ALICE);
        sequencers.readmit(1);
        vm.prank(REWARDS);
        sequencers.jail(1);
        vm.warp(START + 2 days - 1);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NotReleased.selector, START + 2 days, START + 2 days - 1));
        vm.prank(ALICE);
        sequencers.readmit(1);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NotOperator.selector, 1, BOB));
        vm.prank(BOB);
        sequencers.readmit(1);
    }

    function testFuzz_LeavesTheSetAndReturns(uint256 time, uint256 wait) public {
        vm.warp(bound(time, START, START + 20 * EPOCH));
        uint32 until = sequencers.openEpoch();
        vm.prank(REWARDS);
        sequencers.jail(1);
        vm.assertEq(sequencers.membersOf(until).length, 4);
        vm.assertEq(sequencers.membersOf(until - 1).length, 5);
        vm.assertEq(sequencers.takenCount(), 5);
        vm.warp(uint256(sequencers.seatOf(1).releaseAtSeconds) + bound(wait, 0, 20 * EPOCH));
        uint32 from = sequencers.openEpoch();
        // Snapshots between forget seats that are gone, but not those in jail.
        sequencers.snapshot(sequencers.epochAt(block.timestamp));
        vm.expectEmit();
        emit ISequencers.SeatReadmitted(1, from);
        vm.prank(ALICE);
        sequencers.readmit(1);
        vm.assertEq(sequencers.membersOf(from).length, 5);
        vm.assertEq(sequencers.membersOf(from - 1).length, 4);
    }

    function test_StakeIsUntouchedAndCanLeave() public {
        vm.prank(REWARDS);
        sequencers.jail(1);
        vm.warp(START + 100 days);
        vm.prank(ALICE);
        sequencers.unlockSeat(1);
        vm.assertEq(sequencers.seatOf(1).releaseAtSeconds, START + 121 days);
        vm.warp(START + 121 days);
        sequencers.withdrawSeat(1);
        vm.assertEq(token.balanceOf(ALICE), PRICE);
    }
}

contract SlashTest is Stake {
    function setUp() public {
        deploy();
        lockAndSnapshot(5);
    }

    function testFuzz_RevertWhen_NotTheSlasher(address caller) public {
        vm.assume(caller != SLASHER);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NotSlasher.selector, caller));
        vm.prank(caller);
        sequencers.slash(1);
    }

    function test_RevertWhen_NothingIsAtStake() public {
        slash(1);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 1, ISequencers.State.Slashed));
        slash(1);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 9, ISequencers.State.None));
        slash(9);
        vm.prank(ALICE);
        sequencers.unlockSeat(2);
        vm.warp(START + 100 days);
        sequencers.withdrawSeat(2);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 2, ISequencers.State.Closed));
        slash(2);
    }

    function test_EjectsFromTheCommitteesThatAreFixed() public {
        vm.warp(START + EPOCH - LEAD);
        sequencers.snapshot(1);
        vm.expectEmit();
        emit ISequencers.SeatSlashed(3, PRICE);
        slash(3);
        vm.assertEq(sequencers.committee(0).ejected, 1 << indexOf(0, 3));
        vm.assertEq(sequencers.committee(1).ejected, 1 << indexOf(1, 3));
        vm.assertEq(sequencers.membersOf(2).length, 4);
        vm.assertEq(token.balanceOf(SLASHER), PRICE);
        vm.assertEq(sequencers.takenCount(), 4);
    }

    function test_EjectsFromACommitteeThatIsFixedButNotStored() public {
        vm.warp(START + EPOCH - LEAD);
        slash(3);
        vm.assertEq(sequencers.membersOf(1).length, 5);
        sequencers.snapshot(1);
        vm.assertEq(sequencers.committee(1).ejected, 1 << indexOf(1, 3));
    }

    function test_TakesTheStakeOfOneThatIsLeaving() public {
        vm.prank(ALICE);
        sequencers.unlockSeat(1);
        vm.warp(START + 10 days);
        slash(1);
        vm.assertEq(sequencers.takenCount(), 4);
        vm.warp(START + 100 days);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 1, ISequencers.State.Slashed));
        sequencers.withdrawSeat(1);
    }

    function slash(uint32 seat) private {
        vm.prank(SLASHER);
        sequencers.slash(seat);
    }
}
