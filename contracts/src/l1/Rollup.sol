// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";

import {IInbox} from "./interfaces/IInbox.sol";
import {IRollup} from "./interfaces/IRollup.sol";
import {ISequencers} from "./interfaces/ISequencers.sol";

contract Rollup is IRollup, Ownable2Step {
    /// @inheritdoc IRollup
    uint256 public constant BLOBS_MAX = 6;

    /// @inheritdoc IRollup
    address public immutable inbox;
    /// @inheritdoc IRollup
    address public immutable sequencers;
    /// @inheritdoc IRollup
    uint64 public immutable l2ChainId;
    /// @inheritdoc IRollup
    uint64 public immutable challengeWindowSeconds;
    /// @inheritdoc IRollup
    uint64 public immutable inclusionDeadlineSeconds;
    /// @inheritdoc IRollup
    bytes32 public immutable genesisBlockHash;
    /// @inheritdoc IRollup
    bytes32 public immutable genesisStateRoot;

    /// @inheritdoc IRollup
    mapping(address account => bool) public isPoster;
    /// @inheritdoc IRollup
    uint64 public batchCount;
    /// @inheritdoc IRollup
    uint64 public lastTimestamp;

    /// @dev Batch `index` is entry `index + 1`. Entry 0 stands for genesis, so that every batch has a parent here.
    mapping(uint64 count => Batch) private _batches;

    constructor(Config memory config) Ownable(config.owner) {
        if (config.inbox == address(0)) revert ZeroAddress();
        inbox = config.inbox;
        sequencers = config.sequencers;
        l2ChainId = config.l2ChainId;
        challengeWindowSeconds = config.challengeWindowSeconds;
        inclusionDeadlineSeconds = config.inclusionDeadlineSeconds;
        genesisBlockHash = config.genesisBlockHash;
        genesisStateRoot = config.genesisStateRoot;
        emit Genesis(config.l2ChainId, config.genesisBlockHash, config.genesisStateRoot);
        if (config.poster != address(0)) _setPoster(config.poster, true);
    }

    /// @inheritdoc IRollup
    function commitBatch(BatchHeader calldata header) external {
        if (sequencers != address(0)) revert CertificateRequired(sequencers);
        if (!isPoster[msg.sender]) revert NotPoster(msg.sender);
        (bytes32 batchHash, bytes32[] memory blobHashes) = _checkBatch(header);
        _keep(header, batchHash, blobHashes);
    }

    /// @inheritdoc IRollup
    function commitCertifiedBatch(
        BatchHeader calldata header,
        uint64 epoch,
        ISequencers.Certificate calldata certificate
    ) external {
        if (sequencers == address(0)) revert NoSequencers();
        uint64 currentEpoch = ISequencers(sequencers).epochAt(block.timestamp);
        if (epoch > currentEpoch || currentEpoch - epoch > 1) revert EpochOutOfReach(epoch, currentEpoch);
        (bytes32 batchHash, bytes32[] memory blobHashes) = _checkBatch(header);
        // An epoch of `Sequencers` or the one before it: 32 bits hold it.
        ISequencers(sequencers).verifyBatch(address(this), uint32(epoch), header.index, batchHash, certificate);
        _keep(header, batchHash, blobHashes);
    }

    /// @inheritdoc IRollup
    function setPoster(address poster, bool allowed) external onlyOwner {
        _setPoster(poster, allowed);
    }

    /// @inheritdoc IRollup
    function batch(uint64 index) external view returns (Batch memory) {
        if (index >= batchCount) revert NoSuchBatch(index, batchCount);
        return _batches[index + 1];
    }

    /// @inheritdoc IRollup
    function isFinal(uint64 index) public view returns (bool) {
        if (index >= batchCount) return false;
        return block.timestamp >= uint256(_batches[index + 1].committedAtSeconds) + challengeWindowSeconds;
    }

    /// @inheritdoc IRollup
    function finalBatchCount() public view returns (uint64) {
        // Batches become final in order: those before `low` are, those from `high` on are not.
        uint64 low = 0;
        uint64 high = batchCount;
        while (low < high) {
            uint64 middle = low + (high - low) / 2;
            if (isFinal(middle)) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    /// @inheritdoc IRollup
    function lastFinalBlock() external view returns (uint64) {
        return _batches[finalBatchCount()].lastBlock;
    }

    function _setPoster(address poster, bool allowed) private {
        if (sequencers != address(0)) revert PosterWithSequencers(poster);
        isPoster[poster] = allowed;
        emit PosterSet(poster, allowed);
    }

    /// @dev Whether the batch is the next one; not who may commit it.
    function _checkBatch(BatchHeader calldata header)
        private
        view
        returns (bytes32 batchHash, bytes32[] memory blobHashes)
    {
        blobHashes = _blobHashes();
        uint64 index = batchCount;
        Batch storage parent = _batches[index];
        _checkBlocks(header, index, parent);
        _checkInbox(header, parent.inboxCount);
        _checkOrigin(header, parent.l1OriginNumber);
        batchHash = keccak256(abi.encodePacked(keccak256(abi.encode(header)), keccak256(abi.encodePacked(blobHashes))));
    }

    function _keep(BatchHeader calldata header, bytes32 batchHash, bytes32[] memory blobHashes) private {
        uint64 index = header.index;
        batchCount = index + 1;
        lastTimestamp = header.lastTimestamp;
        _batches[index + 1] = Batch({
            batchHash: batchHash,
            stateRoot: header.stateRoot,
            outboxRoot: header.outboxRoot,
            committedAtSeconds: uint64(block.timestamp),
            lastBlock: header.lastBlock,
            inboxCount: header.inboxCount,
            l1OriginNumber: header.l1OriginNumber
        });
        emit BatchCommitted(index, batchHash, header, blobHashes);
    }

    function _checkBlocks(BatchHeader calldata header, uint64 index, Batch storage parent) private view {
        if (header.index != index) revert WrongIndex(header.index, index);
        bytes32 parentHash = parent.batchHash;
        if (header.parentHash != parentHash) revert WrongParentHash(header.parentHash, parentHash);
        uint64 firstBlock = parent.lastBlock + 1;
        if (header.firstBlock != firstBlock) revert WrongFirstBlock(header.firstBlock, firstBlock);
        if (header.lastBlock < firstBlock) revert NoBlocks(firstBlock, header.lastBlock);
        if (header.lastTimestamp < lastTimestamp) revert TimestampBeforeParent(header.lastTimestamp, lastTimestamp);
        if (header.lastTimestamp > block.timestamp) revert TimestampInFuture(header.lastTimestamp, block.timestamp);
    }

    function _checkInbox(BatchHeader calldata header, uint64 parentCount) private view {
        if (header.inboxCount < parentCount) revert InboxCountBeforeParent(header.inboxCount, parentCount);
        bytes32 inboxHash = IInbox(inbox).rollingHash(header.inboxCount);
        if (header.inboxHash != inboxHash) revert WrongInboxHash(header.inboxHash, inboxHash);
        if (header.inboxCount == IInbox(inbox).messageCount()) return;
        uint256 deadlineSeconds = uint256(IInbox(inbox).queuedAt(header.inboxCount)) + inclusionDeadlineSeconds;
        if (block.timestamp > deadlineSeconds) revert MessageOverdue(header.inboxCount, deadlineSeconds);
    }

    function _checkOrigin(BatchHeader calldata header, uint64 parentNumber) private view {
        uint64 number = header.l1OriginNumber;
        if (number < parentNumber) revert OriginBeforeParent(number, parentNumber);
        if (number >= block.number) revert OriginInFuture(number, block.number);
        bytes32 originHash = Blockhash.blockHash(number);
        if (originHash == bytes32(0)) revert OriginTooOld(number, block.number);
        if (header.l1OriginHash != originHash) revert WrongOriginHash(header.l1OriginHash, originHash);
    }

    /// @dev Versioned hashes of the transaction's blobs, in order.
    function _blobHashes() private view returns (bytes32[] memory hashes) {
        uint256 count = 0;
        while (count <= BLOBS_MAX && blobhash(count) != bytes32(0)) ++count;
        if (count == 0) revert NoBlobs();
        if (count > BLOBS_MAX) revert TooManyBlobs();
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = blobhash(i);
        }
    }
}
