// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Rollup} from "../../../src/l1/Rollup.sol";
import {IPosting} from "../../../src/l1/interfaces/IPosting.sol";
import {IRollup} from "../../../src/l1/interfaces/IRollup.sol";
import {Posting} from "../../../src/l1/sequencers/Posting.sol";
import {Pot} from "./Pot.sol";

contract PostingDeployTest is Pot {
    function setUp() public {
        deployPot(4);
    }

    function test_RevertWhen_AnAddressIsZero() public {
        IPosting.Config memory wrong = potConfig();
        wrong.rollup = address(0);
        vm.expectRevert(IPosting.ZeroAddress.selector);
        new Posting(wrong);
        wrong = potConfig();
        wrong.surplusRecipient = address(0);
        vm.expectRevert(IPosting.ZeroAddress.selector);
        new Posting(wrong);
    }

    function test_RevertWhen_ATimeIsZero() public {
        IPosting.Config memory wrong = potConfig();
        wrong.turnSeconds = 0;
        vm.expectRevert(IPosting.ZeroSeconds.selector);
        new Posting(wrong);
        wrong = potConfig();
        wrong.takeoverSeconds = 0;
        vm.expectRevert(IPosting.ZeroSeconds.selector);
        new Posting(wrong);
    }

    function test_RevertWhen_TheRollupHasNoSequencers() public {
        IRollup.Config memory alone = config();
        alone.sequencers = address(0);
        IPosting.Config memory wrong = potConfig();
        wrong.rollup = address(new Rollup(alone));
        vm.expectRevert(abi.encodeWithSelector(IPosting.NoSequencers.selector, wrong.rollup));
        new Posting(wrong);
    }

    function test_KeepsWhatItIsTold() public view {
        vm.assertEq(posting.rollup(), address(rollup));
        vm.assertEq(posting.sequencers(), address(sequencers));
        vm.assertEq(posting.surplusRecipient(), SURPLUS);
        vm.assertEq(posting.reserveWei(), RESERVE);
        vm.assertEq(posting.turnSeconds(), 600);
        vm.assertEq(posting.takeoverSeconds(), 120);
        vm.assertEq(posting.gasMax(), 400_000);
        vm.assertEq(posting.priorityFeeMaxWei(), 2 gwei);
    }

    function testFuzz_TheCapFollowsTheFeesOfTheBlock(uint64 baseFee, uint256 blobFee, uint256 blobs) public {
        blobs = bound(blobs, 1, 6);
        vm.fee(baseFee);
        setBlobFee(blobFee);
        uint256 capWei = 400_000 * (uint256(baseFee) + 2 gwei) + blobsWei(blobs);
        vm.assertEq(posting.refundMaxWei(blobs), capWei);
    }
}
