// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

import {IExecutor} from "./interfaces/IExecutor.sol";

contract Executor is IExecutor {
    /// @inheritdoc IExecutor
    address public immutable bridge;

    /// @dev The bridge deploys it.
    constructor() {
        bridge = msg.sender;
    }

    /// @inheritdoc IExecutor
    function execute(address target, bytes calldata data) external payable {
        if (msg.sender != bridge) revert NotBridge(msg.sender);
        (bool success, bytes memory returned) = target.call{value: msg.value}(data);
        Address.verifyCallResult(success, returned);
    }
}
