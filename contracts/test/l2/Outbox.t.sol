// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {OutboxTree} from "../../src/OutboxTree.sol";
import {Predeploys} from "../../src/Predeploys.sol";
import {IOutbox} from "../../src/l2/interfaces/IOutbox.sol";
import {L2} from "../L2.sol";
import {NaiveTree} from "../NaiveTree.sol";

contract OutboxTest is L2 {
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xB0b);

    NaiveTree private tree;

    function setUp() public {
        genesis(address(1), address(2));
        tree = new NaiveTree();
        vm.deal(ALICE, 1 ether);
        vm.deal(BOB, 1 ether);
    }

    function test_RevertWhen_RecipientIsZero() public {
        vm.expectRevert(IOutbox.ZeroRecipient.selector);
        outbox.withdraw(address(0));
    }

    function test_RevertWhen_DataTooLong() public {
        outbox.sendMessage(BOB, new bytes(32_768));
        vm.expectRevert(abi.encodeWithSelector(IOutbox.DataTooLong.selector, 32_769, 32_768));
        outbox.sendMessage(BOB, new bytes(32_769));
    }

    function test_RevertWhen_Full() public {
        vm.store(Predeploys.OUTBOX, bytes32(uint256(1)), bytes32(uint256(type(uint32).max) - 1));
        outbox.sendMessage(BOB, "");
        vm.expectRevert(IOutbox.OutboxFull.selector);
        outbox.sendMessage(BOB, "");
    }

    function test_StartsWithTheEmptyRoot() public view {
        vm.assertEq(outbox.root(), tree.root());
        vm.assertEq(outbox.EMPTY_ROOT(), tree.root());
        vm.assertEq(outbox.messageCount(), 0);
    }

    /// @dev The expected roots were computed outside of Solidity, from the shape that `IOutbox` documents.
    function test_RootsAreTheDocumentedOnes() public {
        vm.prank(BOB);
        outbox.sendMessage(ALICE, "");
        vm.assertEq(outbox.root(), 0x7199e2d624c2e32ad2a6aca356f051c5e6ab3a8fdc306510d63c18c338dc354a);
        vm.prank(ALICE);
        outbox.sendMessage{value: 7}(BOB, hex"deadbeef");
        vm.assertEq(outbox.root(), 0x90e9402ff99e8c7bf25319b33eabc89545ed0efbfe3bdbaeff08d4b586352187);
        vm.prank(ALICE);
        outbox.withdraw{value: 1}(ALICE);
        vm.assertEq(outbox.root(), 0xfc5b9a935b63531f895f0551a26eea678f6362b21a9c679996787dbdbe5670bb);
        vm.assertEq(vm.load(Predeploys.OUTBOX, bytes32(0)), outbox.root());
        vm.assertEq(uint256(vm.load(Predeploys.OUTBOX, bytes32(uint256(1)))), 3);
    }

    function testFuzz_TellsTheMessage(address target, uint96 value, bytes calldata data) public {
        vm.assume(data.length <= 32_768);
        vm.deal(ALICE, value);
        bytes32 leaf = keccak256(abi.encode(uint64(0), ALICE, target, uint256(value), keccak256(data)));
        tree.push(leaf);
        vm.expectEmit();
        emit IOutbox.MessageSent(0, ALICE, target, value, data, leaf, tree.root());
        vm.prank(ALICE);
        vm.assertEq(outbox.sendMessage{value: value}(target, data), 0);
        vm.assertEq(address(outbox).balance, value);
    }

    function testFuzz_RootAndProofsEqualTheNaiveTree(bytes32[] calldata salts, uint64 pick) public {
        uint64 count = uint64(bound(salts.length, 1, 40));
        for (uint64 i = 0; i < count; ++i) {
            bytes memory data = i < salts.length ? abi.encode(salts[i]) : abi.encode(i);
            tree.push(keccak256(abi.encode(i, address(this), BOB, uint256(0), keccak256(data))));
            vm.assertEq(outbox.sendMessage(BOB, data), i);
            vm.assertEq(outbox.root(), tree.root());
        }
        vm.assertEq(outbox.messageCount(), count);
        uint64 index = pick % count;
        vm.assertEq(this.rootFrom(tree.leaves(index), index, tree.proof(index)), outbox.root());
    }

    function rootFrom(bytes32 leaf, uint64 index, bytes32[32] calldata proof) external pure returns (bytes32) {
        return OutboxTree.rootFrom(leaf, index, proof);
    }
}
