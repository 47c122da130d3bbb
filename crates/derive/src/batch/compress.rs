//! Brotli behind two functions.

use alloc::{vec, vec::Vec};

use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, HeapAlloc, HuffmanCode, enc::BrotliEncoderParams};

use super::Quality;
use crate::Error;

/// Window of the compressor, in bits: larger than any batch.
const WINDOW_BITS: i32 = 22;

pub(super) fn compress(bytes: &[u8], quality: Quality) -> Vec<u8> {
    let params = BrotliEncoderParams {
        quality: i32::from(quality.0),
        lgwin: WINDOW_BITS,
        size_hint: bytes.len(),
        ..BrotliEncoderParams::default()
    };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut out, &params).expect("memory neither fails to read nor to write");
    out
}

/// Reads exactly one stream that fills `bytes` and gives exactly `size` bytes. Windows past RFC 7932's 16 MiB are refused.
pub(super) fn decompress(bytes: &[u8], size: usize) -> Result<Vec<u8>, Error> {
    let what = "the compressed stream";
    let mut state = BrotliState::new_strict(
        HeapAlloc::<u8>::new(0),
        HeapAlloc::<u32>::new(0),
        HeapAlloc::<HuffmanCode>::new(HuffmanCode::default()),
    );
    // One byte more than is due, so that the end of the stream is reached and a longer one shows.
    let mut out = vec![0; size + 1];
    let (mut bytes_left, mut at) = (bytes.len(), 0);
    let (mut space, mut written, mut total) = (out.len(), 0, 0);
    let result = BrotliDecompressStream(
        &mut bytes_left,
        &mut at,
        bytes,
        &mut space,
        &mut written,
        &mut out,
        &mut total,
        &mut state,
    );
    match result {
        BrotliResult::ResultSuccess if bytes_left > 0 => Err(Error::Trailing { what, count: bytes_left }),
        BrotliResult::ResultSuccess if written == size => {
            out.truncate(size);
            Ok(out)
        }
        BrotliResult::NeedsMoreInput => Err(Error::Truncated { what }),
        BrotliResult::ResultSuccess | BrotliResult::NeedsMoreOutput | BrotliResult::ResultFailure => {
            Err(Error::Malformed { what })
        }
    }
}
