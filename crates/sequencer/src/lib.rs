//! Takes transactions in and decides what to propose: inbox first, then the pool by tip; executes what is decided.
//!
//! ```text
//!  rpc ─ submit ─▶ check threads ─▶ Pool ─┐
//!                 decode, recover         ├─▶ propose ─▶ engine ─ decided ─▶ recover ─▶ execute ─▶ seal ─▶ store ─▶ done
//!  Store: L1 view (origin, inbox) ────────┘                                            │ Tip, Pool
//!                  the next proposal builds on what is executed ◀──────────────────────┘
//! ```
//!
//! What it deliberately does not do: it does not agree on blocks (`ordering` does), does not read L1 (`follow` writes the L1 view
//! into the store) and does not post anything. There are no bundles and no lanes; the pool is not kept over a restart.
//!
//! Invariants:
//! - A block is durable with its certificate before the engine hears `done`, and blocks become durable in order. Nothing but the next
//!   proposal and the pool builds on a block that is not.
//! - A block executes on its parent's state while the parent is still being sealed; its parent's hash is then a promise.
//! - Whatever the pool or the inbox offers, execution decides: what Ethereum would not take is skipped, and no block fails. A proposer only
//!   guesses how much gas a transaction will use; one that finds too little left in its block stays in the pool.
//! - Inbox messages are taken in order, none left out, and only from L1 blocks at or below the block's L1 origin.
//! - Another seat's proposal gets this node's vote only when its order keeps every rule, and names a result that this node computed
//!   too. What cannot be known yet waits.
//! - The pool never exceeds its [`pool::Limits`], and never offers a transaction above a nonce gap.
//!
//! Metrics (`sequencer_*`): where a block's time goes, in seconds: `propose`, `recover`, `execute`, `learn`, `pool`, `root`, `seal`,
//! `commit`, and `block` from the start of execution until it is durable; totals of `gas`, `transactions`, `skipped`, `submissions` by
//! result, `pool_evictions`, `evidence`; and the pool's size as `pool_pending`, `pool_queued`, `pool_bytes`.
//!
//! Start reading at [`pool::Pool`] (who gets in), then `propose` (what a block holds), `pipeline` (what becomes of it) and
//! [`Sequencer`] (the loop).

mod base;
mod calls;
mod config;
mod epochs;
mod error;
mod execute;
mod gas_use;
mod handle;
mod hot;
mod pipeline;
pub mod pool;
mod propose;
mod recover;
mod seal;
mod service;
mod share;
mod shown;
mod spread;
mod tip;
mod verify;

pub use calls::{CALL_WORDS_MAX, CALLS_BLOCKS_MAX, CALLS_KNOWN_MAX, CALLS_SAMPLE};
pub use config::{Clock, Config, block_bytes_max};
pub use epochs::{NextEpoch, NextEpochs};
pub use error::Error;
pub use handle::{PoolHandle, SUBMISSIONS_MAX};
pub use hot::{HOT_LOCATIONS_MAX, HOT_SHARE, HOT_WRITES_MIN, HotKeys};
pub use pool::{Content, PoolTransaction, Rejection};
pub use propose::{BLOCK_MESSAGES_MAX, ORIGIN_MARGIN};
pub use service::{Seat, Sequencer, epoch, start};
pub use share::{FLOOD_AFTER_MS, REMINDED_MAX, WATCHED_MAX};
pub use verify::{CLOCK_AHEAD_MS_MAX, ORIGIN_BEHIND_S_MAX};

#[cfg(test)]
mod tests;
