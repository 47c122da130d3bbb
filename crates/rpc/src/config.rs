//! How much the server gives away, and to whom.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Settings of the server. Every limit has a default that suits a public node of modest size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address of HTTP and WebSocket, on one port. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Origins that browsers may call from; `"*"` means any, an empty list none.
    pub cors_origins: Vec<String>,
    /// Where `eth_sendRawTransaction` goes on a node without a pool: a sequencer's JSON-RPC over HTTP.
    pub sequencer_url: Option<String>,
    /// What the server spends.
    pub limits: Limits,
    /// Least tip that is recommended, wei per gas.
    pub priority_fee_min_wei: u64,
    /// How long after its batch a block counts as proven when nobody proves it: the challenge window of the rollup contract, in
    /// seconds. Only used to say when the next rung is due; `None` says nothing.
    pub challenge_window_s: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9545)),
            cors_origins: vec!["*".into()],
            sequencer_url: None,
            limits: Limits::default(),
            priority_fee_min_wei: 1_000_000,
            challenge_window_s: None,
        }
    }
}

/// What the server spends on one client, and on all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest request, bytes; a batch counts as one.
    pub request_bytes_max: u32,
    /// Longest response, bytes; a batch counts as one.
    pub response_bytes_max: u32,
    /// Most calls in a batch.
    pub batch_calls_max: u32,
    /// Most connections at a time, HTTP and WebSocket together.
    pub connections_max: u32,
    /// Most subscriptions of one WebSocket connection.
    pub subscriptions_per_connection_max: u32,
    /// Messages that wait for one slow WebSocket client before its subscriptions wait too.
    pub subscription_buffer: u32,
    /// A WebSocket client that takes nothing for this long loses its subscription, milliseconds.
    pub subscription_wait_ms_max: u64,
    /// Most blocks that one log query spans.
    pub logs_blocks_max: u64,
    /// Most logs that one query returns.
    pub logs_max: usize,
    /// Most filters installed at a time, over all clients.
    pub filters_max: usize,
    /// A filter that nobody asks for this long is removed, seconds.
    pub filter_idle_s: u64,
    /// Most gas of one `eth_call` or estimate.
    pub call_gas_max: u64,
    /// Longest that one request may take, milliseconds.
    pub request_ms_max: u64,
    /// Reads that run at a time; the others wait.
    pub reads_parallel: NonZeroUsize,
    /// Calls, log queries and proofs that run at a time; the others wait.
    pub calls_parallel: NonZeroUsize,
    /// Most storage slots in one `eth_getProof`.
    pub proof_slots_max: usize,
    /// Most blocks of one `eth_feeHistory`; more are cut to this, as Ethereum's clients do.
    pub fee_history_blocks_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            request_bytes_max: 2 << 20,
            response_bytes_max: 32 << 20,
            batch_calls_max: 100,
            connections_max: 1_000,
            subscriptions_per_connection_max: 128,
            subscription_buffer: 256,
            subscription_wait_ms_max: 30_000,
            logs_blocks_max: 10_000,
            logs_max: 10_000,
            filters_max: 1_024,
            filter_idle_s: 300,
            call_gas_max: sluice_stf::CALL_GAS_MAX,
            request_ms_max: 5_000,
            reads_parallel: cores.saturating_mul(NonZeroUsize::MIN.saturating_add(15)),
            calls_parallel: cores,
            proof_slots_max: 1_024,
            fee_history_blocks_max: 1_024,
        }
    }
}

impl Limits {
    /// Longest that one request may take.
    pub(crate) fn request_time_max(&self) -> Duration {
        Duration::from_millis(self.request_ms_max)
    }

    /// Longest that a subscription waits for its client.
    pub(crate) fn subscription_wait_max(&self) -> Duration {
        Duration::from_millis(self.subscription_wait_ms_max)
    }
}
