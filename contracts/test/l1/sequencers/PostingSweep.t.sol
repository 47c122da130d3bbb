// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IPosting} from "../../../src/l1/interfaces/IPosting.sol";
import {IRewards} from "../../../src/l1/interfaces/IRewards.sol";
import {Posting} from "../../../src/l1/sequencers/Posting.sol";
import {Rewards} from "../../../src/l1/sequencers/Rewards.sol";
import {Pot} from "./Pot.sol";

/// @dev Sweeps again while it is paid.
contract Greedy {
    uint256 public refused;

    receive() external payable {
        try IPosting(payable(msg.sender)).sweep() {}
        catch {
            refused += 1;
        }
    }
}

contract PostingSweepTest is Pot {
    function setUp() public {
        deployPot(4);
    }

    function testFuzz_RevertWhen_ThePotHoldsNoMoreThanItsReserve(uint256 potWei) public {
        potWei = bound(potWei, 0, RESERVE);
        vm.deal(address(posting), potWei);
        vm.expectRevert(abi.encodeWithSelector(IPosting.NoSurplus.selector, potWei, RESERVE));
        posting.sweep();
    }

    function test_RevertWhen_TheRecipientRefuses() public {
        vm.deal(address(posting), RESERVE + 1);
        // `INVALID`.
        vm.etch(SURPLUS, hex"fe");
        vm.expectRevert();
        posting.sweep();
        vm.assertEq(address(posting).balance, RESERVE + 1);
    }

    function testFuzz_AnybodySendsOnWhatIsAboveTheReserve(address caller, uint96 feesWei) public {
        vm.assume(feesWei != 0);
        uint256 potWei = RESERVE + uint256(feesWei);
        vm.deal(address(this), potWei);
        (bool isTaken,) = address(posting).call{value: potWei}("");
        vm.assertTrue(isTaken);
        vm.expectEmit();
        emit IPosting.Swept(SURPLUS, feesWei);
        vm.prank(caller);
        posting.sweep();
        vm.assertEq(address(posting).balance, RESERVE);
        vm.assertEq(SURPLUS.balance, feesWei);
    }

    function test_TheRecipientGetsNothingTwice() public {
        Greedy greedy = new Greedy();
        deployWith(address(greedy));
        posting.sweep();
        vm.assertEq(greedy.refused(), 1);
        vm.assertEq(address(greedy).balance, 1 ether);
        vm.assertEq(address(posting).balance, RESERVE);
    }

    /// @dev Where the surplus goes by default: to the seats, with the next record.
    function test_RewardsTakesTheSurplus() public {
        Rewards rewards = new Rewards(
            IRewards.Config({
                sequencers: address(sequencers),
                emission: address(1),
                token: address(token),
                tokensPerBlock: 1,
                blocksPerEpochMax: 1,
                missedShareMaxBps: 0,
                epochsToJail: 1
            })
        );
        deployWith(address(rewards));
        posting.sweep();
        vm.assertEq(rewards.unassignedWei(), 1 ether);
    }

    /// @dev With one ether above the reserve.
    function deployWith(address recipient) private {
        IPosting.Config memory config = potConfig();
        config.surplusRecipient = recipient;
        posting = new Posting(config);
        vm.deal(address(posting), RESERVE + 1 ether);
    }
}
