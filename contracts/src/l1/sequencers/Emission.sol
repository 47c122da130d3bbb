// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IEmission} from "../interfaces/IEmission.sol";

contract Emission is IEmission {
    using SafeERC20 for IERC20;

    /// @inheritdoc IEmission
    address public immutable token;
    /// @inheritdoc IEmission
    address public immutable rewards;
    /// @inheritdoc IEmission
    uint256 public immutable budgetTokens;

    /// @inheritdoc IEmission
    uint256 public committedTokens;
    /// @inheritdoc IEmission
    uint256 public paidTokens;

    modifier onlyRewards() {
        if (msg.sender != rewards) revert NotRewards(msg.sender);
        _;
    }

    constructor(address token_, address rewards_, uint256 supplyTokens, uint256 budgetTokens_) {
        if (token_ == address(0) || rewards_ == address(0)) revert ZeroAddress();
        if (budgetTokens_ > supplyTokens / 2) revert BudgetAboveHalf(budgetTokens_, supplyTokens);
        token = token_;
        rewards = rewards_;
        budgetTokens = budgetTokens_;
    }

    /// @inheritdoc IEmission
    function commit(uint256 tokens) external onlyRewards {
        uint256 left = leftTokens();
        if (tokens > left) revert NotLeft(tokens, left);
        committedTokens += tokens;
        emit Committed(tokens);
    }

    /// @inheritdoc IEmission
    function pay(address to, uint256 tokens) external onlyRewards {
        _release(tokens);
        paidTokens += tokens;
        emit Paid(to, tokens);
        IERC20(token).safeTransfer(to, tokens);
    }

    /// @inheritdoc IEmission
    function giveBack(uint256 tokens) external onlyRewards {
        _release(tokens);
        emit GivenBack(tokens);
    }

    /// @inheritdoc IEmission
    function leftTokens() public view returns (uint256) {
        uint256 unpaid = budgetTokens - paidTokens;
        uint256 held = IERC20(token).balanceOf(address(this));
        return (unpaid < held ? unpaid : held) - committedTokens;
    }

    function _release(uint256 tokens) private {
        if (tokens > committedTokens) revert NotCommitted(tokens, committedTokens);
        committedTokens -= tokens;
    }
}
