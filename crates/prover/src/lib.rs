//! Builds witnesses and guest inputs, and runs proving backends.
//!
//! [`witness_block`] takes one executed block out of the store and gathers everything that somebody without the state needs to
//! execute it again; [`check_block`] is that somebody: it trusts a parent header and nothing else, and gives the hash of the block
//! that follows. It is what a zkVM guest will run, and it is the backend there is: no zkVM is wired yet, and no proof is made.
//!
//! Invariants: `check_block(witness_block(n)) == hash of block n`, or the database and the rules disagree; a witness that lacks
//! anything makes the check fail and never come out differently.
//!
//! Start reading at [`witness_block`].

mod check;
mod error;
mod record;
#[cfg(test)]
mod tests;

pub use check::check_block;
pub use error::Error;
pub use record::{GuestInput, witness_block};
