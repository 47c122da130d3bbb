// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {Bridge} from "../src/l1/Bridge.sol";
import {TestToken} from "../src/mocks/TestToken.sol";

/// @title Keeps a hundredth of every transfer.
contract FeeToken is TestToken {
    constructor() TestToken("Fee", "FEE", 18) {}

    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : amount / 100;
        if (fee != 0) super._update(from, address(0), fee);
        super._update(from, to, amount - fee);
    }
}

/// @title The least that moves tokens: no metadata, no return values.
contract BareToken {
    mapping(address account => uint256) public balanceOf;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @title Says it moved tokens and moves none.
contract LyingToken {
    function balanceOf(address) external pure returns (uint256) {
        return 5;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return true;
    }
}

/// @title Answers questions about itself as hurtfully as it can.
contract HurtfulToken is ERC20("", "") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function name() public pure override returns (string memory) {
        return string(new bytes(1000));
    }

    function symbol() public pure override returns (string memory) {
        while (true) {}
        return "";
    }

    function decimals() public pure override returns (uint8) {
        revert("no");
    }
}

/// @title Tries to deposit again while it is being deposited.
contract ReentrantToken is TestToken {
    Bridge private immutable bridge;

    constructor(Bridge bridge_) TestToken("Again", "AGN", 18) {
        bridge = bridge_;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        bridge.depositErc20(address(this), from, amount);
        return super.transferFrom(from, to, amount);
    }
}

/// @title Lets whoever receives it act in the middle of the transfer.
contract HookToken is TestToken {
    constructor() TestToken("Hook", "HOOK", 18) {}

    function transfer(address to, uint256 amount) public override returns (bool) {
        Thief(to).act();
        return super.transfer(to, amount);
    }
}

/// @title Asks for the escrow of another token when it is given the chance.
contract Thief {
    Bridge private immutable bridge;
    address private immutable token;

    constructor(Bridge bridge_, address token_) {
        bridge = bridge_;
        token = token_;
    }

    function act() external {
        bridge.releaseErc20(token, address(this), bridge.escrowedErc20(token));
    }
}
