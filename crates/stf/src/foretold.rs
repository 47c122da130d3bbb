//! Executing a block from its access list: every transaction alone, in any order.
//!
//! The list tells the state before each transaction, so that there is nothing to commit: a lane checks what its transactions loaded and
//! did against the list, and in the end it only needs counting that all of the list was done by some transaction.

use alloc::vec::Vec;
use core::ops::Range;

use revm::primitives::hardfork::SpecId;
use sluice_types::{Outcome, Receipt, StateRead};

use crate::{
    Error, Plan, Workspace,
    foresight::{Foresight, Telling, Told},
    machine::Machine,
    reader::{Failed, Reader},
    table::{End, Moment, Table, end},
};

/// One machine whose table a list fills.
#[expect(missing_debug_implementations, reason = "the machine inside has no useful one")]
pub struct ToldLane<'a> {
    machine: Machine<'a>,
}

impl<'a> ToldLane<'a> {
    /// A lane for one block.
    pub fn new<S: StateRead>(
        plan: &Plan<'_>,
        foresight: &'a Foresight<'a>,
        state: &'a Reader<'_, S>,
        workspace: &'a mut Workspace,
    ) -> Self {
        let mut machine = Machine::new(plan.rules(), plan.env(), state, &mut workspace.bench);
        machine.table_mut().telling = Some(Telling::new(foresight));
        Self { machine }
    }

    /// Runs the system calls, which one lane does. False if anything fails, or is not as the list says.
    ///
    /// Each is executed on the state before the block. Where one wrote what another also uses, one of them is not as the list says.
    pub fn start(&mut self, plan: &Plan<'_>) -> bool {
        self.at(0);
        plan.system_calls().into_iter().all(|(contract, call)| match self.machine.account(contract) {
            Ok(account) if account.is_empty_code_hash() => true,
            Ok(_) => self.machine.system_call(contract, call).is_ok() && self.check(),
            Err(_) => false,
        })
    }

    /// Executes transactions. `None` if anything fails, is skipped, or is not as the list says.
    pub fn run(&mut self, plan: &Plan<'_>, transactions: Range<usize>) -> Option<Vec<Receipt>> {
        let mut receipts = Vec::with_capacity(transactions.len());
        for index in transactions {
            self.at(index as u64 + 1);
            // How much gas is left is looked at when all are put together.
            let receipt = plan.execute(&mut self.machine, index, 0).ok()?.ok()?;
            if !self.check() {
                return None;
            }
            receipts.push(receipt);
        }
        Some(receipts)
    }

    /// Executes the transaction at `index` as the caller wants, and says whether all was as the list says.
    pub(crate) fn run_with<T>(
        &mut self,
        index: usize,
        run: impl FnOnce(&mut Machine<'a>) -> Result<T, Error<Failed>>,
    ) -> Result<(T, bool), Error<Failed>> {
        self.at(index as u64 + 1);
        let done = run(&mut self.machine)?;
        Ok((done, self.check()))
    }

    /// What it saw of the list.
    pub fn end(mut self) -> Told {
        self.machine.table_mut().telling.take().expect("it was made with one").into_told()
    }

    fn at(&mut self, at: u64) {
        self.machine.table_mut().telling.as_mut().expect("it was made with one").at = at;
    }

    /// Checks what the transaction loaded and did, and forgets it.
    fn check(&mut self) -> bool {
        let spec = self.machine.spec();
        let table = self.machine.table_mut();
        let is_good = check(table, spec);
        table.next();
        is_good
    }
}

fn check(table: &mut Table<'_>, spec: SpecId) -> bool {
    let Table { telling: Some(telling), accounts, slots, loaded, loaded_slots, .. } = table else { return false };
    let mut any_destroyed = false;
    let mut is_good = loaded.iter().all(|&row| {
        let account = &accounts[row as usize];
        let now = if !account.account.is_touched() {
            account.start
        } else {
            match end(account, spec) {
                End::Stays => {
                    let info = &account.account.info;
                    Moment { exists: true, nonce: info.nonce, balance: info.balance, code_hash: info.code_hash }
                }
                End::Empty => Moment::ABSENT,
                End::Destroyed => {
                    any_destroyed = true;
                    Moment::ABSENT
                }
            }
        };
        telling.check(row, &account.start, &now)
    });
    let is_destroyed =
        |row: u32| accounts[row as usize].account.is_touched() && end(&accounts[row as usize], spec) == End::Destroyed;
    is_good &= loaded_slots.iter().all(|&slot| {
        let row = &slots[slot as usize];
        let is_gone = any_destroyed && is_destroyed(row.account);
        let now = if is_gone { Default::default() } else { row.slot.present_value };
        telling.check_slot(slot, row.slot.original_value, now)
    });
    if any_destroyed {
        is_good &= loaded.iter().filter(|row| is_destroyed(**row)).all(|&row| {
            let count = loaded_slots.iter().filter(|slot| slots[**slot as usize].account == row).count();
            telling.destroy(row, accounts[row as usize].account.is_created(), count)
        });
    }
    is_good
}

/// Puts the receipts of all transactions together, in their order. `None` where the block had no gas left for one.
pub fn put_together(plan: &Plan<'_>, receipts: impl Iterator<Item = Receipt>) -> Option<Outcome> {
    let mut outcome = plan.outcome();
    for (index, receipt) in receipts.enumerate() {
        if !plan.has_gas_for(index, outcome.gas_used) {
            return None;
        }
        plan.count(&mut outcome, index, Ok(receipt));
    }
    (outcome.receipts.len() == plan.len()).then_some(outcome)
}
