// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

import {AddressAlias} from "../AddressAlias.sol";
import {IBridge} from "./interfaces/IBridge.sol";
import {IInbox} from "./interfaces/IInbox.sol";

contract Inbox is IInbox {
    /// @inheritdoc IInbox
    uint64 public constant GAS_LIMIT_MAX = 2_000_000;
    /// @inheritdoc IInbox
    uint64 public constant ETH_GAS_LIMIT = 100_000;
    /// @inheritdoc IInbox
    uint64 public constant FORCED_FEE_GAS = 100_000;
    /// @inheritdoc IInbox
    uint256 public constant DATA_SIZE_MAX = 32_768;

    uint8 private constant KIND_DEPOSIT = 0;
    uint8 private constant KIND_FORCED = 1;

    /// @inheritdoc IInbox
    address public immutable bridge;
    /// @inheritdoc IInbox
    address public immutable feeRecipient;
    /// @inheritdoc IInbox
    uint256 public immutable messageGasPriceWei;

    /// @dev Entry `i` is the rolling hash after `i + 1` messages.
    bytes32[] private _rollingHashes;
    /// @dev Beside the hashes rather than with them, because four fit in a slot.
    uint64[] private _queuedAtSeconds;

    /// @dev All of a message but its index and data.
    struct Message {
        uint8 kind;
        address from;
        address to;
        uint256 mint;
        uint256 value;
        uint64 gasLimit;
    }

    constructor(address bridge_, address feeRecipient_, uint256 messageGasPriceWei_) {
        if (bridge_ == address(0) || feeRecipient_ == address(0)) revert ZeroAddress();
        bridge = bridge_;
        feeRecipient = feeRecipient_;
        messageGasPriceWei = messageGasPriceWei_;
    }

    /// @inheritdoc IInbox
    function deposit(address to, uint256 value, uint64 gasLimit, bytes calldata data)
        external
        payable
        returns (uint64 index)
    {
        if (gasLimit < gasLimitMin(data.length)) revert GasLimitTooLow(gasLimit, gasLimitMin(data.length));
        if (gasLimit > GAS_LIMIT_MAX) revert GasLimitTooHigh(gasLimit, GAS_LIMIT_MAX);
        uint256 mint = _paidAboveFee(gasLimit);
        if (value > mint) revert ValueAboveMint(value, mint);
        return _queue(Message(KIND_DEPOSIT, _l2Sender(), to, mint, value, gasLimit), data);
    }

    /// @inheritdoc IInbox
    function depositEth(address to) external payable returns (uint64 index) {
        uint256 mint = _paidAboveFee(ETH_GAS_LIMIT);
        return _queue(Message(KIND_DEPOSIT, _l2Sender(), to, mint, mint, ETH_GAS_LIMIT), msg.data[0:0]);
    }

    /// @inheritdoc IInbox
    function forceTransaction(bytes calldata rawTransaction) external payable returns (uint64 index) {
        if (rawTransaction.length == 0) revert NoTransaction();
        if (msg.value != forcedFeeWei()) revert FeeNotExact(msg.value, forcedFeeWei());
        return _queue(Message(KIND_FORCED, _l2Sender(), address(0), 0, 0, 0), rawTransaction);
    }

    /// @inheritdoc IInbox
    function withdrawFees() external {
        // What is minted is sent on at once, so the balance is the fees.
        uint256 amountWei = address(this).balance;
        emit FeesWithdrawn(amountWei);
        Address.sendValue(payable(feeRecipient), amountWei);
    }

    /// @inheritdoc IInbox
    function messageCount() public view returns (uint64) {
        return uint64(_rollingHashes.length);
    }

    /// @inheritdoc IInbox
    function rollingHash(uint64 count) public view returns (bytes32) {
        if (count == 0) return bytes32(0);
        if (count > messageCount()) revert NoSuchMessage(count, messageCount());
        return _rollingHashes[count - 1];
    }

    /// @inheritdoc IInbox
    function queuedAt(uint64 index) external view returns (uint64 timestampSeconds) {
        if (index >= messageCount()) revert NoSuchMessage(index, messageCount());
        return _queuedAtSeconds[index];
    }

    /// @inheritdoc IInbox
    function messageFeeWei(uint64 gasLimit) public view returns (uint256) {
        return gasLimit * messageGasPriceWei;
    }

    /// @inheritdoc IInbox
    function forcedFeeWei() public view returns (uint256) {
        return messageFeeWei(FORCED_FEE_GAS);
    }

    /// @inheritdoc IInbox
    function gasLimitMin(uint256 dataSizeBytes) public pure returns (uint64) {
        if (dataSizeBytes > DATA_SIZE_MAX) revert DataTooLong(dataSizeBytes, DATA_SIZE_MAX);
        return uint64(21_000 + 40 * dataSizeBytes);
    }

    /// @dev What was paid, less the fee.
    function _paidAboveFee(uint64 gasLimit) private view returns (uint256) {
        uint256 feeWei = messageFeeWei(gasLimit);
        if (msg.value < feeWei) revert FeeNotPaid(msg.value, feeWei);
        return msg.value - feeWei;
    }

    /// @dev The caller as L2 sees it. Code size alone would not do: a contract under construction has none yet.
    function _l2Sender() private view returns (address) {
        bool isAccount = msg.sender == tx.origin || _isDelegated(msg.sender);
        return isAccount ? msg.sender : AddressAlias.toL2(msg.sender);
    }

    /// @dev EIP-7702: such an account's code is `0xef0100 ‖ address`, which no contract's can be (EIP-3541).
    function _isDelegated(address account) private view returns (bool) {
        return account.code.length == 23 && bytes3(account.code) == 0xef0100;
    }

    function _queue(Message memory message, bytes calldata data) private returns (uint64 index) {
        if (data.length > DATA_SIZE_MAX) revert DataTooLong(data.length, DATA_SIZE_MAX);
        index = messageCount();
        bytes32 rolled = keccak256(abi.encodePacked(rollingHash(index), _hash(message, index, keccak256(data))));
        _rollingHashes.push(rolled);
        _queuedAtSeconds.push(uint64(block.timestamp));
        _emitQueued(message, index, data, rolled);
        if (message.mint != 0) IBridge(bridge).receiveEscrow{value: message.mint}();
    }

    function _hash(Message memory message, uint64 index, bytes32 dataHash) private pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                message.kind, index, message.from, message.to, message.mint, message.value, message.gasLimit, dataHash
            )
        );
    }

    function _emitQueued(Message memory message, uint64 index, bytes calldata data, bytes32 rolled) private {
        emit MessageQueued(
            index, message.from, message.to, message.kind, message.mint, message.value, message.gasLimit, data, rolled
        );
    }
}
