// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IEmission} from "../interfaces/IEmission.sol";
import {IRewards} from "../interfaces/IRewards.sol";
import {ISequencers} from "../interfaces/ISequencers.sol";
import {SignedMessages} from "./SignedMessages.sol";

contract Rewards is IRewards {
    using SafeERC20 for IERC20;

    uint256 private constant ALL_BPS = 10_000;
    uint256 private constant EPOCHS_TO_JAIL_MAX = 32;

    /// @inheritdoc IRewards
    address public immutable sequencers;
    /// @inheritdoc IRewards
    address public immutable emission;
    /// @inheritdoc IRewards
    address public immutable token;
    /// @inheritdoc IRewards
    uint256 public immutable tokensPerBlock;
    /// @inheritdoc IRewards
    uint64 public immutable blocksPerEpochMax;
    /// @inheritdoc IRewards
    uint16 public immutable missedShareMaxBps;
    /// @inheritdoc IRewards
    uint8 public immutable epochsToJail;

    /// @inheritdoc IRewards
    uint256 public assignedWei;
    /// @inheritdoc IRewards
    mapping(uint32 epoch => mapping(uint32 seat => bool)) public isClaimed;
    /// @inheritdoc IRewards
    mapping(uint32 epoch => mapping(uint32 seat => bool)) public isReported;

    mapping(uint32 epoch => Pay) private _pays;
    /// @dev First epoch that counts for the next jail.
    mapping(uint32 seat => uint32 epoch) private _countsFrom;

    constructor(Config memory config) {
        if (config.sequencers == address(0) || config.emission == address(0) || config.token == address(0)) {
            revert ZeroAddress();
        }
        if (config.missedShareMaxBps >= ALL_BPS) revert BadConfig("a seat may miss everything");
        if (config.epochsToJail == 0 || config.epochsToJail > EPOCHS_TO_JAIL_MAX) revert BadConfig("epochs to jail");
        sequencers = config.sequencers;
        emission = config.emission;
        token = config.token;
        tokensPerBlock = config.tokensPerBlock;
        blocksPerEpochMax = config.blocksPerEpochMax;
        missedShareMaxBps = config.missedShareMaxBps;
        epochsToJail = config.epochsToJail;
    }

    /// @notice Takes fees. Anyone may send.
    receive() external payable {}

    /// @inheritdoc IRewards
    function submit(Record calldata record, ISequencers.Certificate calldata certificate) external {
        uint32 epoch = record.epoch;
        uint256 endSeconds = ISequencers(sequencers).startOf(epoch + 1);
        if (block.timestamp < endSeconds) revert EpochNotOver(epoch, endSeconds);
        uint256 untilSeconds = ISequencers(sequencers).evidenceUntil(epoch);
        if (block.timestamp > untilSeconds) revert RecordTooLate(epoch, untilSeconds);
        if (_pays[epoch].root != bytes32(0)) revert AlreadyRecorded(epoch);
        if (record.root == bytes32(0)) revert NoRoot();
        if (record.blockCount > blocksPerEpochMax) revert TooManyBlocks(record.blockCount, blocksPerEpochMax);
        if (record.feesWei > unassignedWei()) revert FeesNotReceived(record.feesWei, unassignedWei());
        ISequencers(sequencers)
            .verify(epoch, SignedMessages.record(address(this), epoch, keccak256(abi.encode(record))), certificate);

        uint256 perBlock = _perBlockDown(record.blockCount);
        assignedWei += record.feesWei;
        _pays[epoch] = Pay(record.root, record.blockCount, record.feesWei, perBlock);
        emit Recorded(epoch, record.blockCount, record.feesWei, record.root, perBlock);
        IEmission(emission).commit(perBlock * record.blockCount);
    }

    /// @inheritdoc IRewards
    function claim(uint32 epoch, Entry calldata entry, bytes32[] calldata proof) external {
        address recipient = ISequencers(sequencers).contactOf(entry.seat).rewardRecipient;
        uint256 tokens = _settle(epoch, entry, proof, recipient);
        if (tokens != 0) IEmission(emission).pay(recipient, tokens);
        _payFees(recipient, entry.feesWei);
    }

    /// @inheritdoc IRewards
    function relock(uint32 epoch, Entry calldata entry, bytes32[] calldata proof) external {
        address operator = ISequencers(sequencers).seatOf(entry.seat).operator;
        if (msg.sender != operator) revert NotOperator(entry.seat, msg.sender);
        address recipient = ISequencers(sequencers).contactOf(entry.seat).rewardRecipient;
        uint256 tokens = _settle(epoch, entry, proof, recipient);
        if (tokens != 0) {
            IEmission(emission).pay(address(this), tokens);
            IERC20(token).forceApprove(sequencers, tokens);
            ISequencers(sequencers).topUp(operator, tokens);
        }
        _payFees(recipient, entry.feesWei);
    }

    /// @inheritdoc IRewards
    function reportMissed(uint32 epoch, Entry calldata entry, bytes32[] calldata proof) external {
        _checkProof(epoch, entry, proof);
        uint32 seat = entry.seat;
        if (!_isDown(entry)) revert NotDown(seat, entry.producedCount, entry.missedCount);
        if (isReported[epoch][seat]) revert AlreadyReported(epoch, seat);
        bool isTooOld = block.timestamp > ISequencers(sequencers).evidenceUntil(epoch);
        if (isTooOld || epoch < _countsFrom[seat]) revert ReportTooOld(epoch, seat);

        isReported[epoch][seat] = true;
        uint256 inARow = _reportedInARow(epoch, seat);
        emit MissedReported(epoch, seat, inARow);
        if (inARow < epochsToJail) return;
        // The epochs that the seat will have been a member of by then are paid for with this time in jail.
        _countsFrom[seat] = ISequencers(sequencers).openEpoch();
        ISequencers(sequencers).jail(seat);
    }

    /// @inheritdoc IRewards
    function payOf(uint32 epoch) external view returns (Pay memory) {
        return _pays[epoch];
    }

    /// @inheritdoc IRewards
    function unassignedWei() public view returns (uint256) {
        return address(this).balance - assignedWei;
    }

    /// @dev Takes an entry's pay out of its epoch's. Returns the tokens to pay.
    function _settle(uint32 epoch, Entry calldata entry, bytes32[] calldata proof, address recipient)
        private
        returns (uint256 tokens)
    {
        _checkProof(epoch, entry, proof);
        if (isClaimed[epoch][entry.seat]) revert AlreadyClaimed(epoch, entry.seat);
        Pay storage pay = _pays[epoch];
        if (entry.producedCount > pay.blocksLeft || entry.feesWei > pay.feesLeftWei) revert RecordOverdrawn(epoch);
        isClaimed[epoch][entry.seat] = true;
        pay.blocksLeft -= entry.producedCount;
        pay.feesLeftWei -= entry.feesWei;
        tokens = pay.tokensPerBlock * entry.producedCount;
        if (_isDown(entry)) {
            emit Forfeited(epoch, entry.seat, tokens);
            IEmission(emission).giveBack(tokens);
            tokens = 0;
        }
        emit Claimed(epoch, entry.seat, recipient, tokens, entry.feesWei);
    }

    function _payFees(address recipient, uint256 feesWei) private {
        if (feesWei == 0) return;
        assignedWei -= feesWei;
        Address.sendValue(payable(recipient), feesWei);
    }

    /// @dev Reports around this one without a gap, as far as they matter.
    function _reportedInARow(uint32 epoch, uint32 seat) private view returns (uint256 count) {
        count = 1;
        uint32 first = _countsFrom[seat];
        for (uint32 e = epoch; count < epochsToJail && e > first && isReported[e - 1][seat]; --e) {
            count += 1;
        }
        for (uint32 e = epoch; count < epochsToJail && isReported[e + 1][seat]; ++e) {
            count += 1;
        }
    }

    function _checkProof(uint32 epoch, Entry calldata entry, bytes32[] calldata proof) private view {
        bytes32 root = _pays[epoch].root;
        if (root == bytes32(0)) revert NotRecorded(epoch);
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(entry))));
        if (!MerkleProof.verifyCalldata(proof, root, leaf)) revert WrongProof(epoch, entry.seat);
    }

    function _perBlockDown(uint64 blockCount) private view returns (uint256) {
        if (blockCount == 0) return 0;
        uint256 affordable = IEmission(emission).leftTokens() / blockCount;
        return affordable < tokensPerBlock ? affordable : tokensPerBlock;
    }

    function _isDown(Entry calldata entry) private view returns (bool) {
        uint256 turns = uint256(entry.producedCount) + entry.missedCount;
        return uint256(entry.missedCount) * ALL_BPS > turns * missedShareMaxBps;
    }
}
