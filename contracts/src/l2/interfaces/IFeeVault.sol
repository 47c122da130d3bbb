// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Collects base fees and L1 data fees. At 0x5100000000000000000000000000000000000003.
/// @notice Blocks credit it without a call.
///
/// Assumptions: genesis sets the recipient, in storage slot 0, and nothing changes it. The recipient can receive ETH on
/// L1.
///
/// Liveness: anyone may send the fees on; they do not get lost while nobody does.
interface IFeeVault {
    /// @notice The balance was sent to the recipient on L1.
    event FeesWithdrawn(address indexed recipient, uint256 amountWei, uint64 messageIndex);

    /// @notice Less is here than is worth a message.
    error BalanceTooLow(uint256 balanceWei, uint256 balanceWeiMin);

    /// @notice Sends the whole balance to the recipient on L1. Anyone may call.
    /// @dev Emits `FeesWithdrawn`. Reverts with `BalanceTooLow`, and with `IOutbox.ZeroRecipient` where genesis set no
    /// recipient.
    /// @return messageIndex Place in the outbox.
    function withdraw() external returns (uint64 messageIndex);

    /// @notice Receives the fees on L1. Storage slot 0.
    function recipient() external view returns (address);

    /// @notice Least balance that may be sent: 0.01 ether.
    function BALANCE_WEI_MIN() external view returns (uint256);
}
