//! Points of BLS12-381 in their two forms.
//!
//! **Shape.** L1 (EIP-2537): coordinates of 64 bytes, the upper 16 zero, an element of Fp2 as `c0 ‖ c1`; not compressed: a key (G2) is 256
//! bytes, a signature (G1) 128. The network: compressed, `c1` first, three flags in the first byte: a key is 96 bytes, a signature 48.
//!
//! Every conversion checks that the bytes are a point of the group and not infinity.

use blst::min_sig::{PublicKey, Signature};

use crate::Error;

/// Bytes of a coordinate on L1.
const PADDED: usize = 64;
/// Bytes of a coordinate elsewhere.
const COORDINATE: usize = 48;
/// Where `x.c0`, `x.c1`, `y.c0`, `y.c1` of a key stand when `c1` comes first.
const SWAPPED: [usize; 4] = [1, 0, 3, 2];

/// A key of L1, compressed. Errors: [`Error::Point`].
pub fn compress_key(key: &[u8; 256]) -> Result<[u8; 96], Error> {
    let mut plain = [0; 4 * COORDINATE];
    for (index, coordinate) in key.chunks_exact(PADDED).enumerate() {
        let place = COORDINATE * SWAPPED[index];
        plain[place..place + COORDINATE].copy_from_slice(unpadded(coordinate, "BLS key")?);
    }
    Ok(checked_key(PublicKey::deserialize(&plain))?.compress())
}

/// A compressed key as L1 writes it. Errors: [`Error::Point`].
pub fn uncompress_key(key: &[u8; 96]) -> Result<[u8; 256], Error> {
    let plain = checked_key(PublicKey::uncompress(key))?.serialize();
    let mut padded = [0; 4 * PADDED];
    for (index, coordinate) in padded.chunks_exact_mut(PADDED).enumerate() {
        let place = COORDINATE * SWAPPED[index];
        coordinate[PADDED - COORDINATE..].copy_from_slice(&plain[place..place + COORDINATE]);
    }
    Ok(padded)
}

/// A signature of L1, compressed. Errors: [`Error::Point`].
pub fn compress_signature(signature: &[u8; 128]) -> Result<[u8; 48], Error> {
    let mut plain = [0; 2 * COORDINATE];
    for (coordinate, place) in signature.chunks_exact(PADDED).zip(plain.chunks_exact_mut(COORDINATE)) {
        place.copy_from_slice(unpadded(coordinate, "BLS signature")?);
    }
    Ok(checked_signature(Signature::deserialize(&plain))?.compress())
}

/// A compressed signature as L1 writes it. Errors: [`Error::Point`].
pub fn uncompress_signature(signature: &[u8; 48]) -> Result<[u8; 128], Error> {
    let plain = checked_signature(Signature::uncompress(signature))?.serialize();
    let mut padded = [0; 2 * PADDED];
    for (coordinate, place) in padded.chunks_exact_mut(PADDED).zip(plain.chunks_exact(COORDINATE)) {
        coordinate[PADDED - COORDINATE..].copy_from_slice(place);
    }
    Ok(padded)
}

fn unpadded<'a>(coordinate: &'a [u8], what: &'static str) -> Result<&'a [u8], Error> {
    let (zeros, coordinate) = coordinate.split_at(PADDED - COORDINATE);
    if zeros.iter().any(|byte| *byte != 0) {
        return Err(Error::Point { what, reason: "the upper 16 bytes of a coordinate are not zero" });
    }
    Ok(coordinate)
}

fn checked_key(key: Result<PublicKey, blst::BLST_ERROR>) -> Result<PublicKey, Error> {
    let reason = |reason| Error::Point { what: "BLS key", reason };
    let key = key.map_err(|_| reason("it is not on the curve"))?;
    key.validate().map_err(|_| reason("it is infinity or outside of the group"))?;
    Ok(key)
}

fn checked_signature(signature: Result<Signature, blst::BLST_ERROR>) -> Result<Signature, Error> {
    let reason = |reason| Error::Point { what: "BLS signature", reason };
    let signature = signature.map_err(|_| reason("it is not on the curve"))?;
    signature.validate(true).map_err(|_| reason("it is infinity or outside of the group"))?;
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Bytes, hex};

    use super::*;

    /// What the consensus engine wrote.
    fn vectors() -> serde_json::Value {
        serde_json::from_str(include_str!("../../../contracts/test/vectors/simplex.json")).unwrap()
    }

    fn bytes<const N: usize>(value: &serde_json::Value) -> [u8; N] {
        value.as_str().unwrap().parse::<Bytes>().unwrap()[..].try_into().unwrap()
    }

    #[test]
    fn keys_compress_as_the_engine_compresses_them_and_back() {
        let vectors = vectors();
        let (keys, compressed) = (vectors["keys"].as_array().unwrap(), vectors["compressedKeys"].as_array().unwrap());
        assert!(compressed.len() >= 4);
        for (key, compressed) in keys.iter().zip(compressed) {
            assert_eq!(compress_key(&bytes(key)).unwrap(), bytes::<96>(compressed));
            assert_eq!(uncompress_key(&bytes(compressed)).unwrap(), bytes::<256>(key));
        }
    }

    #[test]
    fn certificates_carry_the_signature_compressed() {
        for set in vectors()["sets"].as_array().unwrap() {
            let signature = bytes::<128>(&set["signature"]);
            let compressed = compress_signature(&signature).unwrap();
            let finalization: Bytes = set["finalization"].as_str().unwrap().parse().unwrap();
            assert!(finalization.ends_with(&compressed), "{}", hex::encode(compressed));
            assert_eq!(uncompress_signature(&compressed).unwrap(), signature);
        }
    }

    #[test]
    fn refuses_what_is_no_point() {
        let good = bytes::<256>(&vectors()["keys"][0]);
        let mut padded = good;
        padded[0] = 1;
        let mut off = good;
        off[255] ^= 1;
        let mut swapped = good;
        swapped[..64].copy_from_slice(&good[64..128]);
        swapped[64..128].copy_from_slice(&good[..64]);
        for bad in [padded, off, swapped, [0; 256]] {
            assert!(matches!(compress_key(&bad), Err(Error::Point { .. })));
        }
        let mut infinity = [0; 48];
        infinity[0] = 0xc0;
        assert!(uncompress_signature(&infinity).is_err());
        assert!(uncompress_signature(&[0; 48]).is_err());
        // On the curve, x = 4, and outside of the group.
        let mut outside = [0; 48];
        (outside[0], outside[47]) = (0x80, 4);
        assert!(Signature::uncompress(&outside).is_ok());
        assert!(uncompress_signature(&outside).is_err());
    }
}
