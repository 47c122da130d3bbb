//! Remembers blocks, state, receipts, certificates, batches, proofs and cursors, one atomic commit at a time; the only room that names the database.
#![allow(clippy::todo, unused, reason = "the door is put in first")]

mod error;
mod records;
mod store;
mod snapshot;

pub use error::Error;
pub use records::{BlockCommit, Genesis, L1Block, L1BlockData, L1Fees, L1Update, PendingBatch};
pub use snapshot::Snapshot;
pub use store::{Options, Store};
