//! What executed blocks have shown, by which the next ones are put together.

use std::time::Duration;

use alloy_primitives::Address;
use sluice_types::{BlockInput, Outcome};

use crate::{gas_use::GasUse, hot::HotKeys};

/// Guesses, on which nothing depends but what this node proposes and how fast it executes.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Who writes where.
    pub(crate) hot: HotKeys,
    /// Who uses how much gas.
    pub(crate) gas_use: GasUse,
}

impl Shown {
    /// Learns from an executed block. `call_time` says how long calls of a function take; the executor knows.
    pub(crate) fn learn(
        &mut self,
        input: &BlockInput,
        outcome: &Outcome,
        call_time: impl Fn(Address, [u8; 4]) -> Option<Duration>,
    ) {
        self.hot.learn(input, outcome, call_time);
        self.gas_use.learn(input, outcome);
    }
}
