// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {AddressAlias} from "../src/AddressAlias.sol";
import {Predeploys} from "../src/Predeploys.sol";
import {IBridge} from "../src/l1/interfaces/IBridge.sol";
import {IRollup} from "../src/l1/interfaces/IRollup.sol";
import {TestToken} from "../src/mocks/TestToken.sol";
import {L1} from "./L1.sol";
import {L2} from "./L2.sol";
import {NaiveTree} from "./NaiveTree.sol";

/// @dev What actions cost as transactions of their own, kept in `snapshots/gas.json` and compared by every test run.
/// Each is measured the second time, since only the first pays for some of the storage.
/// forge-config: default.isolate = true
contract GasTest is L1, L2 {
    TestToken private token;

    function setUp() public {
        deploy(1);
        genesis(address(bridge), FEE_RECIPIENT);
        token = new TestToken("Token", "TKN", 18);
        vm.deal(ALICE, 100 ether);
        token.mint(ALICE, 1000);
        vm.prank(ALICE, ALICE);
        token.approve(address(bridge), 1000);
    }

    function test_Deposits() public {
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(ALICE, ALICE);
            inbox.depositEth{value: 1 ether}(BOB);
        }
        snapshot("Inbox.depositEth");
        vm.prank(ALICE, ALICE);
        inbox.deposit{value: 1 ether}(BOB, 0, 100_000, new bytes(1024));
        snapshot("Inbox.deposit of 1024 bytes");
        vm.prank(ALICE, ALICE);
        inbox.forceTransaction{value: 100_000}(new bytes(128));
        snapshot("Inbox.forceTransaction of 128 bytes");
        vm.prank(ALICE, ALICE);
        bridge.depositErc20{value: 1_500_000}(address(token), BOB, 1);
        snapshot("Bridge.depositErc20, first of a token");
        vm.prank(ALICE, ALICE);
        bridge.depositErc20{value: 1_500_000}(address(token), BOB, 1);
        snapshot("Bridge.depositErc20");
    }

    function test_L2() public {
        for (uint64 i = 1; i < 3; ++i) {
            vm.prank(Predeploys.SYSTEM_CALLER);
            l1Block.setL1Block(i, i, i, i, bytes32(uint256(i)), i);
        }
        snapshot("L1Block.setL1Block");
        for (uint64 i = 0; i < 3; ++i) {
            vm.prank(ALICE);
            outbox.withdraw{value: 1}(BOB);
        }
        snapshot("Outbox.withdraw");
        vm.deal(Predeploys.FEE_VAULT, 1 ether);
        feeVault.withdraw();
        snapshot("FeeVault.withdraw");
        vm.prank(AddressAlias.toL2(address(bridge)));
        l2Bridge.finalizeDeposit(address(token), ALICE, BOB, 10, "Token", "TKN", 18);
        snapshot("L2Bridge.finalizeDeposit, first of a token");
        vm.prank(AddressAlias.toL2(address(bridge)));
        l2Bridge.finalizeDeposit(address(token), ALICE, BOB, 10, "Token", "TKN", 18);
        snapshot("L2Bridge.finalizeDeposit");
        address l2Token = l2Bridge.tokenOf(address(token));
        vm.prank(BOB);
        l2Bridge.withdraw(l2Token, ALICE, 1);
        snapshot("L2Bridge.withdraw");
    }

    function snapshot(string memory name) private {
        vm.snapshotGasLastCall("gas", name);
    }
}

/// @dev The same where blobs are needed, which a transaction of its own cannot be given: the call alone, without the
/// 21,000 and the call data.
contract GasOfBatchesTest is L1 {
    TestToken private token;
    NaiveTree private tree;

    function setUp() public {
        deploy(0);
        tree = new NaiveTree();
        token = new TestToken("Token", "TKN", 18);
        vm.deal(ALICE, 100 ether);
        token.mint(ALICE, 1000);
        vm.startPrank(ALICE, ALICE);
        token.approve(address(bridge), 1000);
        inbox.depositEth{value: 10 ether}(BOB);
        bridge.depositErc20(address(token), BOB, 10);
        vm.stopPrank();
        for (uint64 i = 0; i < 4; ++i) {
            IBridge.Withdrawal memory message = withdrawal(i);
            tree.push(keccak256(abi.encode(i, message.sender, message.target, message.value, keccak256(message.data))));
        }
        finalise(tree.root());
        claim(0);
        claim(1);
    }

    function test_Commit() public {
        IRollup.BatchHeader memory header = nextHeader();
        setBlobs(1);
        cool();
        vm.prank(POSTER, POSTER);
        rollup.commitBatch(header);
        vm.snapshotGasLastCall("gas", "Rollup.commitBatch with 1 blob, call only");
    }

    function test_CommitSix() public {
        IRollup.BatchHeader memory header = nextHeader();
        setBlobs(6);
        cool();
        vm.prank(POSTER, POSTER);
        rollup.commitBatch(header);
        vm.snapshotGasLastCall("gas", "Rollup.commitBatch with 6 blobs, call only");
    }

    function test_ClaimEther() public {
        cool();
        claim(2);
        vm.snapshotGasLastCall("gas", "Bridge.claim of ether, call only");
    }

    function test_ClaimTokens() public {
        cool();
        claim(3);
        vm.snapshotGasLastCall("gas", "Bridge.claim of tokens, call only");
    }

    function claim(uint64 index) private {
        bytes32[32] memory proof = tree.proof(index);
        IBridge.Withdrawal memory message = withdrawal(index);
        bridge.claim(0, message, index, proof);
    }

    /// @dev Not for `setUp`, where it would undo the deployment.
    function cool() private {
        vm.cool(address(inbox));
        vm.cool(address(rollup));
        vm.cool(address(bridge));
        vm.cool(address(token));
    }

    function withdrawal(uint64 index) private view returns (IBridge.Withdrawal memory) {
        bytes memory release = abi.encodeCall(IBridge.releaseErc20, (address(token), BOB, 1));
        return index % 2 == 0
            ? IBridge.Withdrawal(ALICE, BOB, 1 ether, "")
            : IBridge.Withdrawal(Predeploys.L2_BRIDGE, address(bridge), 0, release);
    }
}
