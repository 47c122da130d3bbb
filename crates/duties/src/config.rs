//! How often the room looks, how long seats leave an act to each other, and which fees are worth a transaction.

use serde::{Deserialize, Serialize};
use sluice_l1::VAULT_WEI_MIN;

/// Settings of the room. Node-local.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How often the room looks for work, milliseconds. 50 to 60,000.
    pub poll_ms: u64,
    /// How long a seat leaves what is owed to the one before it in turn, seconds of L1's clock. 1 to 3,600.
    pub takeover_s: u64,
    /// Fees below this stay where they are, at each place on their way to the seats; wei. Moving them takes three transactions on L1, which
    /// the seat pays. 10^16, which is the least that the vault sends, to 9 × 10^18.
    pub fees_min_wei: u64,
}

/// Some thirty times what moving fees costs at an L1 gas price of 10 gwei.
const FEES_MIN_WEI: u64 = 100_000_000_000_000_000;
/// TOML has signed numbers.
const FEES_MIN_WEI_MAX: u64 = 9_000_000_000_000_000_000;

impl Default for Config {
    fn default() -> Self {
        Self { poll_ms: 4_000, takeover_s: 60, fees_min_wei: FEES_MIN_WEI }
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
        range("takeover_s", self.takeover_s, 1, 3_600)?;
        range("fees_min_wei", self.fees_min_wei, VAULT_WEI_MIN, FEES_MIN_WEI_MAX)
    }
}
