//! Calls and creations, as a tree.

use alloc::{format, string::String, vec::Vec};
use core::mem::take;

use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use revm::{
    bytecode::opcode::SELFDESTRUCT,
    context::{JournalTr, TxEnv},
    handler::FrameResult,
    interpreter::{
        CallScheme, CreateScheme, FrameInput, InstructionResult, Interpreter,
        interpreter_types::{InputsTr, Jumps, LoopControl},
    },
};

use crate::handler::Host;

/// How a frame began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// `CALL`, or a transaction.
    Call,
    /// `CALLCODE`.
    CallCode,
    /// `DELEGATECALL`.
    DelegateCall,
    /// `STATICCALL`.
    StaticCall,
    /// `CREATE`, or a transaction.
    Create,
    /// `CREATE2`.
    Create2,
    /// `SELFDESTRUCT`, which is no frame but moves money as one.
    SelfDestruct,
}

impl FrameKind {
    /// The instruction's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "CALL",
            Self::CallCode => "CALLCODE",
            Self::DelegateCall => "DELEGATECALL",
            Self::StaticCall => "STATICCALL",
            Self::Create => "CREATE",
            Self::Create2 => "CREATE2",
            Self::SelfDestruct => "SELFDESTRUCT",
        }
    }
}

/// A log, and how many calls its frame had made before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameLog {
    /// The log.
    pub log: Log,
    /// Calls before it.
    pub position: usize,
}

/// A call or creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// How it began.
    pub kind: FrameKind,
    /// Whose code called.
    pub from: Address,
    /// Whose code ran, or what was created; `None` where creation failed.
    pub to: Option<Address>,
    /// Wei that the code sees as sent; `None` where it cannot be any.
    pub value: Option<U256>,
    /// Gas that it had.
    pub gas: u64,
    /// Gas that it used, without refunds but for a transaction's.
    pub gas_used: u64,
    /// Call data or init code.
    pub input: Bytes,
    /// What it returned or reverted with, or the code that it created.
    pub output: Bytes,
    /// Why it failed, in go-ethereum's words.
    pub error: Option<String>,
    /// What it logged. Empty when it failed, or when nobody asked for logs.
    pub logs: Vec<FrameLog>,
    /// What it called, in order.
    pub calls: Vec<Self>,
}

/// The frames that are open, and the root when it is closed.
pub(super) struct Calls {
    only_top: bool,
    with_logs: bool,
    open: Vec<Frame>,
    root: Option<Frame>,
    /// Logs that the transaction had made when they were last looked at.
    logs_seen: usize,
    /// A `SELFDESTRUCT` that may be about to happen: of whom, for whom, of how much.
    destroys: Option<(Address, Address, U256)>,
}

impl Calls {
    pub(super) const fn new(only_top: bool, with_logs: bool) -> Self {
        Self { only_top, with_logs, open: Vec::new(), root: None, logs_seen: 0, destroys: None }
    }

    /// The outermost, which had the transaction's gas and used what the transaction did.
    pub(super) fn into_root(self, tx: &TxEnv, gas_used: u64) -> Frame {
        Frame { gas: tx.gas_limit, gas_used, ..self.root.unwrap_or_else(|| unbegun(tx)) }
    }

    const fn ignores(&self, depth: usize) -> bool {
        self.only_top && depth > 1
    }

    /// Opens a frame at this depth, from 1; answers the bytes that it notes.
    pub(super) fn begin(&mut self, host: &Host<'_>, input: &FrameInput, depth: usize) -> usize {
        if self.ignores(depth) {
            return 0;
        }
        let frame = frame(host, input);
        let bytes = frame.input.len();
        self.open.push(frame);
        bytes
    }

    /// Closes the frame above this depth.
    pub(super) fn end(&mut self, host: &Host<'_>, result: &FrameResult, depth: usize) -> usize {
        // What a failed frame logged is gone from the journal, too.
        self.logs_seen = host.journaled_state.logs().len();
        if self.ignores(depth + 1) {
            return 0;
        }
        let Some(mut frame) = self.open.pop() else { return 0 };
        let ended = result.interpreter_result();
        let (reason, gas) = (ended.result, &ended.gas);
        frame.gas_used = if reason.is_ok_or_revert() { gas.total_gas_spent() } else { frame.gas };
        if let FrameResult::Create(created) = result {
            frame.to = created.address.filter(|_| reason.is_ok());
        }
        if reason.is_ok() {
            frame.output = ended.output.clone();
        } else {
            frame.error = Some(words(reason));
            forget_logs(&mut frame);
            if reason == InstructionResult::Revert {
                frame.output = ended.output.clone();
            }
        }
        let bytes = frame.output.len();
        match self.open.last_mut() {
            Some(parent) => parent.calls.push(frame),
            None => self.root = Some(frame),
        }
        bytes
    }

    /// Looks what the next instruction is.
    pub(super) fn step(&mut self, host: &Host<'_>, interpreter: &Interpreter) {
        self.destroys = None;
        if interpreter.bytecode.opcode() == SELFDESTRUCT
            && let Some(to) = interpreter.stack.data().last()
        {
            let (from, table) = (interpreter.input.target_address(), host.journaled_state.table());
            let balance = table.known(&from).map(|row| table.accounts[row as usize].account.info.balance);
            self.destroys = Some((from, Address::from_word((*to).into()), balance.unwrap_or_default()));
        }
    }

    /// Looks what the instruction did; answers the bytes that it notes.
    pub(super) fn stepped(&mut self, host: &Host<'_>, interpreter: &mut Interpreter) -> usize {
        if let Some((from, to, value)) = self.destroys.take()
            && interpreter.bytecode.instruction_result() == Some(InstructionResult::SelfDestruct)
            && let Some(frame) = self.open.last_mut()
        {
            frame.calls.push(Frame { to: Some(to), value: Some(value), ..blank(FrameKind::SelfDestruct, from) });
        }
        let (from, logs) = (self.logs_seen, host.journaled_state.logs());
        let mut bytes = 0;
        if logs.len() > from {
            self.logs_seen = logs.len();
            if self.with_logs
                && let Some(frame) = self.open.last_mut()
            {
                let position = frame.calls.len();
                for log in &logs[from..] {
                    bytes += log.data.data.len() + 32 * log.topics().len();
                    frame.logs.push(FrameLog { log: log.clone(), position });
                }
            }
        }
        bytes
    }
}

fn frame(host: &Host<'_>, input: &FrameInput) -> Frame {
    let (kind, from, to, value, gas, input) = match input {
        FrameInput::Call(call) => {
            let input = call.input.bytes(host);
            let (this, code, sent) = (call.target_address, call.bytecode_address, call.call_value());
            let (kind, from, to, value) = match call.scheme {
                CallScheme::Call => (FrameKind::Call, call.caller, this, Some(sent)),
                CallScheme::CallCode => (FrameKind::CallCode, this, code, Some(sent)),
                CallScheme::DelegateCall => (FrameKind::DelegateCall, this, code, Some(sent)),
                CallScheme::StaticCall => (FrameKind::StaticCall, call.caller, this, None),
            };
            (kind, from, Some(to), value, call.gas_limit, input)
        }
        FrameInput::Create(create) => {
            let kind = match create.scheme() {
                CreateScheme::Create2 { .. } => FrameKind::Create2,
                CreateScheme::Create | CreateScheme::Custom { .. } => FrameKind::Create,
            };
            (kind, create.caller(), None, Some(create.value()), create.gas_limit(), create.init_code().clone())
        }
        FrameInput::Empty => unreachable!("the engine begins no empty frame"),
    };
    Frame { to, value, gas, input, ..blank(kind, from) }
}

/// Of a transaction that ran out of gas, or of money, before its code ran.
fn unbegun(tx: &TxEnv) -> Frame {
    let (kind, to) = match tx.kind {
        TxKind::Call(to) => (FrameKind::Call, Some(to)),
        TxKind::Create => (FrameKind::Create, None),
    };
    let (value, input, error) = (Some(tx.value), tx.data.clone(), Some(words(InstructionResult::OutOfGas)));
    Frame { to, value, input, error, ..blank(kind, tx.caller) }
}

const fn blank(kind: FrameKind, from: Address) -> Frame {
    Frame {
        kind,
        from,
        to: None,
        value: None,
        gas: 0,
        gas_used: 0,
        input: Bytes::new(),
        output: Bytes::new(),
        error: None,
        logs: Vec::new(),
        calls: Vec::new(),
    }
}

/// A failed frame takes its callees' logs with it.
fn forget_logs(frame: &mut Frame) {
    drop(take(&mut frame.logs));
    frame.calls.iter_mut().for_each(forget_logs);
}

/// A failure in go-ethereum's words, which tools look for.
///
/// Source: `core/vm/errors.go`.
pub(super) fn words(reason: InstructionResult) -> String {
    use InstructionResult::*;
    let words = match reason {
        Revert => "execution reverted",
        OutOfGas | MemoryOOG | MemoryLimitOOG | PrecompileOOG | InvalidOperandOOG | ReentrancySentryOOG => "out of gas",
        OpcodeNotFound | NotActivated => "invalid opcode",
        InvalidFEOpcode => "invalid opcode: INVALID",
        StateChangeDuringStaticCall | CallNotAllowedInsideStatic => "write protection",
        InvalidJump => "invalid jump destination",
        StackUnderflow => "stack underflow",
        StackOverflow => "stack limit reached 1024 (1023)",
        OutOfOffset => "return data out of bounds",
        CreateCollision => "contract address collision",
        CreateContractSizeLimit => "max code size exceeded",
        CreateInitCodeSizeLimit => "max initcode size exceeded",
        CreateContractStartingWithEF => "invalid code: must not begin with 0xef",
        CallTooDeep => "max call depth exceeded",
        OutOfFunds => "insufficient balance for transfer",
        NonceOverflow => "nonce uint64 overflow",
        other => return format!("{other:?}"),
    };
    words.into()
}
