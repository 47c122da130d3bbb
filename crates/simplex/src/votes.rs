//! Whether evidence from anybody convicts a seat: both signatures, as the contract on L1 checks them.

use alloy_primitives::{Address, B256};
use commonware_codec::Encode;
use commonware_consensus::{
    simplex::types::Proposal,
    types::{Epoch, Round, View},
};
use commonware_cryptography::sha256::Digest;
use sluice_ordering::{ConflictingVotes, Offence, SignedVote};

use crate::{BatchId, Committee, batch::holds};

/// Whose batches a committee signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Chain id of L1.
    pub chain_id: u64,
    /// The `Rollup` contract.
    pub rollup: Address,
}

/// Whether the accused seat of the epoch's committee signed both, and they contradict each other.
pub fn verify_votes(votes: &ConflictingVotes, committee: &Committee, chain: Chain) -> bool {
    let ConflictingVotes { offence, epoch, view, seat, first, second } = votes;
    let round = Round::new(Epoch::new(*epoch), View::new(*view));
    let proposal = |kind: &[u8], vote: &SignedVote| {
        let signed = Proposal::new(round, View::new(vote.parent_view), Digest(vote.payload.0)).encode();
        holds((committee, *seat), &committee.namespace(kind), &signed, &vote.signature)
    };
    let nullify = |vote: &SignedVote| {
        // What such a vote does not say has one form, so that evidence has one, too.
        (vote.parent_view, vote.payload) == (0, B256::ZERO)
            && holds((committee, *seat), &committee.namespace(NULLIFY), &round.encode(), &vote.signature)
    };
    let batch = |vote: &SignedVote| {
        let Chain { chain_id, rollup } = chain;
        let batch = BatchId { chain_id, rollup, epoch: *epoch, index: *view, batch_hash: vote.payload };
        vote.parent_view == 0 && batch.verify(committee, *seat, &vote.signature)
    };
    if *epoch != committee.epoch() || !votes.conflicts() {
        return false;
    }
    match offence {
        Offence::ConflictingNotarize => proposal(NOTARIZE, first) && proposal(NOTARIZE, second),
        Offence::ConflictingFinalize => proposal(FINALIZE, first) && proposal(FINALIZE, second),
        Offence::NullifyFinalize => nullify(first) && proposal(FINALIZE, second),
        Offence::ConflictingBatch => batch(first) && batch(second),
    }
}

/// What the kinds of votes add to the namespace. Source: `docs/spec/sequencers.md`.
const NOTARIZE: &[u8] = b"_NOTARIZE";
const FINALIZE: &[u8] = b"_FINALIZE";
const NULLIFY: &[u8] = b"_NULLIFY";
