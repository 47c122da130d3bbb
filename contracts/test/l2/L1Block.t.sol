// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Predeploys} from "../../src/Predeploys.sol";
import {L1Block} from "../../src/l2/L1Block.sol";
import {IL1Block} from "../../src/l2/interfaces/IL1Block.sol";
import {L2} from "../L2.sol";

contract L1BlockTest is L2 {
    function setUp() public {
        genesis(address(1), address(2));
    }

    function testFuzz_RevertWhen_NotSystem(address caller) public {
        vm.assume(caller != Predeploys.SYSTEM_CALLER);
        vm.expectRevert(abi.encodeWithSelector(IL1Block.NotSystem.selector, caller));
        vm.prank(caller);
        l1Block.setL1Block(1, 2, 3, 4, bytes32(uint256(5)), 6);
    }

    function testFuzz_KeepsTheFacts(
        uint64 number,
        uint64 timestamp,
        uint128 baseFee,
        uint128 blobBaseFee,
        bytes32 hash,
        uint64 inboxCount
    ) public {
        vm.prank(0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE);
        l1Block.setL1Block(number, timestamp, baseFee, blobBaseFee, hash, inboxCount);
        vm.assertEq(l1Block.number(), number);
        vm.assertEq(l1Block.timestamp(), timestamp);
        vm.assertEq(l1Block.baseFee(), baseFee);
        vm.assertEq(l1Block.blobBaseFee(), blobBaseFee);
        vm.assertEq(l1Block.hash(), hash);
        vm.assertEq(l1Block.inboxCount(), inboxCount);
    }

    function testFuzz_SaturatesFees(uint256 fee) public {
        fee = bound(fee, uint256(type(uint128).max) + 1, type(uint256).max - 1);
        vm.prank(Predeploys.SYSTEM_CALLER);
        l1Block.setL1Block(1, 2, fee, fee, bytes32(0), 3);
        vm.assertEq(l1Block.baseFee(), type(uint128).max);
        vm.assertEq(l1Block.blobBaseFee(), type(uint128).max);
    }

    function test_CommittedCodeIsTheCompiledOne() public view {
        vm.assertEq(Predeploys.L1_BLOCK.code, type(L1Block).runtimeCode);
    }
}
