//! Speaks the L1 data format in both directions: blocks to batch to blobs, and L1 data to block inputs.
//!
//! ```text
//!  Vec<BatchBlock> ── batch::encode ──▶ payload ── blob::to_blobs ──▶ blobs ──▶ L1
//!  Vec<DerivedBlock> ◀── derive_blocks ── Vec<BatchBlock> ◀── batch::decode ── payload ◀── blob::from_blobs ── blobs
//! ```
//!
//! What it deliberately does not do: it fetches nothing, executes nothing and does not check that blobs match their versioned
//! hashes (that needs KZG and is the reader's duty). It cannot tell whether the state root of a batch is right; only execution can.
//!
//! Invariants: a pure function of its arguments, no clock, no randomness, no hash-order iteration. `decode(encode(x)) == x` for
//! every `x` that `encode` takes. Decoding never panics, and what it allocates is bounded by the cap that it is given.
//!
//! It uses only `core` and `alloc` itself; the compressor behind [`batch`] needs `std`, which zkVM guests have.
//!
//! Start reading at [`derive_blocks`], then [`batch::encode`].
#![no_std]

extern crate alloc;

pub mod batch;
pub mod blob;
mod block;
mod error;

pub use block::{DerivedBlock, L1Facts, Parent, derive_blocks};
pub use error::Error;
