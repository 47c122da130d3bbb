// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Inbox} from "../../src/l1/Inbox.sol";
import {Rollup} from "../../src/l1/Rollup.sol";
import {IRollup} from "../../src/l1/interfaces/IRollup.sol";
import {ISequencers} from "../../src/l1/interfaces/ISequencers.sol";
import {SignedMessages} from "../../src/l1/sequencers/SignedMessages.sol";
import {Stake} from "./sequencers/Stake.sol";

/// @title A rollup whose batches are certified, and helpers to certify them.
abstract contract Certified is Stake {
    address internal constant OWNER = address(0x0123);
    bytes32 internal constant BLOB_HASH = bytes32(uint256(1) << 248 | 1);

    Inbox internal inbox;
    Rollup internal rollup;

    /// @dev Seats, the committee of epoch 0, and time in its first second.
    function deployCertified(uint256 seats) internal {
        deploy();
        lockAndSnapshot(seats);
        vm.roll(1000);
        vm.setBlockhash(999, bytes32(uint256(0x999)));
        inbox = new Inbox(address(1), address(2), 0);
        rollup = new Rollup(config());
    }

    function config() internal view returns (IRollup.Config memory) {
        return IRollup.Config({
            inbox: address(inbox),
            sequencers: address(sequencers),
            owner: OWNER,
            poster: address(0),
            l2ChainId: 4242,
            challengeWindowSeconds: 600,
            inclusionDeadlineSeconds: 3600,
            genesisBlockHash: bytes32(uint256(1)),
            genesisStateRoot: bytes32(uint256(2))
        });
    }

    /// @dev A header that the rollup accepts now.
    function nextHeader() internal view returns (IRollup.BatchHeader memory header) {
        header.index = rollup.batchCount();
        if (header.index != 0) {
            IRollup.Batch memory parent = rollup.batch(header.index - 1);
            header.parentHash = parent.batchHash;
            header.firstBlock = parent.lastBlock;
        }
        header.firstBlock += 1;
        header.lastBlock = header.firstBlock;
        header.lastTimestamp = uint64(block.timestamp);
        header.l1OriginNumber = 999;
        header.l1OriginHash = bytes32(uint256(0x999));
        header.stateRoot = keccak256(abi.encode("state", header.index));
    }

    function hashOf(IRollup.BatchHeader memory header) internal pure returns (bytes32) {
        return hashOf(header, blobHashes(1));
    }

    function hashOf(IRollup.BatchHeader memory header, bytes32[] memory hashes) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(keccak256(abi.encode(header)), keccak256(abi.encodePacked(hashes))));
    }

    function certifyBatch(uint32 epoch, IRollup.BatchHeader memory header, uint256 signers)
        internal
        view
        returns (ISequencers.Certificate memory)
    {
        return certifyBatch(epoch, header, blobHashes(1), signers);
    }

    function certifyBatch(uint32 epoch, IRollup.BatchHeader memory header, bytes32[] memory hashes, uint256 signers)
        internal
        view
        returns (ISequencers.Certificate memory)
    {
        bytes32 batchHash = hashOf(header, hashes);
        return certify(epoch, SignedMessages.batch(address(rollup), epoch, header.index, batchHash), signers);
    }

    function setBlob() internal {
        setBlobs(1);
    }

    function setBlobs(uint256 count) internal returns (bytes32[] memory hashes) {
        hashes = blobHashes(count);
        vm.blobhashes(hashes);
    }

    /// @dev The first is `BLOB_HASH`.
    function blobHashes(uint256 count) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = bytes32(uint256(BLOB_HASH) + i);
        }
    }
}
