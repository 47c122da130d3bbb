//! Payloads in blobs: 31 bytes in every field element.
//!
//! Shape: the bytes `version ‖ length u32 big-endian ‖ payload ‖ zeros` run through the blobs; each 32-byte field element is a zero
//! byte and 31 of them, so that it is below the field's modulus whatever they are. There are as few blobs as hold the payload.

use alloc::{boxed::Box, vec, vec::Vec};

use sluice_types::BATCH_BLOBS_MAX;

use crate::Error;

/// Bytes of a blob. Source: EIP-4844, `FIELD_ELEMENTS_PER_BLOB × BYTES_PER_FIELD_ELEMENT`.
pub const BLOB_BYTES: usize = 131_072;
/// Bytes of a field element. Source: EIP-4844.
const ELEMENT_BYTES: usize = 32;
/// Bytes that one blob carries.
pub const BLOB_CAPACITY_BYTES: usize = BLOB_BYTES / ELEMENT_BYTES * (ELEMENT_BYTES - 1);
/// Version and length.
const HEADER_BYTES: usize = 5;
/// Most bytes that the blobs of one batch carry.
pub const PAYLOAD_BYTES_MAX: usize = BATCH_BLOBS_MAX * BLOB_CAPACITY_BYTES - HEADER_BYTES;
/// The format described above.
const VERSION: u8 = 1;

/// One blob.
pub type Blob = Box<[u8; BLOB_BYTES]>;

/// How many blobs a payload of this size takes.
pub const fn blobs_needed(payload_bytes: usize) -> usize {
    (payload_bytes + HEADER_BYTES).div_ceil(BLOB_CAPACITY_BYTES)
}

/// Lays a payload out in blobs. Errors: [`Error::TooLarge`] past [`PAYLOAD_BYTES_MAX`].
pub fn to_blobs(payload: &[u8]) -> Result<Vec<Blob>, Error> {
    let too_large = Error::TooLarge { what: "the payload", size: payload.len() as u64, max: PAYLOAD_BYTES_MAX as u64 };
    let length = u32::try_from(payload.len()).map_err(|_| too_large.clone())?;
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(too_large);
    }
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(payload);
    Ok(bytes.chunks(BLOB_CAPACITY_BYTES).map(to_blob).collect())
}

fn to_blob(bytes: &[u8]) -> Blob {
    let mut blob = vec![0; BLOB_BYTES].into_boxed_slice();
    for (element, chunk) in blob.chunks_exact_mut(ELEMENT_BYTES).zip(bytes.chunks(ELEMENT_BYTES - 1)) {
        element[1..=chunk.len()].copy_from_slice(chunk);
    }
    blob.try_into().expect("the slice was made that long")
}

/// Reads the payload back. Strict: every byte that carries nothing must be zero, and no blob may be missing or too many.
pub fn from_blobs(blobs: &[Blob]) -> Result<Vec<u8>, Error> {
    if !(1..=BATCH_BLOBS_MAX).contains(&blobs.len()) {
        return Err(Error::BlobCount { count: blobs.len() });
    }
    let mut bytes = Vec::with_capacity(blobs.len() * BLOB_CAPACITY_BYTES);
    for (blob, elements) in blobs.iter().enumerate() {
        for (element, field) in elements.chunks_exact(ELEMENT_BYTES).enumerate() {
            if field[0] != 0 {
                return Err(Error::FieldElement { blob, element });
            }
            bytes.extend_from_slice(&field[1..]);
        }
    }
    if bytes[0] != VERSION {
        return Err(Error::Version { what: "the blob payload", version: bytes[0], known: VERSION });
    }
    let length = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize;
    if length > PAYLOAD_BYTES_MAX || blobs_needed(length) != blobs.len() {
        return Err(Error::Malformed { what: "the length of the blob payload" });
    }
    let end = HEADER_BYTES + length;
    if bytes[end..].iter().any(|byte| *byte != 0) {
        return Err(Error::Malformed { what: "the padding of the last blob" });
    }
    bytes.truncate(end);
    bytes.drain(..HEADER_BYTES);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from(at % 251).unwrap() + 1).collect()
    }

    #[test]
    fn payloads_round_trip_at_every_boundary_in_the_fewest_blobs() {
        let one = BLOB_CAPACITY_BYTES - HEADER_BYTES;
        for (length, blobs) in
            [(0, 1), (1, 1), (26, 1), (27, 1), (one, 1), (one + 1, 2), (PAYLOAD_BYTES_MAX, BATCH_BLOBS_MAX)]
        {
            let packed = to_blobs(&payload(length)).unwrap();
            assert_eq!(packed.len(), blobs, "{length}");
            assert_eq!(from_blobs(&packed).unwrap(), payload(length));
        }
    }

    #[test]
    fn rejects_a_payload_past_six_blobs() {
        let error = to_blobs(&payload(PAYLOAD_BYTES_MAX + 1)).unwrap_err();
        assert!(matches!(error, Error::TooLarge { max: 761_851, .. }), "{error}");
    }

    #[test]
    fn rejects_what_no_packer_writes() {
        assert_eq!(from_blobs(&[]), Err(Error::BlobCount { count: 0 }));
        let good = to_blobs(&payload(100)).unwrap();
        let seven: Vec<Blob> = (0..7).map(|_| good[0].clone()).collect();
        assert_eq!(from_blobs(&seven), Err(Error::BlobCount { count: 7 }));
        assert!(matches!(from_blobs(&seven[..2]), Err(Error::Malformed { .. })), "a blob too many");

        let with = |at: usize, byte: u8| {
            let mut blob = good[0].clone();
            blob[at] = byte;
            from_blobs(&[blob])
        };
        assert_eq!(with(1, 9), Err(Error::Version { what: "the blob payload", version: 9, known: 1 }));
        assert_eq!(with(64, 1), Err(Error::FieldElement { blob: 0, element: 2 }));
        assert_eq!(with(BLOB_BYTES - 1, 1), Err(Error::Malformed { what: "the padding of the last blob" }));
        assert_eq!(with(2, 0xff), Err(Error::Malformed { what: "the length of the blob payload" }));
        assert_eq!(with(5, 99), Err(Error::Malformed { what: "the padding of the last blob" }), "a shorter length");
    }
}
