// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The L2 side of the ERC-20 bridge. At 0x5100000000000000000000000000000000000004.
/// @notice Each L1 token has one L2 token, a `BridgedToken`, deployed with CREATE2 by its first deposit.
///
/// Assumptions: genesis sets the address of the L1 `Bridge`, in storage slot 0, and nothing changes it. A deposit that
/// failed here would leave its tokens in the L1 escrow for good, so minting can fail in no way but for want of gas: it
/// calls no foreign code, accepts every recipient, and cannot overflow since the escrow is counted in 256 bits; the L1
/// side buys gas enough. Name, symbol and decimals are those that the L1 token told at its first deposit.
///
/// Liveness: needs nobody on L2. A withdrawal ends with a claim on L1.
interface IL2Bridge {
    /// @notice The L2 token of an L1 token was deployed.
    event TokenDeployed(address indexed l1Token, address indexed l2Token, string name, string symbol, uint8 decimals);

    /// @notice Tokens that were taken in on L1 were minted.
    event DepositFinalized(address indexed l1Token, address indexed from, address indexed to, uint256 amount);

    /// @notice Tokens were burnt, and their release on L1 was sent for.
    event WithdrawalStarted(
        address indexed l1Token, address indexed from, address indexed to, uint256 amount, uint64 messageIndex
    );

    /// @notice The caller is not the L1 bridge.
    error NotL1Bridge(address caller);
    /// @notice The token is none of this bridge's.
    error NotBridged(address l2Token);
    /// @notice The recipient is the zero address.
    error ZeroRecipient();
    /// @notice Nothing is to be withdrawn.
    error ZeroAmount();

    /// @notice Mints what was taken in on L1. Only the L1 bridge may call, through the inbox, under its aliased
    /// address.
    /// @dev Emits `DepositFinalized`, and `TokenDeployed` at the first. Reverts with `NotL1Bridge`.
    /// @param l1Token Token on L1.
    /// @param from Depositor on L1.
    /// @param to Recipient on L2.
    /// @param amount In the token's smallest unit.
    /// @param name Name of the token, for its first deposit.
    /// @param symbol Symbol of the token, for its first deposit.
    /// @param decimals Decimals of the token, for its first deposit.
    function finalizeDeposit(
        address l1Token,
        address from,
        address to,
        uint256 amount,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external;

    /// @notice Burns the caller's tokens and sends for their release on L1. Needs no approval.
    /// @dev Emits `WithdrawalStarted`. Reverts with `NotBridged`, `ZeroRecipient`, `ZeroAmount`, and when the balance
    /// is too low.
    /// @param l2Token Token on L2.
    /// @param to Recipient on L1. Not zero.
    /// @param amount In the token's smallest unit. Not zero.
    /// @return messageIndex Place in the outbox.
    function withdraw(address l2Token, address to, uint256 amount) external returns (uint64 messageIndex);

    /// @notice Where the L2 token of an L1 token is, or will be.
    function tokenOf(address l1Token) external view returns (address l2Token);

    /// @notice The L1 token of an L2 token; zero when it is none of this bridge's.
    function l1TokenOf(address l2Token) external view returns (address l1Token);

    /// @notice The bridge on L1. Storage slot 0.
    function l1Bridge() external view returns (address);
}
