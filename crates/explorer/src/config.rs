//! Where the explorer listens, and when it worries.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Settings of the explorer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// An explorer of the L1, to link its transactions: `{url}/tx/{hash}`.
    pub l1_explorer_url: Option<String>,
    /// The chain stands still when its newest block is older, seconds. Longer than the time between empty blocks.
    pub block_age_s_max: u64,
    /// The node has lost L1 when the newest L1 block that it has seen is older, seconds.
    pub l1_age_s_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9580)),
            l1_explorer_url: None,
            block_age_s_max: 30,
            l1_age_s_max: 180,
        }
    }
}
