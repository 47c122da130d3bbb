//! Reads the config, opens the store, wires the rooms by role, supervises; holds the one binary sluice.
//!
//! Start reading at [`flow`], the transaction's journey; then `supervise.rs`, which ends the process when a room ends.
//!
//! Deliberately without protocol logic: if wiring needs to decide something about the chain, a room is missing a door.

pub mod cli;
mod config;
mod cosign;
mod devnet;
mod duties;
mod error;
mod feed;
pub mod flow;
mod health;
mod keys;
mod live;
mod load;
mod seat;
mod signers;
mod supervise;
mod trials;

pub use config::{Config, Role};
pub use error::Error;
pub use signers::{SignedBy, Signers};
