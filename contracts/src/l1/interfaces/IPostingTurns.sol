// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Whose turn it is to post batches, and what posting may cost.
/// @notice The seats of an epoch's committee take turns of equal length, in the committee's order. When the seat in turn
/// has not posted for `takeoverSeconds`, the next one takes over, then the one after. Ejected seats are passed over.
///
/// Assumptions: views only; whoever pays refunds or refuses posters asks here.
///
/// Liveness: some seat is in turn at every time of an epoch that has a committee.
interface IPostingTurns {
    /// @notice Parameters of the constructor.
    /// @param sequencers Where the seats are. Not zero.
    /// @param turnSeconds Length of a turn. Default 600.
    /// @param takeoverSeconds Silence after which the next seat takes over. Default 120.
    /// @param gasMax Most execution gas that is refunded for a batch. Default 400,000.
    /// @param priorityFeeMaxWei Most priority fee that is refunded, for each unit of gas. Default 2 gwei.
    struct Config {
        address sequencers;
        uint64 turnSeconds;
        uint64 takeoverSeconds;
        uint64 gasMax;
        uint256 priorityFeeMaxWei;
    }

    /// @notice The constructor was given the zero address.
    error ZeroAddress();
    /// @notice A time of the constructor is zero.
    error ZeroSeconds();
    /// @notice The time is before the first epoch.
    error BeforeFirstEpoch(uint256 timestampSeconds);
    /// @notice Every seat of the epoch is ejected.
    error NobodyInTurn(uint32 epoch);

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

    /// @notice Most that is refunded for posting a batch, at the fees of this block.
    function refundMaxWei(uint256 blobCount) external view returns (uint256);

    /// @notice Where the seats are.
    function sequencers() external view returns (address);

    /// @notice Length of a turn.
    function turnSeconds() external view returns (uint64);

    /// @notice Silence after which the next seat takes over.
    function takeoverSeconds() external view returns (uint64);

    /// @notice Most execution gas that is refunded for a batch.
    function gasMax() external view returns (uint64);

    /// @notice Most priority fee that is refunded, for each unit of gas.
    function priorityFeeMaxWei() external view returns (uint256);
}
