// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

/// @title Who orders the rollup: seats of equal stake, and the keys of each epoch's seats.
/// @notice A seat is a locked amount of the staking token, always the same, with a BLS key to vote, a p2p key and a
/// network address. Anyone may lock. Seats take effect, change keys and leave at the borders of epochs only: the members
/// of an epoch are fixed at its cutoff, `snapshotLeadSeconds` before it starts, and follow from the state of this
/// contract, so that everybody computes the same ones. Anyone may then store their keys with `snapshot`.
///
/// Messages, keys and certificates are those of docs/spec/sequencers.md.
///
/// Assumptions: the token moves exactly what it is told to and takes nothing on transfer. The slasher and the rewards
/// contract are those of the constructor for ever. Nobody owns this contract. A p2p key is not proven; whoever
/// registers one of somebody else's takes it from him, and he needs to make a new one.
///
/// Liveness: an epoch has no committee until somebody calls `snapshot`, and none at all while fewer than `setSizeMin`
/// seats are members. Nobody can keep a seat from leaving.
interface ISequencers {
    /// @notice Parameters of the constructor.
    /// @param token The staking token. Not zero.
    /// @param slasher May slash. Not zero.
    /// @param rewards May jail. Not zero.
    /// @param seatPriceTokens What a seat locks, in the token's smallest unit. Default 20,000e18.
    /// @param seatsPerOperatorMax Most seats of one operator. Default 10.
    /// @param setSizeMin Fewest members of an epoch. Default 4.
    /// @param setSizeMax Most members of an epoch, at most 124. Default 100.
    /// @param firstEpochAtSeconds When epoch 0 starts; at least the lead after the deployment.
    /// @param epochSeconds Length of an epoch. Default 86,400.
    /// @param snapshotLeadSeconds How long before its start the members of an epoch are fixed; at most an epoch. Default
    /// 3,600, in which L1 makes the cutoff final.
    /// @param unlockDelaySeconds How long stake stays after its seat has left. More than the evidence window. Default 21
    /// days.
    /// @param evidenceWindowSeconds How long after an epoch evidence from it is accepted. Default 14 days.
    /// @param keyRotationEpochs Fewest epochs between two keys of a seat; at least 2. Default 7.
    /// @param jailSeconds Shortest time in jail. Default 2 days.
    struct Config {
        address token;
        address slasher;
        address rewards;
        uint256 seatPriceTokens;
        uint32 seatsPerOperatorMax;
        uint32 setSizeMin;
        uint32 setSizeMax;
        uint64 firstEpochAtSeconds;
        uint64 epochSeconds;
        uint64 snapshotLeadSeconds;
        uint64 unlockDelaySeconds;
        uint64 evidenceWindowSeconds;
        uint32 keyRotationEpochs;
        uint64 jailSeconds;
    }

    /// @notice What a seat is doing.
    /// @dev None: there is no such seat. Open: member of the epochs from `activeFrom`. Jailed: left the set for being
    /// down. Leaving: left for good, its stake is being unlocked. Slashed: lost its stake. Closed: got its stake back.
    enum State {
        None,
        Open,
        Jailed,
        Leaving,
        Slashed,
        Closed
    }

    /// @notice What is kept of a seat.
    /// @param operator Who locked the stake and gets it back.
    /// @param activeFrom First epoch of membership.
    /// @param activeUntil First epoch without membership; the largest number while there is none.
    /// @param state What the seat is doing.
    /// @param keys Where the keys are kept, as code.
    /// @param keysFrom Epoch from which the latest keys count.
    /// @param nextKeys Where the latest keys are kept, when they are not the first.
    /// @param releaseAtSeconds Jailed: when it may return. Leaving: when the stake may be withdrawn.
    struct Seat {
        address operator;
        uint32 activeFrom;
        uint32 activeUntil;
        State state;
        address keys;
        uint32 keysFrom;
        address nextKeys;
        uint64 releaseAtSeconds;
    }

    /// @notice Keys to register.
    /// @param p2pKey ed25519 key of the network. The order of these is the order of the seats in a committee.
    /// @param blsKey Key of the votes.
    /// @param possession Signature of the BLS key on itself, for this operator.
    struct Keys {
        bytes32 p2pKey;
        BLS.G2Point blsKey;
        BLS.G1Point possession;
    }

    /// @notice What an operator may change about a seat at any time.
    /// @param networkAddress `host:port`, 1 to 128 bytes.
    /// @param poster Account that posts batches for the seat.
    /// @param rewardRecipient Receives the rewards. Not zero.
    struct Contact {
        string networkAddress;
        address poster;
        address rewardRecipient;
    }

    /// @notice Tokens of an operator that are in no seat.
    /// @param tokens Locked, for the next seat.
    /// @param unlockingTokens On their way out.
    /// @param releaseAtSeconds When those may be withdrawn.
    struct Reserve {
        uint256 tokens;
        uint256 unlockingTokens;
        uint64 releaseAtSeconds;
    }

    /// @notice The seats of an epoch.
    /// @param data Code that holds the keys.
    /// @param seatCount How many there are.
    /// @param ejected Bit `i`: the seat at index `i` was slashed, and its votes no longer count.
    struct Committee {
        address data;
        uint32 seatCount;
        uint256 ejected;
    }

    /// @notice Agreement of a quorum.
    /// @param signers Bit `i`: the seat at index `i` signed. As one number, so that no seat can be counted twice.
    /// @param signature Sum of their signatures.
    struct Certificate {
        uint256 signers;
        BLS.G1Point signature;
    }

    /// @notice A seat was locked.
    event SeatLocked(uint32 indexed seat, address indexed operator, uint32 activeFrom);
    /// @notice A seat has these keys from an epoch on.
    event KeysSet(uint32 indexed seat, bytes32 indexed p2pKey, uint32 fromEpoch, BLS.G2Point blsKey);
    /// @notice A seat can be reached and paid so.
    event ContactSet(uint32 indexed seat, string networkAddress, address poster, address rewardRecipient);
    /// @notice A seat leaves.
    event SeatUnlocking(uint32 indexed seat, uint32 activeUntil, uint64 releaseAtSeconds);
    /// @notice The stake of a seat went back to its operator.
    event SeatWithdrawn(uint32 indexed seat, address indexed operator, uint256 tokens);
    /// @notice A seat was jailed.
    event SeatJailed(uint32 indexed seat, uint32 activeUntil, uint64 releaseAtSeconds);
    /// @notice A seat returns from jail.
    event SeatReadmitted(uint32 indexed seat, uint32 activeFrom);
    /// @notice A seat lost its stake and was ejected.
    event SeatSlashed(uint32 indexed seat, uint256 tokens);
    /// @notice Tokens were locked for an operator.
    event ReserveLocked(address indexed operator, uint256 tokens);
    /// @notice All unlocking tokens of the operator are released at this time.
    event ReserveUnlocking(address indexed operator, uint256 tokens, uint64 releaseAtSeconds);
    /// @notice Unlocked tokens went back to the operator.
    event ReserveWithdrawn(address indexed operator, uint256 tokens);
    /// @notice The committee of an epoch was stored.
    event EpochSnapshot(uint32 indexed epoch, address data, uint32[] seats);

    /// @notice The constructor was given the zero address.
    error ZeroAddress();
    /// @notice The constructor was given parameters that do not fit together.
    error BadConfig(string reason);
    /// @notice The caller is not the operator of the seat.
    error NotOperator(uint32 seat, address caller);
    /// @notice The caller is not the slasher.
    error NotSlasher(address caller);
    /// @notice The caller is not the rewards contract.
    error NotRewards(address caller);
    /// @notice The seat is not in a state in which this can be done.
    error WrongState(uint32 seat, State state);
    /// @notice There are as many seats as there may be.
    error SetFull(uint256 seatCountMax);
    /// @notice The operator has as many seats as he may.
    error TooManySeats(address operator, uint256 seatCountMax);
    /// @notice The BLS key was registered before.
    error KeyTaken(bytes32 keyHash);
    /// @notice The caller has not proven that he has the secret of the BLS key; a proof is for one operator.
    error PossessionNotProven(bytes32 keyHash);
    /// @notice The p2p key was registered before, or is zero.
    error P2pKeyTaken(bytes32 p2pKey);
    /// @notice The keys cannot be changed again before this epoch.
    error RotationTooSoon(uint32 epoch, uint32 earliestEpoch);
    /// @notice The network address is empty or too long.
    error BadNetworkAddress(uint256 sizeBytes, uint256 sizeBytesMax);
    /// @notice No tokens were named.
    error NoTokens();
    /// @notice The operator has fewer tokens in reserve.
    error ReserveTooSmall(uint256 asked, uint256 reserve);
    /// @notice The delay has not passed.
    error NotReleased(uint64 releaseAtSeconds, uint256 nowSeconds);
    /// @notice The token moved something else than it was told.
    error TokensNotReceived(uint256 received, uint256 asked);
    /// @notice The members of the epoch are not fixed yet.
    error SnapshotTooEarly(uint32 epoch, uint256 cutoffSeconds);
    /// @notice The epoch is over.
    error SnapshotTooLate(uint32 epoch, uint256 endSeconds);
    /// @notice The epoch has a committee.
    error SnapshotTaken(uint32 epoch);
    /// @notice The epoch has too few members.
    error TooFewSeats(uint256 seatCount, uint256 seatCountMin);
    /// @notice The epoch has no committee.
    error NoCommittee(uint32 epoch);
    /// @notice The committee has only `seatCount` seats.
    error NoSuchIndex(uint256 index, uint256 seatCount);
    /// @notice Seats signed that were slashed.
    error EjectedSeatSigned(uint256 seats);

    /// @notice Locks a seat. Anyone may call; the caller becomes the operator.
    /// @dev Takes the price from the caller's reserve, and what is missing there from his tokens. Emits `SeatLocked`,
    /// `KeysSet`, `ContactSet`. Reverts with `SetFull`, `TooManySeats`, `KeyTaken`, `P2pKeyTaken`,
    /// `PossessionNotProven`, `BadNetworkAddress`, `ZeroAddress`, `TokensNotReceived`, and the errors of `BlsSignatures`.
    function lock(Keys calldata keys, Contact calldata contact) external returns (uint32 seat);

    /// @notice Locks tokens of the caller in an operator's reserve. Anyone may call.
    /// @dev Emits `ReserveLocked`. Reverts with `NoTokens`, `TokensNotReceived`.
    function topUp(address operator, uint256 tokens) external;

    /// @notice Begins to unlock a seat, which leaves at the next border it can. Only the operator may call.
    /// @dev Emits `SeatUnlocking`. Reverts with `NotOperator`, `WrongState`.
    function unlockSeat(uint32 seat) external;

    /// @notice Begins to unlock tokens of the caller's reserve; the delay begins anew for all of those unlocking.
    /// @dev Emits `ReserveUnlocking`. Reverts with `NoTokens`, `ReserveTooSmall`.
    function unlockReserve(uint256 tokens) external;

    /// @notice Sends the stake of a seat that has left to its operator. Anyone may call.
    /// @dev Emits `SeatWithdrawn`. Reverts with `WrongState`, `NotReleased`.
    function withdrawSeat(uint32 seat) external;

    /// @notice Sends an operator the tokens of his reserve that are unlocked. Anyone may call.
    /// @dev Emits `ReserveWithdrawn`. Reverts with `NoTokens`, `NotReleased`.
    function withdrawReserve(address operator) external;

    /// @notice Changes the keys of a seat from the next border it can. Only the operator may call.
    /// @dev Emits `KeysSet`. Reverts with `NotOperator`, `WrongState`, `RotationTooSoon`, `KeyTaken`, `P2pKeyTaken`,
    /// `PossessionNotProven`, and the errors of `BlsSignatures`.
    function rotateKeys(uint32 seat, Keys calldata keys) external;

    /// @notice Changes how a seat is reached and paid, at once. Only the operator may call.
    /// @dev Emits `ContactSet`. Reverts with `NotOperator`, `BadNetworkAddress`, `ZeroAddress`.
    function setContact(uint32 seat, Contact calldata contact) external;

    /// @notice Returns from jail. Only the operator may call.
    /// @dev Emits `SeatReadmitted`. Reverts with `NotOperator`, `WrongState`, `NotReleased`.
    function readmit(uint32 seat) external;

    /// @notice Puts a seat in jail. Only the rewards contract may call.
    /// @dev Emits `SeatJailed`. Reverts with `NotRewards`, `WrongState`.
    function jail(uint32 seat) external;

    /// @notice Ejects a seat and sends its stake to the caller. Only the slasher may call.
    /// @dev Its votes stop counting at once; it stays in the lists of the committees that were fixed already. Emits
    /// `SeatSlashed`. Reverts with `NotSlasher`, `WrongState`.
    function slash(uint32 seat) external returns (uint256 tokens);

    /// @notice Stores the committee of an epoch, from its cutoff until its end. Anyone may call.
    /// @dev Emits `EpochSnapshot`. Reverts with `SnapshotTooEarly`, `SnapshotTooLate`, `SnapshotTaken`, `TooFewSeats`.
    function snapshot(uint32 epoch) external;

    /// @notice Reverts unless more than two thirds of an epoch's seats signed the message.
    /// @dev Committees of the past verify for ever, also when their stake is gone: who acts on a certificate must bound
    /// its epoch, at the latest by `evidenceUntil`. Reverts with `NoCommittee`, `EjectedSeatSigned`, and the errors of `Committees` and `BlsSignatures`.
    /// @param message All the signed bytes, with their namespace.
    function verify(uint32 epoch, bytes calldata message, Certificate calldata certificate) external view;

    /// @notice `verify` for the header of a batch.
    function verifyBatch(
        address rollup,
        uint32 epoch,
        uint64 index,
        bytes32 batchHash,
        Certificate calldata certificate
    ) external view;

    /// @notice Members of an epoch as they follow from the state now, in the order of a committee. They do not change
    /// any more after the cutoff, nor before the epoch is over.
    function membersOf(uint32 epoch) external view returns (uint32[] memory seats);

    /// @notice The committee of an epoch. Reverts with `NoCommittee`.
    function committee(uint32 epoch) external view returns (Committee memory);

    /// @notice Seats of an epoch's committee, in order. Reverts with `NoCommittee`.
    function committeeSeats(uint32 epoch) external view returns (uint32[] memory seats);

    /// @notice Seat and key at an index of a committee. Reverts with `NoCommittee`, `NoSuchIndex`.
    function committeeMember(uint32 epoch, uint256 index) external view returns (uint32 seat, BLS.G2Point memory blsKey);

    /// @notice What is kept of a seat; state `None` when there is no such seat.
    function seatOf(uint32 seat) external view returns (Seat memory);

    /// @notice Keys of a seat in an epoch. Reverts with `WrongState` when there is no such seat.
    function keysOf(uint32 seat, uint32 epoch) external view returns (bytes32 p2pKey, BLS.G2Point memory blsKey);

    /// @notice How a seat is reached and paid.
    function contactOf(uint32 seat) external view returns (Contact memory);

    /// @notice Tokens of an operator that are in no seat.
    function reserveOf(address operator) external view returns (Reserve memory);

    /// @notice Seats of an operator that are open or in jail.
    function seatCountOf(address operator) external view returns (uint32);

    /// @notice How many seats there have ever been; ids count from 1.
    function seatCount() external view returns (uint32);

    /// @notice How many seats are open or in jail.
    function takenCount() external view returns (uint32);

    /// @notice Epoch at a time; 0 before the first starts.
    function epochAt(uint256 timestampSeconds) external view returns (uint32);

    /// @notice When an epoch starts.
    function startOf(uint32 epoch) external view returns (uint256 timestampSeconds);

    /// @notice First epoch whose members can still change.
    function openEpoch() external view returns (uint32);

    /// @notice Until when evidence from an epoch is accepted.
    function evidenceUntil(uint32 epoch) external view returns (uint256 timestampSeconds);

    /// @notice The staking token.
    function token() external view returns (address);

    /// @notice May slash.
    function slasher() external view returns (address);

    /// @notice May jail.
    function rewards() external view returns (address);

    /// @notice What a seat locks.
    function seatPriceTokens() external view returns (uint256);

    /// @notice Most seats of one operator.
    function seatsPerOperatorMax() external view returns (uint32);

    /// @notice Fewest members of an epoch.
    function setSizeMin() external view returns (uint32);

    /// @notice Most members of an epoch.
    function setSizeMax() external view returns (uint32);

    /// @notice When epoch 0 starts.
    function firstEpochAtSeconds() external view returns (uint64);

    /// @notice Length of an epoch.
    function epochSeconds() external view returns (uint64);

    /// @notice How long before its start the members of an epoch are fixed.
    function snapshotLeadSeconds() external view returns (uint64);

    /// @notice How long stake stays after its seat has left.
    function unlockDelaySeconds() external view returns (uint64);

    /// @notice How long after an epoch evidence from it is accepted.
    function evidenceWindowSeconds() external view returns (uint64);

    /// @notice Fewest epochs between two keys of a seat.
    function keyRotationEpochs() external view returns (uint32);

    /// @notice Shortest time in jail.
    function jailSeconds() external view returns (uint64);
}
