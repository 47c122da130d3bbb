//! State at one block.
use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_types::{Account, L2Number, StateRead};
use crate::Error;

/// The state after one block, frozen while later blocks are written.
#[derive(Clone, Debug)]
pub struct Snapshot {}

impl Snapshot {
    /// Which block.
    pub fn number(&self) -> L2Number { todo!() }
}

impl StateRead for Snapshot {
    type Error = Error;
    fn account(&self, address: Address) -> Result<Option<Account>, Error> { todo!() }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Error> { todo!() }
    fn code(&self, hash: B256) -> Result<Bytes, Error> { todo!() }
    fn block_hash(&self, number: u64) -> Result<B256, Error> { todo!() }
}
