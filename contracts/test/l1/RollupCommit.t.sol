// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInbox} from "../../src/l1/interfaces/IInbox.sol";
import {IRollup} from "../../src/l1/interfaces/IRollup.sol";
import {L1} from "../L1.sol";

contract RollupCommitTest is L1 {
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    /// @dev From EIP-2935.
    bytes private constant HISTORY_CODE =
        hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";

    function setUp() public {
        deploy(0);
        commit(nextHeader());
        vm.roll(1010);
        vm.setBlockhash(1009, bytes32(uint256(0x1009)));
        vm.warp(block.timestamp + 120);
        inbox.forceTransaction(hex"01");
        vm.warp(block.timestamp + 60);
        inbox.forceTransaction(hex"02");
    }

    function testFuzz_RevertWhen_NotPoster(address caller) public {
        vm.assume(caller != POSTER);
        IRollup.BatchHeader memory header = nextHeader();
        setBlobs(1);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotPoster.selector, caller));
        vm.prank(caller);
        rollup.commitBatch(header);
    }

    function test_RevertWhen_NoBlobs() public {
        expectRevertWithBlobs(0, abi.encodeWithSelector(IRollup.NoBlobs.selector));
    }

    function test_RevertWhen_TooManyBlobs() public {
        expectRevertWithBlobs(7, abi.encodeWithSelector(IRollup.TooManyBlobs.selector));
    }

    function testFuzz_RevertWhen_WrongIndex(uint64 index) public {
        vm.assume(index != 1);
        IRollup.BatchHeader memory header = nextHeader();
        header.index = index;
        expectRevert(header, abi.encodeWithSelector(IRollup.WrongIndex.selector, index, 1));
    }

    function testFuzz_RevertWhen_WrongParentHash(bytes32 parentHash) public {
        IRollup.BatchHeader memory header = nextHeader();
        bytes32 expected = header.parentHash;
        vm.assume(parentHash != expected);
        header.parentHash = parentHash;
        expectRevert(header, abi.encodeWithSelector(IRollup.WrongParentHash.selector, parentHash, expected));
    }

    function testFuzz_RevertWhen_WrongFirstBlock(uint64 firstBlock) public {
        vm.assume(firstBlock != 2);
        IRollup.BatchHeader memory header = nextHeader();
        header.firstBlock = firstBlock;
        expectRevert(header, abi.encodeWithSelector(IRollup.WrongFirstBlock.selector, firstBlock, 2));
    }

    function test_RevertWhen_NoBlocks() public {
        IRollup.BatchHeader memory header = nextHeader();
        header.lastBlock = 1;
        expectRevert(header, abi.encodeWithSelector(IRollup.NoBlocks.selector, 2, 1));
    }

    function testFuzz_RevertWhen_TimestampBeforeParent(uint64 timestamp) public {
        uint64 parent = rollup.lastTimestamp();
        IRollup.BatchHeader memory header = nextHeader();
        header.lastTimestamp = uint64(bound(timestamp, 0, parent - 1));
        expectRevert(
            header, abi.encodeWithSelector(IRollup.TimestampBeforeParent.selector, header.lastTimestamp, parent)
        );
    }

    function testFuzz_RevertWhen_TimestampInFuture(uint64 timestamp) public {
        IRollup.BatchHeader memory header = nextHeader();
        header.lastTimestamp = uint64(bound(timestamp, block.timestamp + 1, type(uint64).max));
        expectRevert(
            header, abi.encodeWithSelector(IRollup.TimestampInFuture.selector, header.lastTimestamp, block.timestamp)
        );
    }

    function test_RevertWhen_InboxCountBeforeParent() public {
        commit(nextHeader());
        IRollup.BatchHeader memory header = nextHeader();
        header.inboxCount = 1;
        header.inboxHash = inbox.rollingHash(1);
        expectRevert(header, abi.encodeWithSelector(IRollup.InboxCountBeforeParent.selector, 1, 2));
    }

    function testFuzz_RevertWhen_InboxHasFewerMessages(uint64 count) public {
        IRollup.BatchHeader memory header = nextHeader();
        header.inboxCount = uint64(bound(count, 3, type(uint64).max));
        expectRevert(header, abi.encodeWithSelector(IInbox.NoSuchMessage.selector, header.inboxCount, 2));
    }

    function testFuzz_RevertWhen_WrongInboxHash(uint64 count, bytes32 hash) public {
        IRollup.BatchHeader memory header = nextHeader();
        header.inboxCount = uint64(bound(count, 0, 2));
        bytes32 expected = inbox.rollingHash(header.inboxCount);
        vm.assume(hash != expected);
        header.inboxHash = hash;
        expectRevert(header, abi.encodeWithSelector(IRollup.WrongInboxHash.selector, hash, expected));
    }

    function testFuzz_RevertWhen_MessageOverdue(uint64 count, uint256 late) public {
        uint64 left = uint64(bound(count, 0, 1));
        uint256 deadline = uint256(inbox.queuedAt(left)) + INCLUSION_DEADLINE_SECONDS;
        vm.warp(deadline + bound(late, 1, 365 days));
        IRollup.BatchHeader memory header = nextHeader();
        header.inboxCount = left;
        header.inboxHash = inbox.rollingHash(left);
        expectRevert(header, abi.encodeWithSelector(IRollup.MessageOverdue.selector, left, deadline));
    }

    function test_RevertWhen_OriginBeforeParent() public {
        IRollup.BatchHeader memory header = nextHeader();
        header.l1OriginNumber = 998;
        expectRevert(header, abi.encodeWithSelector(IRollup.OriginBeforeParent.selector, 998, 999));
    }

    function testFuzz_RevertWhen_OriginInFuture(uint64 number) public {
        IRollup.BatchHeader memory header = nextHeader();
        header.l1OriginNumber = uint64(bound(number, block.number, type(uint64).max));
        expectRevert(
            header, abi.encodeWithSelector(IRollup.OriginInFuture.selector, header.l1OriginNumber, block.number)
        );
    }

    function testFuzz_RevertWhen_WrongOriginHash(bytes32 hash) public {
        vm.assume(hash != bytes32(uint256(0x1009)));
        IRollup.BatchHeader memory header = nextHeader();
        header.l1OriginHash = hash;
        expectRevert(header, abi.encodeWithSelector(IRollup.WrongOriginHash.selector, hash, bytes32(uint256(0x1009))));
    }

    function test_RevertWhen_OriginTooOld() public {
        vm.etch(HISTORY, HISTORY_CODE);
        vm.roll(1009 + 8192);
        IRollup.BatchHeader memory header = nextHeader();
        header.l1OriginNumber = 1009;
        header.l1OriginHash = bytes32(0);
        // The ring buffer still has something in the slot, but its age is checked.
        vm.store(HISTORY, bytes32(uint256(1009 % 8191)), bytes32(uint256(0x1009)));
        expectRevert(header, abi.encodeWithSelector(IRollup.OriginTooOld.selector, 1009, block.number));
    }

    function testFuzz_TakesAnOriginFromHistory(uint256 age) public {
        age = bound(age, 257, 8191);
        vm.etch(HISTORY, HISTORY_CODE);
        vm.roll(1009 + age);
        vm.store(HISTORY, bytes32(uint256(1009 % 8191)), bytes32(uint256(0x1009)));
        IRollup.BatchHeader memory header = nextHeader();
        header.l1OriginNumber = 1009;
        header.l1OriginHash = bytes32(uint256(0x1009));
        commit(header);
        vm.assertEq(rollup.batchCount(), 2);
    }

    function testFuzz_LeavesMessagesUpToTheirDeadline(uint64 count) public {
        uint64 left = uint64(bound(count, 0, 1));
        vm.warp(uint256(inbox.queuedAt(left)) + INCLUSION_DEADLINE_SECONDS);
        IRollup.BatchHeader memory header = nextHeader();
        header.inboxCount = left;
        header.inboxHash = inbox.rollingHash(left);
        commit(header);
        vm.assertEq(rollup.batch(1).inboxCount, left);
    }

    function testFuzz_KeepsWhatWasCommitted(uint256 blobs, uint64 blocks, bytes32 stateRoot, bytes32 outboxRoot)
        public
    {
        IRollup.BatchHeader memory header = nextHeader();
        header.lastBlock = uint64(bound(blocks, 2, type(uint64).max));
        (header.stateRoot, header.outboxRoot) = (stateRoot, outboxRoot);
        bytes32[] memory hashes = setBlobs(bound(blobs, 1, 6));
        bytes32 batchHash =
            keccak256(abi.encodePacked(keccak256(abi.encode(header)), keccak256(abi.encodePacked(hashes))));
        vm.expectEmit();
        emit IRollup.BatchCommitted(1, batchHash, header, hashes);
        vm.prank(POSTER);
        rollup.commitBatch(header);

        IRollup.Batch memory kept = rollup.batch(1);
        vm.assertEq(kept.batchHash, batchHash);
        vm.assertEq(kept.stateRoot, stateRoot);
        vm.assertEq(kept.outboxRoot, outboxRoot);
        vm.assertEq(kept.committedAtSeconds, block.timestamp);
        vm.assertEq(kept.lastBlock, header.lastBlock);
        vm.assertEq(kept.inboxCount, 2);
        vm.assertEq(kept.l1OriginNumber, 1009);
        vm.assertEq(rollup.batchCount(), 2);
        vm.assertEq(rollup.lastTimestamp(), block.timestamp);
    }

    function expectRevert(IRollup.BatchHeader memory header, bytes memory reason) private {
        setBlobs(1);
        vm.expectRevert(reason);
        vm.prank(POSTER);
        rollup.commitBatch(header);
    }

    function expectRevertWithBlobs(uint256 blobs, bytes memory reason) private {
        IRollup.BatchHeader memory header = nextHeader();
        setBlobs(blobs);
        vm.expectRevert(reason);
        vm.prank(POSTER);
        rollup.commitBatch(header);
    }
}

/// @dev The expected hash was computed outside of Solidity, from the shape that `IRollup` documents.
contract RollupVectorTest is L1 {
    function test_BatchHashIsTheDocumentedOne() public {
        deploy(0);
        vm.setBlockhash(999, bytes32(repeat(0xaa)));
        IRollup.BatchHeader memory header = IRollup.BatchHeader({
            index: 0,
            parentHash: bytes32(0),
            firstBlock: 1,
            lastBlock: 17,
            lastTimestamp: 1_700_000_000,
            l1OriginNumber: 999,
            l1OriginHash: bytes32(repeat(0xaa)),
            inboxCount: 0,
            inboxHash: bytes32(0),
            lastBlockHash: bytes32(repeat(0xbb)),
            stateRoot: bytes32(repeat(0xcc)),
            outboxRoot: bytes32(repeat(0xdd))
        });
        bytes32[] memory hashes = new bytes32[](2);
        hashes[0] = 0x0111111111111111111111111111111111111111111111111111111111111111;
        hashes[1] = 0x0122222222222222222222222222222222222222222222222222222222222222;
        vm.blobhashes(hashes);
        vm.prank(POSTER);
        rollup.commitBatch(header);
        vm.assertEq(rollup.batch(0).batchHash, 0xb9fc574b0a798f81667fcd70a6af67d8aa9c3fbdbcc47b96c1c3a2e257e7387a);
    }

    function repeat(uint8 octet) private pure returns (uint256) {
        return (type(uint256).max / 255) * octet;
    }
}
