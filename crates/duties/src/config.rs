//! How often the room looks, and how long seats leave an act to each other.

use serde::{Deserialize, Serialize};

/// Settings of the room. Node-local.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How often the room looks for work, milliseconds. 50 to 60,000.
    pub poll_ms: u64,
    /// How long a seat leaves what is owed to the one before it in turn, seconds of L1's clock. 1 to 3,600.
    pub takeover_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { poll_ms: 4_000, takeover_s: 60 }
    }
}

impl Config {
    /// Checks the ranges that the fields' documentation gives; the answer says which value to change.
    pub fn check(&self) -> Result<(), String> {
        let range = |name: &str, value: u64, min: u64, max: u64| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(format!("duties.{name} = {value} is out of range; give {min} to {max}"))
            }
        };
        range("poll_ms", self.poll_ms, 50, 60_000)?;
        range("takeover_s", self.takeover_s, 1, 3_600)
    }
}
