// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IRollup} from "./IRollup.sol";
import {ISequencers} from "./ISequencers.sol";

/// @title Whose turn it is to post batches, and the pot of fees that refunds whoever posts in turn.
/// @notice The seats of an epoch's committee take turns of equal length, in the committee's order. When nobody has
/// posted for `takeoverSeconds`, the next seat takes over, then the one after. Ejected seats are passed over.
///
/// Anybody may post through this contract. The account of the seat in turn gets back what its transaction costs, within
/// a cap and as long as the pot lasts. Ether that is sent here fills the pot; what is above the reserve anybody may
/// send on to the recipient of the surplus.
///
/// Only a plain account that calls by itself is refunded: one without code, that of the transaction. So a transaction
/// is refunded once, its call data is that of the call, and receiving runs no code. No refund exceeds what was spent:
/// gas at the base fee and the blobs' fee are burned. Priority fee goes to the builder of the block, who may be the
/// poster: that much, `gasMax × priorityFeeMaxWei` of a batch at most, a poster who builds blocks can earn.
///
/// Assumptions: two thirds of a committee do not certify needless batches; doing so empties the pot without gain. The
/// prices of gas in a transaction are those of Osaka: when L1 lowers them, refunds can exceed what was spent by the
/// difference, and never the cap. The recipient of the surplus takes ether; otherwise it stays for refunds.
///
/// Liveness: some seat is in turn at every time of an epoch that has a committee. Turns, refunds and the pot never keep
/// a batch from being committed, here as at the `Rollup`, where posting is not refunded.
interface IPosting {
    /// @notice Parameters of the constructor.
    /// @param rollup Where batches are committed; a chain with sequencers.
    /// @param surplusRecipient Gets what the pot holds above the reserve; usually `Rewards`. Not zero.
    /// @param reserveWei What the pot keeps for refunds. Default 5 ether.
    /// @param turnSeconds Length of a turn. Default 600.
    /// @param takeoverSeconds Silence after which the next seat takes over. Default 120.
    /// @param gasMax Most execution gas that is refunded for a batch. Default 400,000.
    /// @param priorityFeeMaxWei Most priority fee that is refunded, for each unit of gas. Default 2 gwei.
    struct Config {
        address rollup;
        address surplusRecipient;
        uint256 reserveWei;
        uint64 turnSeconds;
        uint64 takeoverSeconds;
        uint64 gasMax;
        uint64 priorityFeeMaxWei;
    }

    /// @notice Posting a batch was refunded, with all that it cost, the cap, or all that the pot held.
    event Refunded(uint64 indexed index, uint32 indexed seat, address indexed poster, uint256 refundWei);
    /// @notice The surplus was sent on.
    event Swept(address indexed recipient, uint256 surplusWei);

    /// @notice The constructor was given the zero address.
    error ZeroAddress();
    /// @notice A time of the constructor is zero.
    error ZeroSeconds();
    /// @notice The rollup has no sequencers who could take turns.
    error NoSequencers(address rollup);
    /// @notice The time is before the first epoch.
    error BeforeFirstEpoch(uint256 timestampSeconds);
    /// @notice Every seat of the epoch is ejected.
    error NobodyInTurn(uint32 epoch);
    /// @notice The pot holds no more than its reserve.
    error NoSurplus(uint256 balanceWei, uint256 reserveWei);

    /// @notice Takes fees. Anyone may send.
    receive() external payable;

    /// @notice Commits a batch at the rollup, and refunds the caller if he is in turn. Anyone may call.
    /// @dev Emits `IRollup.BatchCommitted`, and `Refunded` when anything was paid. Reverts as
    /// `IRollup.commitCertifiedBatch` does, and for nothing else.
    function post(IRollup.BatchHeader calldata header, uint64 epoch, ISequencers.Certificate calldata certificate)
        external;

    /// @notice Sends what the pot holds above its reserve to the recipient of the surplus. Anyone may call.
    /// @dev Emits `Swept`. Reverts with `NoSurplus`, and when the recipient does.
    function sweep() external;

    /// @notice The seat in turn at a time.
    /// @dev Reverts with `BeforeFirstEpoch`, `NobodyInTurn`, and with `ISequencers.NoCommittee`.
    /// @param timestampSeconds The time.
    /// @param lastPostedAtSeconds When the last batch was posted.
    /// @return seat The seat.
    /// @return poster The account that posts for it.
    function inTurn(uint256 timestampSeconds, uint256 lastPostedAtSeconds)
        external
        view
        returns (uint32 seat, address poster);

    /// @notice When the last batch was committed at the rollup, by whatever way; 0 before the first.
    function lastPostedAtSeconds() external view returns (uint256);

    /// @notice Most that is refunded for posting a batch, at the fees of this block.
    function refundMaxWei(uint256 blobCount) external view returns (uint256);

    /// @notice Where batches are committed.
    function rollup() external view returns (address);

    /// @notice Where the seats are.
    function sequencers() external view returns (address);

    /// @notice Gets what the pot holds above the reserve.
    function surplusRecipient() external view returns (address);

    /// @notice What the pot keeps for refunds.
    function reserveWei() external view returns (uint256);

    /// @notice Length of a turn.
    function turnSeconds() external view returns (uint64);

    /// @notice Silence after which the next seat takes over.
    function takeoverSeconds() external view returns (uint64);

    /// @notice Most execution gas that is refunded for a batch.
    function gasMax() external view returns (uint64);

    /// @notice Most priority fee that is refunded, for each unit of gas.
    function priorityFeeMaxWei() external view returns (uint64);
}
