//! Takes certified blocks from any sequencer and trusts only the certificates: the engine of a node without a seat.
//!
//! ```text
//!   any of several peers ── rollup_subscribe ──▶ peer.rs ─▶ message.rs ─▶ chain.rs ─▶ Verifier
//!   (ws or wss, one at a time)                   socket     size, shape   height,      the certificate
//!                                                                         parents          │
//!   application ◀── Finalized ── service.rs ◀──────────────────────────────────────────────┘
//!               ─── done ──────▶ at most IN_FLIGHT_MAX that are not durable
//! ```
//!
//! A peer is asked for all blocks above what the application has. Each says its parent's hash, so that a certificate of a block
//! decides all below it: a block waits until a certificate that holds is of it or of one above. A peer that says something wrong, or
//! nothing for too long, is left for the next. When the application is slow the socket is not read, which makes the peer wait.
//!
//! A peer may say with a block what it does, as an access list. That is handed on as it came: whoever executes need not believe it.
//!
//! What it deliberately does not do: it proposes nothing, votes on nothing and stores nothing; it does not look inside a block beyond
//! height, parent and epoch; it does not know who may sign, which a [`Verifier`] says.
//!
//! Invariants:
//! - Nothing reaches the application before a certificate that holds decides it, and all in order of height, each on the one before.
//! - Two certified blocks of one height end the engine with both: those who order contradicted themselves, and no choice is right.
//! - What a peer can make this node remember is bounded, whatever it says.
//!
//! Who follows nothing and wants to know of one block only takes a [`Proof`].
//!
//! Start reading at [`run`], then `chain.rs`.

mod chain;
mod config;
mod error;
mod flight;
mod message;
mod peer;
mod proof;
mod service;
#[cfg(test)]
mod tests;
mod verifier;

pub use chain::{CERTIFICATE_BLOCKS_MAX, Start, WAITING_BYTES_MAX, WAITING_LISTS_BYTES_MAX};
pub use config::{Config, Peer, STALL_MS_DEFAULT};
pub use error::{Contradiction, Error};
pub use flight::IN_FLIGHT_MAX;
pub use message::{BLOCK_BYTES_MAX, PROOF_BYTES_MAX};
pub use proof::Proof;
pub use service::run;
pub use verifier::{Doubt, Solo, Verifier};
