// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";

import {AddressAlias} from "../../src/AddressAlias.sol";
import {Predeploys} from "../../src/Predeploys.sol";
import {IBridge} from "../../src/l1/interfaces/IBridge.sol";
import {BridgedToken} from "../../src/l2/BridgedToken.sol";
import {IBridgedToken} from "../../src/l2/interfaces/IBridgedToken.sol";
import {IL2Bridge} from "../../src/l2/interfaces/IL2Bridge.sol";
import {IOutbox} from "../../src/l2/interfaces/IOutbox.sol";
import {L2} from "../L2.sol";

contract L2BridgeTest is L2 {
    address private constant L1_BRIDGE = address(0xB41D6E);
    address private constant L1_TOKEN = address(0x70CE17);
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xB0b);
    /// @dev What `Bridge` buys for a token deposit, less the intrinsic gas of its longest call.
    uint256 private constant EXECUTION_GAS = 1_500_000 - 21_000 - 40 * 420;

    BridgedToken private token;

    function setUp() public {
        genesis(L1_BRIDGE, address(2));
        token = BridgedToken(l2Bridge.tokenOf(L1_TOKEN));
    }

    function testFuzz_RevertWhen_NotL1Bridge(address caller) public {
        vm.assume(caller != AddressAlias.toL2(L1_BRIDGE));
        vm.expectRevert(abi.encodeWithSelector(IL2Bridge.NotL1Bridge.selector, caller));
        vm.prank(caller);
        l2Bridge.finalizeDeposit(L1_TOKEN, ALICE, BOB, 1, "Token", "TKN", 18);
    }

    function testFuzz_RevertWhen_WithdrawnTokenIsNotBridged(address other) public {
        vm.assume(other != address(token));
        mint(BOB, 1);
        vm.expectRevert(abi.encodeWithSelector(IL2Bridge.NotBridged.selector, other));
        l2Bridge.withdraw(other, BOB, 1);
    }

    function test_RevertWhen_RecipientIsZero() public {
        mint(BOB, 1);
        vm.expectRevert(IL2Bridge.ZeroRecipient.selector);
        vm.prank(BOB);
        l2Bridge.withdraw(address(token), address(0), 1);
    }

    function test_RevertWhen_NothingIsWithdrawn() public {
        mint(BOB, 1);
        vm.expectRevert(IL2Bridge.ZeroAmount.selector);
        vm.prank(BOB);
        l2Bridge.withdraw(address(token), BOB, 0);
    }

    function testFuzz_RevertWhen_BalanceTooLow(uint128 balance, uint256 amount) public {
        amount = bound(amount, uint256(balance) + 1, type(uint256).max - 1);
        mint(BOB, balance);
        vm.expectRevert(ERC20.InsufficientBalance.selector);
        vm.prank(BOB);
        l2Bridge.withdraw(address(token), BOB, amount);
    }

    function testFuzz_RevertWhen_TokenIsMintedByAnyoneElse(address caller) public {
        vm.assume(caller != Predeploys.L2_BRIDGE);
        mint(BOB, 1);
        bytes memory reason = abi.encodeWithSelector(IBridgedToken.NotBridge.selector, caller);
        vm.expectRevert(reason);
        vm.prank(caller);
        token.mint(caller, 1);
        vm.expectRevert(reason);
        vm.prank(caller);
        token.burn(BOB, 1);
        vm.expectRevert(reason);
        vm.prank(caller);
        token.describe("Other", "OTH", 1);
    }

    function testFuzz_FirstDepositDeploysTheToken(string calldata name, string calldata symbol, uint8 decimals) public {
        vm.assume(bytes(name).length <= 64 && bytes(symbol).length <= 32);
        vm.assertEq(address(token).code.length, 0);
        vm.expectEmit();
        emit IL2Bridge.TokenDeployed(L1_TOKEN, address(token), name, symbol, decimals);
        vm.expectEmit();
        emit IL2Bridge.DepositFinalized(L1_TOKEN, ALICE, BOB, 5);
        vm.prank(AddressAlias.toL2(L1_BRIDGE));
        l2Bridge.finalizeDeposit(L1_TOKEN, ALICE, BOB, 5, name, symbol, decimals);
        vm.assertEq(token.name(), name);
        vm.assertEq(token.symbol(), symbol);
        vm.assertEq(token.decimals(), decimals);
        vm.assertEq(token.l1Token(), L1_TOKEN);
        vm.assertEq(token.bridge(), Predeploys.L2_BRIDGE);
        vm.assertEq(l2Bridge.l1TokenOf(address(token)), L1_TOKEN);
    }

    function test_LaterDepositsKeepTheDescription() public {
        mint(BOB, 5);
        vm.prank(AddressAlias.toL2(L1_BRIDGE));
        l2Bridge.finalizeDeposit(L1_TOKEN, ALICE, BOB, 7, "Other", "OTH", 1);
        vm.assertEq(token.name(), "Token");
        vm.assertEq(token.symbol(), "TKN");
        vm.assertEq(token.decimals(), 18);
        vm.assertEq(token.balanceOf(BOB), 12);
    }

    function testFuzz_DepositsOfAnythingToAnyoneSucceedWithTheGasBought(
        address l1Token,
        address from,
        address to,
        uint256 amount,
        uint8 decimals
    ) public {
        vm.assume(l1Token != address(0));
        // The dearest description: as long as the L1 side lets it be, in bytes that are not zero.
        string memory name = "Sixty-four bytes of a name, which is as long as it may ever get.";
        string memory symbol = "Thirty-two bytes of a symbol....";
        vm.assertEq(bytes(name).length, 64);
        vm.assertEq(bytes(symbol).length, 32);
        bytes memory data =
            abi.encodeCall(IL2Bridge.finalizeDeposit, (l1Token, from, to, amount, name, symbol, decimals));
        vm.assertLe(data.length, 420);
        vm.prank(AddressAlias.toL2(L1_BRIDGE));
        (bool success,) = Predeploys.L2_BRIDGE.call{gas: EXECUTION_GAS}(data);
        vm.assertTrue(success);
        vm.assertEq(BridgedToken(l2Bridge.tokenOf(l1Token)).balanceOf(to), amount);
    }

    /// @dev Keeps a third of what is bought in reserve, for gas prices of a later fork.
    function test_FirstDepositLeavesGasInReserve() public {
        vm.prank(AddressAlias.toL2(L1_BRIDGE));
        uint256 before = gasleft();
        l2Bridge.finalizeDeposit(
            L1_TOKEN,
            ALICE,
            BOB,
            type(uint256).max,
            "Sixty-four bytes of a name, which is as long as it may ever get.",
            "Thirty-two bytes of a symbol....",
            18
        );
        vm.assertLt(before - gasleft(), EXECUTION_GAS * 2 / 3);
    }

    function testFuzz_EachL1TokenHasItsOwn(address one, address other) public view {
        vm.assume(one != other);
        vm.assertTrue(l2Bridge.tokenOf(one) != l2Bridge.tokenOf(other));
    }

    function testFuzz_WithdrawalBurnsAndAsksForRelease(uint256 balance, uint256 amount) public {
        balance = bound(balance, 1, type(uint256).max - 1);
        amount = bound(amount, 1, balance);
        mint(BOB, balance);
        bytes memory data = abi.encodeCall(IBridge.releaseErc20, (L1_TOKEN, ALICE, amount));
        vm.recordLogs();
        vm.prank(BOB);
        vm.assertEq(l2Bridge.withdraw(address(token), ALICE, amount), 0);
        bytes32 leaf = keccak256(abi.encode(uint64(0), Predeploys.L2_BRIDGE, L1_BRIDGE, uint256(0), keccak256(data)));
        (, bytes memory sent, bytes32 sentLeaf,) =
            abi.decode(vm.getRecordedLogs()[1].data, (uint256, bytes, bytes32, bytes32));
        vm.assertEq(sent, data);
        vm.assertEq(sentLeaf, leaf);
        vm.assertEq(token.totalSupply(), balance - amount);
        vm.assertEq(token.balanceOf(BOB), balance - amount);
    }

    function testFuzz_PermitGivesAnAllowance(uint256 key, uint256 amount) public {
        mint(BOB, 1);
        key = bound(key, 1, 1e40);
        address owner = vm.addr(key);
        bytes32 digest = keccak256(
            abi.encodePacked(
                hex"1901",
                token.DOMAIN_SEPARATOR(),
                keccak256(
                    abi.encode(
                        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                        owner,
                        ALICE,
                        amount,
                        0,
                        block.timestamp
                    )
                )
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        token.permit(owner, ALICE, amount, block.timestamp, v, r, s);
        vm.assertEq(token.allowance(owner, ALICE), amount);
    }

    function test_Permit2HasNoAllowanceByItself() public {
        mint(BOB, 1);
        vm.assertEq(token.allowance(BOB, 0x000000000022D473030F116dDEE9F6B43aC78BA3), 0);
    }

    function mint(address to, uint256 amount) private {
        vm.prank(AddressAlias.toL2(L1_BRIDGE));
        l2Bridge.finalizeDeposit(L1_TOKEN, ALICE, to, amount, "Token", "TKN", 18);
    }
}
