// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {AddressAlias} from "../../src/AddressAlias.sol";
import {Predeploys} from "../../src/Predeploys.sol";
import {Bridge} from "../../src/l1/Bridge.sol";
import {IBridge} from "../../src/l1/interfaces/IBridge.sol";
import {IL2Bridge} from "../../src/l2/interfaces/IL2Bridge.sol";
import {TestToken} from "../../src/mocks/TestToken.sol";
import {L1} from "../L1.sol";
import {Vm} from "../T.sol";
import {BareToken, FeeToken, HurtfulToken, LyingToken, ReentrantToken} from "../Tokens.sol";

contract BridgeDepositTest is L1 {
    uint256 private constant FEE_WEI = 2 * 1_500_000;
    TestToken private token;

    function setUp() public {
        deploy(2);
        token = new TestToken("Six", "SIX", 6);
        vm.deal(ALICE, 1 ether);
    }

    function test_RevertWhen_ConstructedWithZeroAddress() public {
        vm.expectRevert(IBridge.ZeroAddress.selector);
        new Bridge(address(0), address(rollup));
        vm.expectRevert(IBridge.ZeroAddress.selector);
        new Bridge(address(inbox), address(0));
    }

    function test_RevertWhen_RecipientIsZero() public {
        expectRevert(address(token), address(0), 1, FEE_WEI, abi.encodeWithSelector(IBridge.ZeroAddress.selector));
    }

    function test_RevertWhen_TokenHasNoCode() public {
        expectRevert(BOB, BOB, 1, FEE_WEI, abi.encodeWithSelector(IBridge.NotAToken.selector, BOB));
    }

    function testFuzz_RevertWhen_FeeNotExact(uint256 paid) public {
        paid = bound(paid, 0, 1 ether);
        vm.assume(paid != FEE_WEI);
        expectRevert(address(token), BOB, 1, paid, abi.encodeWithSelector(IBridge.FeeNotExact.selector, paid, FEE_WEI));
    }

    function test_RevertWhen_NothingArrives() public {
        address lying = address(new LyingToken());
        expectRevert(lying, BOB, 5, FEE_WEI, abi.encodeWithSelector(IBridge.NothingReceived.selector, lying));
        expectRevert(
            address(token), BOB, 0, FEE_WEI, abi.encodeWithSelector(IBridge.NothingReceived.selector, address(token))
        );
    }

    function test_RevertWhen_TokenReenters() public {
        deploy(0);
        ReentrantToken reentrant = new ReentrantToken(bridge);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        bridge.depositErc20(address(reentrant), BOB, 1);
    }

    function test_RevertWhen_ReleaseIsNotAskedForByAMessage() public {
        vm.expectRevert(abi.encodeWithSelector(IBridge.NotL2Bridge.selector, address(this)));
        bridge.releaseErc20(address(token), address(this), 0);
        address executor = bridge.executor();
        vm.expectRevert(abi.encodeWithSelector(IBridge.NotL2Bridge.selector, executor));
        vm.prank(executor);
        bridge.releaseErc20(address(token), address(this), 0);
    }

    function testFuzz_QueuesTheMinting(uint256 amount, address to) public {
        vm.assume(amount != 0 && to != address(0));
        bytes memory data =
            abi.encodeCall(IL2Bridge.finalizeDeposit, (address(token), ALICE, to, amount, "Six", "SIX", 6));
        vm.recordLogs();
        give(address(token), amount, to);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Vm.Log memory queued = logs[logs.length - 2];
        vm.assertEq(queued.emitter, address(inbox));
        vm.assertEq(address(uint160(uint256(queued.topics[2]))), AddressAlias.toL2(address(bridge)));
        vm.assertEq(address(uint160(uint256(queued.topics[3]))), Predeploys.L2_BRIDGE);
        (uint8 kind, uint256 mint, uint256 value, uint64 gasLimit, bytes memory sent,) =
            abi.decode(queued.data, (uint8, uint256, uint256, uint64, bytes, bytes32));
        vm.assertEq(kind + mint + value, 0);
        vm.assertEq(gasLimit, 1_500_000);
        vm.assertEq(sent, data);
        vm.assertEq(logs[logs.length - 1].topics[0], IBridge.Erc20Deposited.selector);
        vm.assertEq(bridge.escrowedErc20(address(token)), amount);
        vm.assertEq(token.balanceOf(address(bridge)), amount);
    }

    function testFuzz_CreditsWhatArrivesOfAFeeToken(uint128 amount) public {
        amount = uint128(bound(amount, 100, type(uint128).max));
        FeeToken fee = new FeeToken();
        vm.recordLogs();
        give(address(fee), amount, BOB);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (uint256 credited,) = abi.decode(logs[logs.length - 1].data, (uint256, uint64));
        vm.assertEq(credited, amount - amount / 100);
        vm.assertEq(credited, bridge.escrowedErc20(address(fee)));
        vm.assertEq(bridge.escrowedErc20(address(fee)), fee.balanceOf(address(bridge)));
    }

    function test_TakesATokenWithoutMetadata() public {
        BareToken bare = new BareToken();
        bare.mint(ALICE, 7);
        vm.prank(ALICE);
        bridge.depositErc20{value: FEE_WEI}(address(bare), BOB, 7);
        vm.assertEq(bridge.escrowedErc20(address(bare)), 7);
    }

    function test_BoundsWhatATokenTellsAboutItself() public {
        HurtfulToken hurtful = new HurtfulToken();
        bytes memory data =
            abi.encodeCall(IL2Bridge.finalizeDeposit, (address(hurtful), ALICE, BOB, 9, string(new bytes(64)), "", 0));
        vm.recordLogs();
        give(address(hurtful), 9, BOB);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (,,,, bytes memory sent,) =
            abi.decode(logs[logs.length - 2].data, (uint8, uint256, uint256, uint64, bytes, bytes32));
        vm.assertEq(sent, data);
    }

    function give(address token_, uint256 amount, address to) private {
        TestToken(token_).mint(ALICE, amount);
        vm.startPrank(ALICE, ALICE);
        TestToken(token_).approve(address(bridge), amount);
        bridge.depositErc20{value: FEE_WEI}(token_, to, amount);
        vm.stopPrank();
    }

    function expectRevert(address token_, address to, uint256 amount, uint256 paid, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(ALICE, ALICE);
        bridge.depositErc20{value: paid}(token_, to, amount);
    }
}
