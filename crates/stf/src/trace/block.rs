//! Transactions of a block that was executed before.

use alloc::vec::Vec;
use core::ops::Range;

use alloy_primitives::Bytes;
use sluice_types::{
    BlockAccessList, BlockInput, ChainConfig, Header, Receipt, SealedBlock, StateRead, access_list_hash,
};

use super::{Look, Trace, TraceLimit, TraceLimits, Watcher};
use crate::{
    Error, Plan, Workspace,
    engine::{Engine, Failed, Reader},
    foresight::Foresight,
    foretold::ToldLane,
    machine::Machine,
};

/// A block whose transactions are looked at.
#[derive(Clone, Debug)]
pub struct TracedBlock<'a> {
    config: &'a ChainConfig,
    parent: &'a Header,
    header: &'a Header,
    input: BlockInput,
    list: Option<&'a BlockAccessList>,
}

impl<'a> TracedBlock<'a> {
    /// A block of a chain, and the header of the block before.
    pub fn new(config: &'a ChainConfig, parent: &'a Header, sealed: &'a SealedBlock) -> Self {
        Self { config, parent, header: &sealed.block.header, input: sealed.input(), list: None }
    }

    /// Takes the block's access list, so that transactions are executed without those before them. False where it is not the list that
    /// the header commits to; then it is not used.
    ///
    /// The list is hashed, which takes about a millisecond for 300 kB of its RLP. That pays where transactions come before those that are
    /// looked at; where all are looked at, all are executed anyway.
    ///
    /// Nothing but the hash would tell a wrong list: a transaction's own changes are compared with the list, but what it only reads of
    /// those before it is taken from there.
    pub fn use_list(&mut self, list: &'a BlockAccessList) -> bool {
        let is_right = access_list_hash(list).as_slice() == self.header.extra_data.as_ref();
        self.list = is_right.then_some(list);
        is_right
    }
}

/// A transaction that was watched.
#[derive(Clone, Debug, PartialEq)]
pub struct TracedTransaction {
    /// What became of it; without the gas of those before.
    pub receipt: Receipt,
    /// What it returned or reverted with.
    pub output: Bytes,
    /// What was seen.
    pub trace: Trace,
}

/// Executes transactions of a block again, on the state that its parent left, and looks.
///
/// Errors: [`Error::Trace`] beyond the limits, which are for all together; [`Error::Invalid`] for a transaction that the block would
/// skip; else as [`execute_block`](crate::execute_block).
pub fn trace_block<S: StateRead>(
    block: &TracedBlock<'_>,
    wanted: Range<usize>,
    look: Look,
    limits: &TraceLimits<'_>,
    state: &S,
) -> Result<Vec<TracedTransaction>, Error<S::Error>> {
    let reader = Reader::new(state);
    let traced = Plan::new(block.config, block.parent, &block.input).and_then(|plan| {
        let wanted = wanted.start.min(plan.len())..wanted.end.min(plan.len());
        let tracing = || Tracing { plan: &plan, look, limits: *limits, bytes_left: limits.bytes_max, done: Vec::new() };
        let told = block.list.map(|list| tracing().alone(list, wanted.clone(), &reader)).transpose()?.flatten();
        told.map_or_else(|| tracing().in_order(wanted, &reader), Ok)
    });
    traced.map_err(|error| reader.explain(error))
}

/// What was watched so far, and what may still be noted.
struct Tracing<'a> {
    plan: &'a Plan<'a>,
    look: Look,
    limits: TraceLimits<'a>,
    bytes_left: usize,
    done: Vec<TracedTransaction>,
}

impl<'a> Tracing<'a> {
    /// Each alone, from the block's list. `None` where something is not as the list says.
    fn alone<S: StateRead>(
        mut self,
        list: &BlockAccessList,
        wanted: Range<usize>,
        reader: &Reader<'_, S>,
    ) -> Result<Option<Vec<TracedTransaction>>, Error<Failed>> {
        let Some(foresight) = Foresight::new(list) else { return Ok(None) };
        let mut workspace = Workspace::for_once();
        let mut lane = ToldLane::new(self.plan, &foresight, reader, &mut workspace);
        for index in wanted {
            match lane.run_with(index, |machine| self.watch(machine, index, 0)) {
                Ok((_, true)) => {}
                Err(Error::Trace(limit)) => return Err(Error::Trace(limit)),
                Ok((_, false)) | Err(_) => return Ok(None),
            }
        }
        Ok(Some(self.done))
    }

    /// After all those before.
    fn in_order<S: StateRead>(
        mut self,
        wanted: Range<usize>,
        reader: &Reader<'_, S>,
    ) -> Result<Vec<TracedTransaction>, Error<Failed>> {
        let (plan, is_late) = (self.plan, self.limits.is_late);
        let mut workspace = Workspace::for_once();
        let mut engine = Engine::new(plan.rules(), plan.env(), reader, &mut workspace);
        for (contract, call) in plan.system_calls() {
            engine.system_call(contract, call)?;
        }
        let mut gas_used = 0;
        for index in 0..wanted.end {
            if is_late() {
                return Err(Error::Trace(TraceLimit::Late));
            }
            if wanted.contains(&index) {
                gas_used += self.watch(&mut engine.machine, index, gas_used)?;
                engine.keep();
            } else if let Ok(receipt) = plan.execute(&mut engine.machine, index, gas_used)? {
                gas_used += receipt.gas_used;
                engine.keep();
            }
        }
        Ok(self.done)
    }

    /// Executes a transaction, which stays unsettled, and answers its gas.
    fn watch<'m>(&mut self, machine: &mut Machine<'m>, index: usize, gas_used: u64) -> Result<u64, Error<Failed>>
    where
        'a: 'm,
    {
        machine.watcher = Some(Watcher::new(self.look, &self.limits, self.bytes_left));
        let executed = self.plan.execute(machine, index, gas_used);
        let watcher = machine.watcher.take().expect("it was just put there");
        if let Some(limit) = watcher.over() {
            return Err(Error::Trace(limit));
        }
        let receipt = executed?.map_err(Error::Invalid)?;
        self.bytes_left = watcher.bytes_left();
        let gas = receipt.gas_used;
        let (trace, output) = watcher.into_trace(&machine.evm.ctx.tx, gas);
        self.done.push(TracedTransaction { receipt, output, trace });
        Ok(gas)
    }
}
