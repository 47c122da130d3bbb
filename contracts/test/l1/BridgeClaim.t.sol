// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Predeploys} from "../../src/Predeploys.sol";
import {Bridge} from "../../src/l1/Bridge.sol";
import {IBridge} from "../../src/l1/interfaces/IBridge.sol";
import {IExecutor} from "../../src/l1/interfaces/IExecutor.sol";
import {TestToken} from "../../src/mocks/TestToken.sol";
import {L1} from "../L1.sol";
import {NaiveTree} from "../NaiveTree.sol";
import {HookToken, Thief} from "../Tokens.sol";

/// @dev Records who called it, or refuses.
contract Target {
    error Closed(uint256 reason);

    Bridge private immutable bridge;
    bool public open = true;
    address public caller;
    address public l2Sender;
    uint256 public received;
    bytes public data;

    constructor(Bridge bridge_) {
        bridge = bridge_;
    }

    function setOpen(bool open_) external {
        open = open_;
    }

    receive() external payable {
        record();
    }

    fallback() external payable {
        record();
    }

    function record() private {
        if (!open) revert Closed(42);
        (caller, l2Sender, received, data) = (msg.sender, bridge.l2Sender(), msg.value, msg.data);
    }
}

contract BridgeClaimTest is L1 {
    uint256 private constant ESCROW_WEI = 100 ether;
    uint256 private constant ESCROW_TOKENS = 1000;

    NaiveTree private tree;
    Target private target;
    TestToken private token;
    uint64 private batchIndex;

    function setUp() public {
        deploy(0);
        tree = new NaiveTree();
        target = new Target(bridge);
        token = new TestToken("Token", "TKN", 18);
        vm.deal(ALICE, ESCROW_WEI);
        vm.startPrank(ALICE, ALICE);
        inbox.depositEth{value: ESCROW_WEI}(ALICE);
        token.mint(ALICE, ESCROW_TOKENS);
        token.approve(address(bridge), ESCROW_TOKENS);
        bridge.depositErc20(address(token), ALICE, ESCROW_TOKENS);
        vm.stopPrank();
        // Leaves of other people around ours.
        for (uint256 i = 0; i < 5; ++i) {
            tree.push(keccak256(abi.encode("other", i)));
        }
    }

    function test_RevertWhen_BatchNotFinal() public {
        IBridge.Withdrawal memory message = IBridge.Withdrawal(ALICE, BOB, 1, "");
        uint64 index = send(message);
        bytes32[32] memory proof = tree.proof(index);
        vm.expectRevert(abi.encodeWithSelector(IBridge.BatchNotFinal.selector, 0));
        bridge.claim(0, message, index, proof);
        finalise(tree.root());
        vm.warp(block.timestamp - 1);
        vm.expectRevert(abi.encodeWithSelector(IBridge.BatchNotFinal.selector, 0));
        bridge.claim(0, message, index, proof);
        vm.warp(block.timestamp + 1);
        bridge.claim(0, message, index, proof);
    }

    function testFuzz_RevertWhen_ProofIsWrong(uint8 height, bytes32 sibling) public {
        IBridge.Withdrawal memory message = IBridge.Withdrawal(ALICE, BOB, 1, "");
        uint64 index = send(message);
        batchIndex = finalise(tree.root());
        bytes32[32] memory proof = tree.proof(index);
        vm.assume(proof[height % 32] != sibling);
        proof[height % 32] = sibling;
        expectNotInOutbox(message, index, proof);
    }

    function testFuzz_RevertWhen_MessageIsAnother(address other, uint256 value, bytes calldata data) public {
        vm.assume(other != ALICE && other != BOB && value != 1 && data.length != 0);
        IBridge.Withdrawal memory message = IBridge.Withdrawal(ALICE, BOB, 1, "");
        uint64 index = send(message);
        batchIndex = finalise(tree.root());
        bytes32[32] memory proof = tree.proof(index);
        expectNotInOutbox(IBridge.Withdrawal(other, BOB, 1, ""), index, proof);
        expectNotInOutbox(IBridge.Withdrawal(ALICE, other, 1, ""), index, proof);
        expectNotInOutbox(IBridge.Withdrawal(ALICE, BOB, value, ""), index, proof);
        expectNotInOutbox(IBridge.Withdrawal(ALICE, BOB, 1, data), index, proof);
        expectNotInOutbox(message, index ^ 1, proof);
        // The same path in the tree, but not the index of the leaf.
        expectNotInOutbox(message, index + (1 << 32), proof);
    }

    function test_RevertWhen_ClaimedTwice() public {
        IBridge.Withdrawal memory message = IBridge.Withdrawal(ALICE, BOB, 1, "");
        uint64 index = send(message);
        batchIndex = finalise(tree.root());
        claim(message, index);
        vm.assertTrue(bridge.isClaimed(index));
        bytes32[32] memory proof = tree.proof(index);
        vm.expectRevert(abi.encodeWithSelector(IBridge.AlreadyClaimed.selector, index));
        bridge.claim(batchIndex, message, index, proof);
        // Nor with a later batch, whose outbox has it too.
        tree.push(keccak256("later"));
        uint64 later = finalise(tree.root());
        proof = tree.proof(index);
        vm.expectRevert(abi.encodeWithSelector(IBridge.AlreadyClaimed.selector, index));
        bridge.claim(later, message, index, proof);
    }

    function test_RevertWhen_NoMessageIsCarriedOut() public {
        vm.expectRevert(IBridge.NoMessage.selector);
        bridge.l2Sender();
    }

    function test_RevertWhen_ExecutorIsCalledByAnyoneElse() public {
        IExecutor executor = IExecutor(bridge.executor());
        vm.assertEq(executor.bridge(), address(bridge));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.NotBridge.selector, address(this)));
        executor.execute(address(token), "");
    }

    function test_RevertWhen_MessageClaimsAgain() public {
        IBridge.Withdrawal memory inner = IBridge.Withdrawal(ALICE, BOB, 1, "");
        uint64 innerIndex = send(inner);
        bytes32[32] memory proof = tree.proof(innerIndex);
        IBridge.Withdrawal memory outer =
            IBridge.Withdrawal(ALICE, address(bridge), 0, abi.encodeCall(IBridge.claim, (0, inner, innerIndex, proof)));
        uint64 outerIndex = send(outer);
        batchIndex = finalise(tree.root());
        proof = tree.proof(outerIndex);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        bridge.claim(batchIndex, outer, outerIndex, proof);
    }

    function testFuzz_RevertWhen_MessageOfAnotherReleasesTokens(address sender) public {
        vm.assume(sender != Predeploys.L2_BRIDGE && sender != address(0));
        IBridge.Withdrawal memory message = releaseMessage(sender, ESCROW_TOKENS);
        uint64 index = send(message);
        batchIndex = finalise(tree.root());
        bytes32[32] memory proof = tree.proof(index);
        vm.expectRevert(abi.encodeWithSelector(IBridge.NotL2Bridge.selector, bridge.executor()));
        bridge.claim(batchIndex, message, index, proof);
    }

    function test_RevertWhen_ARecipientReleasesOtherTokensMeanwhile() public {
        HookToken hook = new HookToken();
        Thief thief = new Thief(bridge, address(token));
        hook.mint(ALICE, 1);
        vm.startPrank(ALICE, ALICE);
        hook.approve(address(bridge), 1);
        bridge.depositErc20(address(hook), ALICE, 1);
        vm.stopPrank();
        bytes memory data = abi.encodeCall(IBridge.releaseErc20, (address(hook), address(thief), 1));
        IBridge.Withdrawal memory message = IBridge.Withdrawal(Predeploys.L2_BRIDGE, address(bridge), 0, data);
        uint64 index = send(message);
        batchIndex = finalise(tree.root());
        bytes32[32] memory proof = tree.proof(index);
        // The message being carried out is of the L2 bridge, but the caller is not the executor.
        vm.expectRevert(abi.encodeWithSelector(IBridge.NotL2Bridge.selector, address(thief)));
        bridge.claim(batchIndex, message, index, proof);
    }

    function test_RevertWhen_MoreIsReleasedThanEscrowed() public {
        // A gift to the bridge is not escrow.
        token.mint(address(bridge), 5);
        IBridge.Withdrawal memory message = releaseMessage(Predeploys.L2_BRIDGE, ESCROW_TOKENS + 1);
        uint64 index = send(message);
        batchIndex = finalise(tree.root());
        bytes32[32] memory proof = tree.proof(index);
        vm.expectRevert(
            abi.encodeWithSelector(IBridge.EscrowTooLow.selector, address(token), ESCROW_TOKENS + 1, ESCROW_TOKENS)
        );
        bridge.claim(batchIndex, message, index, proof);
    }

    function testFuzz_NoMessageMovesTheEscrowedTokens(address sender, address to, uint256 amount, uint8 call) public {
        vm.assume(to != address(bridge));
        bytes memory data = call % 3 == 0
            ? abi.encodeCall(token.transfer, (to, amount))
            : call % 3 == 1
                ? abi.encodeCall(token.approve, (to, amount))
                : abi.encodeCall(token.transferFrom, (address(bridge), to, amount));
        IBridge.Withdrawal memory message = IBridge.Withdrawal(sender, address(token), 0, data);
        uint64 index = send(message);
        batchIndex = finalise(tree.root());
        bytes32[32] memory proof = tree.proof(index);
        try bridge.claim(batchIndex, message, index, proof) {} catch {}
        vm.assertEq(token.balanceOf(address(bridge)), ESCROW_TOKENS);
        vm.assertEq(token.allowance(address(bridge), to), 0);
        vm.assertEq(bridge.escrowedErc20(address(token)), ESCROW_TOKENS);
    }

    function test_AMessageThatRevertsCanBeClaimedLater() public {
        target.setOpen(false);
        IBridge.Withdrawal memory message = IBridge.Withdrawal(ALICE, address(target), 3, hex"01");
        uint64 index = send(message);
        batchIndex = finalise(tree.root());
        bytes32[32] memory proof = tree.proof(index);
        vm.expectRevert(abi.encodeWithSelector(Target.Closed.selector, 42));
        bridge.claim(batchIndex, message, index, proof);
        vm.assertFalse(bridge.isClaimed(index));
        vm.assertEq(address(bridge).balance, ESCROW_WEI);
        target.setOpen(true);
        bridge.claim(batchIndex, message, index, proof);
        vm.assertEq(address(target).balance, 3);
    }

    function testFuzz_CarriesOutTheMessage(address sender, uint256 value, bytes calldata data) public {
        vm.assume(sender != address(0));
        value = bound(value, 0, ESCROW_WEI);
        IBridge.Withdrawal memory message = IBridge.Withdrawal(sender, address(target), value, data);
        uint64 index = send(message);
        batchIndex = finalise(tree.root());
        bytes32[32] memory proof = tree.proof(index);
        vm.expectEmit();
        emit IBridge.WithdrawalClaimed(index, sender, address(target), value, batchIndex);
        bridge.claim(batchIndex, message, index, proof);
        vm.assertEq(target.caller(), bridge.executor());
        vm.assertEq(target.l2Sender(), sender);
        vm.assertEq(target.received(), value);
        vm.assertEq(target.data(), data);
        vm.assertEq(address(bridge).balance, ESCROW_WEI - value);
        vm.expectRevert(IBridge.NoMessage.selector);
        bridge.l2Sender();
    }

    function testFuzz_EveryLeafCanBeClaimedOnce(uint8 count, uint8 pick) public {
        count = uint8(bound(count, 1, 20));
        IBridge.Withdrawal memory message = IBridge.Withdrawal(ALICE, BOB, 1, "");
        for (uint256 i = 0; i < count; ++i) {
            send(message);
        }
        batchIndex = finalise(tree.root());
        uint64 index = 5 + (pick % count);
        claim(message, index);
        vm.assertEq(BOB.balance, 1);
        for (uint64 i = 0; i < count; ++i) {
            if (5 + i != index) claim(message, 5 + i);
        }
        vm.assertEq(BOB.balance, count);
    }

    function testFuzz_ReleasesTokensForTheL2Bridge(uint256 amount) public {
        amount = bound(amount, 1, ESCROW_TOKENS);
        IBridge.Withdrawal memory message = releaseMessage(Predeploys.L2_BRIDGE, amount);
        uint64 index = send(message);
        batchIndex = finalise(tree.root());
        bytes32[32] memory proof = tree.proof(index);
        vm.expectEmit();
        emit IBridge.Erc20Released(address(token), BOB, amount);
        bridge.claim(batchIndex, message, index, proof);
        vm.assertEq(token.balanceOf(BOB), amount);
        vm.assertEq(bridge.escrowedErc20(address(token)), ESCROW_TOKENS - amount);
    }

    function releaseMessage(address sender, uint256 amount) private view returns (IBridge.Withdrawal memory) {
        bytes memory data = abi.encodeCall(IBridge.releaseErc20, (address(token), BOB, amount));
        return IBridge.Withdrawal(sender, address(bridge), 0, data);
    }

    /// @dev Appends the message to the outbox tree.
    function send(IBridge.Withdrawal memory message) private returns (uint64 index) {
        index = uint64(tree.count());
        tree.push(keccak256(abi.encode(index, message.sender, message.target, message.value, keccak256(message.data))));
    }

    function claim(IBridge.Withdrawal memory message, uint64 index) private {
        bridge.claim(batchIndex, message, index, tree.proof(index));
    }

    function expectNotInOutbox(IBridge.Withdrawal memory message, uint64 index, bytes32[32] memory proof) private {
        (bool success, bytes memory returned) =
            address(bridge).call(abi.encodeCall(IBridge.claim, (batchIndex, message, index, proof)));
        vm.assertFalse(success);
        vm.assertEq(bytes32(bytes4(returned)), bytes32(IBridge.NotInOutbox.selector));
    }
}
