// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IPosting} from "../../../src/l1/interfaces/IPosting.sol";
import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {Pot} from "./Pot.sol";

contract PostingTurnTest is Pot {
    function setUp() public {
        deployPot(5);
    }

    function test_RevertWhen_BeforeTheFirstEpochOrWithoutACommittee() public {
        vm.expectRevert(abi.encodeWithSelector(IPosting.BeforeFirstEpoch.selector, START - 1));
        posting.inTurn(START - 1, 0);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NoCommittee.selector, 1));
        posting.inTurn(START + EPOCH, 0);
    }

    function test_RevertWhen_EverybodyIsEjected() public {
        for (uint32 seat = 1; seat <= 5; ++seat) {
            slash(seat);
        }
        vm.expectRevert(abi.encodeWithSelector(IPosting.NobodyInTurn.selector, 0));
        posting.inTurn(START, 0);
    }

    function testFuzz_SeatsTakeTurns(uint64 time) public view {
        time = uint64(bound(time, 0, EPOCH - 1));
        expectTurn(START + time, START + time, (time / 600) % 5);
    }

    function testFuzz_TheNextTakesOverAfterSilence(uint64 time, uint64 lastPosted) public view {
        time = uint64(bound(time, 0, EPOCH - 1));
        lastPosted = uint64(bound(lastPosted, 0, time));
        // The turn's own start counts as a sign of life, so that a new seat has its whole time.
        uint64 turnStart = time - time % 600;
        uint64 silent = time - (lastPosted > turnStart ? lastPosted : turnStart);
        expectTurn(START + time, START + lastPosted, (time / 600 + silent / 120) % 5);
    }

    function test_TakeoversAtTheirSeconds() public view {
        expectTurn(START + 119, 0, 0);
        expectTurn(START + 120, 0, 1);
        expectTurn(START + 239, 0, 1);
        expectTurn(START + 240, 0, 2);
        expectTurn(START + 240, START + 200, 0);
        expectTurn(START + 600, 0, 1);
        expectTurn(START + 720, START + 600, 2);
        // A batch from the future, as an L1 reorganisation may show it, is a sign of life.
        expectTurn(START + 300, START + 400, 0);
    }

    function test_EjectedSeatsArePassedOver() public {
        slash(order[1]);
        slash(order[2]);
        expectTurn(START + 600, START + 600, 3);
        expectTurn(START + 1200, START + 1200, 3);
        expectTurn(START + 1800, START + 1800, 3);
        expectTurn(START + 2400, START + 2400, 4);
        slash(order[4]);
        expectTurn(START + 2400, START + 2400, 0);
    }

    function slash(uint32 seat) private {
        vm.prank(SLASHER);
        sequencers.slash(seat);
    }

    function expectTurn(uint256 time, uint256 lastPosted, uint256 index) private view {
        (uint32 seat, address poster) = posting.inTurn(time, lastPosted);
        vm.assertEq(seat, order[index]);
        vm.assertEq(poster, posterOf(seat));
    }
}
