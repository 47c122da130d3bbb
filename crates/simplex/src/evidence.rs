//! Tells the application of seats that contradict themselves.

use std::{collections::BTreeSet, sync::Arc};

use alloy_primitives::B256;
use commonware_actor::Feedback;
use commonware_codec::{Encode, Read};
use commonware_consensus::{
    Epochable, Reporter, Viewable,
    simplex::types::{Activity, Finalize, Notarize, Nullify, Proposal},
};
use commonware_cryptography::{certificate::Attestation, sha256::Digest};
use commonware_parallel::Sequential;
use parking_lot::Mutex;
use sluice_ordering::{ConflictingVotes, Evidence, Offence, Round, SignedVote};
use tokio::sync::mpsc;

use crate::{committee::Scheme, link::Link};

/// Evidence that waits for the application: more than one piece against each of the few that are found in a moment.
pub(crate) const EVIDENCE_MAX: usize = 128;

/// Looks at what the engine sees, and passes on what convicts somebody.
#[derive(Clone)]
pub(crate) struct Watch {
    scheme: Scheme,
    link: Arc<Link>,
    found: mpsc::Sender<Evidence>,
    /// Seats against which the application has something. More of it would say no more, and costs time to check.
    /// Shared, because the engine copies this for every view.
    convicted: Arc<Mutex<BTreeSet<u32>>>,
}

impl Watch {
    pub(crate) fn new(scheme: Scheme, link: Arc<Link>, found: mpsc::Sender<Evidence>) -> Self {
        Self { scheme, link, found, convicted: Arc::default() }
    }

    /// What a report says, if it is one of contradiction and its signatures hold.
    fn evidence(&self, activity: &Activity<Scheme, Digest>) -> Option<ConflictingVotes> {
        let (offence, encoded) = match activity {
            Activity::ConflictingNotarize(both) => (Offence::ConflictingNotarize, both.encode()),
            Activity::ConflictingFinalize(both) => (Offence::ConflictingFinalize, both.encode()),
            Activity::NullifyFinalize(both) => (Offence::NullifyFinalize, both.encode()),
            _ => return None,
        };
        // The engine keeps the two votes to itself, but writes them one after the other.
        let mut rest = encoded;
        let (seat, first) = match offence {
            Offence::ConflictingNotarize => vote_of(&Notarize::<Scheme, Digest>::read_cfg(&mut rest, &()).ok()?),
            Offence::ConflictingFinalize => finalize_of(&Finalize::read_cfg(&mut rest, &()).ok()?),
            // The engine signs no batches.
            Offence::ConflictingBatch => return None,
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
            Offence::ConflictingFinalize | Offence::NullifyFinalize | Offence::ConflictingBatch => {
                finalize_of(&Finalize::read_cfg(&mut rest, &()).ok()?)
            }
        };
        let (epoch, view) = (activity.epoch().get(), activity.view().get());
        if self.convicted.lock().contains(&seat) || !self.holds(activity) {
            return None;
        }
        Some(ConflictingVotes { offence, epoch, view, seat, first, second })
    }

    /// Whether both signatures are good.
    fn holds(&self, activity: &Activity<Scheme, Digest>) -> bool {
        let mut rng = commonware_utils::sys_rng();
        match activity {
            Activity::ConflictingNotarize(both) => both.verify(&mut rng, &self.scheme, &Sequential),
            Activity::ConflictingFinalize(both) => both.verify(&mut rng, &self.scheme, &Sequential),
            Activity::NullifyFinalize(both) => both.verify(&mut rng, &self.scheme, &Sequential),
            _ => false,
        }
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
            self.link.set_round(Round { epoch: activity.epoch().get(), view: activity.view().get() + 1 });
        }
        if let Some(evidence) = self.evidence(&activity) {
            let seat = evidence.seat;
            match self.found.try_send(Evidence::Votes(evidence)) {
                Ok(()) => drop(self.convicted.lock().insert(seat)),
                Err(_) => metrics::counter!("ordering_evidence_dropped_total").increment(1),
            }
        }
        Feedback::Ok
    }
}
