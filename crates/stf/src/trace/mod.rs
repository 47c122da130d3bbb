//! What happens inside a transaction: it is executed once more, while somebody watches.
//!
//! The watcher sees the engine's own path, with this chain's payments, so that a trace cannot differ from what the block did. A transaction
//! of a block is executed alone where the access list that the block's header commits to tells the state before it, and else after those
//! before it.

mod block;
mod calls;
mod limit;
mod state;
mod steps;
mod watcher;

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use alloy_primitives::FixedBytes;
use sluice_types::StateRead;

use crate::{CallEnv, CallOutcome, CallRequest, Error, Workspace, call::Run, engine::Reader};

pub use block::{TracedBlock, TracedTransaction, trace_block};
pub use calls::{Frame, FrameKind, FrameLog};
pub use limit::{TraceLimit, TraceLimits};
pub use state::{AccountState, States};
pub use steps::{Step, StepParts};

pub(crate) use watcher::{Watcher, run_frame};

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Calls and creations, as a tree.
    Calls {
        /// Of it the root alone.
        only_top: bool,
        /// What they log, too.
        logs: bool,
    },
    /// Every instruction.
    Steps(StepParts),
    /// Accounts and slots that are used, before and after.
    States,
    /// Functions that are called.
    Selectors,
}

/// What was seen, by what was looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum Trace {
    /// The outermost call or creation.
    Calls(Box<Frame>),
    /// In order.
    Steps(Vec<Step>),
    /// By address.
    States(States),
    /// How often each function was called with arguments of how many bytes.
    Selectors(BTreeMap<(FixedBytes<4>, usize), u64>),
}

/// A call that was watched.
#[derive(Clone, Debug, PartialEq)]
pub struct TracedCall {
    /// What it did.
    pub outcome: CallOutcome,
    /// What was seen.
    pub trace: Trace,
}

/// Runs a call as [`call`](crate::call) does, and looks.
///
/// Errors: [`Error::Trace`] beyond the limits, else as [`call`](crate::call).
pub fn trace_call<S: StateRead>(
    env: &CallEnv<'_>,
    request: &CallRequest,
    look: Look,
    limits: &TraceLimits<'_>,
    state: &S,
) -> Result<TracedCall, Error<S::Error>> {
    let (reader, mut workspace) = (Reader::new(state), Workspace::for_once());
    let traced = Run::new(env, request, &reader, &mut workspace).and_then(|run| run.watched(request, look, limits));
    traced.map_err(|error| reader.explain(error))
}
