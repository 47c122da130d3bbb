// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Predeploys} from "../src/Predeploys.sol";
import {Bridge} from "../src/l1/Bridge.sol";
import {Inbox} from "../src/l1/Inbox.sol";
import {Rollup} from "../src/l1/Rollup.sol";
import {IBridge} from "../src/l1/interfaces/IBridge.sol";
import {IRollup} from "../src/l1/interfaces/IRollup.sol";
import {TestToken} from "../src/mocks/TestToken.sol";
import {L1} from "./L1.sol";
import {NaiveTree} from "./NaiveTree.sol";

/// @dev A whole rollup seen from L1: people deposit, L2 answers with messages, posters commit, people claim. Remembers
/// what the contracts should know.
contract Handler is L1 {
    NaiveTree public tree = new NaiveTree();
    TestToken public token = new TestToken("Token", "TKN", 18);
    uint256 public mintedWei;
    uint256 public claimedWei;
    uint256 public depositedTokens;
    uint256 public claimedTokens;
    uint256 public feesWei;
    uint256 public claims;
    uint256 public claimsTwice;

    IBridge.Withdrawal[] private messages;
    uint256 private promisedWei;
    uint256 private promisedTokens;
    /// @dev Entry `i`: how many messages the outbox of batch `i` has.
    uint256[] private committedCounts;
    mapping(uint256 index => uint256 times) public claimedTimes;

    constructor() {
        deploy(2);
    }

    function contracts() external view returns (Inbox, Rollup, Bridge) {
        return (inbox, rollup, bridge);
    }

    function messageCount() external view returns (uint256) {
        return messages.length;
    }

    function depositEth(uint96 paid, address to) external {
        uint256 fee = inbox.messageFeeWei(100_000);
        vm.deal(ALICE, paid + fee);
        vm.prank(ALICE, ALICE);
        inbox.depositEth{value: paid + fee}(to);
        mintedWei += paid;
        feesWei += fee;
    }

    function deposit(uint96 mint, uint96 value, uint64 gasLimit, uint8 size) external {
        gasLimit = uint64(bound(gasLimit, inbox.gasLimitMin(size), 2_000_000));
        uint256 fee = inbox.messageFeeWei(gasLimit);
        vm.deal(ALICE, mint + fee);
        vm.prank(ALICE, ALICE);
        inbox.deposit{value: mint + fee}(BOB, bound(value, 0, mint), gasLimit, new bytes(size));
        mintedWei += mint;
        feesWei += fee;
    }

    function force(uint8 size) external {
        uint256 fee = inbox.forcedFeeWei();
        vm.deal(ALICE, fee);
        vm.prank(ALICE, ALICE);
        inbox.forceTransaction{value: fee}(new bytes(uint256(size) + 1));
        feesWei += fee;
    }

    function depositErc20(uint96 amount) external {
        uint256 given = uint256(amount) + 1;
        uint256 fee = bridge.erc20DepositFeeWei();
        token.mint(ALICE, given);
        vm.deal(ALICE, fee);
        vm.startPrank(ALICE, ALICE);
        token.approve(address(bridge), given);
        bridge.depositErc20{value: fee}(address(token), BOB, given);
        vm.stopPrank();
        depositedTokens += given;
        feesWei += fee;
    }

    function withdrawFees() external {
        inbox.withdrawFees();
    }

    /// @dev L2 sends out no more than it was given.
    function sendEth(uint256 value) external {
        value = bound(value, 0, mintedWei - promisedWei);
        promisedWei += value;
        send(IBridge.Withdrawal(ALICE, BOB, value, ""));
    }

    function sendTokens(uint256 amount) external {
        amount = bound(amount, 0, depositedTokens - promisedTokens);
        promisedTokens += amount;
        bytes memory data = abi.encodeCall(IBridge.releaseErc20, (address(token), BOB, amount));
        send(IBridge.Withdrawal(Predeploys.L2_BRIDGE, address(bridge), 0, data));
    }

    function commitBatch(uint8 blocks, uint16 time, uint64 left) external {
        vm.warp(block.timestamp + time);
        vm.roll(block.number + 1);
        vm.setBlockhash(block.number - 1, keccak256(abi.encode(block.number)));
        IRollup.BatchHeader memory header = nextHeader();
        header.lastBlock += blocks;
        header.outboxRoot = tree.root();
        uint64 before = header.index == 0 ? 0 : rollup.batch(header.index - 1).inboxCount;
        uint64 count = uint64(bound(left, before, header.inboxCount));
        bool overdue = count < header.inboxCount && inbox.queuedAt(count) + INCLUSION_DEADLINE_SECONDS < block.timestamp;
        if (!overdue) header.inboxCount = count;
        header.inboxHash = inbox.rollingHash(header.inboxCount);
        commit(header);
        committedCounts.push(messages.length);
    }

    function wait(uint16 time) external {
        vm.warp(block.timestamp + time);
    }

    /// @dev Claims any message of any final batch, also those that were claimed already.
    function claim(uint256 batchIndex, uint256 index) external {
        uint64 finals = rollup.finalBatchCount();
        if (finals == 0) return;
        batchIndex = bound(batchIndex, 0, finals - 1);
        uint256 count = committedCounts[batchIndex];
        if (count == 0) return;
        index = bound(index, 0, count - 1);
        IBridge.Withdrawal memory message = messages[index];
        bytes32[32] memory proof = tree.proofAt(index, count);
        uint256 tokensBefore = token.balanceOf(BOB);
        bool again = claimedTimes[index] != 0;
        try bridge.claim(uint64(batchIndex), message, uint64(index), proof) {
            claims += 1;
            claimedTimes[index] += 1;
            claimedWei += message.value;
            claimedTokens += token.balanceOf(BOB) - tokensBefore;
        } catch (bytes memory reason) {
            claimsTwice += 1;
            vm.assertTrue(again);
            vm.assertEq(reason, abi.encodeWithSelector(IBridge.AlreadyClaimed.selector, uint64(index)));
        }
    }

    function send(IBridge.Withdrawal memory message) private {
        tree.push(
            keccak256(
                abi.encode(messages.length, message.sender, message.target, message.value, keccak256(message.data))
            )
        );
        messages.push(message);
    }
}

contract InvariantsTest is L1 {
    Handler private handler;

    function setUp() public {
        handler = new Handler();
        (inbox, rollup, bridge) = handler.contracts();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_EscrowedWeiIsMintedLessClaimed() external view {
        vm.assertEq(address(bridge).balance, handler.mintedWei() - handler.claimedWei());
        vm.assertEq(address(inbox).balance + FEE_RECIPIENT.balance, handler.feesWei());
        vm.assertEq(bridge.executor().balance, 0);
    }

    function invariant_EscrowedTokensAreDepositedLessClaimed() external view {
        uint256 held = handler.depositedTokens() - handler.claimedTokens();
        vm.assertEq(bridge.escrowedErc20(address(handler.token())), held);
        vm.assertEq(handler.token().balanceOf(address(bridge)), held);
    }

    function invariant_EachLeafIsClaimedAtMostOnce() external view {
        uint256 claimed = 0;
        for (uint64 i = 0; i < handler.messageCount(); ++i) {
            vm.assertLe(handler.claimedTimes(i), 1);
            vm.assertTrue(bridge.isClaimed(i) == (handler.claimedTimes(i) == 1));
            if (bridge.isClaimed(i)) claimed += 1;
        }
        vm.assertEq(claimed, handler.claims());
    }

    function invariant_BatchesAreContiguousAndBecomeFinalInOrder() external view {
        uint64 lastBlock = 0;
        uint64 inboxCount = 0;
        uint64 committedAt = 0;
        uint64 finals = rollup.finalBatchCount();
        for (uint64 i = 0; i < rollup.batchCount(); ++i) {
            IRollup.Batch memory batch = rollup.batch(i);
            vm.assertLt(lastBlock, batch.lastBlock);
            vm.assertLe(inboxCount, batch.inboxCount);
            vm.assertLe(committedAt, batch.committedAtSeconds);
            vm.assertTrue(rollup.isFinal(i) == (i < finals));
            (lastBlock, inboxCount, committedAt) = (batch.lastBlock, batch.inboxCount, batch.committedAtSeconds);
        }
        vm.assertLe(inboxCount, inbox.messageCount());
    }

    /// @dev That the handler gets as far as claiming, so that nothing above holds for want of anything happening.
    function test_TheHandlerClaims() external {
        handler.depositEth(5 ether, BOB);
        handler.depositErc20(100);
        handler.sendEth(5 ether);
        handler.sendTokens(101);
        handler.commitBatch(3, 0, type(uint64).max);
        handler.claim(0, 0);
        vm.assertEq(handler.claims(), 0);
        handler.wait(600);
        handler.sendEth(0);
        handler.claim(0, 0);
        handler.claim(0, 1);
        handler.claim(0, 1);
        vm.assertEq(handler.claims(), 2);
        vm.assertEq(handler.claimsTwice(), 1);
        vm.assertEq(handler.claimedWei(), 5 ether);
        vm.assertEq(handler.claimedTokens(), 101);
    }
}
