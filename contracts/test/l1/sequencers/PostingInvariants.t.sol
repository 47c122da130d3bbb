// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IPosting} from "../../../src/l1/interfaces/IPosting.sol";
import {IRollup} from "../../../src/l1/interfaces/IRollup.sol";
import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {Posting} from "../../../src/l1/sequencers/Posting.sol";
import {T} from "../../T.sol";
import {Pot} from "./Pot.sol";

/// @title Posts, pays and sweeps, in any order and at any fees.
contract PotHandler is Pot {
    uint32 private constant SEATS = 7;
    uint256 private constant SLASHES_MAX = 2;

    uint256 public sentWei;
    uint256 public sweptWei;
    uint256 public refundedWei;
    uint256 public spentWei;
    uint256 public refunds;
    uint256 public unrefunded;
    uint256 private slashes;

    constructor() {
        deployPot(SEATS);
        vm.deal(address(this), type(uint128).max);
    }

    function pot() external view returns (Posting) {
        return posting;
    }

    /// @dev As one seat in two that is in turn, as another, or as nobody. It must work whatever the pot holds.
    function postAs(uint32 by, uint64 base, uint64 priorityFee, uint256 blobFee, uint256 blobs) external {
        vm.fee(base % 1000 gwei);
        vm.txGasPrice(base % 1000 gwei + priorityFee % 4 gwei);
        setBlobFee(blobFee);
        blobs = bound(blobs, 1, 6);
        address poster = by % 2 == 0 ? posterInTurn() : posterOf(by % (SEATS + 1));
        bool isInTurn = poster == posterInTurn();
        bytes memory data = nextPost(blobs);
        uint256 before = poster.balance;
        send(poster, data);
        uint256 gas = transactionGas(data, vm.lastCallGas().gasTotalUsed);
        uint256 refundWei = poster.balance - before;
        uint256 costWei = gas * tx.gasprice + blobsWei(blobs);
        vm.assertLe(refundWei, costWei);
        vm.assertLe(refundWei, posting.refundMaxWei(blobs));
        vm.assertTrue(isInTurn || refundWei == 0);
        refundedWei += refundWei;
        spentWei += costWei;
        if (refundWei == 0) unrefunded += 1;
        else refunds += 1;
    }

    function commitAtTheRollup() external {
        bytes memory data = nextPost(1);
        bytes memory arguments = new bytes(data.length - 4);
        for (uint256 i = 0; i < arguments.length; ++i) {
            arguments[i] = data[i + 4];
        }
        (bool success,) = address(rollup).call(bytes.concat(IRollup.commitCertifiedBatch.selector, arguments));
        vm.assertTrue(success);
    }

    function sendFees(uint256 feesWei) external {
        feesWei = bound(feesWei, 0, 3 ether);
        (bool success,) = address(posting).call{value: feesWei}("");
        vm.assertTrue(success);
        sentWei += feesWei;
    }

    function sweep() external {
        uint256 balanceWei = address(posting).balance;
        uint256 before = SURPLUS.balance;
        try posting.sweep() {
            vm.assertEq(address(posting).balance, RESERVE);
            sweptWei += SURPLUS.balance - before;
        } catch {
            vm.assertLe(balanceWei, RESERVE);
        }
    }

    function wait(uint64 seconds_) external {
        vm.warp(block.timestamp + seconds_ % 3600);
        uint32 epoch = sequencers.epochAt(block.timestamp);
        try sequencers.committee(epoch) {}
        catch {
            sequencers.snapshot(epoch);
        }
    }

    /// @dev Few, so that a quorum is left.
    function slash(uint32 seat) external {
        seat = 1 + seat % SEATS;
        if (slashes == SLASHES_MAX || sequencers.seatOf(seat).state == ISequencers.State.Slashed) return;
        slashes += 1;
        vm.prank(SLASHER);
        sequencers.slash(seat);
    }
}

contract PostingInvariantsTest is T {
    PotHandler private handler;
    Posting private posting;

    function setUp() public {
        handler = new PotHandler();
        posting = handler.pot();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev The handler compares each refund with its cap and its transaction.
    function invariant_RefundsNeverExceedWhatWasSpent() external view {
        vm.assertLe(handler.refundedWei(), handler.spentWei());
    }

    function invariant_EtherIsConserved() external view {
        vm.assertEq(address(posting).balance + handler.refundedWei() + handler.sweptWei(), handler.sentWei());
    }

    /// @dev That the handler gets everywhere, so that nothing above holds for want of anything happening.
    function test_TheHandlerGetsEverywhere() external {
        handler.postAs(0, 1 gwei, 0, 0, 1);
        vm.assertEq(handler.unrefunded(), 1);
        handler.sendFees(3 ether);
        handler.sendFees(3 ether);
        handler.postAs(0, 1 gwei, 1 gwei, 0, 2);
        vm.assertEq(handler.refunds(), 1);
        handler.postAs(7, 1 gwei, 1 gwei, 0, 2);
        vm.assertEq(handler.unrefunded(), 2);
        handler.commitAtTheRollup();
        handler.sweep();
        vm.assertLt(0, handler.sweptWei());
        handler.slash(0);
        handler.slash(1);
        for (uint256 i = 0; i < 25; ++i) {
            handler.wait(3599);
        }
        handler.postAs(0, 1 gwei, 1 gwei, 0, 6);
        vm.assertEq(handler.refunds(), 2);
    }
}
