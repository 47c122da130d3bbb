// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20, SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {MetadataReaderLib} from "solady/utils/MetadataReaderLib.sol";

import {OutboxTree} from "../OutboxTree.sol";
import {Predeploys} from "../Predeploys.sol";
import {IL2Bridge} from "../l2/interfaces/IL2Bridge.sol";
import {Executor} from "./Executor.sol";
import {IBridge} from "./interfaces/IBridge.sol";
import {IExecutor} from "./interfaces/IExecutor.sol";
import {IInbox} from "./interfaces/IInbox.sol";
import {IRollup} from "./interfaces/IRollup.sol";

contract Bridge is IBridge, ReentrancyGuardTransient {
    using BitMaps for BitMaps.BitMap;
    using SafeERC20 for IERC20;

    /// @inheritdoc IBridge
    uint64 public constant ERC20_GAS_LIMIT = 1_500_000;

    uint256 private constant NAME_SIZE_MAX = 64;
    uint256 private constant SYMBOL_SIZE_MAX = 32;
    /// @dev For each question to a token about itself. What follows costs more, so nobody can starve a question and
    /// still deposit.
    uint256 private constant METADATA_GAS = 50_000;

    /// @inheritdoc IBridge
    address public immutable inbox;
    /// @inheritdoc IBridge
    address public immutable rollup;
    /// @inheritdoc IBridge
    address public immutable executor;

    /// @inheritdoc IBridge
    mapping(address token => uint256 amount) public escrowedErc20;
    BitMaps.BitMap private _claimed;
    address private transient _l2Sender;

    constructor(address inbox_, address rollup_) {
        if (inbox_ == address(0) || rollup_ == address(0)) revert ZeroAddress();
        inbox = inbox_;
        rollup = rollup_;
        executor = address(new Executor());
    }

    /// @inheritdoc IBridge
    function depositErc20(address token, address to, uint256 amount)
        external
        payable
        nonReentrant
        returns (uint64 messageIndex)
    {
        if (to == address(0)) revert ZeroAddress();
        if (token.code.length == 0) revert NotAToken(token);
        // A surplus would be minted on L2 for this contract's alias, that is for nobody.
        if (msg.value != erc20DepositFeeWei()) revert FeeNotExact(msg.value, erc20DepositFeeWei());

        // What arrives is known only after the transfer; the guard stands in for the usual order.
        uint256 received = _take(token, amount);
        escrowedErc20[token] += received;
        messageIndex = _queueMint(token, to, received);
        emit Erc20Deposited(token, msg.sender, to, received, messageIndex);
    }

    /// @inheritdoc IBridge
    function claim(uint64 batchIndex, Withdrawal calldata withdrawal, uint64 leafIndex, bytes32[32] calldata proof)
        external
        nonReentrant
    {
        if (!IRollup(rollup).isFinal(batchIndex)) revert BatchNotFinal(batchIndex);
        if (_claimed.get(leafIndex)) revert AlreadyClaimed(leafIndex);
        _checkInOutbox(batchIndex, withdrawal, leafIndex, proof);

        _claimed.set(leafIndex);
        _l2Sender = withdrawal.sender;
        emit WithdrawalClaimed(leafIndex, withdrawal.sender, withdrawal.target, withdrawal.value, batchIndex);
        IExecutor(executor).execute{value: withdrawal.value}(withdrawal.target, withdrawal.data);
        _l2Sender = address(0);
    }

    /// @inheritdoc IBridge
    function releaseErc20(address token, address to, uint256 amount) external {
        if (msg.sender != executor || _l2Sender != Predeploys.L2_BRIDGE) revert NotL2Bridge(msg.sender);
        uint256 escrowed = escrowedErc20[token];
        if (amount > escrowed) revert EscrowTooLow(token, amount, escrowed);
        escrowedErc20[token] = escrowed - amount;
        emit Erc20Released(token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @inheritdoc IBridge
    function receiveEscrow() external payable {
        if (msg.sender != inbox) revert NotInbox(msg.sender);
    }

    /// @inheritdoc IBridge
    function l2Sender() external view returns (address) {
        if (_l2Sender == address(0)) revert NoMessage();
        return _l2Sender;
    }

    /// @inheritdoc IBridge
    function isClaimed(uint64 leafIndex) external view returns (bool) {
        return _claimed.get(leafIndex);
    }

    /// @inheritdoc IBridge
    function erc20DepositFeeWei() public view returns (uint256) {
        return IInbox(inbox).messageFeeWei(ERC20_GAS_LIMIT);
    }

    /// @dev Moves tokens here and tells how many arrived.
    function _take(address token, uint256 amount) private returns (uint256 received) {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 afterwards = IERC20(token).balanceOf(address(this));
        if (afterwards <= before) revert NothingReceived(token);
        return afterwards - before;
    }

    function _queueMint(address token, address to, uint256 amount) private returns (uint64 messageIndex) {
        bytes memory data = abi.encodeCall(
            IL2Bridge.finalizeDeposit,
            (
                token,
                msg.sender,
                to,
                amount,
                MetadataReaderLib.readName(token, NAME_SIZE_MAX, METADATA_GAS),
                MetadataReaderLib.readSymbol(token, SYMBOL_SIZE_MAX, METADATA_GAS),
                MetadataReaderLib.readDecimals(token, METADATA_GAS)
            )
        );
        return IInbox(inbox).deposit{value: msg.value}(Predeploys.L2_BRIDGE, 0, ERC20_GAS_LIMIT, data);
    }

    function _checkInOutbox(
        uint64 batchIndex,
        Withdrawal calldata withdrawal,
        uint64 leafIndex,
        bytes32[32] calldata proof
    ) private view {
        bytes32 leaf = OutboxTree.leafHash(
            leafIndex, withdrawal.sender, withdrawal.target, withdrawal.value, keccak256(withdrawal.data)
        );
        // Of an index above 32 bits the tree would use only the low ones, but the leaf holds all and the outbox makes
        // no such leaf.
        bytes32 root = OutboxTree.rootFrom(leaf, leafIndex, proof);
        bytes32 outboxRoot = IRollup(rollup).batch(batchIndex).outboxRoot;
        if (root != outboxRoot) revert NotInOutbox(root, outboxRoot);
    }
}
