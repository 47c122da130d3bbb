// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {Rollup} from "../../src/l1/Rollup.sol";
import {IRollup} from "../../src/l1/interfaces/IRollup.sol";
import {L1} from "../L1.sol";

contract RollupFinalityTest is L1 {
    function setUp() public {
        deploy(0);
    }

    function testFuzz_RevertWhen_AskedForABatchThatIsNotThere(uint64 index) public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.NoSuchBatch.selector, index, 0));
        rollup.batch(index);
    }

    function test_NothingIsFinalBeforeThereIsABatch() public view {
        vm.assertFalse(rollup.isFinal(0));
        vm.assertEq(rollup.finalBatchCount(), 0);
        vm.assertEq(rollup.lastFinalBlock(), 0);
    }

    function test_FinalExactlyWhenTheWindowHasPassed() public {
        uint256 committedAt = block.timestamp;
        commit(nextHeader());
        vm.warp(committedAt + CHALLENGE_WINDOW_SECONDS - 1);
        vm.assertFalse(rollup.isFinal(0));
        vm.assertEq(rollup.lastFinalBlock(), 0);
        vm.warp(committedAt + CHALLENGE_WINDOW_SECONDS);
        vm.assertTrue(rollup.isFinal(0));
        vm.assertEq(rollup.lastFinalBlock(), 1);
        vm.assertFalse(rollup.isFinal(1));
        vm.assertFalse(rollup.isFinal(type(uint64).max));
    }

    function testFuzz_CountsFinalBatchesLikeAScan(uint16[20] calldata gaps, uint16 wait) public {
        for (uint256 i = 0; i < gaps.length; ++i) {
            vm.warp(block.timestamp + gaps[i] % 200);
            commit(nextHeader());
        }
        vm.warp(block.timestamp + wait % 1000);
        uint64 scanned = 0;
        while (rollup.isFinal(scanned)) ++scanned;
        for (uint64 i = scanned; i < gaps.length; ++i) {
            vm.assertFalse(rollup.isFinal(i));
        }
        vm.assertEq(rollup.finalBatchCount(), scanned);
        vm.assertEq(rollup.lastFinalBlock(), scanned);
    }
}

contract RollupPostersTest is L1 {
    function setUp() public {
        deploy(0);
    }

    function test_RevertWhen_ConstructedWithZeroAddress() public {
        vm.expectRevert(IRollup.ZeroAddress.selector);
        new Rollup(config(address(0)));
        IRollup.Config memory ownerless = config(address(inbox));
        ownerless.owner = address(0);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new Rollup(ownerless);
    }

    function testFuzz_RevertWhen_NotOwner(address caller) public {
        vm.assume(caller != OWNER);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        vm.prank(caller);
        rollup.setPoster(caller, true);
    }

    function testFuzz_OwnerNamesPosters(address poster) public {
        vm.assume(poster != POSTER);
        vm.expectEmit();
        emit IRollup.PosterSet(poster, true);
        vm.prank(OWNER);
        rollup.setPoster(poster, true);
        vm.assertTrue(rollup.isPoster(poster));
        vm.prank(OWNER);
        rollup.setPoster(poster, false);
        vm.assertFalse(rollup.isPoster(poster));
        vm.assertTrue(rollup.isPoster(POSTER));
    }

    function test_OwnershipMovesInTwoSteps() public {
        vm.prank(OWNER);
        rollup.transferOwnership(ALICE);
        vm.assertEq(rollup.owner(), OWNER);
        vm.prank(ALICE);
        rollup.acceptOwnership();
        vm.assertEq(rollup.owner(), ALICE);
    }

    function test_TellsItsConfig() public {
        vm.expectEmit();
        emit IRollup.Genesis(4242, GENESIS_HASH, GENESIS_STATE_ROOT);
        IRollup.Config memory given = config(address(inbox));
        given.poster = address(0);
        Rollup deployed = new Rollup(given);
        vm.assertFalse(deployed.isPoster(address(0)));
        vm.assertEq(deployed.inbox(), address(inbox));
        vm.assertEq(deployed.l2ChainId(), 4242);
        vm.assertEq(deployed.challengeWindowSeconds(), CHALLENGE_WINDOW_SECONDS);
        vm.assertEq(deployed.inclusionDeadlineSeconds(), INCLUSION_DEADLINE_SECONDS);
        vm.assertEq(deployed.genesisBlockHash(), GENESIS_HASH);
        vm.assertEq(deployed.genesisStateRoot(), GENESIS_STATE_ROOT);
    }
}
