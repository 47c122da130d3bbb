//! One transaction after another on one state: the path that blocks, calls and Ethereum's own test vectors share.

use alloc::string::ToString;

use alloy_primitives::{Address, B256, Bytes, U256};
use revm::{
    Context, Database, MainBuilder, SystemCallEvm,
    context::{
        BlockEnv, CfgEnv, Journal, JournalTr, TxEnv,
        result::{EVMError, ExecutionResult, InvalidTransaction},
    },
    context_interface::block::BlobExcessGasAndPrice,
    handler::Handler,
    primitives::hardfork::SpecId,
    state::EvmState,
};
use sluice_types::{BlockAccessList, StateChanges, StateRead, predeploys::SYSTEM_CALLER};

use crate::{
    Codes, Error,
    flat::Flat,
    handler::{Cashier, Evm, Stop},
    reader::Source,
};

pub use crate::{
    handler::Payment,
    reader::{Failed, Reader},
};

/// Most accounts for which the map of what a transaction touched is kept for the next.
const TOUCHED_KEPT_MAX: usize = 256;

/// Why a transaction did not run.
#[derive(Debug)]
pub enum Refusal {
    /// It is invalid. The state is as it was.
    Invalid(InvalidTransaction),
    /// The environment failed; the block must be given up.
    Failure(Error<Failed>),
}

/// Executes transactions in order and remembers what they touched.
#[expect(missing_debug_implementations, reason = "the engine inside has no useful one")]
pub struct Engine<'a> {
    evm: Evm<'a>,
    executed: u64,
}

impl<'a> Engine<'a> {
    /// Starts a block on the state that its parent left.
    pub fn new<S: StateRead>(cfg: CfgEnv, block: BlockEnv, state: &'a Reader<'_, S>, codes: &'a mut Codes) -> Self {
        Self::over(cfg, block, state, codes)
    }

    fn over(cfg: CfgEnv, block: BlockEnv, state: &'a dyn Source, codes: &'a mut Codes) -> Self {
        let context: Context<BlockEnv, TxEnv, CfgEnv, _, Journal<_>, ()> =
            Context::new(Flat::new(state, codes), cfg.spec);
        Self { evm: context.with_cfg(cfg).with_block(block).build_mainnet(), executed: 0 }
    }

    /// Nonce of an account as of now.
    pub fn nonce(&mut self, address: Address) -> Result<u64, Error<Failed>> {
        let account = self.database().basic(address).map_err(Error::State)?;
        Ok(account.map_or(0, |account| account.nonce))
    }

    /// Balance of an account as of now.
    pub fn balance(&mut self, address: Address) -> Result<U256, Error<Failed>> {
        let account = self.database().basic(address).map_err(Error::State)?;
        Ok(account.map_or(U256::ZERO, |account| account.balance))
    }

    /// True when the account has code as of now.
    pub fn has_code(&mut self, address: Address) -> Result<bool, Error<Failed>> {
        let account = self.database().basic(address).map_err(Error::State)?;
        Ok(account.is_some_and(|account| !account.is_empty_code_hash()))
    }

    /// Calls a contract in the name of the protocol, before the first transaction. Does nothing when there is no code.
    ///
    /// Source: EIP-2935.
    pub fn system_call(&mut self, contract: Address, input: Bytes) -> Result<(), Error<Failed>> {
        debug_assert_eq!(self.executed, 0, "system calls come before the transactions");
        if !self.has_code(contract)? {
            return Ok(());
        }
        let result = self.evm.system_call_one_with_caller(SYSTEM_CALLER, contract, input);
        let mut touched = self.evm.ctx.journaled_state.finalize();
        match result {
            Ok(result) if result.is_success() => {
                self.database().commit(&mut touched);
                Ok(())
            }
            Ok(result) => Err(Error::SystemCall { contract, reason: result.to_string() }),
            Err(stop) => match refusal(stop) {
                Refusal::Invalid(reason) => Err(Error::SystemCall { contract, reason: reason.to_string() }),
                Refusal::Failure(error) => Err(error),
            },
        }
    }

    /// Runs a transaction without keeping what it did. What it read may show in the access list of a block that goes on.
    pub fn run(&mut self, tx: TxEnv, payment: Payment) -> Result<(ExecutionResult, EvmState), Refusal> {
        self.evm.ctx.tx = tx;
        let result = Cashier::new(payment).run(&mut self.evm);
        // Also when it failed: what it loaded must not look loaded to the next one.
        let touched = self.evm.ctx.journaled_state.finalize();
        match result {
            Ok(result) => Ok((result, touched)),
            Err(stop) => Err(refusal(stop)),
        }
    }

    /// Runs a transaction and keeps what it did. An invalid one leaves no trace.
    pub fn transact(&mut self, tx: TxEnv, payment: Payment) -> Result<ExecutionResult, Refusal> {
        let (result, mut touched) = self.run(tx, payment)?;
        self.executed += 1;
        let index = self.executed;
        self.database().set_access_index(index);
        self.database().commit(&mut touched);
        // The emptied map serves the next transaction, unless it has grown so large that emptying it costs more than a new one.
        if touched.capacity() <= TOUCHED_KEPT_MAX {
            self.evm.ctx.journaled_state.inner.state = touched;
        }
        Ok(result)
    }

    /// Ends the block: what it changed, and who touched what.
    pub fn finish(self) -> (StateChanges, BlockAccessList) {
        self.evm.ctx.journaled_state.database.finish()
    }

    fn database(&mut self) -> &mut Flat<'a> {
        &mut self.evm.ctx.journaled_state.database
    }
}

fn refusal(stop: Stop) -> Refusal {
    match stop {
        EVMError::Transaction(reason) => Refusal::Invalid(reason),
        EVMError::Database(error) => Refusal::Failure(Error::State(error)),
        other @ (EVMError::Header(_) | EVMError::Custom(_) | EVMError::CustomAny(_)) => {
            Refusal::Failure(Error::Engine(other.to_string()))
        }
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
