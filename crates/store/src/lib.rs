//! Remembers blocks, state, receipts, certificates, batches, proofs and cursors, one atomic commit at a time; the only room that names the database.
//!
//! ```text
//!   commit_block ──► journal file ──► layers in memory ──(flush thread, many blocks at once)──► tables
//!                    durable here     visible here        block by block replaced values ──► history tables
//!   commit_l1, put_pending_batch ─────────────────────────────────────────────────────────► tables
//! ```
//!
//! A block is durable when it is in the journal: one row, one small flush to disk. The tables (blocks, flat state, trie nodes,
//! histories) take many blocks at a time, sorted, on a thread of their own, because writing random keys costs a page each. Until
//! then a block is a layer in memory that every read looks through first. Opening reads the journal back and computes the tries
//! of its blocks anew, which proves that their changes give their headers' state roots.
//!
//! What it deliberately does not do: it executes nothing and validates nothing but order (number, parent, queue positions); it
//! prunes no state, only trie nodes too old for proofs; it knows no L1 and talks to nobody. L1 reorganisations arrive as
//! [`L1Update::rewind_to`].
//!
//! Invariants:
//! - `executed ≥ posted ≥ derived ≥ proven ≥ finalized`, after every commit; `executed` never goes back.
//! - A block that [`Store::commit_block`] acknowledged survives a crash; one that it did not is there as a whole or not at all.
//! - A [`Snapshot`] gives the same answers as long as it lives.
//! - After a failed write nothing more is written until the store is opened anew.
//!
//! Start reading at [`Store`], then `engine.rs` (journal, layers), `flush.rs` and `versioned.rs` (tables, history).

mod cache;
mod codec;
mod duties;
mod engine;
mod error;
mod flush;
mod flusher;
mod hot;
mod keys;
mod l1;
mod layer;
mod open;
mod records;
mod roots;
mod snapshot;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod versioned;

pub use duties::EVIDENCE_MAX;
pub use error::Error;
pub use records::{BlockCommit, EpochRewards, Evidence, Genesis, L1Block, L1BlockData, L1Fees, L1Update, PendingBatch};
pub use roots::Roots;
pub use sluice_trie::{TrieChanges, ordered_root};
pub use snapshot::{Nodes, Snapshot};
pub use store::{Cores, Options, Store};
