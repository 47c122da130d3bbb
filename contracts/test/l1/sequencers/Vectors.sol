// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BLS} from "solady/utils/ext/ithaca/BLS.sol";

import {T} from "../../T.sol";

/// @title What the consensus engine itself signed; see `README.md` beside the file.
abstract contract Vectors is T {
    string private constant PATH = "test/vectors/simplex.json";

    function vectors() internal view returns (string memory) {
        return vm.readFile(PATH);
    }

    function g1(bytes memory point) internal pure returns (BLS.G1Point memory) {
        return abi.decode(point, (BLS.G1Point));
    }

    function g2(bytes memory point) internal pure returns (BLS.G2Point memory) {
        return abi.decode(point, (BLS.G2Point));
    }
}
