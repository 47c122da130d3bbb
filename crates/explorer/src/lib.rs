//! Shows the chain to people in a browser.
//!
//! Pages are rendered here, from the store, as HTML that works without scripts; a small script keeps the front page live over
//! server-sent events. Everything that a browser needs comes from this server.
//!
//! ```text
//! browser ─▶ router ─▶ App::page ─ a blocking thread ─▶ Store
//!    ▲                                                    │ watch_heads
//!    └───────────── server-sent events ◀── live ◀─────────┘
//! ```
//!
//! What it deliberately does not do: it keeps no index of its own, so an address shows only its transactions in recent blocks, and
//! says so; it decodes no contract's data, knows no token, sees no pool, and offers nothing that changes anything.
//!
//! Invariants:
//! - Whatever comes from the chain or from a request is escaped; the content security policy forbids inline scripts besides.
//! - Every page reads a bounded number of blocks. Amounts are exact decimals.
//! - The banner tells the truth: a chain whose newest block is too old is shown as standing still.
//!
//! Start reading at `server.rs`.

mod app;
mod config;
mod error;
mod format;
mod live;
mod pages;
mod server;

pub use config::Config;
pub use error::Error;
pub use server::{Server, start};

#[cfg(test)]
mod tests;
