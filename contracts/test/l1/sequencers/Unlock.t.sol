// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {Stake} from "./Stake.sol";

contract UnlockTest is Stake {
    uint64 private constant DELAY = 21 days;

    function setUp() public {
        deploy();
        lock(ALICE, 0);
    }

    function testFuzz_RevertWhen_NotTheOperator(address caller) public {
        vm.assume(caller != ALICE);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NotOperator.selector, 1, caller));
        vm.prank(caller);
        sequencers.unlockSeat(1);
    }

    function test_RevertWhen_LeavingAlready() public {
        vm.startPrank(ALICE, ALICE);
        sequencers.unlockSeat(1);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 1, ISequencers.State.Leaving));
        sequencers.unlockSeat(1);
    }

    function test_RevertWhen_WithdrawnFromASeatThatStays() public {
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 1, ISequencers.State.Open));
        sequencers.withdrawSeat(1);
    }

    function testFuzz_RevertWhen_WithdrawnBeforeTheDelay(uint64 leaveAt, uint64 early) public {
        leaveAt = uint64(bound(leaveAt, START - LEAD - 1, START + 100 * EPOCH));
        vm.warp(leaveAt);
        vm.prank(ALICE);
        sequencers.unlockSeat(1);
        uint64 releaseAt = sequencers.seatOf(1).releaseAtSeconds;
        vm.assertEq(releaseAt, sequencers.startOf(sequencers.seatOf(1).activeUntil) + DELAY);
        early = uint64(bound(early, leaveAt, releaseAt - 1));
        vm.warp(early);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NotReleased.selector, releaseAt, early));
        sequencers.withdrawSeat(1);
    }

    function test_RevertWhen_WithdrawnTwice() public {
        vm.prank(ALICE);
        sequencers.unlockSeat(1);
        vm.warp(START + DELAY);
        sequencers.withdrawSeat(1);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 1, ISequencers.State.Closed));
        sequencers.withdrawSeat(1);
    }

    /// @dev While the stake can be had, no evidence about the seat is accepted any more.
    function testFuzz_StakeStaysUntilEvidenceIsTooOld(uint64 leaveAt) public {
        leaveAt = uint64(bound(leaveAt, START, START + 100 * EPOCH));
        vm.warp(leaveAt);
        vm.prank(ALICE);
        sequencers.unlockSeat(1);
        ISequencers.Seat memory seat = sequencers.seatOf(1);
        vm.assertLt(sequencers.evidenceUntil(seat.activeUntil - 1), seat.releaseAtSeconds);
    }

    function testFuzz_GivesTheStakeBack(uint64 leaveAt) public {
        leaveAt = uint64(bound(leaveAt, START - LEAD - 1, START + 100 * EPOCH));
        vm.warp(leaveAt);
        uint32 until = sequencers.openEpoch();
        vm.expectEmit();
        emit ISequencers.SeatUnlocking(1, until, uint64(sequencers.startOf(until)) + DELAY);
        vm.prank(ALICE);
        sequencers.unlockSeat(1);
        vm.assertEq(sequencers.takenCount(), 0);
        vm.assertEq(sequencers.seatCountOf(ALICE), 0);
        vm.warp(sequencers.seatOf(1).releaseAtSeconds);
        vm.expectEmit();
        emit ISequencers.SeatWithdrawn(1, ALICE, PRICE);
        sequencers.withdrawSeat(1);
        vm.assertEq(token.balanceOf(ALICE), PRICE);
        vm.assertEq(token.balanceOf(address(sequencers)), 0);
    }

    function test_RevertWhen_ReserveTooSmall() public {
        vm.startPrank(ALICE, ALICE);
        vm.expectRevert(ISequencers.NoTokens.selector);
        sequencers.unlockReserve(0);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.ReserveTooSmall.selector, 1, 0));
        sequencers.unlockReserve(1);
        vm.expectRevert(ISequencers.NoTokens.selector);
        sequencers.withdrawReserve(ALICE);
    }

    function testFuzz_UnlocksPartOfTheReserve(uint256 tokens, uint256 part, uint256 more) public {
        tokens = bound(tokens, 2, 1e30);
        part = bound(part, 1, tokens - 1);
        more = bound(more, 1, tokens - part);
        fund(BOB, tokens);
        vm.startPrank(BOB, BOB);
        sequencers.topUp(BOB, tokens);
        sequencers.unlockReserve(part);
        vm.warp(block.timestamp + DELAY - 1);
        uint64 releaseAt = sequencers.reserveOf(BOB).releaseAtSeconds;
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NotReleased.selector, releaseAt, block.timestamp));
        sequencers.withdrawReserve(BOB);
        // What is added begins the delay anew, for all of it.
        sequencers.unlockReserve(more);
        vm.warp(block.timestamp + DELAY - 1);
        releaseAt = sequencers.reserveOf(BOB).releaseAtSeconds;
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NotReleased.selector, releaseAt, block.timestamp));
        sequencers.withdrawReserve(BOB);
        vm.warp(releaseAt);
        vm.expectEmit();
        emit ISequencers.ReserveWithdrawn(BOB, part + more);
        sequencers.withdrawReserve(BOB);
        vm.assertEq(token.balanceOf(BOB), part + more);
        vm.assertEq(sequencers.reserveOf(BOB).tokens, tokens - part - more);
    }
}
