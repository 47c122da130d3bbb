//! Carries the chain to L1: cuts batches, posts blobs, claims state roots, submits proofs.
//!
//! ```text
//!   store (executed blocks) ─ cut ▸ PendingBatch in the store ▸ prepare ▸ record in the store ▸ send ▸ … ▸ L1 view shows it
//! ```
//!
//! What it deliberately does not do: it never asks L1 what was posted (it reads the L1 view that `follow` keeps), and it does not
//! submit proofs yet. One batch is on its way at a time.
//!
//! Invariants: a batch is stored before its transaction is signed, and a transaction before it is sent, so that a restart at any
//! moment goes on with the same batch and the same nonce. A record is forgotten only when its L1 block is final, so that a batch
//! that a reorganisation removes is posted again as it was.
//!
//! Where a committee signs batches ([`Cosigners`]), every node cuts the same ones, from nothing but the blocks, and signs what it cut; the one
//! whose turn it is posts. A node that is late or gone costs the others a turn.
//!
//! Start reading at [`Settle::step`].

mod config;
mod cosign;
mod cut;
mod error;
mod poster;
mod service;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use cosign::{Alone, Authority, Cosigners};
pub use cut::{Candidate, cut, cut_together};
pub use error::Error;
pub use poster::{L1Poster, Poster};
pub use service::{Settle, Step};
