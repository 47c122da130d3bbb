// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ISequencers} from "./ISequencers.sol";

/// @title The rollup as L1 knows it: a chain of batches of L2 blocks.
/// @notice A batch is committed in a type-3 transaction that carries the blocks in 1 to 6 blobs. Its hash is
/// `keccak256(keccak256(abi.encode(header)) ‖ keccak256(blob hashes))`. It is final when the challenge window has
/// passed.
///
/// Who may commit is fixed for ever by the constructor. Without sequencers, the posters whom the owner names. With
/// them, anybody who brings a certificate of the committee of the running epoch or of the one before, and there are no
/// posters.
///
/// Assumptions: not built: challenges and proofs. Until a contract version that has them, nothing on L1 checks a
/// batch's state root or outbox root, and the posters and the owner, who names them, or two thirds of a committee, can
/// take what the bridge holds; the window only gives people the time to see it. Nodes compare every batch with their
/// own execution and halt on a difference. The contract cannot be upgraded.
///
/// Liveness: a batch must consume every message that has waited in the inbox for longer than the inclusion deadline, so
/// who censors the inbox cannot post at all. Nobody else can post in their place yet. A batch must also be posted within
/// 8,191 L1 blocks of its last L1 origin, and a certified one before the epoch after that of its certificate is over.
/// Nothing can be committed in two epochs in a row that have no committee, until one has.
interface IRollup {
    /// @notice What is committed about a batch besides its blobs.
    /// @param index Place of the batch, from 0.
    /// @param parentHash Hash of the batch before; zero for the first.
    /// @param firstBlock First L2 block; one more than the last of the batch before; 1 for the first.
    /// @param lastBlock Last L2 block.
    /// @param lastTimestamp Timestamp of the last block, in seconds; not in the future.
    /// @param l1OriginNumber L1 block that the last L2 block builds on.
    /// @param l1OriginHash Hash of that L1 block.
    /// @param inboxCount Messages consumed up to and including the last block.
    /// @param inboxHash Rolling hash of those messages.
    /// @param lastBlockHash Hash of the last L2 block.
    /// @param stateRoot State root after the last L2 block.
    /// @param outboxRoot Root of the outbox after the last L2 block.
    struct BatchHeader {
        uint64 index;
        bytes32 parentHash;
        uint64 firstBlock;
        uint64 lastBlock;
        uint64 lastTimestamp;
        uint64 l1OriginNumber;
        bytes32 l1OriginHash;
        uint64 inboxCount;
        bytes32 inboxHash;
        bytes32 lastBlockHash;
        bytes32 stateRoot;
        bytes32 outboxRoot;
    }

    /// @notice What is kept of a batch.
    /// @param batchHash Hash of the batch.
    /// @param stateRoot As in the header.
    /// @param outboxRoot As in the header.
    /// @param committedAtSeconds Timestamp of the L1 block that holds it.
    /// @param lastBlock As in the header.
    /// @param inboxCount As in the header.
    /// @param l1OriginNumber As in the header.
    struct Batch {
        bytes32 batchHash;
        bytes32 stateRoot;
        bytes32 outboxRoot;
        uint64 committedAtSeconds;
        uint64 lastBlock;
        uint64 inboxCount;
        uint64 l1OriginNumber;
    }

    /// @notice Parameters of the constructor.
    /// @param inbox The inbox. Not zero.
    /// @param sequencers The `Sequencers` whose committees certify batches; zero for a chain of one sequencer.
    /// @param owner Names the posters, where there are any. Not zero.
    /// @param poster First poster; zero for none, as it must be with sequencers.
    /// @param l2ChainId Chain id of the rollup.
    /// @param challengeWindowSeconds How long after its commitment a batch becomes final.
    /// @param inclusionDeadlineSeconds How long a message may wait in the inbox. It must leave the posters time: with
    /// zero nothing could be posted while a message waits.
    /// @param genesisBlockHash Hash of L2 block 0.
    /// @param genesisStateRoot State root of L2 block 0.
    struct Config {
        address inbox;
        address sequencers;
        address owner;
        address poster;
        uint64 l2ChainId;
        uint64 challengeWindowSeconds;
        uint64 inclusionDeadlineSeconds;
        bytes32 genesisBlockHash;
        bytes32 genesisStateRoot;
    }

    /// @notice The contract was deployed.
    event Genesis(uint64 indexed l2ChainId, bytes32 blockHash, bytes32 stateRoot);

    /// @notice A batch was committed.
    event BatchCommitted(uint64 indexed index, bytes32 indexed batchHash, BatchHeader header, bytes32[] blobHashes);

    /// @notice An account may post batches now, or no longer.
    event PosterSet(address indexed poster, bool isPoster);

    /// @notice The constructor was given the zero address.
    error ZeroAddress();
    /// @notice The caller is not a poster.
    error NotPoster(address caller);
    /// @notice Batches of this chain need a certificate of its sequencers: call `commitCertifiedBatch`.
    error CertificateRequired(address sequencers);
    /// @notice This chain has no sequencers who could certify: a poster calls `commitBatch`.
    error NoSequencers();
    /// @notice A chain with sequencers has no posters.
    error PosterWithSequencers(address poster);
    /// @notice The certificate is neither of the running epoch nor of the one before.
    error EpochOutOfReach(uint64 given, uint64 current);
    /// @notice The transaction carries no blob.
    error NoBlobs();
    /// @notice The transaction carries more than 6 blobs.
    error TooManyBlobs();
    /// @notice The batch is not the next one.
    error WrongIndex(uint64 given, uint64 expected);
    /// @notice The batch does not follow the last one.
    error WrongParentHash(bytes32 given, bytes32 expected);
    /// @notice The first block does not follow the last block of the batch before.
    error WrongFirstBlock(uint64 given, uint64 expected);
    /// @notice The batch has no block.
    error NoBlocks(uint64 firstBlock, uint64 lastBlock);
    /// @notice The last block is from before that of the batch before.
    error TimestampBeforeParent(uint64 given, uint64 parent);
    /// @notice The last block is from after this L1 block.
    error TimestampInFuture(uint64 given, uint256 nowSeconds);
    /// @notice Fewer messages are consumed than by the batch before.
    error InboxCountBeforeParent(uint64 given, uint64 parent);
    /// @notice The messages consumed are not those of the inbox.
    error WrongInboxHash(bytes32 given, bytes32 expected);
    /// @notice The first message left behind has waited for longer than the inclusion deadline.
    error MessageOverdue(uint64 messageIndex, uint256 deadlineSeconds);
    /// @notice The L1 origin is before that of the batch before.
    error OriginBeforeParent(uint64 given, uint64 parent);
    /// @notice The L1 origin is not before this L1 block.
    error OriginInFuture(uint64 given, uint256 blockNumber);
    /// @notice The L1 origin is so old that the chain no longer knows its hash.
    error OriginTooOld(uint64 given, uint256 blockNumber);
    /// @notice The L1 origin is not on this chain: it was built on a fork of L1 that has been given up.
    error WrongOriginHash(bytes32 given, bytes32 expected);
    /// @notice There are only `batchCount` batches.
    error NoSuchBatch(uint64 index, uint64 batchCount);

    /// @notice Commits the next batch. Only posters may call, in a transaction with 1 to 6 blobs.
    /// @dev Emits `BatchCommitted`. Reverts with `CertificateRequired` on a chain with sequencers, with `NotPoster`, with
    /// any of the errors from `NoBlobs` to `WrongOriginHash`, and with `IInbox.NoSuchMessage` when the inbox has fewer
    /// messages than are consumed.
    function commitBatch(BatchHeader calldata header) external;

    /// @notice Commits the next batch of a chain with sequencers. Anyone may call, in a transaction with 1 to 6 blobs:
    /// it is the certificate that authorises, whose turn it is to post only decides who may be refunded.
    /// @dev Emits `BatchCommitted`. Reverts with `NoSequencers` on a chain without, with `EpochOutOfReach`, as
    /// `commitBatch` from `NoBlobs` on, and then with the errors of `ISequencers.verifyBatch`.
    /// @param epoch Whose committee certified: the running one by the clock of `Sequencers`, or the one before.
    /// @param certificate Of the message that `ISequencers.verifyBatch` names.
    function commitCertifiedBatch(
        BatchHeader calldata header,
        uint64 epoch,
        ISequencers.Certificate calldata certificate
    ) external;

    /// @notice Lets an account post batches, or no longer. Only the owner may call.
    /// @dev Emits `PosterSet`. Reverts with `PosterWithSequencers` on a chain with sequencers.
    function setPoster(address poster, bool allowed) external;

    /// @notice Whether the account may post batches.
    function isPoster(address account) external view returns (bool);

    /// @notice How many batches there are.
    function batchCount() external view returns (uint64);

    /// @notice What is kept of a batch. Reverts with `NoSuchBatch`.
    function batch(uint64 index) external view returns (Batch memory);

    /// @notice Whether the batch is there and its challenge window has passed.
    function isFinal(uint64 index) external view returns (bool);

    /// @notice How many batches are final: all before this index. Takes at most 64 steps.
    function finalBatchCount() external view returns (uint64);

    /// @notice Last L2 block of the last final batch; 0 before there is one.
    function lastFinalBlock() external view returns (uint64);

    /// @notice Timestamp of the last block of the last batch, in seconds; 0 before there is one.
    function lastTimestamp() external view returns (uint64);

    /// @notice The inbox.
    function inbox() external view returns (address);

    /// @notice Whose committees certify batches; zero on a chain of one sequencer.
    function sequencers() external view returns (address);

    /// @notice Chain id of the rollup.
    function l2ChainId() external view returns (uint64);

    /// @notice How long after its commitment a batch becomes final.
    function challengeWindowSeconds() external view returns (uint64);

    /// @notice How long a message may wait in the inbox.
    function inclusionDeadlineSeconds() external view returns (uint64);

    /// @notice Hash of L2 block 0.
    function genesisBlockHash() external view returns (bytes32);

    /// @notice State root of L2 block 0.
    function genesisStateRoot() external view returns (bytes32);

    /// @notice Most blobs of a batch: 6, as one transaction takes no more (EIP-7594).
    function BLOBS_MAX() external view returns (uint256);
}
