//! Blobs that unpack must be exactly those that the payload packs into: there is one encoding only.
//!
//! Run: `cargo +nightly fuzz run blobs`. The input is laid at the front of one blob, the rest stays zero.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_derive::blob::{BLOB_BYTES, from_blobs, to_blobs};

fuzz_target!(|bytes: &[u8]| {
    let mut blob = vec![0; BLOB_BYTES];
    let length = bytes.len().min(BLOB_BYTES);
    blob[..length].copy_from_slice(&bytes[..length]);
    let blobs = [blob.into_boxed_slice().try_into().expect("it is that long")];
    if let Ok(payload) = from_blobs(&blobs) {
        assert_eq!(to_blobs(&payload).expect("it came from one blob"), blobs);
    }
});
