// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {AddressAlias} from "../../src/AddressAlias.sol";
import {Inbox} from "../../src/l1/Inbox.sol";
import {IBridge} from "../../src/l1/interfaces/IBridge.sol";
import {IInbox} from "../../src/l1/interfaces/IInbox.sol";
import {L1} from "../L1.sol";

/// @dev Deposits while it has no code yet.
contract DepositsInConstructor {
    constructor(Inbox inbox) payable {
        inbox.depositEth{value: msg.value}(address(this));
    }
}

contract InboxDepositTest is L1 {
    uint256 private constant GAS_PRICE_WEI = 3;

    function setUp() public {
        deploy(GAS_PRICE_WEI);
        vm.deal(ALICE, type(uint128).max);
    }

    function test_RevertWhen_ConstructedWithZeroAddress() public {
        vm.expectRevert(IInbox.ZeroAddress.selector);
        new Inbox(address(0), FEE_RECIPIENT, 0);
        vm.expectRevert(IInbox.ZeroAddress.selector);
        new Inbox(address(1), address(0), 0);
    }

    function testFuzz_RevertWhen_FeeNotPaid(uint64 gasLimit, uint256 paid) public {
        gasLimit = uint64(bound(gasLimit, 21_000, 2_000_000));
        uint256 fee = GAS_PRICE_WEI * gasLimit;
        paid = bound(paid, 0, fee - 1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.FeeNotPaid.selector, paid, fee));
        vm.prank(ALICE, ALICE);
        inbox.deposit{value: paid}(BOB, 0, gasLimit, "");
        vm.expectRevert(abi.encodeWithSelector(IInbox.FeeNotPaid.selector, 299_999, 300_000));
        vm.prank(ALICE, ALICE);
        inbox.depositEth{value: 299_999}(BOB);
    }

    function testFuzz_RevertWhen_ValueAboveMint(uint128 mint, uint256 value) public {
        mint = uint128(bound(mint, 0, 1e30));
        value = bound(value, uint256(mint) + 1, type(uint256).max - 1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.ValueAboveMint.selector, value, mint));
        vm.prank(ALICE, ALICE);
        inbox.deposit{value: mint + 21_000 * GAS_PRICE_WEI}(BOB, value, 21_000, "");
    }

    function testFuzz_RevertWhen_GasLimitDoesNotPayForData(uint16 size) public {
        size = uint16(bound(size, 0, 32_768));
        uint64 least = uint64(21_000 + 40 * uint256(size));
        vm.expectRevert(abi.encodeWithSelector(IInbox.GasLimitTooLow.selector, least - 1, least));
        inbox.deposit(BOB, 0, least - 1, new bytes(size));
        vm.prank(ALICE, ALICE);
        inbox.deposit{value: least * GAS_PRICE_WEI}(BOB, 0, least, new bytes(size));
    }

    function test_RevertWhen_GasLimitAboveMax() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.GasLimitTooHigh.selector, 2_000_001, 2_000_000));
        inbox.deposit(BOB, 0, 2_000_001, "");
    }

    function test_RevertWhen_DataTooLong() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.DataTooLong.selector, 32_769, 32_768));
        inbox.deposit(BOB, 0, 2_000_000, new bytes(32_769));
    }

    function test_RevertWhen_AskedForMessagesThatAreNotThere() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.NoSuchMessage.selector, 1, 0));
        inbox.rollingHash(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.NoSuchMessage.selector, 0, 0));
        inbox.queuedAt(0);
    }

    function test_RevertWhen_EscrowIsSentByAnyoneElse() public {
        vm.deal(address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(IBridge.NotInbox.selector, address(this)));
        bridge.receiveEscrow{value: 1}();
    }

    function testFuzz_MintsWhatIsPaidAboveTheFee(uint128 mint, uint128 value, uint64 gasLimit, bytes calldata data)
        public
    {
        vm.assume(data.length < 10_000);
        mint = uint128(bound(mint, 0, 1e30));
        value = uint128(bound(value, 0, mint));
        gasLimit = uint64(bound(gasLimit, inbox.gasLimitMin(data.length), 2_000_000));
        uint256 fee = inbox.messageFeeWei(gasLimit);
        bytes32 hash = keccak256(
            abi.encodePacked(uint8(0), uint64(0), ALICE, BOB, uint256(mint), uint256(value), gasLimit, keccak256(data))
        );
        bytes32 rolling = keccak256(abi.encodePacked(bytes32(0), hash));
        vm.expectEmit();
        emit IInbox.MessageQueued(0, ALICE, BOB, 0, mint, value, gasLimit, data, rolling);
        vm.prank(ALICE, ALICE);
        vm.assertEq(inbox.deposit{value: mint + fee}(BOB, value, gasLimit, data), 0);
        vm.assertEq(inbox.messageCount(), 1);
        vm.assertEq(inbox.rollingHash(0), bytes32(0));
        vm.assertEq(inbox.rollingHash(1), rolling);
        vm.assertEq(inbox.queuedAt(0), block.timestamp);
        vm.assertEq(address(bridge).balance, mint);
        vm.assertEq(address(inbox).balance, fee);
    }

    function testFuzz_DepositEthSendsAllOn(uint128 mint) public {
        mint = uint128(bound(mint, 0, 1e30));
        vm.recordLogs();
        vm.prank(ALICE, ALICE);
        inbox.depositEth{value: mint + 300_000}(BOB);
        (, uint256 minted, uint256 value, uint64 gasLimit, bytes memory data,) =
            abi.decode(vm.getRecordedLogs()[0].data, (uint8, uint256, uint256, uint64, bytes, bytes32));
        vm.assertEq(minted, mint);
        vm.assertEq(value, mint);
        vm.assertEq(gasLimit, 100_000);
        vm.assertEq(data.length, 0);
    }

    function test_AliasesAContract() public {
        vm.assertEq(sender(address(bridge), ALICE), AddressAlias.toL2(address(bridge)));
    }

    function test_AliasesAContractUnderConstruction() public {
        vm.deal(address(this), 1 ether);
        vm.recordLogs();
        DepositsInConstructor caller = new DepositsInConstructor{value: 1 ether}(inbox);
        vm.assertEq(loggedSender(), AddressAlias.toL2(address(caller)));
    }

    function test_DoesNotAliasAnAccount() public {
        vm.assertEq(sender(ALICE, ALICE), ALICE);
    }

    function testFuzz_DoesNotAliasADelegatedAccount(address delegate, address origin) public {
        vm.etch(ALICE, abi.encodePacked(hex"ef0100", delegate));
        vm.assertEq(sender(ALICE, origin), ALICE);
    }

    function test_AliasesAContractWithTwentyThreeBytesOfCode() public {
        vm.etch(ALICE, new bytes(23));
        vm.assertEq(sender(ALICE, BOB), AddressAlias.toL2(ALICE));
    }

    function test_AliasWrapsAt160Bits() public pure {
        vm.assertEq(AddressAlias.toL2(address(0)), 0x1111000000000000000000000000000000001111);
        vm.assertEq(AddressAlias.toL2(address(type(uint160).max)), 0x1111000000000000000000000000000000001110);
    }

    function test_AnyoneSendsTheFeesToTheirRecipient() public {
        vm.prank(ALICE, ALICE);
        inbox.deposit{value: 63_000 + 5}(BOB, 5, 21_000, "");
        vm.expectEmit();
        emit IInbox.FeesWithdrawn(63_000);
        inbox.withdrawFees();
        vm.assertEq(FEE_RECIPIENT.balance, 63_000);
        vm.assertEq(address(bridge).balance, 5);
    }

    function sender(address caller, address origin) private returns (address) {
        vm.deal(caller, 1 ether);
        vm.recordLogs();
        vm.prank(caller, origin);
        inbox.depositEth{value: 1 ether}(BOB);
        return loggedSender();
    }

    function loggedSender() private returns (address) {
        return address(uint160(uint256(vm.getRecordedLogs()[0].topics[2])));
    }
}
