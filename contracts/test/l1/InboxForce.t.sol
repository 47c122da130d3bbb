// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {AddressAlias} from "../../src/AddressAlias.sol";
import {IInbox} from "../../src/l1/interfaces/IInbox.sol";
import {L1} from "../L1.sol";

contract InboxForceTest is L1 {
    function setUp() public {
        deploy(7);
        vm.deal(ALICE, 1 ether);
    }

    function testFuzz_RevertWhen_FeeNotExact(uint256 paid) public {
        paid = bound(paid, 0, 1 ether);
        vm.assume(paid != 700_000);
        vm.expectRevert(abi.encodeWithSelector(IInbox.FeeNotExact.selector, paid, 700_000));
        vm.prank(ALICE, ALICE);
        inbox.forceTransaction{value: paid}(hex"02");
    }

    function test_RevertWhen_Empty() public {
        vm.expectRevert(IInbox.NoTransaction.selector);
        inbox.forceTransaction("");
    }

    function test_RevertWhen_TooLong() public {
        vm.prank(ALICE, ALICE);
        inbox.forceTransaction{value: 700_000}(new bytes(32_768));
        vm.expectRevert(abi.encodeWithSelector(IInbox.DataTooLong.selector, 32_769, 32_768));
        vm.prank(ALICE, ALICE);
        inbox.forceTransaction{value: 700_000}(new bytes(32_769));
    }

    function testFuzz_QueuesTheBytes(bytes calldata raw) public {
        vm.assume(raw.length != 0 && raw.length <= 32_768);
        vm.recordLogs();
        vm.prank(ALICE, ALICE);
        vm.assertEq(inbox.forceTransaction{value: 700_000}(raw), 0);
        (uint8 kind, uint256 mint, uint256 value, uint64 gasLimit, bytes memory data, bytes32 rolling) =
            abi.decode(vm.getRecordedLogs()[0].data, (uint8, uint256, uint256, uint64, bytes, bytes32));
        vm.assertEq(kind, 1);
        vm.assertEq(mint + value + gasLimit, 0);
        vm.assertEq(data, raw);
        bytes32 hash = keccak256(
            abi.encodePacked(uint8(1), uint64(0), ALICE, address(0), uint256(0), uint256(0), uint64(0), keccak256(raw))
        );
        vm.assertEq(rolling, keccak256(abi.encodePacked(bytes32(0), hash)));
        vm.assertEq(inbox.rollingHash(1), rolling);
        vm.assertEq(address(inbox).balance, 700_000);
        vm.assertEq(address(bridge).balance, 0);
    }
}

/// @dev The expected hashes were computed outside of Solidity, from the shape that `IInbox` documents.
contract InboxVectorTest is L1 {
    address private constant CONTRACT = address(0xC0117ac7);

    function test_RollingHashIsTheDocumentedOne() public {
        deploy(0);
        vm.etch(CONTRACT, hex"00");
        vm.deal(ALICE, 4 ether);

        vm.prank(ALICE, ALICE);
        inbox.deposit{value: 3 ether}(BOB, 2 ether, 123_456, hex"deadbeef");
        vm.assertEq(inbox.rollingHash(1), 0xfd3e0743182e1386bfb670fed2efec400ab27bac0d37847d050aeecff212d299);

        vm.assertEq(AddressAlias.toL2(CONTRACT), 0x11110000000000000000000000000000c0118bd8);
        vm.prank(CONTRACT, ALICE);
        inbox.forceTransaction(hex"02c0ffee");
        vm.assertEq(inbox.rollingHash(2), 0xf896aa2d9e4a74e20cb6a2278244dadb71b46a93dc64d6884001144c23770c67);

        vm.prank(ALICE, ALICE);
        inbox.depositEth{value: 5}(ALICE);
        vm.assertEq(inbox.rollingHash(3), 0x9a3989c65fa805f8bc2c382e1fd1d3adaf1b72cd7c52504e627808aee0e57ef6);
        vm.assertEq(inbox.rollingHash(1), 0xfd3e0743182e1386bfb670fed2efec400ab27bac0d37847d050aeecff212d299);
    }
}
