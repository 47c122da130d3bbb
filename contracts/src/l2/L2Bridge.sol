// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";

import {AddressAlias} from "../AddressAlias.sol";
import {Predeploys} from "../Predeploys.sol";
import {IBridge} from "../l1/interfaces/IBridge.sol";
import {BridgedToken} from "./BridgedToken.sol";
import {IL2Bridge} from "./interfaces/IL2Bridge.sol";
import {IOutbox} from "./interfaces/IOutbox.sol";

contract L2Bridge is IL2Bridge {
    /// @inheritdoc IL2Bridge
    address public l1Bridge;
    /// @inheritdoc IL2Bridge
    mapping(address l2Token => address l1Token) public l1TokenOf;

    /// @inheritdoc IL2Bridge
    function finalizeDeposit(
        address l1Token,
        address from,
        address to,
        uint256 amount,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external {
        if (msg.sender != AddressAlias.toL2(l1Bridge)) revert NotL1Bridge(msg.sender);
        address l2Token = tokenOf(l1Token);
        if (l1TokenOf[l2Token] == address(0)) _deploy(l1Token, l2Token, name, symbol, decimals);
        emit DepositFinalized(l1Token, from, to, amount);
        BridgedToken(l2Token).mint(to, amount);
    }

    /// @inheritdoc IL2Bridge
    function withdraw(address l2Token, address to, uint256 amount) external returns (uint64 messageIndex) {
        address l1Token = l1TokenOf[l2Token];
        if (l1Token == address(0)) revert NotBridged(l2Token);
        if (to == address(0)) revert ZeroRecipient();
        if (amount == 0) revert ZeroAmount();
        BridgedToken(l2Token).burn(msg.sender, amount);
        messageIndex = IOutbox(Predeploys.OUTBOX)
            .sendMessage(l1Bridge, abi.encodeCall(IBridge.releaseErc20, (l1Token, to, amount)));
        emit WithdrawalStarted(l1Token, msg.sender, to, amount, messageIndex);
    }

    /// @inheritdoc IL2Bridge
    function tokenOf(address l1Token) public view returns (address l2Token) {
        return Create2.computeAddress(bytes32(0), keccak256(_creationCode(l1Token)));
    }

    function _deploy(address l1Token, address l2Token, string calldata name, string calldata symbol, uint8 decimals)
        private
    {
        l1TokenOf[l2Token] = l1Token;
        emit TokenDeployed(l1Token, l2Token, name, symbol, decimals);
        Create2.deploy(0, bytes32(0), _creationCode(l1Token));
        BridgedToken(l2Token).describe(name, symbol, decimals);
    }

    /// @dev Holds the L1 token but not its name, so that the address depends on the former only.
    function _creationCode(address l1Token) private pure returns (bytes memory) {
        return abi.encodePacked(type(BridgedToken).creationCode, abi.encode(l1Token));
    }
}
