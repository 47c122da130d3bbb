//! Does on L1 what a committee owes it: stores its keys, reports who lied or was down, records who produced what, moves fees to the seats.
//!
//! ```text
//!   executed blocks ─ tally ▸ store ─ sign, hear the others ▸ certificate ─┐
//!   sequencer, others' gossip ▸ evidence in the store ─────────────────────┼─ whose turn? ▸ Acts ▸ L1
//!   L1's clock ─ cutoffs ──────────────────────────────────────────────────┤
//!   the vault's balance, what it sent in final batches ▸ proofs ───────────┤
//!   balances on L1 ────────────────────────────────────────────────────────┘
//! ```
//!
//! What it deliberately does not do: it orders nothing, posts no batches, and moves nobody's stake but through what L1 checks itself. It
//! claims no rewards; an operator does, when he wants them.
//!
//! Invariants:
//! - What is owed follows from the store and from L1 alone, so a restart forgets nothing. What is done is asked of L1, never remembered
//!   before L1 is final about it.
//! - A record is stored before it is signed, and what is stored of an epoch does not change: no seat signs two of one epoch.
//! - All seats owe the same, and one pays: they take turns, and each next one waits longer ([`turns::delay_s`]). In the end everybody acts.
//! - Fees move only towards the seats, and what was withdrawn is claimed from batches that no reorganisation of L1 can take back.
//! - Evidence from others is stored and passed on only when its signatures hold, and at most once.
//!
//! Start reading at [`Duties::step`].

mod acts;
mod config;
mod count;
mod error;
mod evidence;
mod outbox;
mod seat;
mod service;
mod signatures;
mod tally;
#[cfg(test)]
mod tests;
pub mod turns;
mod vault;

pub use acts::{Act, Acts, Standing};
pub use config::Config;
pub use error::Error;
pub use seat::{Place, Seat};
pub use service::{Duties, Lines};
pub use tally::{Tally, is_down};
