//! Decides what a transaction needs next. Pure: what is known of L1 in, one action out.

use alloy_primitives::B256;

/// What a transaction offers to pay, wei per unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Most per gas, tip included.
    pub max_fee_wei: u128,
    /// Tip per gas.
    pub priority_fee_wei: u128,
    /// Most per blob gas; zero for a transaction without blobs.
    pub max_blob_fee_wei: u128,
}

/// What must be remembered of a transaction to go on with it after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendRecord {
    /// Its nonce; all attempts share it.
    pub nonce: u64,
    /// Hashes of all attempts, oldest first. At least one.
    pub tx_hashes: Vec<B256>,
    /// What the last attempt offers.
    pub fees: Fees,
}
