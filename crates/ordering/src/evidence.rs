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

/// How two signatures of one seat contradict each other. Source: `docs/spec/sequencers.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// It voted to notarize two proposals.
    ConflictingNotarize,
    /// It voted to finalize two proposals.
    ConflictingFinalize,
    /// It voted to give the view up and to finalize a proposal in it.
    NullifyFinalize,
    /// It signed two headers of one batch.
    ConflictingBatch,
}

/// Two votes of one seat in one view, or two headers of one batch, of which an honest node signs at most one. The contract on L1 checks the
/// signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConflictingVotes {
    /// What the two are.
    pub offence: Offence,
    /// The epoch, by whose keys they are signed.
    pub epoch: u64,
    /// The view, or the index of the batch.
    pub view: u64,
    /// Index of the seat in that epoch's committee.
    pub seat: u32,
    /// One vote. That to give the view up, where there is one.
    pub first: SignedVote,
    /// The other.
    pub second: SignedVote,
}

/// A vote with its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedVote {
    /// View of the proposal's parent; 0 in a vote to give up and for a batch.
    pub parent_view: u64,
    /// Hash of the proposal or of the batch; zero in a vote to give up.
    pub payload: B256,
    /// BLS12-381 in G1, compressed.
    pub signature: [u8; 48],
}

/// Bytes of [`ConflictingVotes::encode`].
pub const EVIDENCE_BYTES: usize = 1 + 8 + 8 + 4 + 2 * VOTE_BYTES;
/// Bytes of one of its votes.
const VOTE_BYTES: usize = 8 + 32 + 48;

impl ConflictingVotes {
    /// On the network and in the store.
    ///
    /// **Shape.** `offence u8 ‖ epoch u64 ‖ view u64 ‖ seat u32 ‖ vote ‖ vote`, a vote being `parent view u64 ‖ payload 32 ‖ signature 48`;
    /// big-endian. Offences count from 0 in the order of [`Offence`].
    pub fn encode(&self) -> [u8; EVIDENCE_BYTES] {
        let Self { offence, epoch, view, seat, first, second } = self;
        let mut bytes = vec![*offence as u8];
        bytes.extend([epoch.to_be_bytes(), view.to_be_bytes()].concat());
        bytes.extend(seat.to_be_bytes());
        for vote in [first, second] {
            bytes.extend(vote.parent_view.to_be_bytes());
            bytes.extend(vote.payload);
            bytes.extend(vote.signature);
        }
        bytes.try_into().expect("the parts have these sizes")
    }

    /// The inverse. `None` when the bytes are not of this shape; whether the signatures hold is not looked at.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; EVIDENCE_BYTES] = bytes.try_into().ok()?;
        let (offence, rest) = bytes.split_first()?;
        let offence = match offence {
            0 => Offence::ConflictingNotarize,
            1 => Offence::ConflictingFinalize,
            2 => Offence::NullifyFinalize,
            3 => Offence::ConflictingBatch,
            _ => return None,
        };
        let (epoch, rest) = rest.split_first_chunk()?;
        let (view, rest) = rest.split_first_chunk()?;
        let (seat, votes) = rest.split_first_chunk()?;
        let (first, second) = votes.split_at_checked(VOTE_BYTES)?;
        Some(Self {
            offence,
            epoch: u64::from_be_bytes(*epoch),
            view: u64::from_be_bytes(*view),
            seat: u32::from_be_bytes(*seat),
            first: decode_vote(first)?,
            second: decode_vote(second)?,
        })
    }

    /// Whether the two say different things, so that one seat may not sign both. Votes of different kinds always do.
    pub fn conflicts(&self) -> bool {
        let said = |vote: &SignedVote| (vote.parent_view, vote.payload);
        match self.offence {
            Offence::ConflictingNotarize | Offence::ConflictingFinalize => said(&self.first) != said(&self.second),
            Offence::ConflictingBatch => self.first.payload != self.second.payload,
            Offence::NullifyFinalize => true,
        }
    }
}

fn decode_vote(bytes: &[u8]) -> Option<SignedVote> {
    let (parent_view, rest) = bytes.split_first_chunk()?;
    let (payload, signature) = rest.split_first_chunk::<32>()?;
    let parent_view = u64::from_be_bytes(*parent_view);
    Some(SignedVote { parent_view, payload: B256::new(*payload), signature: signature.try_into().ok()? })
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

    #[test]
    fn evidence_comes_back_from_its_bytes_and_other_bytes_are_none() {
        let vote = |byte| SignedVote { parent_view: 3, payload: B256::repeat_byte(byte), signature: [byte; 48] };
        for offence in [
            Offence::ConflictingNotarize,
            Offence::ConflictingFinalize,
            Offence::NullifyFinalize,
            Offence::ConflictingBatch,
        ] {
            let (first, second) = (vote(1), vote(2));
            let votes = ConflictingVotes { offence, epoch: 1 << 40, view: 9, seat: 70_000, first, second };
            let bytes = votes.encode();
            assert_eq!(ConflictingVotes::decode(&bytes), Some(votes));
            assert_eq!(ConflictingVotes::decode(&bytes[1..]), None);
            assert_eq!(ConflictingVotes::decode(&[&bytes[..], &[0]].concat()), None);
            let unknown = [&[4], &bytes[1..]].concat();
            assert_eq!(ConflictingVotes::decode(&unknown), None);
            let same = ConflictingVotes { second: first, ..votes };
            assert_eq!(same.conflicts(), offence == Offence::NullifyFinalize);
            assert!(votes.conflicts());
        }
    }
}
