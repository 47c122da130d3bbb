//! The loop that executes a frame's instructions while nobody watches.
//!
//! What costs much in such a loop is that the processor guesses wrongly which instruction comes next. So the frequent ones are
//! executed in place; those that differ only in a number (`PUSH1` to `PUSH8`, `DUP1` to `DUP16`, `SWAP1` to `SWAP16`) share one
//! place; and what compilers write together (a comparison before a jump, the constant that says where to, the `JUMPDEST` after it)
//! is executed at once. Meanwhile the gas and the place in the code are in registers. Longer sequences (runs of `POP`, a constant
//! before an `ADD`, the comparisons of a selector) are not looked for: looking for them costs more than it saves.
//!
//! Only success is decided here. An instruction that lacks gas or stack, jumps wrongly, lets the memory grow, or is rare, is
//! left to the engine, which finds everything as if all before it had been executed one by one.

use alloy_primitives::U256;
use revm::{
    bytecode::{JumpTable, opcode::*},
    context_interface::Host,
    handler::{EthFrame, FrameInitOrResult},
    interpreter::{
        Gas, GasTable, InstructionContext, InstructionResult, InstructionTable, Interpreter, InterpreterAction,
        SharedMemory, Stack, gas_table,
        instructions::{arithmetic, bitwise, i256::i256_cmp, stack, system},
        interpreter::{EthInterpreter, STACK_LIMIT},
        interpreter_types::{Jumps, LoopControl},
    },
};

use crate::handler::{Evm, Stop};

/// Length of a word in memory.
const WORD_BYTES: usize = 32;
/// Gas of a jump to a constant.
const PUSH2_JUMP_GAS: u64 = gas_of(PUSH2) + gas_of(JUMP);
/// Gas of a conditional one.
const PUSH2_JUMPI_GAS: u64 = gas_of(PUSH2) + gas_of(JUMPI);

/// What an instruction works on.
type Context<'a, H> = InstructionContext<'a, H, EthInterpreter>;

/// Static gas of an instruction that is executed in place. It is the same in all forks.
const fn gas_of(opcode: u8) -> u64 {
    const TABLE: GasTable = gas_table();
    TABLE[opcode as usize] as u64
}

/// A frame's end, or the next frame.
pub(crate) type Ran = FrameInitOrResult<EthFrame<EthInterpreter>>;

/// Runs the frame on top until it ends or begins another.
pub(crate) fn run_frame(evm: &mut Evm<'_>) -> Result<Ran, Stop> {
    let (interpreter, instructions) = (&mut evm.frame_stack.get().interpreter, &evm.instruction);
    let action = run(interpreter, instructions.instruction_table(), instructions.gas_table(), &mut evm.ctx);
    act(evm, action)
}

/// Does what the frame on top ended with.
pub(crate) fn act(evm: &mut Evm<'_>, action: InterpreterAction) -> Result<Ran, Stop> {
    let frame = evm.frame_stack.get();
    let next = frame.process_next_action::<_, Stop>(&mut evm.ctx, action)?;
    if next.is_result() {
        frame.set_finished(true);
    }
    Ok(next)
}

/// Runs until the frame ends or calls, as [`Interpreter::run_plain`] does.
fn run<H: Host>(
    interpreter: &mut Interpreter<EthInterpreter>,
    instructions: &InstructionTable<EthInterpreter, H>,
    gas_table: &GasTable,
    host: &mut H,
) -> InterpreterAction {
    let bytecode = (*interpreter.bytecode).clone();
    let Some(jumps) = bytecode.legacy_jump_table() else {
        return interpreter.run_plain(instructions, gas_table, host);
    };
    let (pc, gas) = (interpreter.bytecode.pc(), interpreter.gas.remaining());
    let mut cursor = Cursor { code: bytecode.bytes_slice(), jumps, pc, gas };
    let halt = loop {
        let opcode = cursor.code[cursor.pc];
        cursor.pc = cursor.pc.wrapping_add(1);
        if cursor.execute(opcode, InstructionContext { interpreter, host }) {
            continue;
        }
        let Some(gas) = cursor.gas.checked_sub(u64::from(gas_table[usize::from(opcode)])) else {
            break InstructionResult::OutOfGas;
        };
        interpreter.gas.set_remaining(gas);
        interpreter.bytecode.absolute_jump(cursor.pc);
        let ran = instructions[usize::from(opcode)].execute(InstructionContext { interpreter, host });
        (cursor.pc, cursor.gas) = (interpreter.bytecode.pc(), interpreter.gas.remaining());
        if let Err(halt) = ran {
            break halt;
        }
    };
    if interpreter.bytecode.action().is_none() {
        interpreter.halt(halt);
    }
    interpreter.take_next_action()
}

/// Where a frame is.
struct Cursor<'a> {
    /// Padded, so that an instruction follows every constant.
    code: &'a [u8],
    jumps: &'a JumpTable,
    /// Place of the next instruction.
    pc: usize,
    gas: u64,
}

// Inlined, since the loop is fast only while the cursor is in registers.
impl Cursor<'_> {
    /// Executes an instruction whose opcode has been passed, and maybe some after it. False when nothing was done.
    #[inline(always)]
    fn execute<H: Host>(&mut self, opcode: u8, context: Context<'_, H>) -> bool {
        let Interpreter { stack, memory, gas, .. } = &mut *context.interpreter;
        match opcode {
            PUSH2 => self.jump_to_constant(stack) || self.push(PUSH2, stack),
            PUSH1..=PUSH8 => self.push(opcode, stack),
            PUSH20 => self.push_long::<20>(stack),
            PUSH32 => self.push_long::<32>(stack),
            DUP1..=DUP16 => self.pay(DUP1, || stack.dup(usize::from(opcode.wrapping_sub(DUP1 - 1)))),
            SWAP1..=SWAP16 => self.pay(SWAP1, || stack.exchange(0, usize::from(opcode.wrapping_sub(SWAP1 - 1)))),
            JUMPDEST => self.pay(JUMPDEST, || true),
            JUMP => self.jump(stack),
            JUMPI => self.jump_if(stack),
            ISZERO => self.is_zero(stack),
            EQ => self.compare(EQ, stack, |a, b| a == b),
            LT => self.compare(LT, stack, |a, b| a < b),
            GT => self.compare(GT, stack, |a, b| a > b),
            SLT => self.compare(SLT, stack, |a, b| i256_cmp(a, b).is_lt()),
            SGT => self.compare(SGT, stack, |a, b| i256_cmp(a, b).is_gt()),
            MLOAD => self.pay(MLOAD, || load(stack, memory, gas)),
            MSTORE => self.pay(MSTORE, || store(stack, memory, gas)),
            POP => self.pay(POP, || stack::pop(context).is_ok()),
            ADD => self.pay(ADD, || arithmetic::add(context).is_ok()),
            SUB => self.pay(SUB, || arithmetic::sub(context).is_ok()),
            MUL => self.pay(MUL, || arithmetic::mul(context).is_ok()),
            AND => self.pay(AND, || bitwise::bitand(context).is_ok()),
            OR => self.pay(OR, || bitwise::bitor(context).is_ok()),
            NOT => self.pay(NOT, || bitwise::not(context).is_ok()),
            SHL => self.pay(SHL, || bitwise::shl(context).is_ok()),
            SHR => self.pay(SHR, || bitwise::shr(context).is_ok()),
            CALLER => self.pay(CALLER, || system::caller(context).is_ok()),
            CALLVALUE => self.pay(CALLVALUE, || system::callvalue(context).is_ok()),
            CALLDATASIZE => self.pay(CALLDATASIZE, || system::calldatasize(context).is_ok()),
            PUSH0 => self.pay(PUSH0, || stack::push0(context).is_ok()),
            _ => false,
        }
    }

    /// Executes if `opcode` can be paid, and pays if it was executed.
    #[inline(always)]
    fn pay(&mut self, opcode: u8, execute: impl FnOnce() -> bool) -> bool {
        if self.gas < gas_of(opcode) || !execute() {
            return false;
        }
        self.gas = self.gas.wrapping_sub(gas_of(opcode));
        true
    }

    /// The next bytes. Zeros, which nothing here looks for, when the code ends before.
    #[inline(always)]
    fn ahead<const N: usize>(&self) -> [u8; N] {
        self.code.get(self.pc..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
    }

    /// `PUSH1` to `PUSH8`, but not at the code's end.
    #[inline(always)]
    fn push(&mut self, opcode: u8, stack: &mut Stack) -> bool {
        let Some(bytes) = self.code.get(self.pc..).and_then(<[u8]>::first_chunk) else { return false };
        let width = opcode.wrapping_sub(PUSH1 - 1);
        let excess = u64::BITS.wrapping_sub(u32::from(width).wrapping_mul(8)) % u64::BITS;
        let value = u64::from_be_bytes(*bytes) >> excess;
        let done = self.pay(PUSH1, || stack.push(U256::from_limbs([value, 0, 0, 0])));
        if done {
            self.pc = self.pc.wrapping_add(usize::from(width));
        }
        done
    }

    /// Any `PUSH` with a constant.
    #[inline(always)]
    fn push_long<const N: usize>(&mut self, stack: &mut Stack) -> bool {
        let Some(bytes) = self.code.get(self.pc..).and_then(<[u8]>::first_chunk::<N>) else { return false };
        let done = self.pay(PUSH32, || stack.push_slice(bytes).is_ok());
        if done {
            self.pc = self.pc.wrapping_add(N);
        }
        done
    }

    /// `PUSH2` and the `JUMP` or `JUMPI` after it.
    #[inline(always)]
    fn jump_to_constant(&mut self, stack: &mut Stack) -> bool {
        let [high, low, next] = self.ahead();
        let target = usize::from(u16::from_be_bytes([high, low]));
        if next == JUMPI {
            if self.gas < PUSH2_JUMPI_GAS || stack.len() == STACK_LIMIT || !self.jumps.is_valid(target) {
                return false;
            }
            let Some(condition) = stack.data_mut().pop() else { return false };
            self.gas = self.gas.wrapping_sub(PUSH2_JUMPI_GAS);
            if condition.is_zero() {
                self.pc = self.pc.wrapping_add(3);
            } else {
                self.land(target);
            }
            true
        } else if next == JUMP {
            if self.gas < PUSH2_JUMP_GAS || stack.len() == STACK_LIMIT || !self.jumps.is_valid(target) {
                return false;
            }
            self.gas = self.gas.wrapping_sub(PUSH2_JUMP_GAS);
            self.land(target);
            true
        } else {
            false
        }
    }

    #[inline(always)]
    fn jump(&mut self, stack: &mut Stack) -> bool {
        let Some(target) = stack.data().last().and_then(|target| self.valid(target)) else { return false };
        let done = self.pay(JUMP, || stack.data_mut().pop().is_some());
        if done {
            self.land(target);
        }
        done
    }

    #[inline(always)]
    fn jump_if(&mut self, stack: &mut Stack) -> bool {
        let [.., condition, target] = stack.data().as_slice() else { return false };
        if condition.is_zero() {
            return self.pay(JUMPI, || stack.popn::<2>().is_some());
        }
        let Some(target) = self.valid(target) else { return false };
        let done = self.pay(JUMPI, || stack.popn::<2>().is_some());
        if done {
            self.land(target);
        }
        done
    }

    #[inline(always)]
    fn valid(&self, target: &U256) -> Option<usize> {
        usize::try_from(*target).ok().filter(|target| self.jumps.is_valid(*target))
    }

    /// Goes to a `JUMPDEST`, and past it if it can be paid.
    #[inline(always)]
    fn land(&mut self, target: usize) {
        self.pc = target;
        if self.gas >= gas_of(JUMPDEST) {
            self.gas = self.gas.wrapping_sub(gas_of(JUMPDEST));
            self.pc = target.wrapping_add(1);
        }
    }

    #[inline(always)]
    fn is_zero(&mut self, stack: &mut Stack) -> bool {
        let Some(top) = stack.data().last() else { return false };
        let truth = top.is_zero();
        let done = self.pay(ISZERO, || true);
        if done {
            self.conclude(truth, stack);
        }
        done
    }

    #[inline(always)]
    fn compare(&mut self, opcode: u8, stack: &mut Stack, compare: impl FnOnce(&U256, &U256) -> bool) -> bool {
        let [.., right, left] = stack.data().as_slice() else { return false };
        let truth = compare(left, right);
        let done = self.pay(opcode, || stack.data_mut().pop().is_some());
        if done {
            self.conclude(truth, stack);
        }
        done
    }

    /// Puts the result of a question in place of the top of the stack, or jumps by it with the `PUSH2` and `JUMPI` that come next.
    #[inline(always)]
    fn conclude(&mut self, truth: bool, stack: &mut Stack) {
        if let [PUSH2, high, low, JUMPI] = self.ahead()
            && self.gas >= PUSH2_JUMPI_GAS
            && stack.len() < STACK_LIMIT
            && let target = usize::from(u16::from_be_bytes([high, low]))
            && self.jumps.is_valid(target)
        {
            stack.data_mut().pop();
            self.gas = self.gas.wrapping_sub(PUSH2_JUMPI_GAS);
            if truth {
                self.land(target);
            } else {
                self.pc = self.pc.wrapping_add(4);
            }
        } else if let Some(top) = stack.data_mut().last_mut() {
            *top = U256::from(truth);
        }
    }
}

/// `MLOAD` where the memory need not grow.
#[inline(always)]
fn load(stack: &mut Stack, memory: &SharedMemory, gas: &Gas) -> bool {
    let Some(top) = stack.data_mut().last_mut() else { return false };
    let Some(offset) = within(top, gas) else { return false };
    *top = memory.get_u256(offset);
    true
}

/// `MSTORE` where the memory need not grow.
#[inline(always)]
fn store(stack: &mut Stack, memory: &mut SharedMemory, gas: &Gas) -> bool {
    let [.., value, offset] = stack.data().as_slice() else { return false };
    let Some(offset) = within(offset, gas) else { return false };
    memory.set_u256(offset, *value);
    stack.popn::<2>().is_some()
}

/// The offset, if a word at it is within the memory.
#[inline(always)]
fn within(offset: &U256, gas: &Gas) -> Option<usize> {
    let size = gas.memory().words_num.wrapping_mul(WORD_BYTES);
    let offset = usize::try_from(*offset).ok()?;
    (offset.checked_add(WORD_BYTES)? <= size).then_some(offset)
}

#[cfg(test)]
mod tests {
    use revm::{interpreter::instructions::gas_table_spec, primitives::hardfork::SpecId};

    use super::*;

    #[test]
    fn static_gas_of_what_is_executed_in_place_is_the_same_in_all_forks() {
        let alike = [ADD..=SAR, CALLER..=CALLDATASIZE, POP..=MSTORE8, JUMP..=JUMPDEST, PUSH0..=SWAP16];
        let forks: alloc::vec::Vec<_> = (0..=u8::MAX).map_while(SpecId::try_from_u8).collect();
        assert!(forks.contains(&SpecId::FRONTIER) && forks.contains(&SpecId::default()));
        for fork in forks {
            let gas_table = gas_table_spec(fork);
            for opcode in alike.iter().cloned().flatten() {
                assert_eq!(u64::from(gas_table[usize::from(opcode)]), gas_of(opcode), "{opcode:#x} in {fork}");
            }
        }
    }

    #[test]
    fn static_gas_of_what_shares_a_place_is_one() {
        for opcode in PUSH1..=SWAP16 {
            assert_eq!(gas_of(opcode), gas_of(PUSH1), "{opcode:#x}");
        }
    }
}
