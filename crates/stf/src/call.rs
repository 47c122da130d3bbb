//! Questions to a state that change nothing: `eth_call`, `eth_estimateGas`, `eth_createAccessList`.

use alloc::{string::String, vec::Vec};

use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use sluice_types::{ChainConfig, Header, L1Origin, StateRead};

use crate::{Error, EstimateError};

/// Where a call runs.
#[derive(Clone, Copy, Debug)]
pub struct CallEnv<'a> {
    /// The chain.
    pub config: &'a ChainConfig,
    /// Header of the block that the call runs in: its number, timestamp, beneficiary, base fee, gas limit and randomness.
    pub header: &'a Header,
    /// The L1 block that it builds on; prices the L1 data fee.
    pub l1_origin: &'a L1Origin,
}

/// A transaction that nobody signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallRequest {
    /// Sender.
    pub from: Address,
    /// Recipient or creation.
    pub to: TxKind,
    /// Gas limit; by default as much as [`crate::CALL_GAS_MAX`] and the block allow.
    pub gas_limit: Option<u64>,
    /// Price of a type 0 or 1 transaction, wei per gas. Not together with the two below.
    pub gas_price: Option<u128>,
    /// Fee cap, wei per gas.
    pub max_fee_per_gas: Option<u128>,
    /// Tip cap, wei per gas.
    pub max_priority_fee_per_gas: Option<u128>,
    /// Wei sent along.
    pub value: U256,
    /// Call data or init code.
    pub input: Bytes,
    /// Nonce; by default the sender's next.
    pub nonce: Option<u64>,
    /// EIP-2930 access list.
    pub access_list: AccessList,
    /// EIP-7702 authorisations.
    pub authorizations: Vec<SignedAuthorization>,
}

/// What a call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// False when it reverted or halted.
    pub success: bool,
    /// Return data, deployed code, or revert data.
    pub output: Bytes,
    /// Gas used after refunds.
    pub gas_used: u64,
    /// Logs.
    pub logs: Vec<Log>,
    /// Why it halted (out of gas, invalid opcode …); `None` for success and for a revert.
    pub halt: Option<String>,
}

/// Runs a call: no signature, nonce, balance for gas, or base fee is asked of the sender.
pub fn call<S: StateRead>(env: &CallEnv<'_>, request: &CallRequest, state: &S) -> Result<CallOutcome, Error<S::Error>> {
    todo!()
}

/// Finds the least gas limit with which the call succeeds, to within 1.5 %.
pub fn estimate_gas<S: StateRead>(env: &CallEnv<'_>, request: &CallRequest, state: &S) -> Result<u64, EstimateError<S::Error>> {
    todo!()
}

/// What [`create_access_list`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessListOutcome {
    /// Addresses and slots that the call touches.
    pub access_list: AccessList,
    /// What the call does with that list.
    pub call: CallOutcome,
}

/// Finds the access list with which the call touches nothing cold.
pub fn create_access_list<S: StateRead>(env: &CallEnv<'_>, request: &CallRequest, state: &S) -> Result<AccessListOutcome, Error<S::Error>> {
    todo!()
}
