//! The node's own wishes.

use std::time::Duration;

use crate::Error;

/// What to do with blocks that L1 holds and this node has not executed. Those that it has executed are always compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Execute them: L1 is where this node has its blocks from.
    #[default]
    Execute,
    /// Wait for them: another room of this node executes what the sequencers order.
    Compare,
}

/// How this node follows L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Milliseconds between looks at L1 when there is nothing to catch up with. 20 to 60,000.
    pub poll_ms: u64,
    /// What to do with blocks that this node has not executed.
    pub mode: Mode,
}

impl Default for Config {
    /// A look every two seconds; executes.
    fn default() -> Self {
        Self { poll_ms: 2_000, mode: Mode::default() }
    }
}

impl Config {
    /// Errors: [`Error::Config`].
    pub(crate) const fn check(&self) -> Result<(), Error> {
        if self.poll_ms < 20 || self.poll_ms > 60_000 {
            return Err(Error::Config { poll_ms: self.poll_ms });
        }
        Ok(())
    }

    pub(crate) const fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
}
