//! Points of BLS12-381 in the two forms in which they travel.
//!
//! The engine writes them compressed: 48 bytes in G1, 96 in G2. The precompiles of L1 take each coordinate in 64 bytes, the upper 16
//! zero, and an element of Fp2 with its parts the other way round. Source: EIP-2537.

use blst::min_sig::{PublicKey, Signature};

/// Bytes of a coordinate, as the curve's library writes it.
const COORDINATE: usize = 48;
/// Zeros before a coordinate on L1.
const PADDING: usize = 16;

/// A signature (G1) as L1 takes it. `None` when the bytes are no point of the curve.
pub fn signature_to_l1(compressed: &[u8; 48]) -> Option<[u8; 128]> {
    let point = Signature::from_bytes(compressed).ok()?.serialize();
    Some(padded(&point, [0, 1]))
}

/// A key (G2) as L1 takes it. `None` when the bytes are no point of the curve.
pub fn key_to_l1(compressed: &[u8; 96]) -> Option<[u8; 256]> {
    let point = PublicKey::from_bytes(compressed).ok()?.serialize();
    Some(padded(&point, [1, 0, 3, 2]))
}

/// Puts the coordinates in the order asked for, each with its padding.
fn padded<const IN: usize, const OUT: usize, const N: usize>(point: &[u8; IN], order: [usize; N]) -> [u8; OUT] {
    let mut out = [0; OUT];
    for (place, coordinate) in out.chunks_exact_mut(PADDING + COORDINATE).zip(order) {
        place[PADDING..].copy_from_slice(&point[coordinate * COORDINATE..][..COORDINATE]);
    }
    out
}
