// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "solady/tokens/ERC20.sol";

import {IBridgedToken} from "./interfaces/IBridgedToken.sol";

contract BridgedToken is IBridgedToken, ERC20 {
    /// @inheritdoc IBridgedToken
    address public immutable bridge;
    /// @inheritdoc IBridgedToken
    address public immutable l1Token;

    string private _name;
    string private _symbol;
    uint8 private _decimals;

    modifier onlyBridge() {
        if (msg.sender != bridge) revert NotBridge(msg.sender);
        _;
    }

    constructor(address l1Token_) {
        bridge = msg.sender;
        l1Token = l1Token_;
    }

    /// @inheritdoc IBridgedToken
    function describe(string calldata name_, string calldata symbol_, uint8 decimals_) external onlyBridge {
        _name = name_;
        _symbol = symbol_;
        _decimals = decimals_;
    }

    /// @inheritdoc IBridgedToken
    function mint(address to, uint256 amount) external onlyBridge {
        _mint(to, amount);
    }

    /// @inheritdoc IBridgedToken
    function burn(address from, uint256 amount) external onlyBridge {
        _burn(from, amount);
    }

    /// @inheritdoc ERC20
    function name() public view override returns (string memory) {
        return _name;
    }

    /// @inheritdoc ERC20
    function symbol() public view override returns (string memory) {
        return _symbol;
    }

    /// @inheritdoc ERC20
    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /// @dev Nobody gets an allowance that the owner did not give.
    function _givePermit2InfiniteAllowance() internal pure override returns (bool) {
        return false;
    }
}
