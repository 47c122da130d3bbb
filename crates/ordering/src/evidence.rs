//! Evidence: a sequencer's contradiction under its own signature.

use alloy_primitives::Address;
use sluice_types::Certificate;

use crate::{Error, certificate::signer};

/// A contradiction that anybody can check without trusting who reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// One sequencer signed two different blocks at one height.
    ConflictingCertificates {
        /// One certificate.
        first: Certificate,
        /// The other: same height, other block, same signer.
        second: Certificate,
    },
}

impl Evidence {
    /// Makes evidence of two certificates. Errors: [`Error::NotEvidence`] when they do not contradict each other, and those of
    /// [`signer`].
    pub fn of_certificates(first: Certificate, second: Certificate) -> Result<Self, Error> {
        let evidence = Self::ConflictingCertificates { first, second };
        evidence.culprit()?;
        Ok(evidence)
    }

    /// Who contradicted itself, checked from the signatures. Errors: as [`Evidence::of_certificates`].
    pub fn culprit(&self) -> Result<Address, Error> {
        let Self::ConflictingCertificates { first, second } = self;
        if first.height != second.height {
            return Err(Error::NotEvidence("the certificates are of different heights"));
        }
        if first.block_hash == second.block_hash {
            return Err(Error::NotEvidence("both certificates are of the same block"));
        }
        let culprit = signer(first)?;
        if signer(second)? != culprit {
            return Err(Error::NotEvidence("the certificates are of different signers"));
        }
        Ok(culprit)
    }

    /// Checks that an authorised sequencer contradicted itself, and says which.
    ///
    /// Errors: as [`Evidence::of_certificates`], and [`Error::Unauthorised`].
    pub fn verify(&self, authorised: &[Address]) -> Result<Address, Error> {
        let culprit = self.culprit()?;
        let Self::ConflictingCertificates { first, .. } = self;
        if authorised.contains(&culprit) {
            Ok(culprit)
        } else {
            Err(Error::Unauthorised { height: first.height, signer: culprit })
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use sluice_types::Height;

    use super::*;
    use crate::{Key, certificate::certify};

    #[test]
    fn two_blocks_at_one_height_convict_their_signer_and_nothing_else_does() {
        let key = |byte| Key::from_bytes(&B256::repeat_byte(byte)).unwrap();
        let at = |byte, height, block| certify(&key(byte), Height(height), B256::repeat_byte(block));
        let evidence = Evidence::of_certificates(at(1, 5, 8), at(1, 5, 9)).unwrap();
        assert_eq!(evidence.verify(&[key(1).address()]), Ok(key(1).address()));
        assert!(matches!(evidence.verify(&[key(2).address()]), Err(Error::Unauthorised { .. })));

        let innocent = [(at(1, 5, 8), at(1, 5, 8)), (at(1, 5, 8), at(1, 6, 9)), (at(1, 5, 8), at(2, 5, 9))];
        for (first, second) in innocent {
            assert!(matches!(Evidence::of_certificates(first, second), Err(Error::NotEvidence(_))));
        }
        let forged = Certificate { block_hash: B256::repeat_byte(3), ..at(1, 5, 8) };
        assert_ne!(Evidence::of_certificates(at(1, 5, 8), forged), Ok(evidence), "a forged second signature");
    }
}
