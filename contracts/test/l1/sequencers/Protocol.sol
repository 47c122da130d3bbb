// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IRewards} from "../../../src/l1/interfaces/IRewards.sol";
import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {ISlasher} from "../../../src/l1/interfaces/ISlasher.sol";
import {Emission} from "../../../src/l1/sequencers/Emission.sol";
import {Rewards} from "../../../src/l1/sequencers/Rewards.sol";
import {SignedMessages} from "../../../src/l1/sequencers/SignedMessages.sol";
import {Slasher} from "../../../src/l1/sequencers/Slasher.sol";
import {TestToken} from "../../../src/mocks/TestToken.sol";
import {Stake} from "./Stake.sol";

/// @title The contracts of stake and rewards, deployed in the documented order.
abstract contract Protocol is Stake {
    address internal constant ROLLUP = address(0x4040);
    address internal constant TREASURY = address(0x74ea);
    uint256 internal constant SUPPLY = 10_000_000e18;
    uint256 internal constant PER_BLOCK = 0.000761e18;
    uint64 internal constant BLOCKS_MAX = 864_000;

    Slasher internal slasher;
    Rewards internal rewards;
    Emission internal emission;

    function deployProtocol(uint256 budget) internal {
        token = new TestToken("Stake", "STK", 18);
        uint256 nonce = vm.getNonce(address(this));
        ISequencers.Config memory config = stakeConfig();
        config.slasher = vm.computeCreateAddress(address(this), nonce + 1);
        config.rewards = vm.computeCreateAddress(address(this), nonce + 2);
        deploy(config);
        slasher = new Slasher(slasherConfig());
        rewards = new Rewards(rewardsConfig(vm.computeCreateAddress(address(this), nonce + 3)));
        emission = new Emission(address(token), address(rewards), SUPPLY, budget);
        vm.assertEq(sequencers.slasher(), address(slasher));
        vm.assertEq(sequencers.rewards(), address(rewards));
        vm.assertEq(rewards.emission(), address(emission));
        token.mint(address(emission), SUPPLY / 2);
    }

    function slasherConfig() internal view returns (ISlasher.Config memory) {
        return ISlasher.Config({
            sequencers: address(sequencers),
            token: address(token),
            rollup: ROLLUP,
            treasury: TREASURY,
            reporterShareBps: 1000
        });
    }

    function rewardsConfig(address emission_) internal view returns (IRewards.Config memory) {
        return IRewards.Config({
            sequencers: address(sequencers),
            emission: emission_,
            token: address(token),
            tokensPerBlock: PER_BLOCK,
            blocksPerEpochMax: BLOCKS_MAX,
            missedShareMaxBps: 2000,
            epochsToJail: 2
        });
    }

    /// @dev A record of these entries, whose sums are its totals. Up to 256 entries.
    function recordOf(uint32 epoch, IRewards.Entry[] memory entries)
        internal
        pure
        returns (IRewards.Record memory record)
    {
        record.epoch = epoch;
        for (uint256 i = 0; i < entries.length; ++i) {
            record.blockCount += entries[i].producedCount;
            record.feesWei += entries[i].feesWei;
        }
        record.root = rootOf(entries);
    }

    /// @dev A quorum of the epoch's committee, which has no ejected seats, certifies the record.
    function submit(IRewards.Record memory record) internal {
        uint256 all = (1 << sequencers.committeeSeats(record.epoch).length) - 1;
        rewards.submit(record, certify(record.epoch, messageOf(record), all));
    }

    function messageOf(IRewards.Record memory record) internal view returns (bytes memory) {
        return SignedMessages.record(address(rewards), record.epoch, keccak256(abi.encode(record)));
    }

    function rootOf(IRewards.Entry[] memory entries) internal pure returns (bytes32) {
        bytes32[] memory level = leaves(entries);
        while (level.length > 1) {
            level = above(level);
        }
        return level[0];
    }

    function proofOf(IRewards.Entry[] memory entries, uint256 index) internal pure returns (bytes32[] memory proof) {
        bytes32[] memory level = leaves(entries);
        bytes32[] memory path = new bytes32[](8);
        uint256 size = 0;
        while (level.length > 1) {
            // One without a sibling goes up as it is.
            if (index ^ 1 < level.length) path[size++] = level[index ^ 1];
            level = above(level);
            index /= 2;
        }
        proof = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            proof[i] = path[i];
        }
    }

    function leaves(IRewards.Entry[] memory entries) private pure returns (bytes32[] memory level) {
        level = new bytes32[](entries.length);
        for (uint256 i = 0; i < entries.length; ++i) {
            level[i] = keccak256(abi.encode(keccak256(abi.encode(entries[i]))));
        }
    }

    function above(bytes32[] memory level) private pure returns (bytes32[] memory next) {
        next = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < next.length; ++i) {
            (bytes32 a, bytes32 b) = (level[2 * i], level[2 * i]);
            if (2 * i + 1 == level.length) {
                next[i] = a;
                continue;
            }
            b = level[2 * i + 1];
            next[i] = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
        }
    }
}
