// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {BlsSignatures} from "../../../src/l1/sequencers/BlsSignatures.sol";
import {Sequencers} from "../../../src/l1/sequencers/Sequencers.sol";
import {SignedMessages} from "../../../src/l1/sequencers/SignedMessages.sol";
import {TestToken} from "../../../src/mocks/TestToken.sol";
import {BlsSigner} from "../../BlsSigner.sol";
import {T} from "../../T.sol";

/// @title A set of sequencers, and helpers that lock seats and sign for them.
/// @dev The secret of a seat is `secretOf(number)`, and its p2p key `p2pKeyOf(number)`, with the number it was locked by.
abstract contract Stake is T {
    address internal constant SLASHER = address(0x51a5);
    address internal constant REWARDS = address(0x4e3a);
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xB0b);
    address internal constant RECIPIENT = address(0x4ec1);
    address internal constant POSTER = address(0x9057);
    uint256 internal constant PRICE = 20_000e18;
    uint64 internal constant START = 1_700_000_000;
    uint64 internal constant EPOCH = 1 days;
    uint64 internal constant LEAD = 1 hours;

    TestToken internal token;
    Sequencers internal sequencers;
    /// @dev Number by which the seat was locked.
    mapping(uint32 seat => uint256 number) internal numberOf;

    function deploy() internal {
        deploy(stakeConfig());
    }

    function deploy(ISequencers.Config memory config) internal {
        vm.warp(START - LEAD - 1);
        if (address(token) == address(0)) token = new TestToken("Stake", "STK", 18);
        config.token = address(token);
        sequencers = new Sequencers(config);
    }

    function stakeConfig() internal pure returns (ISequencers.Config memory) {
        return ISequencers.Config({
            token: address(1),
            slasher: SLASHER,
            rewards: REWARDS,
            seatPriceTokens: PRICE,
            seatsPerOperatorMax: 100,
            setSizeMin: 4,
            setSizeMax: 100,
            firstEpochAtSeconds: START,
            epochSeconds: EPOCH,
            snapshotLeadSeconds: LEAD,
            unlockDelaySeconds: 21 days,
            evidenceWindowSeconds: 14 days,
            keyRotationEpochs: 7,
            jailSeconds: 2 days
        });
    }

    function secretOf(uint256 number) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("secret", number))) % BlsSigner.R;
    }

    function p2pKeyOf(uint256 number) internal pure returns (bytes32) {
        return keccak256(abi.encode("p2p", number));
    }

    function contactOf(uint256 number) internal pure returns (ISequencers.Contact memory) {
        return ISequencers.Contact(string.concat("node", vm.toString(number), ".example:9000"), POSTER, RECIPIENT);
    }

    function keysOf(uint256 number, address operator) internal view returns (ISequencers.Keys memory keys) {
        keys.p2pKey = p2pKeyOf(number);
        keys.blsKey = BlsSigner.publicKey(secretOf(number));
        keys.possession = BlsSigner.possess(
            secretOf(number),
            SignedMessages.possession(address(sequencers), operator, BlsSignatures.compress(keys.blsKey))
        );
    }

    function fund(address operator, uint256 tokens) internal {
        token.mint(operator, tokens);
        vm.prank(operator);
        token.approve(address(sequencers), type(uint256).max);
    }

    function lock(address operator, uint256 number) internal returns (uint32 seat) {
        fund(operator, PRICE);
        ISequencers.Keys memory keys = keysOf(number, operator);
        vm.prank(operator);
        seat = sequencers.lock(keys, contactOf(number));
        numberOf[seat] = number;
    }

    /// @dev Locks `count` seats, and stores the committee of epoch 0, in which they are.
    function lockAndSnapshot(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            lock(ALICE, i);
        }
        vm.warp(START);
        sequencers.snapshot(0);
    }

    /// @dev What the seats of these bits in an epoch's committee sign together.
    function certify(uint32 epoch, bytes memory message, uint256 signers)
        internal
        view
        returns (ISequencers.Certificate memory certificate)
    {
        uint32[] memory seats = sequencers.committeeSeats(epoch);
        // The sum of signatures is the signature of the sum of the secrets.
        uint256 secret = 0;
        for (uint256 i = 0; i < seats.length; ++i) {
            if ((signers >> i) & 1 == 1) secret = addmod(secret, secretOf(numberOf[seats[i]]), BlsSigner.R);
        }
        certificate.signers = signers;
        certificate.signature = BlsSigner.sign(secret, message);
    }

    function indexOf(uint32 epoch, uint32 seat) internal view returns (uint256) {
        uint32[] memory seats = sequencers.committeeSeats(epoch);
        for (uint256 i = 0; i < seats.length; ++i) {
            if (seats[i] == seat) return i;
        }
        revert("not a member");
    }
}
