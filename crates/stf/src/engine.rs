//! One transaction after another on one state: the path that blocks, calls and Ethereum's own test vectors share.

use alloc::vec::Vec;
use core::mem::take;

use alloy_primitives::{Address, B256, Bytes, U256};
use revm::{
    context::{
        BlockEnv, CfgEnv, TxEnv,
        result::{ExecutionResult, InvalidTransaction},
    },
    context_interface::block::BlobExcessGasAndPrice,
    primitives::hardfork::SpecId,
};
use sluice_types::{BlockAccessList, StateChanges, StateRead};

use crate::{
    Error, Workspace,
    effects::apply_table,
    ledger::{Ledger, LedgerMemory, Names},
    machine::Machine,
    products,
};

pub use crate::{
    handler::Payment,
    reader::{Failed, Reader},
};

/// Why a transaction did not run.
#[derive(Debug)]
pub enum Refusal {
    /// It is invalid. The state is as it was.
    Invalid(InvalidTransaction),
    /// The environment failed; the block must be given up.
    Failure(Error<Failed>),
}

/// Addresses with their slots.
pub type Touched = Vec<(Address, Vec<U256>)>;

/// Executes transactions in order and remembers what they touched.
#[expect(missing_debug_implementations, reason = "the engine inside has no useful one")]
pub struct Engine<'a> {
    pub(crate) machine: Machine<'a>,
    ledger: Ledger,
    names: Names,
    /// Where the ledger's memory goes back to.
    memory: &'a mut LedgerMemory,
}

impl<'a> Engine<'a> {
    /// Starts a block on the state that its parent left.
    pub fn new<S: StateRead>(
        cfg: CfgEnv,
        block: BlockEnv,
        state: &'a Reader<'_, S>,
        workspace: &'a mut Workspace,
    ) -> Self {
        let Workspace { bench, ledger: memory, .. } = workspace;
        let ledger = Ledger::new(false, take(memory));
        Self { machine: Machine::new(cfg, block, state, bench), ledger, names: Names::default(), memory }
    }

    /// Nonce of an account as of now.
    pub fn nonce(&mut self, address: Address) -> Result<u64, Error<Failed>> {
        self.machine.nonce(address)
    }

    /// Balance of an account as of now.
    pub fn balance(&mut self, address: Address) -> Result<U256, Error<Failed>> {
        Ok(self.machine.account(address)?.balance)
    }

    /// True when the account has code as of now.
    pub fn has_code(&mut self, address: Address) -> Result<bool, Error<Failed>> {
        Ok(!self.machine.account(address)?.is_empty_code_hash())
    }

    /// Calls a contract in the name of the protocol, before the first transaction. Does nothing when there is no code.
    ///
    /// Source: EIP-2935.
    pub fn system_call(&mut self, contract: Address, input: Bytes) -> Result<(), Error<Failed>> {
        debug_assert_eq!(self.ledger.index, 0, "system calls come before the transactions");
        if !self.has_code(contract)? {
            return Ok(());
        }
        self.machine.system_call(contract, input)?;
        self.settle();
        Ok(())
    }

    /// Runs a transaction without keeping what it did. Also gives what it touched.
    pub fn run(&mut self, tx: TxEnv, payment: Payment) -> Result<(ExecutionResult, Touched), Refusal> {
        let spec = self.spec();
        let result = self.machine.execute(tx, payment);
        let touched = if result.is_ok() { self.machine.touched() } else { Vec::new() };
        match &result {
            Ok(_) => self.machine.table_mut().settle(spec, true),
            Err(_) => self.machine.forget(),
        }
        self.machine.table_mut().roll_back();
        Ok((result?, touched))
    }

    /// Runs a transaction and keeps what it did. An invalid one leaves no trace.
    pub fn transact(&mut self, tx: TxEnv, payment: Payment) -> Result<ExecutionResult, Refusal> {
        match self.machine.execute(tx, payment) {
            Ok(result) => {
                self.keep();
                Ok(result)
            }
            Err(refusal) => {
                self.machine.forget();
                Err(refusal)
            }
        }
    }

    /// Keeps what the machine's transaction did.
    pub(crate) fn keep(&mut self) {
        self.ledger.index += 1;
        self.settle();
    }

    fn settle(&mut self) {
        let spec = self.spec();
        apply_table(self.machine.table(), spec, &mut self.ledger, &mut self.names);
        self.machine.table_mut().settle(spec, false);
    }

    fn spec(&self) -> SpecId {
        self.machine.evm.ctx.cfg.spec
    }

    /// Ends the block: what it changed, and who touched what.
    pub fn finish(self) -> (StateChanges, BlockAccessList) {
        let made = products::make(&self.ledger);
        *self.memory = self.ledger.into_memory();
        (made.changes.into(), made.list)
    }
}

/// Rules of this chain: the fork it runs.
pub(crate) fn chain_rules(chain_id: u64) -> CfgEnv {
    CfgEnv::new_with_spec(SpecId::OSAKA).with_chain_id(chain_id)
}

/// What the engine knows of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockFacts {
    pub(crate) number: u64,
    pub(crate) timestamp: u64,
    pub(crate) beneficiary: Address,
    pub(crate) gas_limit: u64,
    pub(crate) base_fee_wei: u64,
    pub(crate) prev_randao: B256,
}

impl From<BlockFacts> for BlockEnv {
    fn from(facts: BlockFacts) -> Self {
        Self {
            number: U256::from(facts.number),
            beneficiary: facts.beneficiary,
            timestamp: U256::from(facts.timestamp),
            gas_limit: facts.gas_limit,
            basefee: facts.base_fee_wei,
            difficulty: U256::ZERO,
            prevrandao: Some(facts.prev_randao),
            // No blobs here, so their price stays at its floor of 1 wei.
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
            slot_num: 0,
        }
    }
}
