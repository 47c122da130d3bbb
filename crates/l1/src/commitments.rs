//! KZG commitments, each made once: a blob that was posted here comes back from L1, and whoever checks it would commit to it again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{LazyLock, Mutex, PoisonError},
};

use alloy::eips::eip4844::{AsCkzg, Blob as FixedBlob, c_kzg, env_settings::EnvKzgSettings};
use alloy_primitives::B256;
use sluice_types::keccak256;

use crate::{Blob, Error};

/// Commitments that are kept, the last: those of some ten full batches. A batch is back from L1 long before that.
pub const COMMITMENTS_KEPT_MAX: usize = 64;

/// As it is in a sidecar.
pub(crate) type Commitment = [u8; 48];

/// The last commitments of this process. They depend on nothing but the blob and the set-up, of which there is one.
static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Kept {
    /// By the blobs' Keccak hashes, which take a three-hundredth of the time.
    of: HashMap<B256, Commitment>,
    /// The oldest first.
    order: VecDeque<B256>,
}

impl Kept {
    fn keep(&mut self, blob: B256, commitment: Commitment) {
        if self.of.insert(blob, commitment).is_some() {
            return;
        }
        self.order.push_back(blob);
        if self.order.len() > COMMITMENTS_KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.of.remove(&oldest);
        }
    }
}

/// The commitment to a blob: 70 CPU milliseconds where it is new.
///
/// Errors: [`Error::Kzg`] when the blob is not made of field elements.
pub(crate) fn commitment(blob: &Blob) -> Result<Commitment, Error> {
    let hash = keccak256(blob);
    // Whoever panicked has left it whole.
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept().of.get(&hash) {
        return Ok(*known);
    }
    let made = EnvKzgSettings::Default.get().blob_to_kzg_commitment(kzg_blob(blob)).map_err(kzg_error)?;
    let made = made.to_bytes().into_inner();
    kept().keep(hash, made);
    Ok(made)
}

/// The same bytes under the name that the C library knows them by; copies nothing.
pub(crate) fn kzg_blob(blob: &Blob) -> &c_kzg::Blob {
    <&FixedBlob>::try_from(blob.as_slice()).expect("both are BYTES_PER_BLOB long").as_ckzg()
}

pub(crate) fn kzg_error(error: c_kzg::Error) -> Error {
    Error::Kzg(error.to_string())
}

#[cfg(test)]
mod tests {
    use alloy::eips::eip4844::BYTES_PER_BLOB;

    use super::*;

    fn blob(number: u64) -> Box<Blob> {
        let mut blob = vec![0; BYTES_PER_BLOB];
        blob[24..32].copy_from_slice(&number.to_be_bytes());
        blob.into_boxed_slice().try_into().unwrap()
    }

    #[test]
    fn what_is_kept_is_what_is_computed() {
        let settings = EnvKzgSettings::Default.get();
        for number in [1, 2, 1] {
            let computed = settings.blob_to_kzg_commitment(kzg_blob(&blob(number))).unwrap();
            assert_eq!(commitment(&blob(number)).unwrap(), computed.to_bytes().into_inner());
        }
        // Nothing below the modulus.
        assert!(matches!(commitment(&[0xff; BYTES_PER_BLOB]), Err(Error::Kzg(_))));
    }

    #[test]
    fn the_last_are_kept() {
        let mut kept = Kept::default();
        let hash = |number: usize| B256::left_padding_from(&number.to_be_bytes());
        for number in 0..=COMMITMENTS_KEPT_MAX {
            kept.keep(hash(number), [0; 48]);
            kept.keep(hash(number), [1; 48]);
        }
        assert_eq!((kept.of.len(), kept.order.len()), (COMMITMENTS_KEPT_MAX, COMMITMENTS_KEPT_MAX));
        assert!(!kept.of.contains_key(&hash(0)) && kept.of.values().all(|commitment| *commitment == [1; 48]));
    }
}
