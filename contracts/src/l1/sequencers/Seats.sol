// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {ISequencers} from "../interfaces/ISequencers.sol";
import {BlsSignatures} from "./BlsSignatures.sol";
import {Committees} from "./Committees.sol";
import {Epochs} from "./Epochs.sol";
import {SignedMessages} from "./SignedMessages.sol";

/// @title The life of a seat: its stake, its keys, its coming and going.
abstract contract Seats is Epochs {
    using SafeERC20 for IERC20;

    uint32 private constant FOR_EVER = type(uint32).max;
    uint256 private constant NETWORK_ADDRESS_SIZE_BYTES_MAX = 128;
    /// @dev One set that holds all places, and those who have left theirs but are members of the epoch that runs or of
    /// the next, which may both be a set.
    uint256 private constant SETS_IN_ROSTER_MAX = 3;

    /// @inheritdoc ISequencers
    address public immutable token;
    /// @inheritdoc ISequencers
    address public immutable slasher;
    /// @inheritdoc ISequencers
    address public immutable rewards;
    /// @inheritdoc ISequencers
    uint256 public immutable seatPriceTokens;
    /// @inheritdoc ISequencers
    uint32 public immutable seatsPerOperatorMax;
    /// @inheritdoc ISequencers
    uint32 public immutable setSizeMin;
    /// @inheritdoc ISequencers
    uint32 public immutable setSizeMax;
    /// @inheritdoc ISequencers
    uint64 public immutable unlockDelaySeconds;
    /// @inheritdoc ISequencers
    uint32 public immutable keyRotationEpochs;
    /// @inheritdoc ISequencers
    uint64 public immutable jailSeconds;

    /// @inheritdoc ISequencers
    uint32 public seatCount;
    /// @inheritdoc ISequencers
    uint32 public takenCount;
    /// @inheritdoc ISequencers
    mapping(address operator => uint32) public seatCountOf;

    /// @dev Seats that are, were or will be members of an epoch that is not over.
    uint32[] internal _roster;
    mapping(uint32 seat => Seat) internal _seats;
    mapping(bytes32 p2pKey => uint32 seat) internal _seatOfP2pKey;
    mapping(uint32 seat => Contact) private _contacts;
    mapping(address operator => Reserve) private _reserves;
    mapping(bytes32 keyHash => bool) private _isKeyTaken;

    constructor(Config memory config) {
        if (config.token == address(0) || config.slasher == address(0) || config.rewards == address(0)) {
            revert ZeroAddress();
        }
        if (config.seatPriceTokens == 0) revert BadConfig("a seat needs a price");
        if (config.setSizeMin == 0 || config.setSizeMin > config.setSizeMax) revert BadConfig("set size");
        if (config.setSizeMax > Committees.SEATS_MAX) revert BadConfig("set larger than one code object");
        if (config.seatsPerOperatorMax == 0) revert BadConfig("operators need a seat");
        if (config.unlockDelaySeconds <= config.evidenceWindowSeconds) {
            revert BadConfig("unlock delay not longer than the evidence window");
        }
        // With two, the keys before the last are never needed when a third come.
        if (config.keyRotationEpochs < 2) revert BadConfig("keys change more often than every 2 epochs");
        token = config.token;
        slasher = config.slasher;
        rewards = config.rewards;
        seatPriceTokens = config.seatPriceTokens;
        seatsPerOperatorMax = config.seatsPerOperatorMax;
        setSizeMin = config.setSizeMin;
        setSizeMax = config.setSizeMax;
        unlockDelaySeconds = config.unlockDelaySeconds;
        keyRotationEpochs = config.keyRotationEpochs;
        jailSeconds = config.jailSeconds;
    }

    /// @inheritdoc ISequencers
    function lock(Keys calldata keys, Contact calldata contact) external returns (uint32 seat) {
        if (takenCount >= setSizeMax) revert SetFull(setSizeMax);
        if (seatCountOf[msg.sender] >= seatsPerOperatorMax) revert TooManySeats(msg.sender, seatsPerOperatorMax);
        seat = ++seatCount;
        uint32 activeFrom = openEpoch();
        Seat storage s = _seats[seat];
        s.operator = msg.sender;
        s.activeFrom = activeFrom;
        s.activeUntil = FOR_EVER;
        s.state = State.Open;
        s.keys = _registerKeys(seat, keys);
        s.keysFrom = activeFrom;
        takenCount += 1;
        seatCountOf[msg.sender] += 1;
        _enlist(seat);
        emit SeatLocked(seat, msg.sender, activeFrom);
        emit KeysSet(seat, keys.p2pKey, activeFrom, keys.blsKey);
        _setContact(seat, contact);
        _payPrice();
    }

    /// @inheritdoc ISequencers
    function topUp(address operator, uint256 tokens) external {
        if (tokens == 0) revert NoTokens();
        _reserves[operator].tokens += tokens;
        emit ReserveLocked(operator, tokens);
        _pull(tokens);
    }

    /// @inheritdoc ISequencers
    function unlockSeat(uint32 seat) external {
        Seat storage s = _operated(seat);
        if (s.state != State.Open && s.state != State.Jailed) revert WrongState(seat, s.state);
        _leaveSet(s);
        s.state = State.Leaving;
        s.releaseAtSeconds = uint64(_later(startOf(s.activeUntil), block.timestamp) + unlockDelaySeconds);
        emit SeatUnlocking(seat, s.activeUntil, s.releaseAtSeconds);
    }

    /// @inheritdoc ISequencers
    function unlockReserve(uint256 tokens) external {
        Reserve storage reserve = _reserves[msg.sender];
        if (tokens == 0) revert NoTokens();
        if (tokens > reserve.tokens) revert ReserveTooSmall(tokens, reserve.tokens);
        reserve.tokens -= tokens;
        reserve.unlockingTokens += tokens;
        reserve.releaseAtSeconds = uint64(block.timestamp + unlockDelaySeconds);
        emit ReserveUnlocking(msg.sender, reserve.unlockingTokens, reserve.releaseAtSeconds);
    }

    /// @inheritdoc ISequencers
    function withdrawSeat(uint32 seat) external {
        Seat storage s = _seats[seat];
        if (s.state != State.Leaving) revert WrongState(seat, s.state);
        if (block.timestamp < s.releaseAtSeconds) revert NotReleased(s.releaseAtSeconds, block.timestamp);
        s.state = State.Closed;
        emit SeatWithdrawn(seat, s.operator, seatPriceTokens);
        IERC20(token).safeTransfer(s.operator, seatPriceTokens);
    }

    /// @inheritdoc ISequencers
    function withdrawReserve(address operator) external {
        Reserve storage reserve = _reserves[operator];
        uint256 tokens = reserve.unlockingTokens;
        if (tokens == 0) revert NoTokens();
        if (block.timestamp < reserve.releaseAtSeconds) {
            revert NotReleased(reserve.releaseAtSeconds, block.timestamp);
        }
        reserve.unlockingTokens = 0;
        emit ReserveWithdrawn(operator, tokens);
        IERC20(token).safeTransfer(operator, tokens);
    }

    /// @inheritdoc ISequencers
    function rotateKeys(uint32 seat, Keys calldata keys) external {
        Seat storage s = _operated(seat);
        if (s.state != State.Open && s.state != State.Jailed) revert WrongState(seat, s.state);
        uint32 fromEpoch = openEpoch();
        uint32 earliestEpoch = s.keysFrom + keyRotationEpochs;
        if (fromEpoch < earliestEpoch) revert RotationTooSoon(fromEpoch, earliestEpoch);
        if (s.nextKeys != address(0)) s.keys = s.nextKeys;
        s.nextKeys = _registerKeys(seat, keys);
        s.keysFrom = fromEpoch;
        emit KeysSet(seat, keys.p2pKey, fromEpoch, keys.blsKey);
    }

    /// @inheritdoc ISequencers
    function setContact(uint32 seat, Contact calldata contact) external {
        _operated(seat);
        _setContact(seat, contact);
    }

    /// @inheritdoc ISequencers
    function readmit(uint32 seat) external {
        Seat storage s = _operated(seat);
        if (s.state != State.Jailed) revert WrongState(seat, s.state);
        if (block.timestamp < s.releaseAtSeconds) revert NotReleased(s.releaseAtSeconds, block.timestamp);
        s.state = State.Open;
        s.activeFrom = openEpoch();
        s.activeUntil = FOR_EVER;
        emit SeatReadmitted(seat, s.activeFrom);
    }

    /// @inheritdoc ISequencers
    function jail(uint32 seat) external {
        if (msg.sender != rewards) revert NotRewards(msg.sender);
        Seat storage s = _seats[seat];
        if (s.state != State.Open) revert WrongState(seat, s.state);
        s.state = State.Jailed;
        s.activeUntil = openEpoch();
        // Not before it has left: until then its old membership has to be remembered.
        s.releaseAtSeconds = uint64(_later(startOf(s.activeUntil), block.timestamp + jailSeconds));
        emit SeatJailed(seat, s.activeUntil, s.releaseAtSeconds);
    }

    /// @inheritdoc ISequencers
    function seatOf(uint32 seat) external view returns (Seat memory) {
        return _seats[seat];
    }

    /// @inheritdoc ISequencers
    function keysOf(uint32 seat, uint32 epoch) external view returns (bytes32 p2pKey, BLS.G2Point memory blsKey) {
        Seat storage s = _seats[seat];
        if (s.state == State.None) revert WrongState(seat, State.None);
        bytes memory stored;
        (p2pKey, stored) = _readKeys(_keysAt(s, epoch));
        return (p2pKey, Committees.unpack(stored, 0));
    }

    /// @inheritdoc ISequencers
    function contactOf(uint32 seat) external view returns (Contact memory) {
        return _contacts[seat];
    }

    /// @inheritdoc ISequencers
    function reserveOf(address operator) external view returns (Reserve memory) {
        return _reserves[operator];
    }

    /// @dev Takes a seat out of its place and, if it is a member still, out of the set at the next border it can.
    function _leaveSet(Seat storage s) internal {
        if (s.state == State.Open || s.state == State.Jailed) {
            takenCount -= 1;
            seatCountOf[s.operator] -= 1;
        }
        uint32 epoch = openEpoch();
        if (epoch < s.activeUntil) s.activeUntil = epoch;
    }

    /// @dev Forgets the seats whose membership is over; those in jail may return.
    function _prune() internal {
        uint32 epoch = epochAt(block.timestamp);
        for (uint256 i = _roster.length; i != 0; --i) {
            Seat storage s = _seats[_roster[i - 1]];
            bool isOver = s.activeUntil <= epoch || s.activeUntil <= s.activeFrom;
            if (!isOver || s.state == State.Jailed) continue;
            _roster[i - 1] = _roster[_roster.length - 1];
            _roster.pop();
        }
    }

    function _isMember(Seat storage s, uint32 epoch) internal view returns (bool) {
        return s.activeFrom <= epoch && epoch < s.activeUntil;
    }

    function _keysAt(Seat storage s, uint32 epoch) internal view returns (address) {
        return s.nextKeys != address(0) && epoch >= s.keysFrom ? s.nextKeys : s.keys;
    }

    function _readKeys(address keys) internal view returns (bytes32 p2pKey, bytes memory blsKey) {
        return (bytes32(SSTORE2.read(keys, 0, 32)), SSTORE2.read(keys, 32));
    }

    function _operated(uint32 seat) private view returns (Seat storage s) {
        s = _seats[seat];
        if (msg.sender != s.operator) revert NotOperator(seat, msg.sender);
    }

    function _enlist(uint32 seat) private {
        uint256 countMax = SETS_IN_ROSTER_MAX * setSizeMax;
        if (_roster.length >= countMax) _prune();
        assert(_roster.length < countMax);
        _roster.push(seat);
    }

    function _setContact(uint32 seat, Contact calldata contact) private {
        uint256 sizeBytes = bytes(contact.networkAddress).length;
        if (sizeBytes == 0 || sizeBytes > NETWORK_ADDRESS_SIZE_BYTES_MAX) {
            revert BadNetworkAddress(sizeBytes, NETWORK_ADDRESS_SIZE_BYTES_MAX);
        }
        if (contact.rewardRecipient == address(0)) revert ZeroAddress();
        _contacts[seat] = contact;
        emit ContactSet(seat, contact.networkAddress, contact.poster, contact.rewardRecipient);
    }

    function _registerKeys(uint32 seat, Keys calldata keys) private returns (address data) {
        if (keys.p2pKey == bytes32(0) || _seatOfP2pKey[keys.p2pKey] != 0) revert P2pKeyTaken(keys.p2pKey);
        bytes memory packed = Committees.pack(keys.blsKey);
        bytes32 keyHash = keccak256(packed);
        if (_isKeyTaken[keyHash]) revert KeyTaken(keyHash);
        bytes memory message = SignedMessages.possession(address(this), msg.sender, BlsSignatures.compress(keys.blsKey));
        BLS.G1Point memory hash = BlsSignatures.hashToG1(BlsSignatures.POSSESSION_TAG, message);
        bool isProven = BlsSignatures.isSigned(hash, keys.blsKey, keys.possession);
        if (!isProven) revert PossessionNotProven(keyHash);
        _isKeyTaken[keyHash] = true;
        _seatOfP2pKey[keys.p2pKey] = seat;
        return SSTORE2.write(bytes.concat(keys.p2pKey, packed));
    }

    function _payPrice() private {
        Reserve storage reserve = _reserves[msg.sender];
        uint256 fromReserve = reserve.tokens < seatPriceTokens ? reserve.tokens : seatPriceTokens;
        reserve.tokens -= fromReserve;
        if (fromReserve != seatPriceTokens) _pull(seatPriceTokens - fromReserve);
    }

    function _pull(uint256 tokens) private {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), tokens);
        uint256 received = IERC20(token).balanceOf(address(this)) - before;
        if (received != tokens) revert TokensNotReceived(received, tokens);
    }

    function _later(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
