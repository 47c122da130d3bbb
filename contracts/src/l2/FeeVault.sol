// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Predeploys} from "../Predeploys.sol";
import {IFeeVault} from "./interfaces/IFeeVault.sol";
import {IOutbox} from "./interfaces/IOutbox.sol";

contract FeeVault is IFeeVault {
    /// @inheritdoc IFeeVault
    uint256 public constant BALANCE_WEI_MIN = 0.01 ether;

    /// @inheritdoc IFeeVault
    address public recipient;

    /// @inheritdoc IFeeVault
    function withdraw() external returns (uint64 messageIndex) {
        uint256 amountWei = address(this).balance;
        if (amountWei < BALANCE_WEI_MIN) revert BalanceTooLow(amountWei, BALANCE_WEI_MIN);
        messageIndex = IOutbox(Predeploys.OUTBOX).withdraw{value: amountWei}(recipient);
        emit FeesWithdrawn(recipient, amountWei, messageIndex);
    }
}
