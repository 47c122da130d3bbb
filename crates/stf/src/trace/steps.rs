//! Instructions, one by one.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use alloy_primitives::{Address, Bytes, U256};
use revm::{
    bytecode::opcode::{OpCode, SLOAD, SSTORE},
    interpreter::{
        Interpreter,
        interpreter_types::{InputsTr, Jumps, LoopControl, MemoryTr, ReturnData},
    },
};

use super::calls::words;

/// What is noted of an instruction beside where it is and what it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepParts {
    /// The stack before it.
    pub stack: bool,
    /// The memory before it.
    pub memory: bool,
    /// The contract's slots that were read or written so far, where it reads or writes one.
    pub storage: bool,
    /// What the last call returned.
    pub return_data: bool,
    /// Most instructions that are noted; the others only run. 0 for all.
    pub steps_max: usize,
}

/// An instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where in the code.
    pub pc: usize,
    /// Which.
    pub opcode: u8,
    /// Gas before it.
    pub gas: u64,
    /// Gas that it cost, with what it gave to a call.
    pub gas_cost: u64,
    /// 1 for the outermost frame.
    pub depth: usize,
    /// Gas to be given back so far.
    pub refund: u64,
    /// Stack, its top last.
    pub stack: Option<Vec<U256>>,
    /// Memory.
    pub memory: Option<Bytes>,
    /// Slots.
    pub storage: Option<BTreeMap<U256, U256>>,
    /// What the last call returned.
    pub return_data: Option<Bytes>,
    /// Why it failed.
    pub error: Option<String>,
}

impl Step {
    /// The instruction's name; `None` for one that there is not.
    pub fn name(&self) -> Option<&'static str> {
        OpCode::new(self.opcode).map(OpCode::as_str)
    }
}

/// The instructions so far.
pub(super) struct Steps {
    parts: StepParts,
    steps: Vec<Step>,
    /// Whether the last of them is the one that executes.
    is_open: bool,
    storage: BTreeMap<Address, BTreeMap<U256, U256>>,
    /// Key, and for `SSTORE` value, that the instruction which executes found on the stack.
    before: Option<(U256, U256)>,
    /// What each open frame would give back; by depth.
    refunds: Vec<i64>,
}

impl Steps {
    pub(super) const fn new(parts: StepParts) -> Self {
        Self { parts, steps: Vec::new(), is_open: false, storage: BTreeMap::new(), before: None, refunds: Vec::new() }
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// Notes an instruction that is about to execute; answers the bytes noted, `None` when it is not.
    pub(super) fn begin(&mut self, interpreter: &Interpreter, depth: usize) -> Option<usize> {
        let StepParts { stack, memory, return_data, steps_max, .. } = self.parts;
        self.is_open = steps_max == 0 || self.steps.len() < steps_max;
        if !self.is_open {
            return None;
        }
        self.refunds.resize(depth, 0);
        if let Some(last) = self.refunds.last_mut() {
            *last = interpreter.gas.refunded();
        }
        let step = Step {
            pc: interpreter.bytecode.pc(),
            opcode: interpreter.bytecode.opcode(),
            gas: interpreter.gas.remaining(),
            gas_cost: 0,
            depth,
            refund: u64::try_from(self.refunds.iter().sum::<i64>()).unwrap_or(0),
            stack: stack.then(|| interpreter.stack.data().clone()),
            memory: memory.then(|| Bytes::copy_from_slice(&interpreter.memory.slice(0..interpreter.memory.size()))),
            storage: None,
            return_data: return_data.then(|| interpreter.return_data.buffer().clone()),
            error: None,
        };
        self.before = match (step.opcode, interpreter.stack.data().as_slice()) {
            (SLOAD, [.., key]) => Some((*key, U256::ZERO)),
            (SSTORE, [.., value, key]) => Some((*key, *value)),
            _ => None,
        };
        let words = step.stack.as_ref().map_or(0, Vec::len);
        let bytes = [&step.memory, &step.return_data].into_iter().flatten().map(|bytes| bytes.len()).sum::<usize>();
        self.steps.push(step);
        Some(32 * words + bytes)
    }

    /// Notes what the instruction did; answers the bytes noted.
    pub(super) fn end(&mut self, interpreter: &mut Interpreter) -> usize {
        let Some(step) = self.steps.last_mut().filter(|_| self.is_open) else { return 0 };
        self.is_open = false;
        step.gas_cost = step.gas.saturating_sub(interpreter.gas.remaining());
        if let Some(reason) = interpreter.bytecode.instruction_result().filter(|reason| reason.is_halt()) {
            step.error = Some(words(reason));
            return 0;
        }
        if !self.parts.storage {
            return 0;
        }
        let slot = match (step.opcode, self.before.take()) {
            (SLOAD, Some((key, _))) => interpreter.stack.data().last().map(|value| (key, *value)),
            (SSTORE, Some((key, value))) => Some((key, value)),
            _ => None,
        };
        let Some((key, value)) = slot else { return 0 };
        let slots = self.storage.entry(interpreter.input.target_address()).or_default();
        slots.insert(key, value);
        step.storage = Some(slots.clone());
        64 * slots.len()
    }
}
