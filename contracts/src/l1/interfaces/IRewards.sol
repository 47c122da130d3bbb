// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ISequencers} from "./ISequencers.sol";

/// @title Pays seats for the blocks they produced, and jails those that are down.
/// @notice After an epoch its committee certifies a record of it: how many blocks, how much in fees, and the root of a
/// Merkle tree with one entry for each seat. Anyone may submit it. A seat then claims tokens for each of its blocks, out
/// of the emission, and its share of the fees in ether, exactly as its entry says. Ether that is sent here waits for the
/// next record.
///
/// A seat that missed too many of its turns earns no tokens in that epoch. After enough such epochs in a row anyone may
/// report it into jail. Stake is never touched here.
///
/// The tree is that of OpenZeppelin: a leaf is `keccak256(keccak256(abi.encode(entry)))`, a node is the hash of its two
/// children, the smaller first.
///
/// Assumptions: two thirds of a committee do not certify a wrong record. If they do, they can share the epoch's pay
/// among them as they like, and jail others, but get no more than `blocksPerEpochMax` blocks' tokens and the ether that
/// is here and not assigned.
///
/// Liveness: without a record nobody is paid for the epoch. It must come before the window for evidence has passed.
interface IRewards {
    /// @notice Parameters of the constructor.
    /// @param sequencers Where the seats are. Not zero.
    /// @param emission Holds the tokens. Not zero.
    /// @param token The staking token. Not zero.
    /// @param tokensPerBlock Reward of a block. Default 0.000761e18.
    /// @param blocksPerEpochMax Most blocks of an epoch. Default 864,000, ten in a second for a day.
    /// @param missedShareMaxBps Share of its turns that a seat may miss, in 1/10,000. Default 2,000.
    /// @param epochsToJail Epochs in a row above that share until jail, 1 to 32. Default 2.
    struct Config {
        address sequencers;
        address emission;
        address token;
        uint256 tokensPerBlock;
        uint64 blocksPerEpochMax;
        uint16 missedShareMaxBps;
        uint8 epochsToJail;
    }

    /// @notice What the committee certifies about an epoch. Its hash is `keccak256(abi.encode(record))`.
    /// @param epoch The epoch.
    /// @param blockCount Blocks produced by all seats together.
    /// @param feesWei Fees of all seats together.
    /// @param root Root of the tree of entries.
    struct Record {
        uint32 epoch;
        uint64 blockCount;
        uint256 feesWei;
        bytes32 root;
    }

    /// @notice What one seat did in the epoch.
    /// @param seat The seat.
    /// @param producedCount Blocks it produced.
    /// @param missedCount Blocks it should have produced and did not.
    /// @param feesWei Its fees: tips, and its share of the base fee.
    struct Entry {
        uint32 seat;
        uint64 producedCount;
        uint64 missedCount;
        uint256 feesWei;
    }

    /// @notice What is left of an epoch's pay.
    /// @param root Root of the tree of entries.
    /// @param blocksLeft Blocks that were not claimed for.
    /// @param feesLeftWei Fees that were not claimed.
    /// @param tokensPerBlock Reward of a block in this epoch.
    struct Pay {
        bytes32 root;
        uint64 blocksLeft;
        uint256 feesLeftWei;
        uint256 tokensPerBlock;
    }

    /// @notice An epoch was recorded.
    event Recorded(uint32 indexed epoch, uint64 blockCount, uint256 feesWei, bytes32 root, uint256 tokensPerBlock);
    /// @notice A seat was paid for an epoch.
    event Claimed(uint32 indexed epoch, uint32 indexed seat, address recipient, uint256 tokens, uint256 feesWei);
    /// @notice A seat lost its tokens for an epoch in which it was down.
    event Forfeited(uint32 indexed epoch, uint32 indexed seat, uint256 tokens);
    /// @notice A seat was reported down in an epoch; these many in a row now.
    event MissedReported(uint32 indexed epoch, uint32 indexed seat, uint256 epochsInARow);

    /// @notice The constructor was given the zero address.
    error ZeroAddress();
    /// @notice The constructor was given parameters that do not fit together.
    error BadConfig(string reason);
    /// @notice The epoch is not over.
    error EpochNotOver(uint32 epoch, uint256 endSeconds);
    /// @notice The epoch is so old that the stake of those who would certify it may be gone.
    error RecordTooLate(uint32 epoch, uint256 untilSeconds);
    /// @notice The epoch is recorded.
    error AlreadyRecorded(uint32 epoch);
    /// @notice The record has more blocks than an epoch may.
    error TooManyBlocks(uint64 blockCount, uint64 blockCountMax);
    /// @notice The record has no entries.
    error NoRoot();
    /// @notice Less ether is here than the record gives away; send it first.
    error FeesNotReceived(uint256 feesWei, uint256 unassignedWei);
    /// @notice The epoch is not recorded.
    error NotRecorded(uint32 epoch);
    /// @notice The entry is not in the epoch's record.
    error WrongProof(uint32 epoch, uint32 seat);
    /// @notice The seat was paid for the epoch.
    error AlreadyClaimed(uint32 epoch, uint32 seat);
    /// @notice The entries of the record add up to more than it says.
    error RecordOverdrawn(uint32 epoch);
    /// @notice The caller is not the operator of the seat.
    error NotOperator(uint32 seat, address caller);
    /// @notice The seat missed no more than it may.
    error NotDown(uint32 seat, uint64 producedCount, uint64 missedCount);
    /// @notice The seat was reported for the epoch.
    error AlreadyReported(uint32 epoch, uint32 seat);
    /// @notice The epoch is too old, or from before the seat's last time in jail.
    error ReportTooOld(uint32 epoch, uint32 seat);

    /// @notice Records an epoch that is over. Anyone may call.
    /// @dev Emits `Recorded`. The reward of a block is the parameter, or less when the emission has less left. Reverts
    /// with `EpochNotOver`, `RecordTooLate`, `AlreadyRecorded`, `TooManyBlocks`, `NoRoot`, `FeesNotReceived`, and the errors of
    /// `ISequencers.verify`.
    function submit(Record calldata record, ISequencers.Certificate calldata certificate) external;

    /// @notice Pays a seat for an epoch, to its recipient. Anyone may call.
    /// @dev Emits `Claimed`, and `Forfeited` when the seat was down. Reverts with `NotRecorded`, `WrongProof`,
    /// `AlreadyClaimed`, `RecordOverdrawn`, and when the recipient refuses ether.
    function claim(uint32 epoch, Entry calldata entry, bytes32[] calldata proof) external;

    /// @notice Pays a seat for an epoch, the tokens into the operator's reserve. Only the operator may call.
    /// @dev Emits and reverts like `claim`, and with `NotOperator`.
    function relock(uint32 epoch, Entry calldata entry, bytes32[] calldata proof) external;

    /// @notice Reports that a seat was down in an epoch, and jails it when that was so too often. Anyone may call.
    /// @dev Emits `MissedReported`. Reverts with `NotRecorded`, `WrongProof`, `NotDown`, `AlreadyReported`,
    /// `ReportTooOld`, and with `ISequencers.WrongState` when a seat is due for jail and is not open.
    function reportMissed(uint32 epoch, Entry calldata entry, bytes32[] calldata proof) external;

    /// @notice What is left of an epoch's pay; all zero before it is recorded.
    function payOf(uint32 epoch) external view returns (Pay memory);

    /// @notice Whether the seat was paid for the epoch.
    function isClaimed(uint32 epoch, uint32 seat) external view returns (bool);

    /// @notice Whether the seat was reported for the epoch.
    function isReported(uint32 epoch, uint32 seat) external view returns (bool);

    /// @notice Ether that no record has given away.
    function unassignedWei() external view returns (uint256);

    /// @notice Ether that records have given away and nobody has claimed.
    function assignedWei() external view returns (uint256);

    /// @notice Where the seats are.
    function sequencers() external view returns (address);

    /// @notice Holds the tokens.
    function emission() external view returns (address);

    /// @notice The staking token.
    function token() external view returns (address);

    /// @notice Reward of a block.
    function tokensPerBlock() external view returns (uint256);

    /// @notice Most blocks of an epoch.
    function blocksPerEpochMax() external view returns (uint64);

    /// @notice Share of its turns that a seat may miss, in 1/10,000.
    function missedShareMaxBps() external view returns (uint16);

    /// @notice Epochs in a row above that share until jail.
    function epochsToJail() external view returns (uint8);
}
