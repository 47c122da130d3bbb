// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Predeploys} from "../src/Predeploys.sol";
import {FeeVault} from "../src/l2/FeeVault.sol";
import {L1Block} from "../src/l2/L1Block.sol";
import {L2Bridge} from "../src/l2/L2Bridge.sol";
import {Outbox} from "../src/l2/Outbox.sol";
import {T} from "./T.sol";

/// @title The predeploys, placed as genesis does: the committed runtime code and the documented storage.
abstract contract L2 is T {
    bytes32 internal constant EMPTY_ROOT = 0x27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757;

    L1Block internal constant l1Block = L1Block(Predeploys.L1_BLOCK);
    Outbox internal constant outbox = Outbox(Predeploys.OUTBOX);
    FeeVault internal constant feeVault = FeeVault(Predeploys.FEE_VAULT);
    L2Bridge internal constant l2Bridge = L2Bridge(Predeploys.L2_BRIDGE);

    function genesis(address l1Bridge, address feeRecipient) internal {
        vm.etch(Predeploys.L1_BLOCK, committed("L1Block"));
        vm.etch(Predeploys.OUTBOX, committed("Outbox"));
        vm.etch(Predeploys.FEE_VAULT, committed("FeeVault"));
        vm.etch(Predeploys.L2_BRIDGE, committed("L2Bridge"));
        vm.store(Predeploys.OUTBOX, bytes32(0), EMPTY_ROOT);
        vm.store(Predeploys.FEE_VAULT, bytes32(0), bytes32(uint256(uint160(feeRecipient))));
        vm.store(Predeploys.L2_BRIDGE, bytes32(0), bytes32(uint256(uint160(l1Bridge))));
    }

    function committed(string memory name) internal view returns (bytes memory) {
        return vm.parseBytes(vm.trim(vm.readFile(string.concat("artifacts/predeploys/", name, ".hex"))));
    }
}
