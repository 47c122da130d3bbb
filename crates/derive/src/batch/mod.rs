//! The batch format: blocks in columns, compressed, with the signatures kept apart.
//!
//! `docs/spec/batch.md` describes it byte by byte. In short: `1 ‖ raw size u32 ‖ stream size u32 ‖ brotli(columns) ‖ signatures`.

use alloc::vec::Vec;

use sluice_types::BatchBlock;

use crate::Error;

/// How hard the compressor works, 0 to 11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality(u8);

impl Quality {
    /// What the benchmark recommends.
    pub const DEFAULT: Self = Self(9);

    /// A quality of 0 to 11, or nothing.
    pub const fn new(quality: u8) -> Option<Self> {
        if quality <= 11 { Some(Self(quality)) } else { None }
    }
}

/// Writes blocks as a batch. Errors: [`Error::BlobTransaction`]; [`Error::TooLarge`] past 4 GiB.
pub fn encode(blocks: &[BatchBlock], chain_id: u64, quality: Quality) -> Result<Vec<u8>, Error> {
    todo!()
}

/// Reads a batch that must fill `bytes` exactly. `size_max` caps [`decoded_size`].
pub fn decode(bytes: &[u8], chain_id: u64, size_max: u64) -> Result<Vec<BatchBlock>, Error> {
    todo!()
}

/// What the blocks count against the chain's `batch_decompressed_size_max`.
pub fn decoded_size(blocks: &[BatchBlock]) -> u64 {
    todo!()
}
