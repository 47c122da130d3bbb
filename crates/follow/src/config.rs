//! How often L1 is asked.

use serde::{Deserialize, Serialize};

/// Settings of the following room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Time between questions for news, milliseconds. 50 to 60,000.
    pub poll_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { poll_ms: 2_000 }
    }
}
