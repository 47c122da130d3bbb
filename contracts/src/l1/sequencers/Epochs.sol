// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ISequencers} from "../interfaces/ISequencers.sol";

/// @title Epochs of equal length, counted by the timestamps of L1.
abstract contract Epochs is ISequencers {
    /// @inheritdoc ISequencers
    uint64 public immutable firstEpochAtSeconds;
    /// @inheritdoc ISequencers
    uint64 public immutable epochSeconds;
    /// @inheritdoc ISequencers
    uint64 public immutable snapshotLeadSeconds;
    /// @inheritdoc ISequencers
    uint64 public immutable evidenceWindowSeconds;

    constructor(Config memory config) {
        if (config.epochSeconds == 0) revert BadConfig("an epoch needs a length");
        if (config.snapshotLeadSeconds > config.epochSeconds) revert BadConfig("lead longer than an epoch");
        if (config.firstEpochAtSeconds < block.timestamp + config.snapshotLeadSeconds) {
            revert BadConfig("first epoch sooner than the lead");
        }
        firstEpochAtSeconds = config.firstEpochAtSeconds;
        epochSeconds = config.epochSeconds;
        snapshotLeadSeconds = config.snapshotLeadSeconds;
        evidenceWindowSeconds = config.evidenceWindowSeconds;
    }

    /// @inheritdoc ISequencers
    function epochAt(uint256 timestampSeconds) public view returns (uint32) {
        if (timestampSeconds < firstEpochAtSeconds) return 0;
        return uint32((timestampSeconds - firstEpochAtSeconds) / epochSeconds);
    }

    /// @inheritdoc ISequencers
    function startOf(uint32 epoch) public view returns (uint256 timestampSeconds) {
        return uint256(firstEpochAtSeconds) + uint256(epoch) * epochSeconds;
    }

    /// @inheritdoc ISequencers
    function openEpoch() public view returns (uint32) {
        uint256 reach = block.timestamp + snapshotLeadSeconds;
        if (reach < firstEpochAtSeconds) return 0;
        return uint32((reach - firstEpochAtSeconds) / epochSeconds + 1);
    }

    /// @inheritdoc ISequencers
    function evidenceUntil(uint32 epoch) public view returns (uint256 timestampSeconds) {
        return startOf(epoch) + epochSeconds + evidenceWindowSeconds;
    }
}
