//! Evidence: a sequencer's contradiction under its own signature.

use alloy_primitives::{Address, B256};
use sluice_types::Certificate;

use crate::{Error, certificate::signer};

/// A contradiction that anybody can check without trusting who reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Of one who orders alone.
    Certificates(ConflictingCertificates),
    /// Of a seat in a committee.
    Votes(ConflictingVotes),
}

/// One sequencer signed two different blocks at one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictingCertificates {
    /// One certificate.
    pub first: Certificate,
    /// The other: same height, other block, same signer.
    pub second: Certificate,
}

impl ConflictingCertificates {
    /// Makes evidence of two certificates. Errors: [`Error::NotEvidence`] when they do not contradict each other, and those of
    /// [`signer`].
    pub fn new(first: Certificate, second: Certificate) -> Result<Self, Error> {
        let evidence = Self { first, second };
        evidence.culprit()?;
        Ok(evidence)
    }

    /// Who contradicted itself, checked from the signatures. Errors: as [`Self::new`].
    pub fn culprit(&self) -> Result<Address, Error> {
        let Self { first, second } = self;
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
    /// Errors: as [`Self::new`], and [`Error::Unauthorised`].
    pub fn verify(&self, authorised: &[Address]) -> Result<Address, Error> {
        let culprit = self.culprit()?;
        if authorised.contains(&culprit) {
            Ok(culprit)
        } else {
            Err(Error::Unauthorised { height: self.first.height, signer: culprit })
        }
    }
}

/// How two votes of one seat in one view contradict each other. Source: `docs/spec/sequencers.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// It voted to notarize two proposals.
    ConflictingNotarize,
    /// It voted to finalize two proposals.
    ConflictingFinalize,
    /// It voted to give the view up and to finalize a proposal in it.
    NullifyFinalize,
}

/// Two votes of one seat in one view, of which an honest node casts at most one. The contract on L1 checks the signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictingVotes {
    /// What the two are.
    pub offence: Offence,
    /// The epoch, by whose keys they are signed.
    pub epoch: u64,
    /// The view.
    pub view: u64,
    /// Index of the seat in that epoch's committee.
    pub seat: u32,
    /// One vote. That to give the view up, where there is one.
    pub first: SignedVote,
    /// The other.
    pub second: SignedVote,
}

/// A vote with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedVote {
    /// View of the proposal's parent; 0 in a vote to give up.
    pub parent_view: u64,
    /// Hash of the proposal; zero in a vote to give up.
    pub payload: B256,
    /// BLS12-381 in G1, compressed.
    pub signature: [u8; 48],
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
        let evidence = ConflictingCertificates::new(at(1, 5, 8), at(1, 5, 9)).unwrap();
        assert_eq!(evidence.verify(&[key(1).address()]), Ok(key(1).address()));
        assert!(matches!(evidence.verify(&[key(2).address()]), Err(Error::Unauthorised { .. })));

        let innocent = [(at(1, 5, 8), at(1, 5, 8)), (at(1, 5, 8), at(1, 6, 9)), (at(1, 5, 8), at(2, 5, 9))];
        for (first, second) in innocent {
            assert!(matches!(ConflictingCertificates::new(first, second), Err(Error::NotEvidence(_))));
        }
        let forged = Certificate { block_hash: B256::repeat_byte(3), ..at(1, 5, 8) };
        assert_ne!(ConflictingCertificates::new(at(1, 5, 8), forged), Ok(evidence), "a forged second signature");
    }
}
