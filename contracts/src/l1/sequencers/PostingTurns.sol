// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPostingTurns} from "../interfaces/IPostingTurns.sol";
import {ISequencers} from "../interfaces/ISequencers.sol";

contract PostingTurns is IPostingTurns {
    /// @dev Blob gas of one blob (EIP-4844).
    uint256 private constant GAS_PER_BLOB = 131_072;

    /// @inheritdoc IPostingTurns
    address public immutable sequencers;
    /// @inheritdoc IPostingTurns
    uint64 public immutable turnSeconds;
    /// @inheritdoc IPostingTurns
    uint64 public immutable takeoverSeconds;
    /// @inheritdoc IPostingTurns
    uint64 public immutable gasMax;
    /// @inheritdoc IPostingTurns
    uint256 public immutable priorityFeeMaxWei;

    constructor(Config memory config) {
        if (config.sequencers == address(0)) revert ZeroAddress();
        if (config.turnSeconds == 0 || config.takeoverSeconds == 0) revert ZeroSeconds();
        sequencers = config.sequencers;
        turnSeconds = config.turnSeconds;
        takeoverSeconds = config.takeoverSeconds;
        gasMax = config.gasMax;
        priorityFeeMaxWei = config.priorityFeeMaxWei;
    }

    /// @inheritdoc IPostingTurns
    function inTurn(uint256 timestampSeconds, uint256 lastPostedAtSeconds)
        external
        view
        returns (uint32 seat, address poster)
    {
        if (timestampSeconds < ISequencers(sequencers).startOf(0)) revert BeforeFirstEpoch(timestampSeconds);
        uint32 epoch = ISequencers(sequencers).epochAt(timestampSeconds);
        uint256 place = _place(epoch, timestampSeconds, lastPostedAtSeconds);
        ISequencers.Committee memory committee = ISequencers(sequencers).committee(epoch);
        uint256 index = _present(epoch, committee, place);
        (seat,) = ISequencers(sequencers).committeeMember(epoch, index);
        return (seat, ISequencers(sequencers).contactOf(seat).poster);
    }

    /// @inheritdoc IPostingTurns
    function refundMaxWei(uint256 blobCount) external view returns (uint256) {
        return gasMax * (block.basefee + priorityFeeMaxWei) + blobCount * GAS_PER_BLOB * block.blobbasefee;
    }

    /// @dev Turns that have begun in the epoch, and takeovers since the last sign of life in this one.
    function _place(uint32 epoch, uint256 timestampSeconds, uint256 lastPostedAtSeconds)
        private
        view
        returns (uint256)
    {
        uint256 elapsed = timestampSeconds - ISequencers(sequencers).startOf(epoch);
        uint256 aliveAt = timestampSeconds - elapsed % turnSeconds;
        if (lastPostedAtSeconds > aliveAt) aliveAt = lastPostedAtSeconds;
        uint256 silentSeconds = timestampSeconds > aliveAt ? timestampSeconds - aliveAt : 0;
        return elapsed / turnSeconds + silentSeconds / takeoverSeconds;
    }

    /// @dev First index from this place on whose seat is not ejected.
    function _present(uint32 epoch, ISequencers.Committee memory committee, uint256 place)
        private
        pure
        returns (uint256)
    {
        for (uint256 i = 0; i < committee.seatCount; ++i) {
            uint256 index = (place + i) % committee.seatCount;
            if ((committee.ejected >> index) & 1 == 0) return index;
        }
        revert NobodyInTurn(epoch);
    }
}
