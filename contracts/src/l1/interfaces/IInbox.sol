// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Queue of messages from L1 to one rollup.
/// @notice A message gets the next index. The rolling hash after it commits to it and to every message before: `rolling
/// = keccak256(previous ‖ messageHash)`, zero before the first, with `messageHash = keccak256(abi.encodePacked(uint8
/// kind, uint64 index, address from, address to, uint256 mint, uint256 value, uint64 gasLimit, keccak256(data)))`.
///
/// Kind 0, deposit: a call on L2 from `from`, who first gets `mint` wei. The mint stays when the call reverts.
/// Kind 1, forced: `data` is a signed L2 transaction, executed like any other; all else but `from` is zero.
///
/// `from` is the caller when that is an externally owned account, delegated (EIP-7702) or not; a contract's address is
/// shifted by `0x1111000000000000000000000000000000001111`.
///
/// Assumptions: the bridge accepts what it is sent. Nothing here can be paused, changed or removed.
///
/// Liveness: needs nobody. That a message is executed on L2 within a deadline is the business of `IRollup`.
interface IInbox {
    /// @notice A message was queued.
    /// @param index Place in the queue, from 0.
    /// @param from Sender on L2.
    /// @param to Recipient on L2; zero when forced.
    /// @param kind 0 deposit, 1 forced.
    /// @param mint Wei created on L2 for `from`.
    /// @param value Wei sent on to `to`; at most `mint`.
    /// @param gasLimit Gas of the call; zero when forced.
    /// @param data Call data, or the signed transaction.
    /// @param rollingHash Rolling hash after this message.
    event MessageQueued(
        uint64 indexed index,
        address indexed from,
        address indexed to,
        uint8 kind,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bytes data,
        bytes32 rollingHash
    );

    /// @notice The collected fees were sent to the fee recipient.
    event FeesWithdrawn(uint256 amountWei);

    /// @notice The constructor was given the zero address.
    error ZeroAddress();
    /// @notice Less was paid than the fee of the message.
    error FeeNotPaid(uint256 paidWei, uint256 feeWei);
    /// @notice Something else was paid than exactly the fee of a forced transaction.
    error FeeNotExact(uint256 paidWei, uint256 feeWei);
    /// @notice More was to be sent on than is minted.
    error ValueAboveMint(uint256 valueWei, uint256 mintWei);
    /// @notice The gas limit does not pay for the call data.
    error GasLimitTooLow(uint64 gasLimit, uint64 gasLimitMin);
    /// @notice The gas limit is above `GAS_LIMIT_MAX`.
    error GasLimitTooHigh(uint64 gasLimit, uint64 gasLimitMax);
    /// @notice The data is longer than `DATA_SIZE_MAX`.
    error DataTooLong(uint256 sizeBytes, uint256 sizeBytesMax);
    /// @notice A forced transaction has no bytes.
    error NoTransaction();
    /// @notice There are only `messageCount` messages.
    error NoSuchMessage(uint64 asked, uint64 messageCount);

    /// @notice Queues a call on L2. Anyone may call.
    /// @dev Mints `msg.value` less the fee. Requiring `value <= mint` keeps a call from failing for want of balance;
    /// what the sender owns on L2 already is spent with a forced transaction. Emits `MessageQueued`. Reverts with
    /// `FeeNotPaid`, `ValueAboveMint`, `GasLimitTooLow`, `GasLimitTooHigh`, `DataTooLong`.
    /// @param to Recipient on L2.
    /// @param value Wei to send on; the rest of the mint stays with the sender.
    /// @param gasLimit Gas of the call, `gasLimitMin(data.length)` to `GAS_LIMIT_MAX`.
    /// @param data Call data, at most `DATA_SIZE_MAX` bytes.
    /// @return index Place in the queue.
    function deposit(address to, uint256 value, uint64 gasLimit, bytes calldata data)
        external
        payable
        returns (uint64 index);

    /// @notice Queues a transfer of all that is paid, less the fee, with `ETH_GAS_LIMIT` gas. Anyone may call.
    /// @dev Emits `MessageQueued`. Reverts with `FeeNotPaid`.
    /// @param to Recipient on L2.
    /// @return index Place in the queue.
    function depositEth(address to) external payable returns (uint64 index);

    /// @notice Queues a signed L2 transaction that the sequencers must take in. Anyone may call, for anyone.
    /// @dev One that is invalid on L2 is consumed without effect. Emits `MessageQueued`. Reverts with `FeeNotExact`,
    /// `NoTransaction`, `DataTooLong`.
    /// @param rawTransaction EIP-2718 bytes, 1 to `DATA_SIZE_MAX`.
    /// @return index Place in the queue.
    function forceTransaction(bytes calldata rawTransaction) external payable returns (uint64 index);

    /// @notice Sends the collected fees to the fee recipient. Anyone may call.
    /// @dev Emits `FeesWithdrawn`. Reverts when the recipient does.
    function withdrawFees() external;

    /// @notice How many messages there are.
    function messageCount() external view returns (uint64);

    /// @notice Rolling hash after the first `count` messages; zero for none. Reverts with `NoSuchMessage`.
    function rollingHash(uint64 count) external view returns (bytes32);

    /// @notice When the message was queued, in seconds. Reverts with `NoSuchMessage`.
    function queuedAt(uint64 index) external view returns (uint64 timestampSeconds);

    /// @notice Fee of a deposit with this gas limit.
    function messageFeeWei(uint64 gasLimit) external view returns (uint256);

    /// @notice Fee of a forced transaction.
    function forcedFeeWei() external view returns (uint256);

    /// @notice Least gas limit of a deposit with so much data: 21,000 and 40 for each byte, the dearest that Ethereum's
    /// rules (EIP-7623) ask, so that a deposit is never invalid for want of gas.
    function gasLimitMin(uint256 dataSizeBytes) external view returns (uint64);

    /// @notice Receives what is minted, and pays withdrawals.
    function bridge() external view returns (address);

    /// @notice Receives the fees.
    function feeRecipient() external view returns (address);

    /// @notice Fee for each unit of L2 gas that a message may use.
    function messageGasPriceWei() external view returns (uint256);

    /// @notice Most gas of one deposit: 2,000,000.
    function GAS_LIMIT_MAX() external view returns (uint64);

    /// @notice Gas of `depositEth`: 100,000, enough for a smart account to receive.
    function ETH_GAS_LIMIT() external view returns (uint64);

    /// @notice Gas for which a forced transaction pays its fee: 100,000. Its execution is paid on L2.
    function FORCED_FEE_GAS() external view returns (uint64);

    /// @notice Most bytes of data in a message: 32,768.
    function DATA_SIZE_MAX() external view returns (uint256);
}
