//! Answers JSON-RPC from the store; has no rules of its own.
//!
//! ```text
//!  HTTP ─┐                    ┌─ read: a blocking thread ──▶ Store
//!        ├─▶ Meter ─▶ methods ┼─ call: a thread of its own ─▶ Store, stf
//!  WS ───┘                    └─ wait: async ───────────────▶ PoolHandle, or the sequencer's RPC
//! ```
//!
//! HTTP and WebSocket share one port. Shapes, codes and texts are go-ethereum's where it has any; deposits look as on the OP
//! stack. The methods of `rollup_` are our own: `rollup_getFinality`, `rollup_getBatch`, `rollup_getCertificate`,
//! `rollup_getWithdrawalProof`, `rollup_getRewards`, `rollup_config` and, over WebSocket, `rollup_subscribe`; their numbers are hex
//! quantities like all others, except in `rollup_config`, which is the chain config as is, and in the entries of
//! `rollup_getRewards`, which are what `sluice stake claim` takes.
//!
//! Block tags: `latest` is executed, `safe` is derived back from L1, `finalized` is proven with its L1 data final, `pending` is
//! `latest` but for `eth_getTransactionCount`, which counts the pool.
//!
//! What it deliberately does not do: it holds no keys and signs nothing; it keeps no chain data besides filters and the tree of
//! messages to L1, both rebuilt when needed, and no traces: for `debug_trace*`, transactions are executed again. There are no tracers in
//! JavaScript, no `eth_simulateV1`, no overriding of block fields in calls, no authentication. Filters are the node's, not a connection's,
//! and a restart forgets them.
//!
//! Invariants:
//! - No request blocks an async thread, and every request has a limit in bytes, results, gas and time: see [`Limits`].
//! - An answer is whole or an error; nothing is cut short silently.
//! - What a request says never reaches a metric's label, and what goes wrong inside never reaches a client.
//!
//! Start reading at `methods.rs`.

mod accounts;
mod arguments;
mod backend;
mod blocks;
mod calls;
mod certified;
mod config;
mod error;
mod failure;
mod fees;
mod filters;
mod logs;
mod methods;
mod middleware;
mod outbox;
mod rewards;
mod rollup;
mod server;
mod state_view;
mod submit;
mod subscriptions;
mod traces;
mod txpool;
mod view;

pub use config::{Config, Limits};
pub use error::Error;
pub use server::{Server, start};
