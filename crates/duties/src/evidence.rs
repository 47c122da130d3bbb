//! Evidence as L1 takes it.

use sluice_l1::{
    Error, Evidence,
    points::uncompress_signature,
    stake::{SignedBatch, SignedProposal},
};
use sluice_ordering::{ConflictingVotes, Offence, SignedVote};

/// What the contract is told. Errors: [`Error::Point`].
pub(crate) fn to_l1(votes: &ConflictingVotes) -> Result<Evidence, Error> {
    let ConflictingVotes { offence, view, first, second, .. } = votes;
    let view = *view;
    Ok(match offence {
        Offence::ConflictingNotarize => Evidence::Notarizes { view, votes: [proposal(first)?, proposal(second)?] },
        Offence::ConflictingFinalize => Evidence::Finalizes { view, votes: [proposal(first)?, proposal(second)?] },
        Offence::NullifyFinalize => Evidence::NullifyFinalize {
            view,
            nullify: uncompress_signature(&first.signature)?,
            finalize: proposal(second)?,
        },
        Offence::ConflictingBatch => Evidence::Batches { index: view, headers: [batch(first)?, batch(second)?] },
    })
}

fn proposal(vote: &SignedVote) -> Result<SignedProposal, Error> {
    let signature = uncompress_signature(&vote.signature)?;
    Ok(SignedProposal { parent: vote.parent_view, payload: vote.payload, signature })
}

fn batch(vote: &SignedVote) -> Result<SignedBatch, Error> {
    Ok(SignedBatch { batch_hash: vote.payload, signature: uncompress_signature(&vote.signature)? })
}
