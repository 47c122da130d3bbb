//! Carries L1 back to the chain: derives, executes or compares, moves the safe and final heads; L1 reorgs are handled only here.
//!
//! ```text
//!   L1 ─ blocks, messages, batches ▸ ingest ▸ the store's L1 view ─┐
//!   L1 ─ blobs ───────────────────────────────────────────────────┴▸ derive ▸ compare, or execute and commit ▸ heads
//! ```
//!
//! What it deliberately does not do: it orders nothing and posts nothing. It trusts no sequencer: a node without peers executes what
//! it derives, a node that executed already compares, and either stops with both hashes when L1 says something else.
//!
//! Invariants: this room alone writes the L1 view; a reorganisation of L1 is one atomic commit; an executed block is never undone,
//! so a reorganisation that takes the L1 block it builds on stops the node.
//!
//! Start reading at [`Follow::step`].

mod apply;
mod config;
mod error;
mod ingest;
mod service;

pub use config::Config;
pub use error::Error;
pub use service::{CATCH_UP_TRIES_MAX, Follow};
