//! Sees a transaction execute, and notes what is looked for.

use alloc::{boxed::Box, collections::BTreeMap, string::ToString};

use alloy_primitives::{Bytes, FixedBytes};
use revm::{
    context::{TxEnv, result::EVMError},
    handler::FrameResult,
    interpreter::{
        FrameInput, Interpreter, interpreter::EthInterpreter, interpreter_action::FrameInit,
        interpreter_types::LoopControl,
    },
    precompile::Precompiles,
    primitives::hardfork::SpecId,
};

use super::{
    Look, Trace, TraceLimit, TraceLimits,
    calls::Calls,
    state::{self, States},
    steps::Steps,
};
use crate::{
    dispatch::{Ran, act},
    handler::{Evm, Host, Stop},
    reader::Failed,
    table::Table,
};

/// Instructions between two questions whether it is late.
const LATE_STEPS: u32 = 4_096;
/// What a note costs beside its bytes.
const NOTE_BYTES: usize = 256;

/// One transaction's watcher.
pub(crate) struct Watcher<'a> {
    limits: TraceLimits<'a>,
    bytes_left: usize,
    steps: u32,
    depth: usize,
    /// What the outermost frame gave back.
    returned: Bytes,
    notes: Notes,
    over: Option<TraceLimit>,
}

enum Notes {
    Calls(Calls),
    Steps(Steps),
    States(States),
    Selectors(BTreeMap<(FixedBytes<4>, usize), u64>),
}

impl<'a> Watcher<'a> {
    /// `bytes_left` of what the limits allow may still be noted.
    pub(crate) fn new(look: Look, limits: &TraceLimits<'a>, bytes_left: usize) -> Self {
        let notes = match look {
            Look::Calls { only_top, logs } => Notes::Calls(Calls::new(only_top, logs)),
            Look::Steps(parts) => Notes::Steps(Steps::new(parts)),
            Look::States => Notes::States(States::default()),
            Look::Selectors => Notes::Selectors(BTreeMap::new()),
        };
        Self { limits: *limits, bytes_left, steps: 0, depth: 0, returned: Bytes::new(), notes, over: None }
    }

    /// Bytes that may still be noted.
    pub(crate) const fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    /// Which limit stopped the transaction.
    pub(crate) const fn over(&self) -> Option<TraceLimit> {
        self.over
    }

    /// What it saw of a transaction that used so much gas, and what the outermost frame gave back.
    pub(crate) fn into_trace(self, tx: &TxEnv, gas_used: u64) -> (Trace, Bytes) {
        let trace = match self.notes {
            Notes::Calls(calls) => Trace::Calls(Box::new(calls.into_root(tx, gas_used))),
            Notes::Steps(steps) => Trace::Steps(steps.into_steps()),
            Notes::States(states) => Trace::States(states),
            Notes::Selectors(selectors) => Trace::Selectors(selectors),
        };
        (trace, self.returned)
    }

    /// A frame is about to begin.
    pub(crate) fn begin(&mut self, host: &mut Host<'_>, init: &FrameInit) -> Result<(), Stop> {
        self.depth += 1;
        match &mut self.notes {
            Notes::Calls(calls) => {
                let bytes = calls.begin(host, &init.frame_input, self.depth);
                self.spend(bytes)
            }
            Notes::Selectors(selectors) => {
                if let FrameInput::Call(call) = &init.frame_input {
                    let input = call.input.bytes(host);
                    let is_code = !Precompiles::osaka().contains(&call.bytecode_address);
                    if let Some((selector, arguments)) = input.split_first_chunk::<4>().filter(|_| is_code) {
                        *selectors.entry((selector.into(), arguments.len())).or_default() += 1;
                    }
                }
                self.spend(0)
            }
            Notes::Steps(_) | Notes::States(_) => Ok(()),
        }
    }

    /// A frame has ended.
    pub(crate) fn end(&mut self, host: &mut Host<'_>, result: &FrameResult) -> Result<(), Stop> {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            self.returned = result.interpreter_result().output.clone();
        }
        match &mut self.notes {
            Notes::Calls(calls) => {
                let bytes = calls.end(host, result, self.depth);
                self.spend(bytes)
            }
            _ => Ok(()),
        }
    }

    fn step(&mut self, host: &Host<'_>, interpreter: &Interpreter) -> Result<(), Stop> {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(LATE_STEPS) && (self.limits.is_late)() {
            return self.stop(TraceLimit::Late);
        }
        match &mut self.notes {
            Notes::Steps(steps) => {
                let bytes = steps.begin(interpreter, self.depth);
                bytes.map_or(Ok(()), |bytes| self.spend(bytes))
            }
            Notes::Calls(calls) => {
                calls.step(host, interpreter);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn stepped(&mut self, host: &mut Host<'_>, interpreter: &mut Interpreter) -> Result<(), Stop> {
        match &mut self.notes {
            Notes::Steps(steps) => {
                let bytes = steps.end(interpreter);
                if bytes == 0 { Ok(()) } else { self.spend(bytes) }
            }
            Notes::Calls(calls) => {
                let bytes = calls.stepped(host, interpreter);
                if bytes == 0 { Ok(()) } else { self.spend(bytes) }
            }
            _ => Ok(()),
        }
    }

    /// The transaction has executed, and is not settled yet.
    pub(crate) fn after(&mut self, table: &mut Table<'_>, spec: SpecId) -> Result<(), Failed> {
        if let Notes::States(states) = &mut self.notes {
            *states = state::read(table, spec)?;
        }
        Ok(())
    }

    /// Counts what is noted.
    fn spend(&mut self, bytes: usize) -> Result<(), Stop> {
        match self.bytes_left.checked_sub(bytes + NOTE_BYTES) {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => self.stop(TraceLimit::Large { bytes_max: self.limits.bytes_max }),
        }
    }

    fn stop(&mut self, limit: TraceLimit) -> Result<(), Stop> {
        self.over = Some(limit);
        Err(EVMError::Custom(limit.to_string()))
    }
}

/// Runs the frame on top until it ends or begins another, as the engine does unwatched.
pub(crate) fn run_frame(evm: &mut Evm<'_>, watcher: &mut Watcher<'_>) -> Result<Ran, Stop> {
    let (frame, host, instructions) = (evm.frame_stack.get(), &mut evm.ctx, &evm.instruction);
    let interpreter: &mut Interpreter<EthInterpreter> = &mut frame.interpreter;
    while interpreter.bytecode.is_not_end() {
        watcher.step(host, interpreter)?;
        if let Err(halt) = interpreter.step(instructions.instruction_table(), instructions.gas_table(), host)
            && interpreter.bytecode.action().is_none()
        {
            interpreter.halt(halt);
        }
        watcher.stepped(host, interpreter)?;
    }
    let action = interpreter.take_next_action();
    act(evm, action)
}
