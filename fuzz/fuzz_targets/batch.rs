//! A batch that decodes must count within the cap, and must read back after it is written again.
//!
//! Run: `cargo +nightly fuzz run batch -- -malloc_limit_mb=64`. The limit holds the decoder to its promise about memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_derive::batch::{Quality, decode, decoded_size, encode};

const CHAIN_ID: u64 = 7_001;
const SIZE_MAX: u64 = 1 << 20;
const FAST: Quality = Quality::new(0).expect("0 to 11");

fuzz_target!(|bytes: &[u8]| {
    let Ok(blocks) = decode(bytes, CHAIN_ID, SIZE_MAX) else { return };
    assert!(decoded_size(&blocks).expect("a batch holds no blob transactions") <= SIZE_MAX);
    let again = encode(&blocks, CHAIN_ID, FAST).expect("a batch holds no blob transactions");
    assert_eq!(decode(&again, CHAIN_ID, SIZE_MAX).expect("what was written reads back"), blocks);
});
