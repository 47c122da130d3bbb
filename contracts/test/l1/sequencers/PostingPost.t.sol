// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IPosting} from "../../../src/l1/interfaces/IPosting.sol";
import {IRollup} from "../../../src/l1/interfaces/IRollup.sol";
import {ISequencers} from "../../../src/l1/interfaces/ISequencers.sol";
import {BlsSignatures} from "../../../src/l1/sequencers/BlsSignatures.sol";
import {Posting} from "../../../src/l1/sequencers/Posting.sol";
import {Vm} from "../../T.sol";
import {Pot} from "./Pot.sol";

/// @dev Makes calls for whom it is the code of, and takes ether.
contract Caller {
    receive() external payable {}

    function callAll(address to, bytes[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool success,) = to.call(calls[i]);
            require(success);
        }
    }
}

/// @dev Calls while it has no code yet.
contract Newborn {
    constructor(address to, bytes memory data) {
        (bool success,) = to.call(data);
        require(success);
    }
}

contract PostingPostTest is Pot {
    uint256 private constant POT = 1000 ether;

    function setUp() public {
        deployPot(4);
        vm.deal(address(posting), POT);
        vm.fee(10 gwei);
        vm.txGasPrice(11 gwei);
        setBlobFee(100_000_000);
        vm.assertLt(100_000_000, block.blobbasefee);
    }

    function test_RevertWhen_TheBatchIsNotTheNext() public {
        address poster = posterInTurn();
        bytes memory data = nextPost(1);
        send(poster, data);
        vm.expectRevert(abi.encodeWithSelector(IRollup.WrongIndex.selector, 0, 1));
        send(poster, data);
    }

    function testFuzz_RevertWhen_TheCertificateIsWrong(bytes32 stateRoot) public {
        IRollup.BatchHeader memory header = nextHeader();
        vm.assume(stateRoot != header.stateRoot);
        ISequencers.Certificate memory certificate = certifyBatch(0, header, 15);
        header.stateRoot = stateRoot;
        setBlob();
        address poster = posterInTurn();
        vm.expectRevert(BlsSignatures.WrongSignature.selector);
        send(poster, abi.encodeCall(IPosting.post, (header, 0, certificate)));
    }

    function test_RevertWhen_ThereAreNoBlobs() public {
        address poster = posterInTurn();
        bytes memory data = nextPost(1);
        vm.blobhashes(new bytes32[](0));
        vm.expectRevert(IRollup.NoBlobs.selector);
        send(poster, data);
    }

    /// @dev In turn or by takeover, with any fees up to the priority fee's cap, any number of blobs.
    function testFuzz_RefundsExactlyWhatTheTransactionCosts(
        uint256 time,
        uint48 base,
        uint48 tip,
        uint256 blobFee,
        uint256 blobs
    ) public {
        uint256 priceWei = uint256(base) + tip % (2 gwei + 1);
        vm.warp(START + time % EPOCH);
        vm.fee(base);
        vm.txGasPrice(priceWei);
        setBlobFee(blobFee);
        vm.deal(address(posting), type(uint128).max);
        blobs = bound(blobs, 1, 6);
        bytes memory data = nextPost(blobs);
        address poster = posterInTurn();
        uint256 before = poster.balance;
        send(poster, data);
        uint256 gas = transactionGas(data, vm.lastCallGas().gasTotalUsed);
        uint256 refundWei = poster.balance - before;
        vm.assertEq(refundWei, gas * priceWei + blobsWei(blobs));
        vm.assertLe(refundWei, posting.refundMaxWei(blobs));
    }

    function testFuzz_PriorityFeeAndGasAreCappedEachForItself(uint64 gasMax, uint48 tip) public {
        IPosting.Config memory config = potConfig();
        config.gasMax = gasMax % 600_000;
        posting = new Posting(config);
        vm.deal(address(posting), POT);
        vm.txGasPrice(10 gwei + uint256(tip));
        bytes memory data = nextPost(1);
        address poster = posterInTurn();
        uint256 before = poster.balance;
        send(poster, data);
        uint256 gas = transactionGas(data, vm.lastCallGas().gasTotalUsed);
        uint256 refundWei = poster.balance - before - blobsWei(1);
        uint256 priceWei = 10 gwei + (tip < 2 gwei ? uint256(tip) : 2 gwei);
        vm.assertEq(refundWei, (gas < config.gasMax ? gas : config.gasMax) * priceWei);
    }

    function testFuzz_WhoIsNotInTurnCommitsUnrefunded(address caller) public {
        vm.assume(caller != posterInTurn() && caller.code.length == 0);
        vm.assertEq(post(caller, 1), 0);
        vm.assertEq(address(posting).balance, POT);
    }

    function test_TheNextInLineIsRefundedWhenItTakesOver() public {
        address first = posterOf(order[0]);
        address second = posterOf(order[1]);
        vm.warp(START + 119);
        vm.assertEq(post(second, 1), 0);
        // A batch has just come, by whomever: the silence begins anew.
        vm.warp(START + 238);
        vm.assertEq(post(second, 1), 0);
        vm.warp(START + 358);
        vm.assertEq(post(first, 1), 0);
        vm.warp(START + 478);
        vm.assertLt(0, post(second, 1));
    }

    /// @dev So that nobody is taken over from, nor takes over, by a batch that went around this contract.
    function test_ABatchCommittedAtTheRollupIsASignOfLife() public {
        vm.assertEq(posting.lastPostedAtSeconds(), 0);
        vm.warp(START + 100);
        IRollup.BatchHeader memory header = nextHeader();
        ISequencers.Certificate memory certificate = certifyBatch(0, header, 15);
        setBlob();
        rollup.commitCertifiedBatch(header, 0, certificate);
        vm.assertEq(posting.lastPostedAtSeconds(), START + 100);
        vm.warp(START + 219);
        vm.assertLt(0, post(posterOf(order[0]), 1));
        vm.assertEq(posting.lastPostedAtSeconds(), START + 219);
    }

    function testFuzz_ThePotPaysWhatItHolds(uint256 potWei) public {
        potWei = bound(potWei, 0, 1e15);
        vm.deal(address(posting), potWei);
        vm.assertEq(post(posterInTurn(), 1), potWei);
        vm.assertEq(address(posting).balance, 0);
    }

    /// @dev That of the one before certifies; nobody can be in turn.
    function test_WithoutARunningCommitteeNobodyIsRefunded() public {
        address poster = posterInTurn();
        bytes memory data = nextPost(1);
        vm.warp(START + EPOCH);
        send(poster, data);
        vm.assertEq(rollup.batchCount(), 1);
        vm.assertEq(address(posting).balance, POT);
    }

    /// @dev The contract of a seat's operator, or any that the account of the seat calls.
    function test_AContractIsNotRefunded() public {
        address poster = posterInTurn();
        Caller caller = new Caller();
        vm.prank(ALICE);
        sequencers.setContact(order[0], ISequencers.Contact("host:1", address(caller), RECIPIENT));
        callAll(payable(caller), poster, oneCall(nextPost(1)));
        vm.prank(ALICE);
        sequencers.setContact(order[0], ISequencers.Contact("host:1", poster, RECIPIENT));
        callAll(payable(caller), poster, oneCall(nextPost(1)));
        vm.assertEq(rollup.batchCount(), 2);
        vm.assertEq(address(posting).balance, POT);
    }

    function test_AContractWithoutCodeYetIsNotRefunded() public {
        address newborn = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.prank(ALICE);
        sequencers.setContact(order[0], ISequencers.Contact("host:1", newborn, RECIPIENT));
        bytes memory data = nextPost(1);
        vm.assertEq(address(new Newborn(address(posting), data)), newborn);
        vm.assertEq(rollup.batchCount(), 1);
        vm.assertEq(address(posting).balance, POT);
    }

    /// @dev An account with delegated code (EIP-7702) could pay for one transaction and be refunded for two.
    function test_OneTransactionIsNotRefundedTwice() public {
        address poster = posterInTurn();
        vm.etch(poster, address(new Caller()).code);
        IRollup.BatchHeader memory header = nextHeader();
        bytes[] memory calls = new bytes[](2);
        calls[0] = nextPost(1);
        header.parentHash = hashOf(header);
        header.index = 1;
        header.firstBlock = header.lastBlock = 2;
        calls[1] = abi.encodeCall(IPosting.post, (header, 0, certifyBatch(0, header, 15)));
        callAll(payable(poster), poster, calls);
        vm.assertEq(rollup.batchCount(), 2);
        vm.assertEq(address(posting).balance, POT);
    }

    function test_AnAccountThatRefusesEtherStillCommits() public {
        address poster = posterInTurn();
        // `INVALID`.
        vm.etch(poster, hex"fe");
        vm.assertEq(post(poster, 1), 0);
        vm.assertEq(address(posting).balance, POT);
    }

    /// @dev Only the arguments are refunded, whatever is paid for more bytes.
    function testFuzz_AppendedCallDataIsNotRefunded(bytes memory more) public {
        address poster = posterInTurn();
        bytes memory data = nextPost(1);
        uint256 before = poster.balance;
        send(poster, bytes.concat(data, more));
        uint256 gas = transactionGas(data, vm.lastCallGas().gasTotalUsed);
        vm.assertLe(poster.balance - before, gas * 11 gwei + blobsWei(1));
    }

    function test_TellsOfTheRefund() public {
        address poster = posterInTurn();
        bytes memory data = nextPost(1);
        uint256 before = poster.balance;
        vm.recordLogs();
        send(poster, data);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2);
        vm.assertEq(logs[1].emitter, address(posting));
        vm.assertEq(logs[1].topics[0], IPosting.Refunded.selector);
        vm.assertEq(logs[1].topics[1], bytes32(0));
        vm.assertEq(logs[1].topics[2], bytes32(uint256(order[0])));
        vm.assertEq(logs[1].topics[3], bytes32(uint256(uint160(poster))));
        vm.assertEq(logs[1].data, abi.encode(poster.balance - before));
    }

    function oneCall(bytes memory data) private pure returns (bytes[] memory calls) {
        calls = new bytes[](1);
        calls[0] = data;
    }

    function callAll(address payable caller, address origin, bytes[] memory calls) private {
        vm.prank(origin, origin);
        Caller(caller).callAll(address(posting), calls);
    }
}
