//! The engine on the table: executes one transaction, and leaves what it did there for whoever settles it.

use alloc::string::ToString;

use alloy_primitives::{Address, Bytes};
use revm::{
    Context, MainBuilder,
    bytecode::opcode::KECCAK256,
    context::{BlockEnv, CfgEnv, JournalTr, TxEnv, result::EVMError, result::ExecutionResult},
    handler::{Handler, SystemCallTx},
    interpreter::Instruction,
    primitives::hardfork::SpecId,
    state::AccountInfo,
};
use sluice_types::predeploys::SYSTEM_CALLER;

use crate::{
    Error,
    engine::{Payment, Refusal, Touched},
    handler::{Cashier, Evm, Stop},
    journal::Journal,
    preimages::keccak,
    reader::{Failed, Source},
    table::Table,
    trace::Watcher,
    transfer,
    workspace::Bench,
};

/// Gas of `KECCAK256` beside its words.
///
/// Source: Yellow Paper, appendix G.
const KECCAK256_GAS: u16 = 30;

/// The engine, its journal and its table.
pub(crate) struct Machine<'a> {
    pub(crate) evm: Evm<'a>,
    /// Sees what the next transactions do, when somebody wants to know.
    pub(crate) watcher: Option<Watcher<'a>>,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(cfg: CfgEnv, block: BlockEnv, state: &'a dyn Source, bench: &'a mut Bench) -> Self {
        let spec = cfg.spec;
        let Bench { codes, rows, preimages } = bench;
        let mut context = Context {
            block,
            tx: TxEnv::default(),
            cfg,
            journaled_state: Journal::over(Table::new(state, codes, rows)),
            chain: preimages,
            local: revm::context::LocalContext::default(),
            error: Ok(()),
        };
        context.journaled_state.set_spec_id(spec);
        let mut evm = context.build_mainnet();
        evm.instruction.insert_instruction(KECCAK256, Instruction::new(keccak), KECCAK256_GAS);
        Self { evm, watcher: None }
    }

    pub(crate) fn table(&self) -> &Table<'a> {
        self.evm.ctx.journaled_state.table()
    }

    pub(crate) fn table_mut(&mut self) -> &mut Table<'a> {
        self.evm.ctx.journaled_state.table_mut()
    }

    pub(crate) fn journal_mut(&mut self) -> &mut Journal<'a> {
        &mut self.evm.ctx.journaled_state
    }

    /// An account as of now, without marking it as loaded.
    pub(crate) fn account(&mut self, address: Address) -> Result<&AccountInfo, Error<Failed>> {
        let table = self.table_mut();
        let row = table.row(address).map_err(Error::State)?;
        Ok(&table.accounts[row as usize].account.info)
    }

    /// Nonce of an account as of now.
    pub(crate) fn nonce(&mut self, address: Address) -> Result<u64, Error<Failed>> {
        Ok(self.account(address)?.nonce)
    }

    /// The rules' fork.
    pub(crate) fn spec(&self) -> SpecId {
        self.evm.ctx.cfg.spec
    }

    /// Executes a transaction. What it did stays in the table, unsettled; of one that is refused, only what it loaded.
    pub(crate) fn execute(&mut self, tx: TxEnv, payment: Payment) -> Result<ExecutionResult, Refusal> {
        self.evm.ctx.tx = tx;
        if let Some(watcher) = &mut self.watcher {
            let result = Cashier::watched(payment, watcher).run(&mut self.evm).map_err(refusal)?;
            let spec = self.evm.ctx.cfg.spec;
            watcher.after(self.evm.ctx.journaled_state.table_mut(), spec).map_err(failure)?;
            return Ok(result);
        }
        if let Some(result) = transfer::execute(&mut self.evm, payment).map_err(failure)? {
            return Ok(result);
        }
        Cashier::new(payment).run(&mut self.evm).map_err(refusal)
    }

    /// Executes a call in the name of the protocol.
    pub(crate) fn system_call(&mut self, contract: Address, input: Bytes) -> Result<(), Error<Failed>> {
        self.evm.ctx.tx = TxEnv::new_system_tx_with_caller(SYSTEM_CALLER, contract, input);
        match Cashier::new(Payment::Ethereum).run_system_call(&mut self.evm) {
            Ok(result) if result.is_success() => Ok(()),
            Ok(result) => Err(Error::SystemCall { contract, reason: result.to_string() }),
            Err(stop) => match refusal(stop) {
                Refusal::Invalid(reason) => Err(Error::SystemCall { contract, reason: reason.to_string() }),
                Refusal::Failure(error) => Err(error),
            },
        }
    }

    /// Addresses and slots that the unsettled transaction has loaded.
    pub(crate) fn touched(&self) -> Touched {
        let table = self.table();
        let slots = |row: u32| {
            let slots = table.loaded_slots.iter().map(|slot| &table.slots[*slot as usize]);
            slots.filter(|slot| slot.account == row).map(|slot| slot.key).collect()
        };
        table.loaded.iter().map(|&row| (table.accounts[row as usize].address, slots(row))).collect()
    }

    /// Undoes the unsettled transaction.
    pub(crate) fn forget(&mut self) {
        self.journal_mut().discard_tx();
        self.table_mut().next();
    }
}

fn failure(failed: Failed) -> Refusal {
    Refusal::Failure(Error::State(failed))
}

pub(crate) fn refusal(stop: Stop) -> Refusal {
    match stop {
        EVMError::Transaction(reason) => Refusal::Invalid(reason),
        EVMError::Database(error) => Refusal::Failure(Error::State(error)),
        other @ (EVMError::Header(_) | EVMError::Custom(_) | EVMError::CustomAny(_)) => {
            Refusal::Failure(Error::Engine(other.to_string()))
        }
    }
}
