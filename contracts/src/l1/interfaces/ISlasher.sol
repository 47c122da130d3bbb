// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

/// @title Takes the stake of seats that signed what contradicts itself.
/// @notice Anyone may report. The evidence is two signatures of one seat, and this contract checks them itself. The seat
/// loses all its stake and is ejected at once; so it is slashed once, whatever else it did. The reporter gets a share.
///
/// Assumptions: a seat never signs two proposals of one view, a nullification and a finalization of one view, nor two
/// headers of one batch in one epoch. Honest software keeps a journal of what it signed, and signs a batch's header only
/// once no reorganisation of L1 can change it. A report can be copied out of the mempool and sent first by somebody
/// else; that hurts the reporter alone.
///
/// Liveness: evidence is accepted until the window of its epoch has passed.
interface ISlasher {
    /// @notice Parameters of the constructor.
    /// @param sequencers Where the seats are. Not zero.
    /// @param token The staking token. Not zero.
    /// @param rollup The rollup whose batches the seats certify. Not zero.
    /// @param treasury Receives what the reporter does not; zero to burn it.
    /// @param reporterShareBps Share of the reporter, in 1/10,000. Default 1,000.
    struct Config {
        address sequencers;
        address token;
        address rollup;
        address treasury;
        uint16 reporterShareBps;
    }

    /// @notice Who is accused.
    /// @param epoch The epoch in which the seat signed.
    /// @param index Its index in the epoch's committee.
    struct Accused {
        uint32 epoch;
        uint256 index;
    }

    /// @notice A vote for a proposal.
    /// @param parent View of the proposal's parent.
    /// @param payload What is proposed.
    /// @param signature The seat's.
    struct Vote {
        uint64 parent;
        bytes32 payload;
        BLS.G1Point signature;
    }

    /// @notice A signed header of a batch.
    /// @param batchHash Hash of the batch.
    /// @param signature The seat's.
    struct Header {
        bytes32 batchHash;
        BLS.G1Point signature;
    }

    /// @notice What a seat did.
    enum Offence {
        ConflictingNotarize,
        ConflictingFinalize,
        NullifyFinalize,
        ConflictingBatch
    }

    /// @notice A seat was slashed.
    event Slashed(
        uint32 indexed seat, uint32 indexed epoch, Offence offence, address indexed reporter, uint256 rewardTokens
    );

    /// @notice The constructor was given the zero address.
    error ZeroAddress();
    /// @notice The reporter's share is more than all.
    error ShareAboveAll(uint256 shareBps);
    /// @notice The evidence is from an epoch whose window has passed.
    error EvidenceTooOld(uint32 epoch, uint256 untilSeconds);
    /// @notice Both signatures are on the same message, which is no offence.
    error NoConflict();

    /// @notice Reports two notarize votes for different proposals in one view. Anyone may call.
    /// @dev Emits `Slashed`. Reverts with `EvidenceTooOld`, `NoConflict`, the errors of `BlsSignatures`, and with
    /// `NoCommittee`, `NoSuchIndex`, `WrongState` of `ISequencers`.
    function reportNotarizes(Accused calldata accused, uint64 view_, Vote calldata a, Vote calldata b) external;

    /// @notice The same with finalize votes.
    function reportFinalizes(Accused calldata accused, uint64 view_, Vote calldata a, Vote calldata b) external;

    /// @notice Reports that a seat gave up a view and voted to finalize in it. Anyone may call.
    /// @dev Emits and reverts like `reportNotarizes`, but for `NoConflict`.
    function reportNullifyFinalize(
        Accused calldata accused,
        uint64 view_,
        BLS.G1Point calldata nullifySignature,
        Vote calldata finalize
    ) external;

    /// @notice Reports two signed headers of one batch. Anyone may call.
    /// @dev Emits and reverts like `reportNotarizes`.
    function reportBatches(Accused calldata accused, uint64 batchIndex, Header calldata a, Header calldata b) external;

    /// @notice Where the seats are.
    function sequencers() external view returns (address);

    /// @notice The staking token.
    function token() external view returns (address);

    /// @notice The rollup whose batches the seats certify.
    function rollup() external view returns (address);

    /// @notice Receives what the reporter does not; zero when that is burned.
    function treasury() external view returns (address);

    /// @notice Share of the reporter, in 1/10,000.
    function reporterShareBps() external view returns (uint16);

    /// @notice Where burned tokens go: an address that nobody has the key of.
    function BURNED() external view returns (address);
}
