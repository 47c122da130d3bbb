// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {ISequencers} from "../interfaces/ISequencers.sol";
import {ISlasher} from "../interfaces/ISlasher.sol";
import {BlsSignatures} from "./BlsSignatures.sol";
import {SignedMessages} from "./SignedMessages.sol";

contract Slasher is ISlasher {
    using SafeERC20 for IERC20;

    /// @inheritdoc ISlasher
    address public constant BURNED = 0x000000000000000000000000000000000000dEaD;

    uint256 private constant ALL_BPS = 10_000;

    /// @inheritdoc ISlasher
    address public immutable sequencers;
    /// @inheritdoc ISlasher
    address public immutable token;
    /// @inheritdoc ISlasher
    address public immutable rollup;
    /// @inheritdoc ISlasher
    address public immutable treasury;
    /// @inheritdoc ISlasher
    uint16 public immutable reporterShareBps;

    constructor(Config memory config) {
        if (config.sequencers == address(0) || config.token == address(0) || config.rollup == address(0)) {
            revert ZeroAddress();
        }
        if (config.reporterShareBps > ALL_BPS) revert ShareAboveAll(config.reporterShareBps);
        sequencers = config.sequencers;
        token = config.token;
        rollup = config.rollup;
        treasury = config.treasury;
        reporterShareBps = config.reporterShareBps;
    }

    /// @inheritdoc ISlasher
    function reportNotarizes(Accused calldata accused, uint64 view_, Vote calldata a, Vote calldata b) external {
        _checkConflict(a, b);
        _slash(
            Offence.ConflictingNotarize,
            accused,
            SignedMessages.notarize(sequencers, accused.epoch, view_, a.parent, a.payload),
            SignedMessages.notarize(sequencers, accused.epoch, view_, b.parent, b.payload),
            BlsSignatures.sum(a.signature, b.signature)
        );
    }

    /// @inheritdoc ISlasher
    function reportFinalizes(Accused calldata accused, uint64 view_, Vote calldata a, Vote calldata b) external {
        _checkConflict(a, b);
        _slash(
            Offence.ConflictingFinalize,
            accused,
            SignedMessages.finalize(sequencers, accused.epoch, view_, a.parent, a.payload),
            SignedMessages.finalize(sequencers, accused.epoch, view_, b.parent, b.payload),
            BlsSignatures.sum(a.signature, b.signature)
        );
    }

    /// @inheritdoc ISlasher
    function reportNullifyFinalize(
        Accused calldata accused,
        uint64 view_,
        BLS.G1Point calldata nullifySignature,
        Vote calldata finalize
    ) external {
        _slash(
            Offence.NullifyFinalize,
            accused,
            SignedMessages.nullify(sequencers, accused.epoch, view_),
            SignedMessages.finalize(sequencers, accused.epoch, view_, finalize.parent, finalize.payload),
            BlsSignatures.sum(nullifySignature, finalize.signature)
        );
    }

    /// @inheritdoc ISlasher
    function reportBatches(Accused calldata accused, uint64 batchIndex, Header calldata a, Header calldata b) external {
        if (a.batchHash == b.batchHash) revert NoConflict();
        _slash(
            Offence.ConflictingBatch,
            accused,
            SignedMessages.batch(rollup, accused.epoch, batchIndex, a.batchHash),
            SignedMessages.batch(rollup, accused.epoch, batchIndex, b.batchHash),
            BlsSignatures.sum(a.signature, b.signature)
        );
    }

    function _checkConflict(Vote calldata a, Vote calldata b) private pure {
        if (a.parent == b.parent && a.payload == b.payload) revert NoConflict();
    }

    /// @dev One pairing serves both signatures: nobody but the seat can make the sum of its signatures on two different
    /// messages, which is what makes aggregate signatures safe.
    function _slash(
        Offence offence,
        Accused calldata accused,
        bytes memory messageA,
        bytes memory messageB,
        BLS.G1Point memory signatures
    ) private {
        uint256 untilSeconds = ISequencers(sequencers).evidenceUntil(accused.epoch);
        if (block.timestamp > untilSeconds) revert EvidenceTooOld(accused.epoch, untilSeconds);
        (uint32 seat, BLS.G2Point memory key) = ISequencers(sequencers).committeeMember(accused.epoch, accused.index);
        BLS.G1Point memory hashes = BLS.add(
            BlsSignatures.hashToG1(BlsSignatures.MESSAGE_TAG, messageA),
            BlsSignatures.hashToG1(BlsSignatures.MESSAGE_TAG, messageB)
        );
        if (!BlsSignatures.isSigned(hashes, key, signatures)) revert BlsSignatures.WrongSignature();

        uint256 tokens = ISequencers(sequencers).slash(seat);
        uint256 rewardTokensDown = tokens * reporterShareBps / ALL_BPS;
        emit Slashed(seat, accused.epoch, offence, msg.sender, rewardTokensDown);
        IERC20(token).safeTransfer(msg.sender, rewardTokensDown);
        IERC20(token).safeTransfer(treasury == address(0) ? BURNED : treasury, tokens - rewardTokensDown);
    }
}
