//! The batch format: blocks in columns, compressed, with the signatures kept apart.
//!
//! `docs/spec/batch.md` describes it byte by byte. In short: `1 ‖ raw size u32 ‖ stream size u32 ‖ brotli(columns) ‖ signatures`.
//! Signatures are two thirds of a batch and do not compress; everything else is put where it stands beside its like.

mod column;
mod compress;
mod decode;
mod encode;
mod fields;
mod shape;
mod size;
mod values;

use alloc::vec::Vec;

use sluice_types::BatchBlock;

pub use self::size::decoded_size;
use self::{column::Reader, size::Budget};
use crate::Error;

/// The format described above.
const VERSION: u8 = 1;
/// Version and two sizes.
const HEADER_BYTES: usize = 9;

/// How hard the compressor works, 0 to 11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality(u8);

impl Quality {
    /// The smallest result that the benchmark finds: 1.3 % below 9, at under a second for a full batch.
    pub const DEFAULT: Self = Self(10);

    /// A quality of 0 to 11, or nothing.
    pub const fn new(quality: u8) -> Option<Self> {
        if quality <= 11 { Some(Self(quality)) } else { None }
    }
}

/// Writes blocks as a batch.
///
/// `chain_id` is the rollup's; transactions that carry it do not spend a byte on it. The batch can be read back wherever
/// [`decoded_size`] is within the cap. Errors: [`Error::BlobTransaction`]; [`Error::TooLarge`] past 4 GiB.
pub fn encode(blocks: &[BatchBlock], chain_id: u64, quality: Quality) -> Result<Vec<u8>, Error> {
    let (columns, signatures) = encode::to_columns(blocks, chain_id)?;
    let stream = compress::compress(&columns, quality);
    let mut out = Vec::with_capacity(HEADER_BYTES + stream.len() + signatures.len());
    out.push(VERSION);
    for part in [&columns, &stream] {
        let size = u32::try_from(part.len()).map_err(|_| Error::TooLarge {
            what: "the batch",
            size: part.len() as u64,
            max: u64::from(u32::MAX),
        })?;
        out.extend_from_slice(&size.to_be_bytes());
    }
    out.extend_from_slice(&stream);
    out.extend_from_slice(&signatures);
    Ok(out)
}

/// Reads a batch, which must fill `bytes` exactly.
///
/// `size_max` caps [`decoded_size`] and the size of the columns; nothing is allocated before it is known to fit. Errors: anything
/// that [`encode`] does not write is one, but there may be more than one valid encoding of the same blocks.
pub fn decode(bytes: &[u8], chain_id: u64, size_max: u64) -> Result<Vec<BatchBlock>, Error> {
    let mut reader = Reader::new(bytes);
    let version = reader.byte("the batch header")?;
    if version != VERSION {
        return Err(Error::Version { what: "the batch", version, known: VERSION });
    }
    let raw_size = u32::from_be_bytes(reader.array("the batch header")?);
    let stream_size = u32::from_be_bytes(reader.array("the batch header")?);
    if u64::from(raw_size) > size_max {
        return Err(Error::TooLarge { what: "the batch's columns", size: u64::from(raw_size), max: size_max });
    }
    let stream = reader.take(stream_size as usize, "the compressed stream")?;
    let columns = compress::decompress(stream, raw_size as usize)?;
    decode::from_columns(&columns, reader.rest(), chain_id, &mut Budget::new(size_max)?)
}
