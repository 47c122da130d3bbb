//! A transaction as the pool keeps it.

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_types::{L1FeeParams, L1Origin, SignedTransaction, l1_data_fee};

/// A transaction as the pool keeps it: decoded, with its sender known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolTransaction {
    /// The transaction.
    pub transaction: SignedTransaction,
    /// Its EIP-2718 bytes, as they came.
    pub raw: Bytes,
    /// Its sender.
    pub sender: Address,
}

impl PoolTransaction {
    /// Keccak of the bytes.
    pub fn hash(&self) -> B256 {
        *self.transaction.tx_hash()
    }

    /// Nonce.
    pub fn nonce(&self) -> u64 {
        self.transaction.nonce()
    }

    /// Most wei per gas that it pays, base fee and tip together.
    pub fn fee_cap_wei(&self) -> u128 {
        self.transaction.max_fee_per_gas()
    }

    /// Most wei per gas that it pays as a tip; a legacy transaction offers its whole price.
    pub fn tip_cap_wei(&self) -> u128 {
        self.transaction.max_priority_fee_per_gas().unwrap_or_else(|| self.fee_cap_wei())
    }

    /// Wei per gas that the beneficiary gets at this base fee; `None` when the cap is below it.
    pub fn tip_wei(&self, base_fee_wei: u64) -> Option<u128> {
        self.fee_cap_wei().checked_sub(u128::from(base_fee_wei)).map(|room| room.min(self.tip_cap_wei()))
    }

    /// Most wei that it takes from the sender: gas, value and the L1 data fee at this origin. Saturates; no balance is as large.
    pub fn cost_wei(&self, origin: &L1Origin, l1_fee: &L1FeeParams) -> U256 {
        U256::from(self.transaction.gas_limit())
            .saturating_mul(U256::from(self.fee_cap_wei()))
            .saturating_add(self.transaction.value())
            .saturating_add(l1_data_fee(&self.raw, origin, l1_fee))
    }
}
