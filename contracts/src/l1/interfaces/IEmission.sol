// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The tokens that nodes can ever earn.
/// @notice Holds tokens, and pays them out for the rewards contract, never more than half of a fixed supply in all.
///
/// Assumptions: the token's whole supply is what the constructor was told. Somebody sends the tokens here; what is here
/// above the budget stays here for ever.
///
/// Liveness: when the budget is used up, nodes earn fees only.
interface IEmission {
    /// @notice Tokens were set aside for claims.
    event Committed(uint256 tokens);
    /// @notice Tokens that had been set aside were paid.
    event Paid(address indexed to, uint256 tokens);
    /// @notice Tokens that had been set aside can be earned anew.
    event GivenBack(uint256 tokens);

    /// @notice The constructor was given the zero address.
    error ZeroAddress();
    /// @notice The budget is more than half of the supply.
    error BudgetAboveHalf(uint256 budgetTokens, uint256 supplyTokens);
    /// @notice The caller is not the rewards contract.
    error NotRewards(address caller);
    /// @notice More was asked for than is left.
    error NotLeft(uint256 asked, uint256 left);
    /// @notice More was asked for than is set aside.
    error NotCommitted(uint256 asked, uint256 committed);

    /// @notice Sets tokens aside. Only the rewards contract may call.
    /// @dev Emits `Committed`. Reverts with `NotRewards`, `NotLeft`.
    function commit(uint256 tokens) external;

    /// @notice Pays tokens that were set aside. Only the rewards contract may call.
    /// @dev Emits `Paid`. Reverts with `NotRewards`, `NotCommitted`.
    function pay(address to, uint256 tokens) external;

    /// @notice Ends the setting aside. Only the rewards contract may call.
    /// @dev Emits `GivenBack`. Reverts with `NotRewards`, `NotCommitted`.
    function giveBack(uint256 tokens) external;

    /// @notice What can still be set aside: of the budget, and of what is here.
    function leftTokens() external view returns (uint256);

    /// @notice What is set aside.
    function committedTokens() external view returns (uint256);

    /// @notice What was paid ever.
    function paidTokens() external view returns (uint256);

    /// @notice Most that is ever paid; at most half of the supply.
    function budgetTokens() external view returns (uint256);

    /// @notice The token.
    function token() external view returns (address);

    /// @notice May set aside and pay.
    function rewards() external view returns (address);
}
