// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEmission} from "../../../src/l1/interfaces/IEmission.sol";
import {Emission} from "../../../src/l1/sequencers/Emission.sol";
import {TestToken} from "../../../src/mocks/TestToken.sol";
import {T} from "../../T.sol";

contract EmissionTest is T {
    uint256 private constant SUPPLY = 1001;
    TestToken private token;
    Emission private emission;

    function setUp() public {
        token = new TestToken("Stake", "STK", 18);
        emission = new Emission(address(token), address(this), SUPPLY, 500);
        token.mint(address(emission), 1001);
    }

    function test_RevertWhen_AnAddressIsZero() public {
        vm.expectRevert(IEmission.ZeroAddress.selector);
        new Emission(address(0), address(1), SUPPLY, 500);
        vm.expectRevert(IEmission.ZeroAddress.selector);
        new Emission(address(1), address(0), SUPPLY, 500);
    }

    function testFuzz_RevertWhen_TheBudgetIsAboveHalf(uint256 supply, uint256 budget) public {
        budget = bound(budget, supply / 2 + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IEmission.BudgetAboveHalf.selector, budget, supply));
        new Emission(address(token), address(this), supply, budget);
    }

    function testFuzz_RevertWhen_NotTheRewardsContract(address caller) public {
        vm.assume(caller != address(this));
        bytes memory reason = abi.encodeWithSelector(IEmission.NotRewards.selector, caller);
        vm.startPrank(caller, caller);
        vm.expectRevert(reason);
        emission.commit(1);
        vm.expectRevert(reason);
        emission.pay(caller, 1);
        vm.expectRevert(reason);
        emission.giveBack(1);
    }

    function testFuzz_RevertWhen_MoreThanIsLeft(uint256 first, uint256 second) public {
        first = bound(first, 0, 500);
        second = bound(second, 501 - first, type(uint256).max);
        emission.commit(first);
        emission.pay(address(1), first / 2);
        vm.expectRevert(abi.encodeWithSelector(IEmission.NotLeft.selector, second, 500 - first));
        emission.commit(second);
    }

    function testFuzz_RevertWhen_MoreThanIsSetAside(uint256 tokens, uint256 more) public {
        tokens = bound(tokens, 0, 500);
        more = bound(more, tokens + 1, type(uint256).max);
        emission.commit(tokens);
        vm.expectRevert(abi.encodeWithSelector(IEmission.NotCommitted.selector, more, tokens));
        emission.pay(address(1), more);
        vm.expectRevert(abi.encodeWithSelector(IEmission.NotCommitted.selector, more, tokens));
        emission.giveBack(more);
    }

    function testFuzz_PromisesOnlyWhatItHolds(uint256 held) public {
        held = bound(held, 0, 499);
        Emission poor = new Emission(address(token), address(this), SUPPLY, 500);
        token.mint(address(poor), held);
        vm.assertEq(poor.leftTokens(), held);
        vm.expectRevert(abi.encodeWithSelector(IEmission.NotLeft.selector, held + 1, held));
        poor.commit(held + 1);
    }

    function testFuzz_KeepsItsBooks(uint256 committed, uint256 paid, uint256 back) public {
        committed = bound(committed, 0, 500);
        paid = bound(paid, 0, committed);
        back = bound(back, 0, committed - paid);
        emission.commit(committed);
        emission.pay(address(1), paid);
        emission.giveBack(back);
        vm.assertEq(emission.committedTokens(), committed - paid - back);
        vm.assertEq(emission.paidTokens(), paid);
        vm.assertEq(emission.leftTokens(), 500 - committed + back);
        vm.assertEq(token.balanceOf(address(1)), paid);
    }
}
