// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Predeploys} from "../../src/Predeploys.sol";
import {IFeeVault} from "../../src/l2/interfaces/IFeeVault.sol";
import {IOutbox} from "../../src/l2/interfaces/IOutbox.sol";
import {L2} from "../L2.sol";

contract FeeVaultTest is L2 {
    address private constant RECIPIENT = address(0xFEE);

    function setUp() public {
        genesis(address(1), RECIPIENT);
    }

    function testFuzz_RevertWhen_BalanceTooLow(uint256 balance) public {
        balance = bound(balance, 0, 0.01 ether - 1);
        vm.deal(Predeploys.FEE_VAULT, balance);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.BalanceTooLow.selector, balance, 0.01 ether));
        feeVault.withdraw();
    }

    function test_RevertWhen_GenesisSetNoRecipient() public {
        genesis(address(1), address(0));
        vm.deal(Predeploys.FEE_VAULT, 1 ether);
        vm.expectRevert(IOutbox.ZeroRecipient.selector);
        feeVault.withdraw();
    }

    function testFuzz_AnyoneSendsAllOfIt(address caller, uint256 balance) public {
        balance = bound(balance, 0.01 ether, 1e30);
        vm.deal(Predeploys.FEE_VAULT, balance);
        vm.expectEmit();
        emit IFeeVault.FeesWithdrawn(RECIPIENT, balance, 0);
        vm.prank(caller);
        feeVault.withdraw();
        vm.assertEq(Predeploys.FEE_VAULT.balance, 0);
        vm.assertEq(Predeploys.OUTBOX.balance, balance);
        vm.assertEq(feeVault.recipient(), RECIPIENT);
    }
}
