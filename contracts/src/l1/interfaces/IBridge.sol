// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The L1 side of the bridge: holds what exists on L2, and carries out messages from L2.
/// @notice ETH arrives through the inbox, ERC-20 tokens here. Everything leaves by claiming a message of the L2
/// `Outbox`.
///
/// Assumptions: a final batch's outbox root is true (see `IRollup`). A token's balance moves only by transfers: what a
/// rebasing token gains or loses by itself is not followed. A message is carried out by whoever claims it, with the gas
/// they choose; a target that swallows the failure of its inner calls must itself see to its gas.
///
/// Liveness: a message whose target reverts stays unclaimed and can be claimed at any later time; nothing expires. A
/// token that refuses a recipient keeps that recipient's amount here.
interface IBridge {
    /// @notice A message from L2, as the `Outbox` recorded it.
    /// @param sender Who sent it on L2.
    /// @param target Whom it calls on L1.
    /// @param value Wei that it carries.
    /// @param data Call data.
    struct Withdrawal {
        address sender;
        address target;
        uint256 value;
        bytes data;
    }

    /// @notice Tokens were taken in, and their L2 side was queued.
    event Erc20Deposited(
        address indexed token, address indexed from, address indexed to, uint256 amount, uint64 messageIndex
    );

    /// @notice Tokens were paid out.
    event Erc20Released(address indexed token, address indexed to, uint256 amount);

    /// @notice A message from L2 was carried out.
    event WithdrawalClaimed(
        uint64 indexed leafIndex, address indexed sender, address indexed target, uint256 value, uint64 batchIndex
    );

    /// @notice The constructor, or a deposit, was given the zero address.
    error ZeroAddress();
    /// @notice The token has no code.
    error NotAToken(address token);
    /// @notice Nothing arrived.
    error NothingReceived(address token);
    /// @notice Something else was paid than exactly the fee of the message.
    error FeeNotExact(uint256 paidWei, uint256 feeWei);
    /// @notice The caller is not the inbox.
    error NotInbox(address caller);
    /// @notice The caller is not the executor, carrying out a message of the L2 bridge.
    error NotL2Bridge(address caller);
    /// @notice More is to be paid out than was taken in.
    error EscrowTooLow(address token, uint256 asked, uint256 escrowed);
    /// @notice The batch is not there, or its challenge window has not passed.
    error BatchNotFinal(uint64 batchIndex);
    /// @notice The message was carried out before.
    error AlreadyClaimed(uint64 leafIndex);
    /// @notice The message is not in the outbox of the batch.
    error NotInOutbox(bytes32 root, bytes32 outboxRoot);
    /// @notice No message is being carried out.
    error NoMessage();

    /// @notice Takes in tokens and queues their minting on L2 for `to`. Anyone may call, having approved the bridge.
    /// @dev Credits what arrives, so a token that takes a fee on transfer is credited net of it. The token's name (64
    /// bytes at most), symbol (32) and decimals go along; what it does not tell stays empty or zero. Emits
    /// `Erc20Deposited`. Reverts with `ZeroAddress`, `NotAToken`, `NothingReceived`, `FeeNotExact`.
    /// @param token ERC-20 token.
    /// @param to Recipient on L2. Not zero.
    /// @param amount In the token's smallest unit.
    /// @return messageIndex Place in the inbox.
    function depositErc20(address token, address to, uint256 amount) external payable returns (uint64 messageIndex);

    /// @notice Carries out a message from L2. Anyone may call, once for each message.
    /// @dev The executor calls `target` with `value` and `data`. Emits `WithdrawalClaimed`. Reverts with
    /// `BatchNotFinal`, `AlreadyClaimed`, `NotInOutbox`, and with what the target reverts with.
    /// @param batchIndex A final batch that ends after the message was sent.
    /// @param withdrawal The message.
    /// @param leafIndex Its index in the outbox.
    /// @param proof Its siblings in the outbox tree at the end of the batch, lowest first.
    function claim(uint64 batchIndex, Withdrawal calldata withdrawal, uint64 leafIndex, bytes32[32] calldata proof)
        external;

    /// @notice Pays out tokens. Only for messages of the L2 bridge.
    /// @dev Emits `Erc20Released`. Reverts with `NotL2Bridge`, `EscrowTooLow`, and with what the token reverts with.
    function releaseErc20(address token, address to, uint256 amount) external;

    /// @notice Takes in what a deposit mints on L2. Only the inbox may call.
    /// @dev Reverts with `NotInbox`.
    function receiveEscrow() external payable;

    /// @notice Who sent, on L2, the message that is being carried out. Reverts with `NoMessage` at any other time.
    function l2Sender() external view returns (address);

    /// @notice Whether the message was carried out.
    function isClaimed(uint64 leafIndex) external view returns (bool);

    /// @notice How much of the token is held for L2, in its smallest unit.
    function escrowedErc20(address token) external view returns (uint256);

    /// @notice What `depositErc20` must be paid, in wei.
    function erc20DepositFeeWei() external view returns (uint256);

    /// @notice The inbox.
    function inbox() external view returns (address);

    /// @notice The rollup.
    function rollup() external view returns (address);

    /// @notice Makes the calls of messages.
    function executor() external view returns (address);

    /// @notice Gas on L2 of a token deposit: 1,500,000, enough to deploy the token on its first.
    function ERC20_GAS_LIMIT() external view returns (uint64);
}
