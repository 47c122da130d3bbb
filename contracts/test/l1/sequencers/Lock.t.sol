// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {BlsSignatures} from "../../../src/l1/sequencers/BlsSignatures.sol";
import {Committees} from "../../../src/l1/sequencers/Committees.sol";
import {Sequencers} from "../../../src/l1/sequencers/Sequencers.sol";
import {SignedMessages} from "../../../src/l1/sequencers/SignedMessages.sol";
import {FeeToken} from "../../Tokens.sol";
import {TestToken} from "../../../src/mocks/TestToken.sol";
import {BlsSigner} from "../../BlsSigner.sol";
import {Stake} from "./Stake.sol";

contract LockTest is Stake {
    function setUp() public {
        ISequencers.Config memory config = stakeConfig();
        config.setSizeMax = 5;
        config.seatsPerOperatorMax = 3;
        deploy(config);
        fund(ALICE, 10 * PRICE);
    }

    function test_RevertWhen_TheSetIsFull() public {
        for (uint256 i = 0; i < 5; ++i) {
            lock(i < 3 ? ALICE : BOB, i);
        }
        ISequencers.Keys memory keys = keysOf(5, address(7));
        vm.expectRevert(abi.encodeWithSelector(ISequencers.SetFull.selector, 5));
        vm.prank(address(7));
        sequencers.lock(keys, contactOf(5));
    }

    function test_RevertWhen_TheOperatorHasTooManySeats() public {
        for (uint256 i = 0; i < 3; ++i) {
            lock(ALICE, i);
        }
        ISequencers.Keys memory keys = keysOf(3, ALICE);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.TooManySeats.selector, ALICE, 3));
        vm.prank(ALICE);
        sequencers.lock(keys, contactOf(3));
    }

    function test_RevertWhen_TheKeyIsTaken() public {
        ISequencers.Keys memory keys = keysOf(0, ALICE);
        lock(ALICE, 0);
        keys.p2pKey = p2pKeyOf(1);
        refused(keys, abi.encodeWithSelector(ISequencers.KeyTaken.selector, keccak256(Committees.pack(keys.blsKey))));
    }

    function test_RevertWhen_TheP2pKeyIsTakenOrZero() public {
        lock(ALICE, 0);
        ISequencers.Keys memory keys = keysOf(1, ALICE);
        keys.p2pKey = p2pKeyOf(0);
        refused(keys, abi.encodeWithSelector(ISequencers.P2pKeyTaken.selector, keys.p2pKey));
        keys.p2pKey = 0;
        refused(keys, abi.encodeWithSelector(ISequencers.P2pKeyTaken.selector, bytes32(0)));
    }

    function test_RevertWhen_TheKeyIsInfinity() public {
        ISequencers.Keys memory keys;
        keys.p2pKey = p2pKeyOf(0);
        refused(keys, abi.encodeWithSelector(BlsSignatures.KeyIsInfinity.selector));
    }

    function testFuzz_RevertWhen_TheKeyIsNotOnTheCurve(uint8 bit) public {
        ISequencers.Keys memory keys = keysOf(0, ALICE);
        keys.blsKey.y_c0_b ^= bytes32(uint256(1) << bit);
        refused(keys, abi.encodeWithSelector(BlsSignatures.KeyNotOnCurve.selector));
    }

    /// @dev A point of the twist, y² = x³ + 4(1 + i), found by trying x; it is not cleared of the cofactor.
    function test_RevertWhen_TheKeyIsNotInTheGroup() public {
        ISequencers.Keys memory keys = keysOf(0, ALICE);
        keys.blsKey = outsideOfTheGroup();
        refused(keys, abi.encodeWithSelector(BlsSignatures.NotInSubgroup.selector));
    }

    /// @dev The attack that proofs of possession are for: a key that is the attacker's less all the others'.
    function testFuzz_RevertWhen_TheKeyIsRogue(uint256 secret) public {
        secret = bound(secret, 1, BlsSigner.R - 1);
        for (uint256 i = 0; i < 2; ++i) {
            lock(BOB, i);
        }
        BLS.G2Point memory others = BLS.add(BlsSigner.publicKey(secretOf(0)), BlsSigner.publicKey(secretOf(1)));
        ISequencers.Keys memory keys;
        keys.p2pKey = p2pKeyOf(2);
        keys.blsKey = BLS.add(BlsSigner.publicKey(secret), BlsSignatures.negate(others));
        keys.possession = BlsSigner.possess(
            secret, SignedMessages.possession(address(sequencers), ALICE, BlsSignatures.compress(keys.blsKey))
        );
        refused(keys, notProven(keys));
    }

    function testFuzz_RevertWhen_ThePossessionIsForSomebodyElse(address operator) public {
        vm.assume(operator != ALICE);
        ISequencers.Keys memory keys = keysOf(0, operator);
        refused(keys, notProven(keys));
    }

    /// @dev A vote must not serve as a proof of possession: the tags differ.
    function test_RevertWhen_ThePossessionIsAVote() public {
        ISequencers.Keys memory keys = keysOf(0, ALICE);
        keys.possession = BlsSigner.sign(
            secretOf(0), SignedMessages.possession(address(sequencers), ALICE, BlsSignatures.compress(keys.blsKey))
        );
        refused(keys, notProven(keys));
    }

    function test_RevertWhen_TheNetworkAddressIsEmptyOrTooLong() public {
        ISequencers.Contact memory contact = contactOf(0);
        contact.networkAddress = "";
        refused(contact, abi.encodeWithSelector(ISequencers.BadNetworkAddress.selector, 0, 128));
        contact.networkAddress = string(new bytes(129));
        refused(contact, abi.encodeWithSelector(ISequencers.BadNetworkAddress.selector, 129, 128));
    }

    function test_RevertWhen_NobodyReceivesTheRewards() public {
        ISequencers.Contact memory contact = contactOf(0);
        contact.rewardRecipient = address(0);
        refused(contact, abi.encodeWithSelector(ISequencers.ZeroAddress.selector));
    }

    function test_RevertWhen_TheTokenKeepsAFee() public {
        token = TestToken(address(new FeeToken()));
        deploy(stakeConfig());
        fund(ALICE, 2 * PRICE);
        vm.expectRevert(abi.encodeWithSelector(ISequencers.TokensNotReceived.selector, PRICE - PRICE / 100, PRICE));
        vm.prank(ALICE);
        sequencers.topUp(ALICE, PRICE);
    }

    function test_RevertWhen_TopUpOfNothing() public {
        vm.expectRevert(ISequencers.NoTokens.selector);
        sequencers.topUp(ALICE, 0);
    }

    function test_TakesExactlyThePrice() public {
        ISequencers.Keys memory keys = keysOf(0, ALICE);
        vm.expectEmit();
        emit ISequencers.SeatLocked(1, ALICE, 0);
        vm.expectEmit();
        emit ISequencers.KeysSet(1, keys.p2pKey, 0, keys.blsKey);
        vm.expectEmit();
        emit ISequencers.ContactSet(1, contactOf(0).networkAddress, POSTER, RECIPIENT);
        vm.prank(ALICE);
        vm.assertEq(sequencers.lock(keys, contactOf(0)), 1);
        vm.assertEq(token.balanceOf(ALICE), 9 * PRICE);
        vm.assertEq(token.balanceOf(address(sequencers)), PRICE);
        vm.assertEq(sequencers.seatCountOf(ALICE), 1);
        vm.assertEq(sequencers.takenCount(), 1);
        (bytes32 p2pKey, BLS.G2Point memory blsKey) = sequencers.keysOf(1, 0);
        vm.assertEq(p2pKey, keys.p2pKey);
        vm.assertEq(abi.encode(blsKey), abi.encode(keys.blsKey));
        vm.assertEq(abi.encode(sequencers.contactOf(1)), abi.encode(contactOf(0)));
    }

    function testFuzz_TakesFromTheReserveFirst(uint256 reserve) public {
        reserve = bound(reserve, 1, 3 * PRICE);
        vm.prank(ALICE);
        sequencers.topUp(ALICE, reserve);
        uint256 before = token.balanceOf(ALICE);
        ISequencers.Keys memory keys = keysOf(0, ALICE);
        vm.prank(ALICE);
        sequencers.lock(keys, contactOf(0));
        uint256 fromReserve = reserve < PRICE ? reserve : PRICE;
        vm.assertEq(sequencers.reserveOf(ALICE).tokens, reserve - fromReserve);
        vm.assertEq(before - token.balanceOf(ALICE), PRICE - fromReserve);
    }

    function testFuzz_AnybodyTopsUpForAnybody(address operator, uint96 tokens) public {
        vm.assume(tokens != 0);
        fund(BOB, tokens);
        vm.expectEmit();
        emit ISequencers.ReserveLocked(operator, tokens);
        vm.prank(BOB);
        sequencers.topUp(operator, tokens);
        vm.assertEq(sequencers.reserveOf(operator).tokens, tokens);
    }

    function refused(ISequencers.Keys memory keys, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(ALICE);
        sequencers.lock(keys, contactOf(0));
    }

    function refused(ISequencers.Contact memory contact, bytes memory reason) private {
        ISequencers.Keys memory keys = keysOf(0, ALICE);
        vm.expectRevert(reason);
        vm.prank(ALICE);
        sequencers.lock(keys, contact);
    }

    function notProven(ISequencers.Keys memory keys) private pure returns (bytes memory) {
        bytes32 keyHash = keccak256(Committees.pack(keys.blsKey));
        return abi.encodeWithSelector(ISequencers.PossessionNotProven.selector, keyHash);
    }

    function outsideOfTheGroup() private pure returns (BLS.G2Point memory) {
        return BLS.G2Point(
            0,
            bytes32(uint256(2)),
            0,
            0,
            bytes32(uint256(0x18c6b864ae17dc9da64203ffefb96630)),
            0x6425a7bc6aeb7c75247438372716284a4173830420cd476ba1a365b95bfcec38,
            bytes32(uint256(0x172e93db764a8400a7d5071b6b6f5de0)),
            0xda2f0f4a063119abca014006b7c40a2cfe291a1924e65db0d6d0fcfbf3bf3d5c
        );
    }
}

contract SequencersConfigTest is Stake {
    function test_RevertWhen_AnAddressIsZero() public {
        for (uint256 i = 0; i < 3; ++i) {
            ISequencers.Config memory config = base();
            if (i == 0) config.token = address(0);
            if (i == 1) config.slasher = address(0);
            if (i == 2) config.rewards = address(0);
            vm.expectRevert(ISequencers.ZeroAddress.selector);
            this.create(config);
        }
    }

    function test_RevertWhen_ParametersDoNotFit() public {
        ISequencers.Config memory config = base();
        config.epochSeconds = 0;
        refused(config, "an epoch needs a length");
        config = base();
        config.snapshotLeadSeconds = EPOCH + 1;
        refused(config, "lead longer than an epoch");
        config = base();
        config.firstEpochAtSeconds -= 1;
        refused(config, "first epoch sooner than the lead");
        config = base();
        config.seatPriceTokens = 0;
        refused(config, "a seat needs a price");
        config = base();
        config.setSizeMin = 0;
        refused(config, "set size");
        config = base();
        config.setSizeMin = config.setSizeMax + 1;
        refused(config, "set size");
        config = base();
        config.setSizeMax = 125;
        refused(config, "set larger than one code object");
        config = base();
        config.seatsPerOperatorMax = 0;
        refused(config, "operators need a seat");
        config = base();
        config.unlockDelaySeconds = config.evidenceWindowSeconds;
        refused(config, "unlock delay not longer than the evidence window");
        config = base();
        config.keyRotationEpochs = 1;
        refused(config, "keys change more often than every 2 epochs");
    }

    function create(ISequencers.Config memory config) external {
        vm.warp(START - LEAD);
        sequencers = new Sequencers(config);
    }

    function base() private pure returns (ISequencers.Config memory) {
        return stakeConfig();
    }

    function refused(ISequencers.Config memory config, string memory reason) private {
        vm.expectRevert(abi.encodeWithSelector(ISequencers.BadConfig.selector, reason));
        this.create(config);
    }
}
