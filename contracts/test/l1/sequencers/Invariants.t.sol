// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {LibBit} from "solady/utils/LibBit.sol";

import {IRewards} from "../../../src/l1/interfaces/IRewards.sol";
import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {ISlasher} from "../../../src/l1/interfaces/ISlasher.sol";
import {Emission} from "../../../src/l1/sequencers/Emission.sol";
import {Rewards} from "../../../src/l1/sequencers/Rewards.sol";
import {Sequencers} from "../../../src/l1/sequencers/Sequencers.sol";
import {SignedMessages} from "../../../src/l1/sequencers/SignedMessages.sol";
import {TestToken} from "../../../src/mocks/TestToken.sol";
import {BlsSigner} from "../../BlsSigner.sol";
import {T} from "../../T.sol";
import {Protocol} from "./Protocol.sol";

/// @title Does what anybody may do to the sequencers, in any order.
contract SequencersHandler is Protocol {
    /// @dev Small, so that it is used up.
    uint256 public constant BUDGET = 100e18;
    uint256 private constant SEATS_MAX = 30;

    address[3] public operators = [address(0xa1), address(0xa2), address(0xa3)];
    uint256 public tokensIn;
    uint256 public tokensSlashed;
    uint256 public feesSentWei;
    uint256 public accepted;
    uint256 public refused;
    uint256 public claims;
    uint256 public jails;
    mapping(uint32 epoch => IRewards.Entry[]) private entries;
    uint32[] private recorded;

    constructor() {
        deployProtocol(BUDGET);
        for (uint256 i = 0; i < 6; ++i) {
            lockSeat(i);
        }
        vm.warp(START);
        sequencers.snapshot(0);
    }

    function contracts() external view returns (Sequencers, Rewards, Emission, TestToken) {
        return (sequencers, rewards, emission, token);
    }

    function recipient() external pure returns (address) {
        return RECIPIENT;
    }

    function lockSeat(uint256 by) public {
        if (sequencers.seatCount() == SEATS_MAX) return;
        address operator = operators[by % 3];
        uint256 reserve = sequencers.reserveOf(operator).tokens;
        tokensIn += reserve < PRICE ? PRICE - reserve : 0;
        lock(operator, sequencers.seatCount());
    }

    function topUp(uint256 by, uint256 tokens) external {
        tokens = bound(tokens, 1, 2 * PRICE);
        fund(operators[by % 3], tokens);
        tokensIn += tokens;
        vm.prank(operators[by % 3]);
        sequencers.topUp(operators[by % 3], tokens);
    }

    function unlockSeat(uint32 seat) external {
        ISequencers.Seat memory s;
        (seat, s) = pick(seat);
        if (s.state != ISequencers.State.Open && s.state != ISequencers.State.Jailed) return;
        vm.prank(s.operator);
        sequencers.unlockSeat(seat);
    }

    function unlockReserve(uint256 by, uint256 tokens) external {
        address operator = operators[by % 3];
        uint256 reserve = sequencers.reserveOf(operator).tokens;
        if (reserve == 0) return;
        vm.prank(operator);
        sequencers.unlockReserve(bound(tokens, 1, reserve));
    }

    function withdraw(uint256 by) external {
        uint256 before = token.balanceOf(address(sequencers));
        for (uint32 seat = 1; seat <= sequencers.seatCount(); ++seat) {
            ISequencers.Seat memory s = sequencers.seatOf(seat);
            bool isReleased = s.state == ISequencers.State.Leaving && s.releaseAtSeconds <= block.timestamp;
            if (isReleased) sequencers.withdrawSeat(seat);
        }
        ISequencers.Reserve memory reserve = sequencers.reserveOf(operators[by % 3]);
        if (reserve.unlockingTokens != 0 && reserve.releaseAtSeconds <= block.timestamp) {
            sequencers.withdrawReserve(operators[by % 3]);
        }
        tokensIn -= before - token.balanceOf(address(sequencers));
    }

    function slash(uint256 index, bytes32 payload) external {
        uint32 epoch = sequencers.epochAt(block.timestamp);
        if (!hasCommittee(epoch)) return;
        uint32[] memory seats = sequencers.committeeSeats(epoch);
        index %= seats.length;
        ISequencers.State state = sequencers.seatOf(seats[index]).state;
        if (state == ISequencers.State.Slashed || state == ISequencers.State.Closed) return;
        ISlasher.Vote memory a = finalize(epoch, seats[index], payload);
        ISlasher.Vote memory b = finalize(epoch, seats[index], ~payload);
        slasher.reportFinalizes(ISlasher.Accused(epoch, index), 1, a, b);
        tokensSlashed += PRICE;
    }

    /// @dev Lets time pass, and mostly takes the snapshots that are due.
    function wait(uint32 seconds_, bool isSnapshotTaken) external {
        vm.warp(block.timestamp + seconds_ % (3 * EPOCH));
        uint32 epoch = sequencers.epochAt(block.timestamp);
        if (!isSnapshotTaken || hasCommittee(epoch)) return;
        if (sequencers.membersOf(epoch).length >= sequencers.setSizeMin()) sequencers.snapshot(epoch);
    }

    /// @dev A certificate of any signers of the epoch, which is accepted exactly when it should be.
    function certifyWith(uint256 signers, uint256 beyond) external {
        uint32 epoch = sequencers.epochAt(block.timestamp);
        if (!hasCommittee(epoch)) return;
        ISequencers.Committee memory committee = sequencers.committee(epoch);
        uint256 all = (1 << committee.seatCount) - 1;
        if (signers & all == 0) return;
        ISequencers.Certificate memory certificate = certify(epoch, "message", signers & all);
        if (beyond % 8 == 0) certificate.signers |= (all + 1) << (beyond % 64);
        bool isQuorum = 3 * LibBit.popCount(certificate.signers & all) > 2 * committee.seatCount;
        bool isValid = isQuorum && certificate.signers & ~all == 0 && certificate.signers & committee.ejected == 0;
        try sequencers.verify(epoch, "message", certificate) {
            vm.assertTrue(isValid);
            accepted += 1;
        } catch {
            vm.assertFalse(isValid);
            refused += 1;
        }
    }

    /// @dev Records an epoch that is over, if it had a committee that nobody was ejected from.
    function record(uint32 back, uint64 blocks, uint96 feesWei, uint256 missed) external {
        uint32 current = sequencers.epochAt(block.timestamp);
        if (current == 0) return;
        uint32 epoch = current - 1 - back % (current < 3 ? current : 3);
        if (!hasCommittee(epoch) || rewards.payOf(epoch).root != bytes32(0)) return;
        if (sequencers.committee(epoch).ejected != 0) return;
        uint32[] memory seats = sequencers.committeeSeats(epoch);
        IRewards.Entry[] memory list = new IRewards.Entry[](seats.length);
        uint64 each = blocks % (BLOCKS_MAX / uint64(seats.length));
        for (uint256 i = 0; i < seats.length; ++i) {
            uint64 missedCount = (missed >> i) & 1 == 1 ? each + 1 : 0;
            list[i] = IRewards.Entry(seats[i], each, missedCount, feesWei / (i + 1));
            entries[epoch].push(list[i]);
        }
        IRewards.Record memory r = recordOf(epoch, list);
        vm.deal(address(this), r.feesWei);
        (bool success,) = address(rewards).call{value: r.feesWei}("");
        vm.assertTrue(success);
        feesSentWei += r.feesWei;
        submit(r);
        recorded.push(epoch);
    }

    function claim(uint256 which, uint256 index, bool isRelocked) external {
        if (recorded.length == 0) return;
        uint32 epoch = recorded[which % recorded.length];
        IRewards.Entry[] memory list = entries[epoch];
        index %= list.length;
        if (rewards.isClaimed(epoch, list[index].seat)) return;
        bytes32[] memory proof = proofOf(list, index);
        uint256 before = token.balanceOf(address(sequencers));
        if (isRelocked) vm.prank(sequencers.seatOf(list[index].seat).operator);
        if (isRelocked) rewards.relock(epoch, list[index], proof);
        else rewards.claim(epoch, list[index], proof);
        tokensIn += token.balanceOf(address(sequencers)) - before;
        claims += 1;
    }

    function reportMissed(uint256 which, uint256 index) external {
        if (recorded.length == 0) return;
        uint32 epoch = recorded[which % recorded.length];
        IRewards.Entry[] memory list = entries[epoch];
        index %= list.length;
        IRewards.Entry memory entry = list[index];
        if (entry.missedCount == 0 || sequencers.seatOf(entry.seat).state != ISequencers.State.Open) return;
        bytes32[] memory proof = proofOf(list, index);
        try rewards.reportMissed(epoch, entry, proof) {
            if (sequencers.seatOf(entry.seat).state == ISequencers.State.Jailed) jails += 1;
        } catch (bytes memory reason) {
            bytes4 why = bytes4(reason);
            vm.assertTrue(why == IRewards.AlreadyReported.selector || why == IRewards.ReportTooOld.selector);
        }
    }

    function readmit(uint32 seat) external {
        ISequencers.Seat memory s;
        (seat, s) = pick(seat);
        if (s.state != ISequencers.State.Jailed || s.releaseAtSeconds > block.timestamp) return;
        vm.prank(s.operator);
        sequencers.readmit(seat);
    }

    function hasCommittee(uint32 epoch) public view returns (bool) {
        try sequencers.committee(epoch) {
            return true;
        } catch {
            return false;
        }
    }

    function pick(uint32 seat) private view returns (uint32 picked, ISequencers.Seat memory s) {
        picked = 1 + seat % sequencers.seatCount();
        return (picked, sequencers.seatOf(picked));
    }

    function finalize(uint32 epoch, uint32 seat, bytes32 payload) private view returns (ISlasher.Vote memory) {
        bytes memory message = SignedMessages.finalize(address(sequencers), epoch, 1, 0, payload);
        return ISlasher.Vote(0, payload, BlsSigner.sign(secretOf(numberOf[seat]), message));
    }
}

contract SequencersInvariantsTest is T {
    uint256 private constant PRICE = 20_000e18;
    SequencersHandler private handler;
    Sequencers private sequencers;
    Rewards private rewards;
    Emission private emission;
    TestToken private token;

    function setUp() public {
        handler = new SequencersHandler();
        (sequencers, rewards, emission, token) = handler.contracts();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev What came in and has not gone back is locked, unlocking or slashed.
    function invariant_StakeIsConserved() external view {
        uint256 held = 0;
        for (uint32 seat = 1; seat <= sequencers.seatCount(); ++seat) {
            ISequencers.State state = sequencers.seatOf(seat).state;
            if (state != ISequencers.State.Slashed && state != ISequencers.State.Closed) held += PRICE;
        }
        for (uint256 i = 0; i < 3; ++i) {
            ISequencers.Reserve memory reserve = sequencers.reserveOf(handler.operators(i));
            held += reserve.tokens + reserve.unlockingTokens;
        }
        vm.assertEq(token.balanceOf(address(sequencers)), held);
        vm.assertEq(held + handler.tokensSlashed(), handler.tokensIn());
    }

    function invariant_RewardsNeverExceedEmissionAndFees() external view {
        vm.assertLe(emission.paidTokens() + emission.committedTokens(), handler.BUDGET());
        vm.assertEq(emission.leftTokens() + emission.paidTokens() + emission.committedTokens(), handler.BUDGET());
        vm.assertEq(token.balanceOf(address(rewards)), 0);
        vm.assertEq(address(rewards).balance, rewards.unassignedWei() + rewards.assignedWei());
        vm.assertEq(address(rewards).balance + handler.recipient().balance, handler.feesSentWei());
    }

    /// @dev Whether certificates are accepted is checked by the handler for each of them.
    function invariant_MembersAreInOrderAndOpen() external view {
        uint32 epoch = sequencers.openEpoch();
        uint32[] memory seats = sequencers.membersOf(epoch);
        bytes32 last = 0;
        for (uint256 i = 0; i < seats.length; ++i) {
            (bytes32 p2pKey,) = sequencers.keysOf(seats[i], epoch);
            vm.assertLt(uint256(last), uint256(p2pKey));
            last = p2pKey;
            vm.assertTrue(sequencers.seatOf(seats[i]).state == ISequencers.State.Open);
        }
        uint256 open = 0;
        uint256 taken = 0;
        for (uint32 seat = 1; seat <= sequencers.seatCount(); ++seat) {
            ISequencers.State state = sequencers.seatOf(seat).state;
            if (state == ISequencers.State.Open) open += 1;
            if (state == ISequencers.State.Open || state == ISequencers.State.Jailed) taken += 1;
        }
        vm.assertEq(seats.length, open);
        vm.assertEq(sequencers.takenCount(), taken);
    }

    /// @dev That the handler gets everywhere, so that nothing above holds for want of anything happening.
    function test_TheHandlerGetsEverywhere() external {
        handler.topUp(0, PRICE);
        handler.certifyWith(31, 1);
        handler.certifyWith(15, 1);
        handler.certifyWith(31, 8);
        vm.assertEq(handler.accepted(), 1);
        vm.assertEq(handler.refused(), 2);
        for (uint256 i = 0; i < 2; ++i) {
            handler.wait(1 days, true);
            handler.record(0, 10_000, 1 ether, 1);
        }
        handler.reportMissed(0, 0);
        handler.reportMissed(1, 0);
        vm.assertEq(handler.jails(), 1);
        handler.claim(0, 1, false);
        handler.claim(1, 2, true);
        vm.assertEq(handler.claims(), 2);
        vm.assertLt(0, emission.paidTokens());
        handler.slash(3, "payload");
        vm.assertEq(handler.tokensSlashed(), PRICE);
        handler.certifyWith(63, 1);
        vm.assertEq(handler.refused(), 3);
        handler.unlockSeat(4);
        handler.unlockReserve(0, PRICE);
        uint256 before = handler.tokensIn();
        for (uint256 i = 0; i < 30; ++i) {
            handler.wait(1 days, false);
        }
        handler.withdraw(0);
        vm.assertLt(handler.tokensIn(), before);
        for (uint32 seat = 0; seat < 6; ++seat) {
            handler.readmit(seat);
        }
        vm.assertLt(sequencers.takenCount(), 7);
    }
}
