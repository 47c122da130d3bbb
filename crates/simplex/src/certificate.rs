//! Certificates of a committee.

use alloy_primitives::B256;
use commonware_codec::Decode;
use commonware_consensus::{Epochable, simplex::types::Finalization};
use commonware_cryptography::sha256::Digest;
use commonware_parallel::Sequential;
use sluice_types::Certificate;

use crate::{
    Committee, Error,
    committee::{SEATS_MAX, Scheme},
};

/// [`Certificate::scheme`] of a committee: the proof is what more than two thirds of the seats signed to finalize the block, as the
/// engine writes it: `uint(epoch) ‖ uint(view) ‖ uint(parent view) ‖ block hash ‖ signers ‖ signature`.
pub const SCHEME_SIMPLEX: u8 = 1;

pub(crate) type Finalized = Finalization<Scheme, Digest>;

/// The hash that was decided.
pub(crate) fn block_hash(finalization: &Finalized) -> B256 {
    B256::new(finalization.proposal.payload.0)
}

/// Which epoch's committee must have signed. Errors: [`Error::Scheme`], [`Error::Certificate`].
pub fn epoch(certificate: &Certificate) -> Result<u64, Error> {
    Ok(decode(certificate)?.epoch().get())
}

/// Indexes of the seats that signed, ascending: as the certificate says, so look whether it holds.
///
/// Errors: [`Error::Scheme`], [`Error::Certificate`].
pub fn signers(certificate: &Certificate) -> Result<Vec<u32>, Error> {
    Ok(decode(certificate)?.certificate.signers.iter().map(|seat| seat.get()).collect())
}

/// Checks that more than two thirds of the committee decided the block. That the certificate is of the block at hand, or of one
/// above, is for the caller to compare: the signatures cover the hash, and the hash the height.
///
/// Errors: [`Error::Scheme`], [`Error::Certificate`].
pub fn verify_certificate(certificate: &Certificate, committee: &Committee) -> Result<(), Error> {
    let bad = |reason: String| Error::Certificate { height: certificate.height, reason };
    let finalization = decode(certificate)?;
    let epoch = finalization.epoch().get();
    if epoch != committee.epoch() {
        return Err(bad(format!("it is of epoch {epoch}, the committee of {}", committee.epoch())));
    }
    let mut rng = commonware_utils::sys_rng();
    let scheme = committee.verifier();
    if !finalization.verify(&mut rng, &scheme, &Sequential) {
        return Err(bad("its signature is not that of two thirds of the committee".into()));
    }
    Ok(())
}

fn decode(certificate: &Certificate) -> Result<Finalized, Error> {
    if certificate.scheme != SCHEME_SIMPLEX {
        return Err(Error::Scheme(certificate.scheme));
    }
    let bad = |reason: &str| Error::Certificate { height: certificate.height, reason: reason.into() };
    let finalization = Finalized::decode_cfg(certificate.proof.clone().0, &SEATS_MAX)
        .map_err(|_| bad("its proof is not what the engine writes"))?;
    if block_hash(&finalization) != certificate.block_hash {
        return Err(bad("its proof is of another block"));
    }
    Ok(finalization)
}
