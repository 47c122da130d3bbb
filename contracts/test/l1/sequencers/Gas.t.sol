// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IRollup} from "../../../src/l1/interfaces/IRollup.sol";
import {IRewards} from "../../../src/l1/interfaces/IRewards.sol";
import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {ISlasher} from "../../../src/l1/interfaces/ISlasher.sol";
import {SignedMessages} from "../../../src/l1/sequencers/SignedMessages.sol";
import {BlsSigner} from "../../BlsSigner.sol";
import {Certified} from "../Certified.sol";
import {Pot} from "./Pot.sol";
import {Protocol} from "./Protocol.sol";
import {Stake} from "./Stake.sol";

/// @dev What certificates cost as transactions of their own: with the 21,000 and the call data. The limits are those of
/// docs/spec/sequencers.md. The dearest signers are a bare quorum, since each absent seat's key is taken off.
/// forge-config: default.isolate = true
contract SequencersGasTest is Stake {
    address private constant ROLLUP = address(0x4040);
    bytes32 private constant BATCH_HASH = keccak256("batch");

    function test_Of4() public {
        measure(4, 191_000);
    }

    function test_Of16() public {
        measure(16, 204_000);
    }

    function test_Of64() public {
        measure(64, 254_000);
    }

    function test_Of100() public {
        measure(100, 297_000);
    }

    function test_Actions() public {
        deploy();
        fund(ALICE, 2 * PRICE);
        for (uint256 i = 0; i < 2; ++i) {
            ISequencers.Keys memory keys = keysOf(i, ALICE);
            vm.prank(ALICE);
            sequencers.lock(keys, contactOf(i));
        }
        vm.snapshotGasLastCall("sequencers", "Sequencers.lock");
        vm.prank(ALICE);
        sequencers.unlockSeat(1);
        vm.snapshotGasLastCall("sequencers", "Sequencers.unlockSeat");
    }

    function measure(uint256 seats, uint256 limit) private {
        deploy();
        for (uint256 i = 0; i < seats; ++i) {
            lock(ALICE, i);
        }
        vm.warp(START);
        sequencers.snapshot(0);
        string memory of_ = string.concat(" of ", vm.toString(seats), " seats");
        vm.snapshotGasLastCall("sequencers", string.concat("Sequencers.snapshot", of_));
        uint256 all = (1 << seats) - 1;
        uint256 quorum = seats - (seats - 1) / 3;
        vm.assertLe(verify(all, string.concat("Sequencers.verifyBatch", of_, ", all sign")), limit);
        // Every third from the first is absent, as far as a quorum allows.
        uint256 signers = all;
        for (uint256 i = 0; i < seats - quorum; ++i) {
            signers &= ~(1 << (3 * i));
        }
        vm.assertLe(verify(signers, string.concat("Sequencers.verifyBatch", of_, ", a quorum signs")), limit);
    }

    /// @dev A plain call, since a static one is no transaction of its own.
    function verify(uint256 signers, string memory name) private returns (uint256) {
        ISequencers.Certificate memory certificate = certify(0, SignedMessages.batch(ROLLUP, 0, 7, BATCH_HASH), signers);
        (bool success,) =
            address(sequencers).call(abi.encodeCall(ISequencers.verifyBatch, (ROLLUP, 0, 7, BATCH_HASH, certificate)));
        vm.assertTrue(success);
        return vm.snapshotGasLastCall("sequencers", name);
    }
}

/// @dev What slashing and rewards cost as transactions of their own, with 100 seats.
/// forge-config: default.isolate = true
contract ProtocolGasTest is Protocol {
    uint256 private constant SEATS = 100;

    function test_Reports() public {
        deployProtocol(SUPPLY / 2);
        lockAndSnapshot(SEATS);
        slasher.reportNotarizes(ISlasher.Accused(0, 7), 1, notarize(7, "a"), notarize(7, "b"));
        slasher.reportNotarizes(ISlasher.Accused(0, 9), 1, notarize(9, "a"), notarize(9, "b"));
        vm.snapshotGasLastCall("sequencers", "Slasher.reportNotarizes of 100 seats");
    }

    function test_Rewards() public {
        deployProtocol(SUPPLY / 2);
        lockAndSnapshot(SEATS);
        vm.warp(START + EPOCH);
        IRewards.Entry[] memory entries = new IRewards.Entry[](SEATS);
        for (uint256 i = 0; i < SEATS; ++i) {
            entries[i] = IRewards.Entry(uint32(i + 1), 1000, 0, 1 ether);
        }
        vm.deal(address(rewards), SEATS * 1 ether);
        submit(recordOf(0, entries));
        vm.snapshotGasLastCall("sequencers", "Rewards.submit of 100 seats, all sign");
        for (uint256 i = 0; i < 2; ++i) {
            rewards.claim(0, entries[i], proofOf(entries, i));
        }
        vm.snapshotGasLastCall("sequencers", "Rewards.claim of 100 seats");
    }

    function notarize(uint256 index, bytes32 payload) private view returns (ISlasher.Vote memory) {
        uint256 secret = secretOf(numberOf[sequencers.committeeSeats(0)[index]]);
        bytes memory message = SignedMessages.notarize(address(sequencers), 0, 1, 0, payload);
        return ISlasher.Vote(0, payload, BlsSigner.sign(secret, message));
    }
}

/// @dev The call alone, without the 21,000 and the call data, since a transaction of its own cannot be given blobs.
contract RollupCertifiedGasTest is Certified {
    function test_Of4() public {
        measure(4);
    }

    function test_Of100() public {
        measure(100);
    }

    function measure(uint256 seats) private {
        deployCertified(seats);
        uint256 all = (1 << seats) - 1;
        commit(all, "");
        commit(all, string.concat(" of ", vm.toString(seats), " seats, all sign, call only"));
        // A bare quorum; every third from the first is absent.
        uint256 signers = all;
        for (uint256 i = 0; i < (seats - 1) / 3; ++i) {
            signers &= ~(1 << (3 * i));
        }
        commit(signers, string.concat(" of ", vm.toString(seats), " seats, a quorum signs, call only"));
    }

    function commit(uint256 signers, string memory name) private {
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate = certifyBatch(0, header, signers);
        address data = sequencers.committee(0).data;
        setBlob();
        vm.cool(address(inbox));
        vm.cool(address(rollup));
        vm.cool(address(sequencers));
        vm.cool(data);
        rollup.commitCertifiedBatch(header, 0, certificate);
        if (bytes(name).length != 0) {
            vm.snapshotGasLastCall("sequencers", string.concat("Rollup.commitCertifiedBatch", name));
        }
    }
}

/// @dev The call alone, as above, with the refund.
contract PostingGasTest is Pot {
    function test_Of4() public {
        measure(4);
    }

    function test_Of100() public {
        measure(100);
    }

    /// @dev The second batch of the seat in turn, certified by a bare quorum, with every third from the first absent.
    function measure(uint256 seats) private {
        deployPot(seats);
        vm.deal(address(posting), 1 ether);
        vm.fee(1 gwei);
        vm.txGasPrice(1 gwei);
        post(posterInTurn(), 1);
        for (uint256 i = 0; i < (seats - 1) / 3; ++i) {
            absent |= 1 << (3 * i);
        }
        address poster = posterInTurn();
        bytes memory data = nextPost(1);
        address committeeData = sequencers.committee(0).data;
        vm.cool(address(inbox));
        vm.cool(address(rollup));
        vm.cool(address(sequencers));
        vm.cool(committeeData);
        send(poster, data);
        uint256 gas = vm.snapshotGasLastCall(
            "sequencers", string.concat("Posting.post of ", vm.toString(seats), " seats, a quorum signs, call only")
        );
        vm.assertLe(transactionGas(data, gas), posting.gasMax());
    }
}
