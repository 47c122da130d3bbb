// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {LibSort} from "solady/utils/LibSort.sol";
import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {ISequencers} from "../interfaces/ISequencers.sol";
import {BlsSignatures} from "./BlsSignatures.sol";
import {Committees} from "./Committees.sol";
import {Epochs} from "./Epochs.sol";
import {Seats} from "./Seats.sol";
import {SignedMessages} from "./SignedMessages.sol";

contract Sequencers is Seats {
    using SafeERC20 for IERC20;

    mapping(uint32 epoch => Committee) private _committees;

    constructor(Config memory config) Epochs(config) Seats(config) {}

    /// @inheritdoc ISequencers
    function snapshot(uint32 epoch) external {
        uint256 cutoffSeconds = startOf(epoch) - snapshotLeadSeconds;
        if (block.timestamp < cutoffSeconds) revert SnapshotTooEarly(epoch, cutoffSeconds);
        uint256 endSeconds = startOf(epoch) + epochSeconds;
        if (block.timestamp >= endSeconds) revert SnapshotTooLate(epoch, endSeconds);
        Committee storage c = _committees[epoch];
        if (c.data != address(0)) revert SnapshotTaken(epoch);

        uint32[] memory seats = membersOf(epoch);
        if (seats.length < setSizeMin) revert TooFewSeats(seats.length, setSizeMin);
        uint256 ejected = 0;
        bytes memory keys = new bytes(seats.length * Committees.KEY_SIZE_BYTES);
        for (uint256 i = 0; i < seats.length; ++i) {
            Seat storage s = _seats[seats[i]];
            if (s.state == State.Slashed) ejected |= 1 << i;
            (, bytes memory key) = _readKeys(_keysAt(s, epoch));
            assembly ("memory-safe") {
                mcopy(add(add(keys, 32), mul(i, 192)), add(key, 32), 192)
            }
        }
        c.data = Committees.store(keys, seats);
        c.seatCount = uint32(seats.length);
        if (ejected != 0) c.ejected = ejected;
        _prune();
        emit EpochSnapshot(epoch, c.data, seats);
    }

    /// @inheritdoc ISequencers
    function slash(uint32 seat) external returns (uint256 tokens) {
        if (msg.sender != slasher) revert NotSlasher(msg.sender);
        Seat storage s = _seats[seat];
        if (s.state == State.None || s.state == State.Slashed || s.state == State.Closed) {
            revert WrongState(seat, s.state);
        }
        _leaveSet(s);
        s.state = State.Slashed;
        uint32 epoch = epochAt(block.timestamp);
        _eject(epoch, seat);
        _eject(epoch + 1, seat);
        tokens = seatPriceTokens;
        emit SeatSlashed(seat, tokens);
        IERC20(token).safeTransfer(slasher, tokens);
    }

    /// @inheritdoc ISequencers
    function verify(uint32 epoch, bytes calldata message, Certificate calldata certificate) external view {
        _verify(epoch, message, certificate);
    }

    /// @inheritdoc ISequencers
    function verifyBatch(
        address rollup,
        uint32 epoch,
        uint64 index,
        bytes32 batchHash,
        Certificate calldata certificate
    ) external view {
        _verify(epoch, SignedMessages.batch(rollup, epoch, index, batchHash), certificate);
    }

    /// @inheritdoc ISequencers
    function membersOf(uint32 epoch) public view returns (uint32[] memory seats) {
        uint256[] memory p2pKeys = new uint256[](_roster.length);
        uint256 count = 0;
        for (uint256 i = 0; i < p2pKeys.length; ++i) {
            Seat storage s = _seats[_roster[i]];
            if (!_isMember(s, epoch)) continue;
            (bytes32 p2pKey,) = _readKeys(_keysAt(s, epoch));
            p2pKeys[count++] = uint256(p2pKey);
        }
        assembly ("memory-safe") {
            mstore(p2pKeys, count)
        }
        LibSort.sort(p2pKeys);
        seats = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) {
            seats[i] = _seatOfP2pKey[bytes32(p2pKeys[i])];
        }
    }

    /// @inheritdoc ISequencers
    function committee(uint32 epoch) external view returns (Committee memory) {
        return _committee(epoch);
    }

    /// @inheritdoc ISequencers
    function committeeSeats(uint32 epoch) external view returns (uint32[] memory) {
        Committee storage c = _committee(epoch);
        return Committees.seats(c.data, c.seatCount);
    }

    /// @inheritdoc ISequencers
    function committeeMember(uint32 epoch, uint256 index)
        external
        view
        returns (uint32 seat, BLS.G2Point memory blsKey)
    {
        Committee storage c = _committee(epoch);
        if (index >= c.seatCount) revert NoSuchIndex(index, c.seatCount);
        return (Committees.seatAt(c.data, c.seatCount, index), Committees.keyAt(c.data, index));
    }

    function _verify(uint32 epoch, bytes memory message, Certificate calldata certificate) private view {
        Committee storage c = _committee(epoch);
        BLS.G2Point memory key = Committees.sumOfKeys(c.data, c.seatCount, certificate.signers);
        uint256 ejected = c.ejected & certificate.signers;
        if (ejected != 0) revert EjectedSeatSigned(ejected);
        BlsSignatures.check(BlsSignatures.MESSAGE_TAG, message, key, certificate.signature);
    }

    function _committee(uint32 epoch) private view returns (Committee storage c) {
        c = _committees[epoch];
        if (c.data == address(0)) revert NoCommittee(epoch);
    }

    /// @dev Marks a seat in the committee of an epoch, if that is there and has it.
    function _eject(uint32 epoch, uint32 seat) private {
        Committee storage c = _committees[epoch];
        if (c.data == address(0)) return;
        uint32[] memory seats = Committees.seats(c.data, c.seatCount);
        for (uint256 i = 0; i < seats.length; ++i) {
            if (seats[i] == seat) c.ejected |= 1 << i;
        }
    }
}
