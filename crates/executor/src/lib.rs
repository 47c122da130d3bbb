//! Runs a block's transactions with exactly the result of stf, and emits the block access list.
