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
    let (mut size, mut literals, mut at) = (0usize, 0usize, 0usize);
    while at < bytes.len() {
        let length = match bytes.get(at..at + MATCH_MIN) {
            Some(&[a, b, c]) => {
                let slot = &mut last[slot_of(a, b, c)];
                let candidate = (*slot).try_into().unwrap_or_default();
                // A position past u32 cannot be remembered; such a transaction is far above every size limit.
                *slot = P::try_from(at + 1).unwrap_or_default();
                match_length(bytes, candidate, at)
            }
            _ => 0,
        };
        if length >= MATCH_MIN {
            size += if length <= 8 { 2 } else { 3 };
            at += length;
            literals = 0;
        } else {
            size += 1 + usize::from(literals.is_multiple_of(LITERALS_MAX));
            literals += 1;
            at += 1;
        }
    }
    size as u64
}

fn slot_of(a: u8, b: u8, c: u8) -> usize {
    let word = u32::from_be_bytes([0, a, b, c]);
    (word.wrapping_mul(2_654_435_769) >> 20) as usize % TABLE
}

/// How many bytes at `at` repeat those at `candidate - 1`; 0 when there is no candidate in the window.
fn match_length(bytes: &[u8], candidate: usize, at: usize) -> usize {
    let Some(from) = candidate.checked_sub(1).filter(|from| at - from <= WINDOW) else { return 0 };
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
