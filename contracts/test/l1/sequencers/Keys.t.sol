// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {Stake} from "./Stake.sol";

contract KeysTest is Stake {
    function setUp() public {
        deploy();
        for (uint256 i = 0; i < 4; ++i) {
            lock(ALICE, i);
        }
    }

    function testFuzz_RevertWhen_NotTheOperator(address caller) public {
        vm.assume(caller != ALICE);
        ISequencers.Keys memory keys = keysOf(9, caller);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NotOperator.selector, 1, caller));
        vm.prank(caller);
        sequencers.rotateKeys(1, keys);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.NotOperator.selector, 1, caller));
        vm.prank(caller);
        sequencers.setContact(1, contactOf(9));
    }

    function testFuzz_RevertWhen_TooSoon(uint256 time) public {
        vm.warp(bound(time, START - LEAD, START + 6 * EPOCH - LEAD - 1));
        ISequencers.Keys memory keys = keysOf(9, ALICE);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.RotationTooSoon.selector, sequencers.openEpoch(), 7));
        vm.prank(ALICE);
        sequencers.rotateKeys(1, keys);
    }

    function test_RevertWhen_TheKeyIsOneOfBefore() public {
        ISequencers.Keys memory old = keysOf(0, ALICE);
        vm.warp(START + 7 * EPOCH);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.P2pKeyTaken.selector, old.p2pKey));
        vm.prank(ALICE);
        sequencers.rotateKeys(1, old);
    }

    function test_RevertWhen_Leaving() public {
        vm.warp(START + 7 * EPOCH);
        ISequencers.Keys memory keys = keysOf(9, ALICE);
        vm.startPrank(ALICE, ALICE);
        sequencers.unlockSeat(1);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 1, ISequencers.State.Leaving));
        sequencers.rotateKeys(1, keys);
    }

    function test_RevertWhen_NoSuchSeatIsAskedFor() public {
        vm.expectRevert(abi.encodeWithSelector(ISequencers.WrongState.selector, 9, ISequencers.State.None));
        sequencers.keysOf(9, 0);
    }

    /// @dev The epoch that runs keeps the old keys, also when its committee is stored late.
    function testFuzz_NewKeysCountFromTheNextBorder(uint256 time) public {
        time = bound(time, START + 7 * EPOCH, START + 30 * EPOCH);
        vm.warp(time);
        uint32 from = sequencers.openEpoch();
        ISequencers.Keys memory keys = keysOf(9, ALICE);
        vm.prank(ALICE);
        sequencers.rotateKeys(2, keys);
        expectKeys(2, from, 9);
        expectKeys(2, from - 1, 1);
        sequencers.snapshot(sequencers.epochAt(time));
        uint256 index = indexOf(sequencers.epochAt(time), 2);
        (, BLS.G2Point memory blsKey) = sequencers.committeeMember(sequencers.epochAt(time), index);
        vm.assertEq(abi.encode(blsKey), abi.encode(keysOf(1, ALICE).blsKey));
        vm.warp(sequencers.startOf(from));
        sequencers.snapshot(from);
        (, blsKey) = sequencers.committeeMember(from, indexOf(from, 2));
        vm.assertEq(abi.encode(blsKey), abi.encode(keys.blsKey));
    }

    function testFuzz_RotatesAgainAfterTheThrottle(uint256 time, uint256 wait) public {
        vm.warp(bound(time, START + 7 * EPOCH, START + 30 * EPOCH));
        ISequencers.Keys memory keys = keysOf(8, ALICE);
        vm.prank(ALICE);
        sequencers.rotateKeys(1, keys);
        uint32 first = sequencers.seatOf(1).keysFrom;
        vm.warp(block.timestamp + bound(wait, 7 * EPOCH, 20 * EPOCH));
        keys = keysOf(9, ALICE);
        vm.prank(ALICE);
        sequencers.rotateKeys(1, keys);
        uint32 second = sequencers.seatOf(1).keysFrom;
        vm.assertGe(second, first + 7);
        expectKeys(1, second, 9);
        expectKeys(1, second - 1, 8);
        expectKeys(1, first, 8);
    }

    function test_ContactChangesAtOnce() public {
        ISequencers.Contact memory contact = ISequencers.Contact("[2001:db8::1]:9000", address(5), address(6));
        vm.expectEmit();
        emit ISequencers.ContactSet(1, contact.networkAddress, address(5), address(6));
        vm.prank(ALICE);
        sequencers.setContact(1, contact);
        vm.assertEq(abi.encode(sequencers.contactOf(1)), abi.encode(contact));
    }

    function expectKeys(uint32 seat, uint32 epoch, uint256 number) private view {
        (bytes32 p2pKey, BLS.G2Point memory blsKey) = sequencers.keysOf(seat, epoch);
        vm.assertEq(p2pKey, p2pKeyOf(number));
        vm.assertEq(abi.encode(blsKey), abi.encode(keysOf(number, ALICE).blsKey));
    }
}
