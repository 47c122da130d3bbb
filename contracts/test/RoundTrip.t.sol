// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Predeploys} from "../src/Predeploys.sol";
import {IBridge} from "../src/l1/interfaces/IBridge.sol";
import {BridgedToken} from "../src/l2/BridgedToken.sol";
import {TestToken} from "../src/mocks/TestToken.sol";
import {L1} from "./L1.sol";
import {L2} from "./L2.sol";
import {Vm} from "./T.sol";

/// @dev Both layers in one EVM: what one side emits is what the other side is given.
contract RoundTripTest is L1, L2 {
    TestToken private token;

    function setUp() public {
        deploy(0);
        genesis(address(bridge), FEE_RECIPIENT);
        token = new TestToken("Token", "TKN", 8);
    }

    function testFuzz_TokensGoToL2AndBack(uint256 amount, uint256 back) public {
        amount = bound(amount, 1, type(uint256).max - 1);
        back = bound(back, 1, amount);
        token.mint(ALICE, amount);
        vm.startPrank(ALICE, ALICE);
        token.approve(address(bridge), amount);
        vm.recordLogs();
        bridge.depositErc20(address(token), BOB, amount);
        vm.stopPrank();
        carryOutOnL2(vm.getRecordedLogs());

        BridgedToken l2Token = BridgedToken(l2Bridge.tokenOf(address(token)));
        vm.assertEq(l2Token.balanceOf(BOB), amount);
        vm.assertEq(l2Token.name(), "Token");
        vm.assertEq(l2Token.symbol(), "TKN");
        vm.assertEq(l2Token.decimals(), 8);

        vm.recordLogs();
        vm.prank(BOB);
        l2Bridge.withdraw(address(l2Token), ALICE, back);
        claimOnL1(vm.getRecordedLogs());
        vm.assertEq(token.balanceOf(ALICE), back);
        vm.assertEq(l2Token.totalSupply(), amount - back);
        vm.assertEq(bridge.escrowedErc20(address(token)), amount - back);
    }

    function testFuzz_EthGoesToL2AndBack(uint96 amount) public {
        vm.deal(ALICE, amount);
        vm.prank(ALICE, ALICE);
        inbox.depositEth{value: amount}(BOB);
        // What the mint of the deposit does on L2.
        vm.deal(BOB, amount);
        vm.recordLogs();
        vm.prank(BOB);
        outbox.withdraw{value: amount}(ALICE);
        claimOnL1(vm.getRecordedLogs());
        vm.assertEq(ALICE.balance, amount);
        vm.assertEq(address(bridge).balance, 0);
    }

    function testFuzz_FeesReachTheirRecipient(uint96 amount) public {
        amount = uint96(bound(amount, 0.01 ether, type(uint96).max));
        vm.deal(ALICE, amount);
        vm.prank(ALICE, ALICE);
        inbox.depositEth{value: amount}(ALICE);
        vm.deal(Predeploys.FEE_VAULT, amount);
        vm.recordLogs();
        feeVault.withdraw();
        claimOnL1(vm.getRecordedLogs());
        vm.assertEq(FEE_RECIPIENT.balance, amount);
    }

    /// @dev Executes the queued message with the gas that its intrinsic cost leaves.
    function carryOutOnL2(Vm.Log[] memory logs) private {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != address(inbox)) continue;
            (,,, uint64 gasLimit, bytes memory data,) =
                abi.decode(logs[i].data, (uint8, uint256, uint256, uint64, bytes, bytes32));
            uint256 executionGas = gasLimit - inbox.gasLimitMin(data.length);
            vm.prank(address(uint160(uint256(logs[i].topics[2]))));
            (bool success,) = address(uint160(uint256(logs[i].topics[3]))).call{gas: executionGas}(data);
            vm.assertTrue(success);
        }
    }

    /// @dev Commits the outbox and claims its only message.
    function claimOnL1(Vm.Log[] memory logs) private {
        IBridge.Withdrawal memory message;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != Predeploys.OUTBOX) continue;
            message.sender = address(uint160(uint256(logs[i].topics[2])));
            message.target = address(uint160(uint256(logs[i].topics[3])));
            (message.value, message.data,,) = abi.decode(logs[i].data, (uint256, bytes, bytes32, bytes32));
        }
        bytes32[32] memory siblings;
        for (uint256 height = 1; height < 32; ++height) {
            siblings[height] = keccak256(abi.encodePacked(siblings[height - 1], siblings[height - 1]));
        }
        bridge.claim(finalise(outbox.root()), message, 0, siblings);
    }
}
