//! Certificates: making and checking them.

use alloy_primitives::{Address, B256};
use secp256k1::{
    Message, SECP256K1,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use sluice_types::{Certificate, Height};

use crate::{Error, Key, key::address_of};

/// [`Certificate::scheme`] of one sequencer: the proof is its 65-byte signature `r ‖ s ‖ v` over [`Certificate::digest`].
pub const SCHEME_SOLO: u8 = 0;

/// Signs a block as its only sequencer.
pub(crate) fn certify(key: &Key, height: Height, block_hash: B256) -> Certificate {
    let proof = key.sign(Certificate::digest(height, block_hash)).into();
    Certificate { height, block_hash, scheme: SCHEME_SOLO, proof }
}

/// Who signed the certificate.
///
/// Errors: [`Error::Scheme`], [`Error::Proof`]. One signature has one encoding: another `v` or the mirrored `s` is refused.
pub fn signer(certificate: &Certificate) -> Result<Address, Error> {
    if certificate.scheme != SCHEME_SOLO {
        return Err(Error::Scheme(certificate.scheme));
    }
    let invalid = || Error::Proof(certificate.height);
    let (compact, v) = match certificate.proof.as_ref() {
        [compact @ .., v] if compact.len() == 64 => (compact, *v),
        _ => return Err(invalid()),
    };
    let parity = v.checked_sub(27).filter(|parity| *parity <= 1).ok_or_else(invalid)?;
    let recovery = RecoveryId::try_from(i32::from(parity)).map_err(|_| invalid())?;
    let signature = RecoverableSignature::from_compact(compact, recovery).map_err(|_| invalid())?;
    let mut normalised = signature.to_standard();
    normalised.normalize_s();
    if normalised != signature.to_standard() {
        return Err(invalid());
    }
    let digest = Certificate::digest(certificate.height, certificate.block_hash);
    let key = SECP256K1.recover_ecdsa(&Message::from_digest(digest.0), &signature).map_err(|_| invalid())?;
    Ok(address_of(&key))
}

/// Checks that an authorised sequencer signed the certificate. That it is of the block at hand is for the caller to compare
/// (`certificate.block_hash == block.hash()`).
///
/// Errors: those of [`signer`], and [`Error::Unauthorised`].
pub fn verify_certificate(certificate: &Certificate, authorised: &[Address]) -> Result<(), Error> {
    let signer = signer(certificate)?;
    if authorised.contains(&signer) { Ok(()) } else { Err(Error::Unauthorised { height: certificate.height, signer }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::from_bytes(&B256::repeat_byte(byte)).unwrap()
    }

    #[test]
    fn known_key_has_its_known_address() {
        // The first account of the "test test … junk" mnemonic, which every Ethereum development tool prints.
        let secret = alloy_primitives::b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
        let known = alloy_primitives::address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(Key::from_bytes(&secret).unwrap().address(), known);
        assert!(!format!("{:?}", key(1)).contains("0101"), "the secret is not printed");
    }

    #[test]
    fn certificate_verifies_only_for_its_signer_height_and_block() {
        let certificate = certify(&key(1), Height(7), B256::repeat_byte(9));
        assert_eq!(signer(&certificate), Ok(key(1).address()));
        assert_eq!(verify_certificate(&certificate, &[key(2).address(), key(1).address()]), Ok(()));
        let stranger = Error::Unauthorised { height: Height(7), signer: key(1).address() };
        assert_eq!(verify_certificate(&certificate, &[key(2).address()]), Err(stranger));
        for forged in [
            Certificate { height: Height(8), ..certificate.clone() },
            Certificate { block_hash: B256::ZERO, ..certificate.clone() },
        ] {
            assert!(verify_certificate(&forged, &[key(1).address()]).is_err());
        }
    }

    #[test]
    fn rejects_malformed_proofs() {
        let certificate = certify(&key(1), Height(7), B256::repeat_byte(9));
        let with = |proof: Vec<u8>| Certificate { proof: proof.into(), ..certificate.clone() };
        let good = certificate.proof.to_vec();
        for length in [0, 1, 64, 66] {
            let mut proof = good.clone();
            proof.resize(length, 27);
            assert_eq!(signer(&with(proof)), Err(Error::Proof(Height(7))), "{length} bytes");
        }
        for v in [0, 1, 26, 29, 255] {
            let mut proof = good.clone();
            proof[64] = v;
            assert_eq!(signer(&with(proof)), Err(Error::Proof(Height(7))), "v = {v}");
        }
        let unknown = Certificate { scheme: 1, ..certificate.clone() };
        assert_eq!(signer(&unknown), Err(Error::Scheme(1)));
        assert_eq!(Key::from_bytes(&B256::ZERO).unwrap_err(), Error::Key);
    }

    #[test]
    fn rejects_the_mirrored_signature() {
        use alloy_primitives::{U256, uint};
        const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
        let certificate = certify(&key(1), Height(7), B256::repeat_byte(9));
        let mut proof = certificate.proof.to_vec();
        let mirrored = ORDER - U256::from_be_slice(&proof[32..64]);
        proof[32..64].copy_from_slice(&mirrored.to_be_bytes::<32>());
        proof[64] = if proof[64] == 27 { 28 } else { 27 };
        let mirrored = Certificate { proof: proof.into(), ..certificate };
        assert_eq!(signer(&mirrored), Err(Error::Proof(Height(7))));
    }
}
