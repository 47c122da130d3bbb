//! Carries L1 back to the chain: derives, executes or compares, moves the safe and final heads; L1 reorgs are handled only here.
//!
//! ```text
//!   L1 ── new blocks, reorgs ──▶ view ──▶ Store::commit_l1 ──▶ sequencer, settle, rpc read it there
//!    └─── blobs of the next batch ──▶ derive ──▶ executed here? ── yes ──▶ equal to the stored blocks?
//!                                                     └─────────── no ───▶ executor ──▶ as the header says? ──▶ Store::commit_block
//! ```
//!
//! One [`Follow::step`] takes in up to 128 L1 blocks, derives at most one batch, and moves the heads; [`Follow::run`] repeats it.
//! Every step starts from what the store holds, so a restart needs nothing else.
//!
//! What it deliberately does not do: it keeps no blobs, sends nothing to L1, and never skips a batch that it holds for wrong: it
//! stops, and says which. It does not undo executed blocks; an L1 reorg that touches what they consumed is the end.
//!
//! Invariants:
//! - The L1 view in the store is one chain, from the config's start block on, parent by parent; a reorg is one atomic commit.
//! - `derived` moves past a batch only after its data gave exactly the stored blocks, and those have the hash and roots it claims.
//! - L1 blocks below the finalized one are never dropped.
//!
//! Start reading at `service.rs`, then `view.rs` (L1 blocks and reorgs) and `check.rs` (batches).

mod check;
mod config;
mod error;
mod execute;
mod heads;
mod metrics;
mod service;
#[cfg(test)]
mod tests;
mod view;

pub use config::{Config, Mode};
pub use error::Error;
pub use service::{Follow, Step};
