//! Tells the application of seats that contradict themselves.

use std::sync::Arc;

use alloy_primitives::B256;
use commonware_actor::Feedback;
use commonware_codec::{Encode, Read};
use commonware_consensus::{
    Epochable, Reporter, Viewable,
    simplex::types::{Activity, Finalize, Notarize, Nullify, Proposal},
};
use commonware_cryptography::{certificate::Attestation, sha256::Digest};
use commonware_parallel::Sequential;
use sluice_ordering::{ConflictingVotes, Evidence, Offence, SignedVote};
use tokio::sync::mpsc;

use crate::{committee::Scheme, link::Link};

/// Evidence that waits for the application. One piece against a seat is enough, so more is not kept.
pub(crate) const EVIDENCE_MAX: usize = 128;

/// Looks at what the engine sees, and passes on what convicts somebody.
#[derive(Clone)]
pub(crate) struct Watch {
    scheme: Scheme,
    link: Arc<Link>,
    found: mpsc::Sender<Evidence>,
}

impl Watch {
    pub(crate) const fn new(scheme: Scheme, link: Arc<Link>, found: mpsc::Sender<Evidence>) -> Self {
        Self { scheme, link, found }
    }

    /// What a report says, if it is one of contradiction and its signatures hold.
    fn evidence(&self, activity: &Activity<Scheme, Digest>) -> Option<Evidence> {
        let mut rng = commonware_utils::sys_rng();
        let (offence, encoded) = match activity {
            Activity::ConflictingNotarize(both) => (
                both.verify(&mut rng, &self.scheme, &Sequential).then_some(Offence::ConflictingNotarize)?,
                both.encode(),
            ),
            Activity::ConflictingFinalize(both) => (
                both.verify(&mut rng, &self.scheme, &Sequential).then_some(Offence::ConflictingFinalize)?,
                both.encode(),
            ),
            Activity::NullifyFinalize(both) => {
                (both.verify(&mut rng, &self.scheme, &Sequential).then_some(Offence::NullifyFinalize)?, both.encode())
            }
            _ => return None,
        };
        // The engine keeps the two votes to itself, but writes them one after the other.
        let mut rest = encoded;
        let (seat, first) = match offence {
            Offence::ConflictingNotarize => vote_of(&Notarize::<Scheme, Digest>::read_cfg(&mut rest, &()).ok()?),
            Offence::ConflictingFinalize => finalize_of(&Finalize::read_cfg(&mut rest, &()).ok()?),
            Offence::NullifyFinalize => {
                let Nullify::<Scheme> { attestation, .. } = Nullify::read_cfg(&mut rest, &()).ok()?;
                (
                    seat(&attestation),
                    SignedVote { parent_view: 0, payload: B256::ZERO, signature: signature(&attestation) },
                )
            }
        };
        let (_, second) = match offence {
            Offence::ConflictingNotarize => vote_of(&Notarize::read_cfg(&mut rest, &()).ok()?),
            Offence::ConflictingFinalize | Offence::NullifyFinalize => {
                finalize_of(&Finalize::read_cfg(&mut rest, &()).ok()?)
            }
        };
        let (epoch, view) = (activity.epoch().get(), activity.view().get());
        Some(Evidence::Votes(ConflictingVotes { offence, epoch, view, seat, first, second }))
    }
}

fn vote_of(vote: &Notarize<Scheme, Digest>) -> (u32, SignedVote) {
    signed(&vote.proposal, &vote.attestation)
}

fn finalize_of(vote: &Finalize<Scheme, Digest>) -> (u32, SignedVote) {
    signed(&vote.proposal, &vote.attestation)
}

fn signed(proposal: &Proposal<Digest>, attestation: &Attestation<Scheme>) -> (u32, SignedVote) {
    let vote = SignedVote {
        parent_view: proposal.parent.get(),
        payload: B256::new(proposal.payload.0),
        signature: signature(attestation),
    };
    (seat(attestation), vote)
}

fn seat(attestation: &Attestation<Scheme>) -> u32 {
    attestation.signer.get()
}

fn signature(attestation: &Attestation<Scheme>) -> [u8; 48] {
    attestation.signature.encode().as_ref().try_into().expect("a compressed point in G1 has 48 bytes")
}

impl Reporter for Watch {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        // A certificate of a view, of whichever kind, ends it.
        if let Activity::Certification(_) | Activity::Nullification(_) | Activity::Finalization(_) = &activity {
            self.link.set_view(activity.view().get() + 1);
        }
        if let Some(evidence) = self.evidence(&activity)
            && self.found.try_send(evidence).is_err()
        {
            metrics::counter!("ordering_evidence_dropped_total").increment(1);
        }
        Feedback::Ok
    }
}
