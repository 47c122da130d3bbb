// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The L2 address of an L1 contract, so that it cannot pose as the L2 account at the same address.
library AddressAlias {
    uint160 internal constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @dev Adds the offset, wrapping at 160 bits.
    function toL2(address l1) internal pure returns (address l2) {
        unchecked {
            return address(uint160(l1) + OFFSET);
        }
    }
}
