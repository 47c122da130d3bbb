// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Bridge} from "../src/l1/Bridge.sol";
import {Inbox} from "../src/l1/Inbox.sol";
import {Rollup} from "../src/l1/Rollup.sol";
import {IRollup} from "../src/l1/interfaces/IRollup.sol";
import {T} from "./T.sol";

/// @title The L1 contracts, deployed in the documented order, and helpers to commit batches.
abstract contract L1 is T {
    address internal constant OWNER = address(0x0123);
    address internal constant POSTER = address(0x9057);
    address internal constant FEE_RECIPIENT = address(0xFEE);
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xB0b);
    uint64 internal constant CHALLENGE_WINDOW_SECONDS = 600;
    uint64 internal constant INCLUSION_DEADLINE_SECONDS = 3600;
    bytes32 internal constant GENESIS_HASH = bytes32(uint256(0x6e));
    bytes32 internal constant GENESIS_STATE_ROOT = bytes32(uint256(0x57));

    Inbox internal inbox;
    Rollup internal rollup;
    Bridge internal bridge;

    function deploy(uint256 messageGasPriceWei) internal {
        vm.warp(1_700_000_000);
        vm.roll(1000);
        vm.setBlockhash(999, bytes32(uint256(0x999)));
        uint256 nonce = vm.getNonce(address(this));
        inbox = new Inbox(vm.computeCreateAddress(address(this), nonce + 2), FEE_RECIPIENT, messageGasPriceWei);
        rollup = new Rollup(config(address(inbox)));
        bridge = new Bridge(address(inbox), address(rollup));
        vm.assertEq(inbox.bridge(), address(bridge));
    }

    function config(address inbox_) internal pure returns (IRollup.Config memory) {
        return IRollup.Config({
            inbox: inbox_,
            sequencers: address(0),
            owner: OWNER,
            poster: POSTER,
            l2ChainId: 4242,
            challengeWindowSeconds: CHALLENGE_WINDOW_SECONDS,
            inclusionDeadlineSeconds: INCLUSION_DEADLINE_SECONDS,
            genesisBlockHash: GENESIS_HASH,
            genesisStateRoot: GENESIS_STATE_ROOT
        });
    }

    /// @dev A header that the rollup accepts now: one block, every message consumed.
    function nextHeader() internal view returns (IRollup.BatchHeader memory header) {
        uint64 index = rollup.batchCount();
        header.index = index;
        if (index != 0) {
            IRollup.Batch memory parent = rollup.batch(index - 1);
            header.parentHash = parent.batchHash;
            header.firstBlock = parent.lastBlock;
        }
        header.firstBlock += 1;
        header.lastBlock = header.firstBlock;
        header.lastTimestamp = uint64(block.timestamp);
        header.l1OriginNumber = uint64(block.number) - 1;
        header.l1OriginHash = blockhash(block.number - 1);
        header.inboxCount = inbox.messageCount();
        header.inboxHash = inbox.rollingHash(header.inboxCount);
        header.lastBlockHash = keccak256(abi.encode("block", index));
        header.stateRoot = keccak256(abi.encode("state", index));
    }

    function setBlobs(uint256 count) internal returns (bytes32[] memory hashes) {
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = bytes32((uint256(1) << 248) | (i + 1));
        }
        vm.blobhashes(hashes);
    }

    function commit(IRollup.BatchHeader memory header) internal {
        setBlobs(1);
        vm.prank(POSTER, POSTER);
        rollup.commitBatch(header);
    }

    /// @dev Commits a batch with this outbox root and lets its window pass.
    function finalise(bytes32 outboxRoot) internal returns (uint64 batchIndex) {
        batchIndex = rollup.batchCount();
        IRollup.BatchHeader memory header = nextHeader();
        header.outboxRoot = outboxRoot;
        commit(header);
        vm.warp(block.timestamp + CHALLENGE_WINDOW_SECONDS);
    }
}
