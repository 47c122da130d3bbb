//! Size and speed of the batch format on a realistic load.
//!
//! `cargo bench -p sluice-derive` prints one line per quality. `cargo bench -p sluice-derive -- 300` takes another number of
//! transactions than 5,000.

use std::time::{Duration, Instant};

use alloy_eips::eip2718::Encodable2718;
use sluice_derive::batch::{Quality, decode, decoded_size, encode};

mod load;

/// Runs per figure; the fastest counts, because the machine may be busy with something else.
const RUNS: usize = 3;

fn main() {
    let count = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(5_000usize);
    let blocks = load::blocks(count, 1);
    let raw: usize = blocks.iter().flat_map(|block| &block.transactions).map(|tx| tx.encoded_2718().len()).sum();
    let counted = decoded_size(&blocks).expect("the load has no blob transactions");
    println!("{count} txs, {} bytes as EIP-2718, {} B/tx, counted as {counted}", raw, raw / count);
    println!("quality  bytes      B/tx   without signatures  encode MB/s  decode MB/s");
    for quality in [0, 2, 4, 5, 6, 7, 8, 9, 10, 11] {
        let setting = Quality::new(quality).expect("0 to 11");
        let (encoded, encode_time) = fastest(|| encode(&blocks, load::CHAIN_ID, setting).expect("it encodes"));
        let (decoded, decode_time) = fastest(|| decode(&encoded, load::CHAIN_ID, counted).expect("it decodes"));
        assert_eq!(decoded, blocks, "a batch reads back as it was written");
        let signatures = 64 * count + count.div_ceil(8);
        println!(
            "{quality:>7}  {:>8}  {:>6.2}  {:>18.2}  {:>11.2}  {:>11.2}",
            encoded.len(),
            ratio(encoded.len(), count),
            ratio(encoded.len() - signatures, count),
            ratio(raw, 1_000_000) / encode_time.as_secs_f64(),
            ratio(raw, 1_000_000) / decode_time.as_secs_f64(),
        );
    }
}

fn fastest<T>(run: impl Fn() -> T) -> (T, Duration) {
    (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            let result = run();
            (result, start.elapsed())
        })
        .min_by_key(|(_, time)| *time)
        .expect("there is at least one run")
}

/// Sizes here are far below what a float holds exactly.
#[expect(clippy::cast_precision_loss, reason = "sizes here are far below 2^53")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
