//! The L1 data fee: what a transaction pays for its bytes on L1, beside gas.

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use crate::L1Origin;

/// Scalars of the L1 data fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1FeeParams {
    /// Share of the L1 base fee, in millionths of `16 × base fee` per compressed byte. 0 to 10,000,000.
    pub base_fee_scalar_ppm: u64,
    /// Share of the L1 blob base fee, in millionths of the blob base fee per compressed byte. 0 to 10,000,000.
    pub blob_base_fee_scalar_ppm: u64,
}

impl Default for L1FeeParams {
    /// A batch of full blobs: one blob carries 126,945 bytes for 131,072 blob gas, and its share of the posting transaction.
    fn default() -> Self {
        Self { base_fee_scalar_ppm: 2_000, blob_base_fee_scalar_ppm: 1_040_000 }
    }
}

/// What a signed transaction pays for L1 data.
///
/// `size × (16 × base_fee × base_scalar + blob_base_fee × blob_scalar) / 1,000,000`, rounded down, where `size` is
/// [`compressed_size_estimate`] of the EIP-2718 bytes.
///
/// Units: wei.
pub fn l1_data_fee(raw_transaction: &[u8], origin: &L1Origin, params: &L1FeeParams) -> U256 {
    let size = U256::from(compressed_size_estimate(raw_transaction));
    let price = U256::from(16u64) * U256::from(origin.base_fee_wei) * U256::from(params.base_fee_scalar_ppm)
        + U256::from(origin.blob_base_fee_wei) * U256::from(params.blob_base_fee_scalar_ppm);
    size * price / U256::from(1_000_000u64)
}

/// Bytes hashed to find an earlier occurrence.
const MATCH_MIN: usize = 3;
/// How far back a match may lie.
const WINDOW: usize = 8192;
/// Longest match that one token covers.
const MATCH_MAX: usize = 264;
/// Longest run of literals that one token covers.
const LITERALS_MAX: usize = 32;
/// Slots of the table of last positions; a power of two.
const TABLE: usize = 4096;

/// Estimates how many bytes a transaction adds to a compressed batch.
///
/// A single greedy pass of byte-oriented LZ77: 3-byte matches found through a table of last positions, at most 8192 back; a run
/// of up to 32 literals costs one byte more than itself, a match of up to 8 bytes costs two bytes, of up to 264 bytes three.
/// Deterministic and part of the protocol: changing it changes fees.
pub fn compressed_size_estimate(bytes: &[u8]) -> u64 {
    // The smaller the table, the less there is to clear, which takes longer than the pass over a short transaction.
    match bytes.len() {
        0..0xff => estimate::<u8>(bytes),
        0xff..0xffff => estimate::<u16>(bytes),
        _ => estimate::<u32>(bytes),
    }
}

/// `P` must hold every position and one more; one that does not fit is not remembered.
fn estimate<P: Copy + Default + TryFrom<usize> + TryInto<usize>>(bytes: &[u8]) -> u64 {
    let mut last = [P::default(); TABLE]; // position + 1; 0 = none
    let (mut size, mut literals_from, mut at) = (0usize, 0usize, 0usize);
    // The three bytes at `at`; the table is asked for each position, so that one byte moves in and another out.
    let mut word = bytes.iter().take(MATCH_MIN - 1).fold(0, |word, byte| shifted(word, *byte));
    while let Some(byte) = bytes.get(at + MATCH_MIN - 1) {
        word = shifted(word, *byte);
        let slot = &mut last[slot_of(word)];
        let candidate = (*slot).try_into().unwrap_or_default();
        // A position past u32 cannot be remembered; such a transaction is far above every size limit.
        *slot = P::try_from(at + 1).unwrap_or_default();
        let length = if candidate == 0 { 0 } else { match_length(bytes, candidate - 1, at) };
        if length < MATCH_MIN {
            at += 1;
            continue;
        }
        size += literals_size(at - literals_from) + if length <= 8 { 2 } else { 3 };
        at += length;
        literals_from = at;
        word = bytes[at..].iter().take(MATCH_MIN - 1).fold(0, |word, byte| shifted(word, *byte));
    }
    (size + literals_size(bytes.len() - literals_from)) as u64
}

/// A run of literals costs one byte more for each token that it needs.
fn literals_size(count: usize) -> usize {
    count + count.div_ceil(LITERALS_MAX)
}

/// The last three bytes, when one more has come.
fn shifted(word: u32, byte: u8) -> u32 {
    (word << 8 | u32::from(byte)) & 0x00ff_ffff
}

fn slot_of(word: u32) -> usize {
    (word.wrapping_mul(2_654_435_769) >> 20) as usize % TABLE
}

/// How many bytes at `at` repeat those at `from`; 0 when that is not in the window.
fn match_length(bytes: &[u8], from: usize, at: usize) -> usize {
    if at - from > WINDOW {
        return 0;
    }
    bytes[at..].iter().zip(&bytes[from..]).take(MATCH_MAX).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn zeros_cost_almost_nothing_and_noise_costs_itself() {
        assert!(compressed_size_estimate(&[0; 1000]) < 20);
        let noise: Vec<u8> =
            (0u64..1000).flat_map(|i| alloy_primitives::keccak256(i.to_be_bytes()).0).take(1000).collect();
        let size = compressed_size_estimate(&noise);
        assert!((1000..1040).contains(&size), "{size}");
    }

    /// The protocol's rule, byte by byte and with a map.
    fn by_the_rule(bytes: &[u8]) -> u64 {
        let mut last = alloc::collections::BTreeMap::new();
        let (mut size, mut literals, mut at) = (0, 0, 0);
        while at < bytes.len() {
            let length = bytes.get(at..at + 3).map_or(0, |start| {
                let word = u32::from_be_bytes([0, start[0], start[1], start[2]]);
                let before: Option<usize> = last.insert(word.wrapping_mul(2_654_435_769) >> 20, at);
                let repeats =
                    |from: usize| (0..264.min(bytes.len() - at)).take_while(move |i| bytes[from + i] == bytes[at + i]);
                before.filter(|from| at - from <= 8192).map_or(0, |from| repeats(from).count())
            });
            (size, literals, at) = match length {
                0..3 => (size + 1 + u64::from(literals % 32 == 0), literals + 1, at + 1),
                3..=8 => (size + 2, 0, at + length),
                _ => (size + 3, 0, at + length),
            };
        }
        size
    }

    proptest::proptest! {
        #[test]
        fn the_estimate_is_the_rule_s(
            pieces in proptest::collection::vec((proptest::collection::vec(0u8..4, 0..60), 0usize..400), 0..40),
            noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600),
        ) {
            // Short alphabets and repeats of what came before, near and far, between noise.
            let mut bytes = noise.clone();
            for (piece, back) in pieces {
                bytes.extend(piece);
                let from = bytes.len().saturating_sub(back);
                bytes.extend_from_within(from..);
                bytes.truncate(20_000);
            }
            bytes.extend(&noise);
            proptest::prop_assert_eq!(compressed_size_estimate(&bytes), by_the_rule(&bytes));
            proptest::prop_assert_eq!(compressed_size_estimate(&noise), by_the_rule(&noise));
        }
    }

    #[test]
    fn the_table_s_width_changes_nothing() {
        // Repeats at every distance, and noise.
        let bytes: Vec<u8> = (0u64..5_000)
            .flat_map(|i| {
                alloy_primitives::keccak256((i % 700).to_be_bytes()).0.into_iter().take(1 + (i % 32) as usize)
            })
            .collect();
        for length in (0..600).chain([0xfffd, 0xfffe, 0xffff, 0x1_0000].map(|length: usize| length.min(bytes.len()))) {
            let (start, wide) = (bytes.len() - length, estimate::<u32>);
            assert_eq!(compressed_size_estimate(&bytes[..length]), wide(&bytes[..length]), "{length} bytes");
            assert_eq!(compressed_size_estimate(&bytes[start..]), wide(&bytes[start..]), "{length} bytes");
        }
    }

    #[test]
    fn estimate_is_bounded_by_literals_for_any_bytes() {
        for length in [0usize, 1, 2, 3, 31, 32, 33, 64, 65, 500] {
            let bytes: Vec<u8> = (0..length).map(|i| u8::try_from(i * 37 % 251).unwrap()).collect();
            let worst = length + length.div_ceil(LITERALS_MAX);
            assert!(compressed_size_estimate(&bytes) <= worst as u64);
        }
    }
}
