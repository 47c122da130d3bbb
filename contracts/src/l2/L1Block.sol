// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Predeploys} from "../Predeploys.sol";
import {IL1Block} from "./interfaces/IL1Block.sol";

contract L1Block is IL1Block {
    /// @inheritdoc IL1Block
    uint64 public number;
    /// @inheritdoc IL1Block
    uint64 public timestamp;
    /// @inheritdoc IL1Block
    uint64 public inboxCount;

    uint128 private _baseFee;
    uint128 private _blobBaseFee;

    /// @inheritdoc IL1Block
    bytes32 public hash;

    /// @inheritdoc IL1Block
    function setL1Block(
        uint64 number_,
        uint64 timestamp_,
        uint256 baseFee_,
        uint256 blobBaseFee_,
        bytes32 hash_,
        uint64 inboxCount_
    ) external {
        if (msg.sender != Predeploys.SYSTEM_CALLER) revert NotSystem(msg.sender);
        number = number_;
        timestamp = timestamp_;
        inboxCount = inboxCount_;
        _baseFee = _saturate(baseFee_);
        _blobBaseFee = _saturate(blobBaseFee_);
        hash = hash_;
    }

    /// @inheritdoc IL1Block
    function baseFee() external view returns (uint256) {
        return _baseFee;
    }

    /// @inheritdoc IL1Block
    function blobBaseFee() external view returns (uint256) {
        return _blobBaseFee;
    }

    function _saturate(uint256 feeWei) private pure returns (uint128) {
        return feeWei > type(uint128).max ? type(uint128).max : uint128(feeWei);
    }
}
