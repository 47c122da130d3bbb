// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IPosting} from "../../../src/l1/interfaces/IPosting.sol";
import {IRollup} from "../../../src/l1/interfaces/IRollup.sol";
import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {Posting} from "../../../src/l1/sequencers/Posting.sol";
import {Certified} from "../Certified.sol";

/// @title A rollup with the pot that refunds who posts to it, and helpers to post.
abstract contract Pot is Certified {
    address internal constant SURPLUS = address(0x5a4e);
    uint256 internal constant RESERVE = 5 ether;

    Posting internal posting;
    /// @dev Seats of epoch 0, by their indexes.
    uint32[] internal order;
    /// @dev Bits of those who do not sign what is posted.
    uint256 internal absent;

    /// @dev Each seat has a poster of its own, who has ether to pay for gas with.
    function deployPot(uint256 seats) internal {
        deployCertified(seats);
        posting = new Posting(potConfig());
        order = sequencers.committeeSeats(0);
        for (uint32 seat = 1; seat <= seats; ++seat) {
            vm.prank(ALICE);
            sequencers.setContact(seat, ISequencers.Contact("host:1", posterOf(seat), RECIPIENT));
            vm.deal(posterOf(seat), 1 ether);
        }
    }

    function potConfig() internal view returns (IPosting.Config memory) {
        return IPosting.Config({
            rollup: address(rollup),
            surplusRecipient: SURPLUS,
            reserveWei: RESERVE,
            turnSeconds: 600,
            takeoverSeconds: 120,
            gasMax: 400_000,
            priorityFeeMaxWei: 2 gwei
        });
    }

    function posterOf(uint32 seat) internal pure returns (address) {
        return address(uint160(0x900 + seat));
    }

    /// @dev Whose turn it is now.
    function posterInTurn() internal view returns (address poster) {
        (, poster) = posting.inTurn(block.timestamp, posting.lastPostedAtSeconds());
    }

    /// @dev The call that posts the next batch, certified by the running committee, and the blobs for it.
    function nextPost(uint256 blobs) internal returns (bytes memory) {
        IRollup.BatchHeader memory header = nextHeader();
        uint32 epoch = sequencers.epochAt(block.timestamp);
        ISequencers.Committee memory committee = sequencers.committee(epoch);
        uint256 signers = ((1 << committee.seatCount) - 1) & ~committee.ejected & ~absent;
        bytes32[] memory hashes = setBlobs(blobs);
        return abi.encodeCall(IPosting.post, (header, epoch, certifyBatch(epoch, header, hashes, signers)));
    }

    /// @dev Calls in a transaction of this account.
    function send(address from, bytes memory data) internal {
        vm.prank(from, from);
        (bool success, bytes memory reason) = address(posting).call(data);
        if (success) return;
        assembly ("memory-safe") {
            revert(add(reason, 32), mload(reason))
        }
    }

    /// @dev Posts in a transaction of this account. Returns what the account got.
    function post(address from, uint256 blobs) internal returns (uint256 refundWei) {
        bytes memory data = nextPost(blobs);
        uint256 before = from.balance;
        uint256 count = rollup.batchCount();
        send(from, data);
        vm.assertEq(rollup.batchCount(), count + 1);
        return from.balance - before;
    }

    /// @dev Any blob base fee from 1 wei to some 25 gwei; `block.blobbasefee` tells.
    function setBlobFee(uint256 seed) internal {
        vm.blobBaseFee(seed % 120_000_000);
    }

    /// @dev What the blobs of a transaction in this block cost.
    function blobsWei(uint256 blobs) internal view returns (uint256) {
        return blobs * 131_072 * block.blobbasefee;
    }

    /// @dev Gas of a transaction that makes this call, when the call alone takes `callGas`.
    function transactionGas(bytes memory data, uint256 callGas) internal pure returns (uint256 gas) {
        gas = 21_000 + callGas;
        for (uint256 i = 0; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
    }
}
