// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {LibBit} from "solady/utils/LibBit.sol";

import {IPosting} from "../interfaces/IPosting.sol";
import {IRollup} from "../interfaces/IRollup.sol";
import {ISequencers} from "../interfaces/ISequencers.sol";

contract Posting is IPosting {
    /// @dev Blob gas of one blob (EIP-4844).
    uint256 private constant GAS_PER_BLOB = 131_072;
    /// @dev Gas of a transaction before its call data (EIP-2), and of a byte of that (EIP-2028).
    uint256 private constant TRANSACTION_GAS = 21_000;
    uint256 private constant ZERO_BYTE_GAS = 4;
    uint256 private constant NONZERO_BYTE_GAS = 16;
    /// @dev The selector of `post` has no zero byte, its arguments are 18 words. What a caller appends he pays himself.
    uint256 private constant SELECTOR_SIZE_BYTES = 4;
    uint256 private constant ARGUMENT_WORDS = 18;
    /// @dev Gas of `post` before it first asks how much is left and after it last does, with the refund; tests measure.
    uint256 private constant UNMEASURED_GAS = 10_705;

    /// @inheritdoc IPosting
    address public immutable rollup;
    /// @inheritdoc IPosting
    address public immutable sequencers;
    /// @inheritdoc IPosting
    address public immutable surplusRecipient;
    /// @inheritdoc IPosting
    uint256 public immutable reserveWei;
    /// @inheritdoc IPosting
    uint64 public immutable turnSeconds;
    /// @inheritdoc IPosting
    uint64 public immutable takeoverSeconds;
    /// @inheritdoc IPosting
    uint64 public immutable gasMax;
    /// @inheritdoc IPosting
    uint64 public immutable priorityFeeMaxWei;

    constructor(Config memory config) {
        if (config.rollup == address(0) || config.surplusRecipient == address(0)) revert ZeroAddress();
        if (config.turnSeconds == 0 || config.takeoverSeconds == 0) revert ZeroSeconds();
        rollup = config.rollup;
        sequencers = IRollup(config.rollup).sequencers();
        if (sequencers == address(0)) revert NoSequencers(config.rollup);
        surplusRecipient = config.surplusRecipient;
        reserveWei = config.reserveWei;
        turnSeconds = config.turnSeconds;
        takeoverSeconds = config.takeoverSeconds;
        gasMax = config.gasMax;
        priorityFeeMaxWei = config.priorityFeeMaxWei;
    }

    /// @inheritdoc IPosting
    receive() external payable {}

    /// @inheritdoc IPosting
    function post(IRollup.BatchHeader calldata header, uint64 epoch, ISequencers.Certificate calldata certificate)
        external
    {
        uint256 gasAtStart = gasleft();
        uint256 lastPostedAt = lastPostedAtSeconds();
        IRollup(rollup).commitCertifiedBatch(header, epoch, certificate);

        uint32 seat = _seatToRefund(lastPostedAt);
        if (seat == 0) return;
        uint256 refundWei = Math.min(_costWei(gasAtStart), address(this).balance);
        if (refundWei == 0) return;
        // To an account without code, which cannot call back. The batch stands whatever becomes of this.
        (bool isPaid,) = msg.sender.call{value: refundWei}("");
        if (isPaid) emit Refunded(header.index, seat, msg.sender, refundWei);
    }

    /// @inheritdoc IPosting
    function sweep() external {
        uint256 balanceWei = address(this).balance;
        if (balanceWei <= reserveWei) revert NoSurplus(balanceWei, reserveWei);
        uint256 surplusWei = balanceWei - reserveWei;
        emit Swept(surplusRecipient, surplusWei);
        Address.sendValue(payable(surplusRecipient), surplusWei);
    }

    /// @inheritdoc IPosting
    function inTurn(uint256 timestampSeconds, uint256 lastPostedAt)
        external
        view
        returns (uint32 seat, address poster)
    {
        if (timestampSeconds < ISequencers(sequencers).startOf(0)) {
            revert BeforeFirstEpoch(timestampSeconds);
        }
        uint32 epoch = ISequencers(sequencers).epochAt(timestampSeconds);
        uint256 place = _place(epoch, timestampSeconds, lastPostedAt);
        ISequencers.Committee memory committee = ISequencers(sequencers).committee(epoch);
        uint256 index = _present(epoch, committee, place);
        (seat,) = ISequencers(sequencers).committeeMember(epoch, index);
        return (seat, ISequencers(sequencers).contactOf(seat).poster);
    }

    /// @inheritdoc IPosting
    function lastPostedAtSeconds() public view returns (uint256) {
        uint64 count = IRollup(rollup).batchCount();
        return count == 0 ? 0 : IRollup(rollup).batch(count - 1).committedAtSeconds;
    }

    /// @inheritdoc IPosting
    function refundMaxWei(uint256 blobCount) external view returns (uint256) {
        return _cappedWei(gasMax, block.basefee + priorityFeeMaxWei, blobCount);
    }

    /// @dev The seat in turn if the transaction is a call by its account; 0 for none, as no seat has that id.
    function _seatToRefund(uint256 lastPostedAt) private view returns (uint32) {
        if (msg.sender != tx.origin || msg.sender.code.length != 0) return 0;
        // Nobody may be in turn: the epoch may have no committee, when that of the one before certified.
        try this.inTurn(block.timestamp, lastPostedAt) returns (uint32 seat, address poster) {
            return poster == msg.sender ? seat : 0;
        } catch {
            return 0;
        }
    }

    /// @dev What the transaction has cost when `post` returns, as far as it is refunded.
    function _costWei(uint256 gasAtStart) private view returns (uint256) {
        uint256 zeroBytes = 0;
        for (uint256 i = 0; i < ARGUMENT_WORDS; ++i) {
            uint256 word;
            assembly ("memory-safe") {
                word := calldataload(add(SELECTOR_SIZE_BYTES, mul(32, i)))
            }
            zeroBytes += LibBit.countZeroBytes(word);
        }
        // The rollup has taken them, so there are few.
        uint256 blobCount = 1;
        while (blobhash(blobCount) != bytes32(0)) ++blobCount;
        uint256 callDataGas = NONZERO_BYTE_GAS * (SELECTOR_SIZE_BYTES + 32 * ARGUMENT_WORDS)
            - (NONZERO_BYTE_GAS - ZERO_BYTE_GAS) * zeroBytes;
        uint256 fixedGas = TRANSACTION_GAS + callDataGas + UNMEASURED_GAS;
        return _cappedWei(fixedGas + gasAtStart - gasleft(), tx.gasprice, blobCount);
    }

    /// @dev Caps gas and price each for itself, so that a high priority fee cannot stand in for gas that was not used.
    function _cappedWei(uint256 gas, uint256 gasPriceWei, uint256 blobCount) private view returns (uint256) {
        uint256 priceWei = Math.min(gasPriceWei, block.basefee + priorityFeeMaxWei);
        return Math.min(gas, gasMax) * priceWei + blobCount * GAS_PER_BLOB * block.blobbasefee;
    }

    /// @dev Turns that have begun in the epoch, and takeovers since the last sign of life in this one.
    function _place(uint32 epoch, uint256 timestampSeconds, uint256 lastPostedAt) private view returns (uint256) {
        uint256 elapsed = timestampSeconds - ISequencers(sequencers).startOf(epoch);
        uint256 aliveAt = timestampSeconds - elapsed % turnSeconds;
        if (lastPostedAt > aliveAt) aliveAt = lastPostedAt;
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
