//! The state that a call sees: a snapshot, with what the caller overrides, until the deadline.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rpc_types_eth::state::{AccountOverride, StateOverride};
use sluice_store::Snapshot;
use sluice_types::{Account, StateRead};

use crate::failure::Failure;

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ViewError {
    #[error(transparent)]
    Store(#[from] sluice_store::Error),
    #[error("no time left after {after_ms} ms")]
    Timeout { after_ms: u64 },
}

/// The state that a call sees.
///
/// The deadline is looked at on every read. A call that reads nothing is bounded by its gas alone.
#[derive(Debug)]
pub(crate) struct StateView {
    snapshot: Snapshot,
    overrides: BTreeMap<Address, AccountOverride>,
    codes: BTreeMap<B256, Bytes>,
    deadline: Instant,
    time_max: Duration,
}

impl StateView {
    pub(crate) fn new(
        snapshot: Snapshot,
        overrides: Option<StateOverride>,
        time_max: Duration,
    ) -> Result<Self, Failure> {
        let mut codes = BTreeMap::new();
        let mut sorted = BTreeMap::new();
        for (address, account) in overrides.unwrap_or_default() {
            if account.move_precompile_to.is_some() {
                return Err(Failure::params("movePrecompileToAddress is not supported; override the code instead"));
            }
            if account.state.is_some() && account.state_diff.is_some() {
                return Err(Failure::params(format!("account {address} has both 'state' and 'stateDiff'")));
            }
            if let Some(code) = &account.code {
                codes.insert(keccak256(code), code.clone());
            }
            sorted.insert(address, account);
        }
        Ok(Self { snapshot, overrides: sorted, codes, deadline: Instant::now() + time_max, time_max })
    }

    fn in_time(&self) -> Result<(), ViewError> {
        if Instant::now() < self.deadline {
            return Ok(());
        }
        Err(ViewError::Timeout { after_ms: u64::try_from(self.time_max.as_millis()).unwrap_or(u64::MAX) })
    }
}

impl StateRead for StateView {
    type Error = ViewError;

    fn account(&self, address: Address) -> Result<Option<Account>, ViewError> {
        self.in_time()?;
        let below = self.snapshot.account(address)?;
        let Some(over) = self.overrides.get(&address) else { return Ok(below) };
        let mut account = below.unwrap_or_default();
        account.balance = over.balance.unwrap_or(account.balance);
        account.nonce = over.nonce.unwrap_or(account.nonce);
        if let Some(code) = &over.code {
            account.code_hash = keccak256(code);
        }
        Ok(Some(account))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, ViewError> {
        self.in_time()?;
        let key = B256::from(slot);
        if let Some(over) = self.overrides.get(&address) {
            if let Some(state) = &over.state {
                return Ok(state.get(&key).copied().unwrap_or_default().into());
            }
            if let Some(value) = over.state_diff.as_ref().and_then(|diff| diff.get(&key)) {
                return Ok((*value).into());
            }
        }
        Ok(self.snapshot.storage(address, slot)?)
    }

    fn code(&self, hash: B256) -> Result<Bytes, ViewError> {
        match self.codes.get(&hash) {
            Some(code) => Ok(code.clone()),
            None => Ok(self.snapshot.code(hash)?),
        }
    }

    fn block_hash(&self, number: u64) -> Result<B256, ViewError> {
        Ok(self.snapshot.block_hash(number)?)
    }
}
