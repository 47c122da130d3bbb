// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {L2} from "../L2.sol";

contract Create2DeployerTest is L2 {
    address private constant DEPLOYER = 0x4e59b44847b379578588920cA78FbF26c0B4956C;

    function setUp() public {
        vm.etch(DEPLOYER, committed("Create2Deployer"));
    }

    function test_IsTheKnownCode() public view {
        // The code hash that mainnet has at this address.
        vm.assertEq(DEPLOYER.codehash, 0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989);
    }

    function testFuzz_DeploysAtTheCreate2Address(bytes32 salt, bytes32 returned) public {
        // Creation code that returns one word of runtime code.
        bytes memory code = abi.encodePacked(hex"7f", returned, hex"60005260206000f3");
        vm.assume(returned[0] != 0xef && returned[0] != 0);
        (bool success, bytes memory result) = DEPLOYER.call(abi.encodePacked(salt, code));
        vm.assertTrue(success);
        address expected =
            address(uint160(uint256(keccak256(abi.encodePacked(hex"ff", DEPLOYER, salt, keccak256(code))))));
        vm.assertEq(result, abi.encodePacked(expected));
        vm.assertEq(expected.code, abi.encodePacked(returned));
    }
}
