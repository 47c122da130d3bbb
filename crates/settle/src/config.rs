//! When a batch is cut and how it is sent.

use serde::{Deserialize, Serialize};

/// Settings of the settling room. They change when a batch is cut, never what it means. Node-local, except in a committee, whose nodes
/// must all cut the same batches: there all but `poll_ms` must be equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How often the room looks for work, milliseconds. 50 to 60,000.
    pub poll_ms: u64,
    /// A batch is cut when its oldest block is this old, seconds. 1 to 3,600.
    pub age_max_s: u64,
    /// A batch is cut as soon as its blocks hold about this many bytes of raw transactions. At least 1,000.
    pub size_target_bytes: u64,
    /// Most L2 blocks in one batch. 1 to 100,000.
    pub blocks_max: u64,
    /// Effort of the compressor, 0 (fast) to 11 (small).
    pub compression_quality: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self { poll_ms: 500, age_max_s: 60, size_target_bytes: 1_000_000, blocks_max: 10_000, compression_quality: 10 }
    }
}

impl Config {
    /// Checks the ranges that the fields' documentation gives; the answer says which value to change.
    pub fn check(&self) -> Result<(), String> {
        let range = |name: &str, value: u64, min: u64, max: u64| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(format!("settle.{name} = {value} is out of range; give {min} to {max}"))
            }
        };
        range("poll_ms", self.poll_ms, 50, 60_000)?;
        range("age_max_s", self.age_max_s, 1, 3_600)?;
        range("size_target_bytes", self.size_target_bytes, 1_000, u64::MAX)?;
        range("blocks_max", self.blocks_max, 1, 100_000)?;
        range("compression_quality", u64::from(self.compression_quality), 0, 11)
    }
}
