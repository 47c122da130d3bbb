// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title What `BridgedToken` has besides ERC-20 and EIP-2612.
/// @notice One unit on L2 is one unit in the escrow on L1.
///
/// Assumptions: only the `L2Bridge` deploys it, and describes it in the same call.
///
/// Liveness: nobody can pause or block transfers.
interface IBridgedToken {
    /// @notice The caller is not the bridge.
    error NotBridge(address caller);

    /// @notice Gives the token its name, symbol and decimals. Only the bridge may call, and does so once.
    function describe(string calldata name, string calldata symbol, uint8 decimals) external;

    /// @notice Creates tokens. Only the bridge may call.
    function mint(address to, uint256 amount) external;

    /// @notice Destroys tokens. Only the bridge may call. Reverts when the balance is too low.
    function burn(address from, uint256 amount) external;

    /// @notice The bridge that deployed it.
    function bridge() external view returns (address);

    /// @notice The token on L1.
    function l1Token() external view returns (address);
}
