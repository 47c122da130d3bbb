//! What a seat that runs twice said, to know whether it contradicted itself.

use std::{collections::BTreeSet, sync::Arc};

use commonware_codec::DecodeExt as _;
use commonware_consensus::{
    simplex::types::{Proposal, Vote},
    types::Round,
};
use commonware_cryptography::sha256::Digest;
use commonware_p2p::utils::mux;
use commonware_runtime::IoBuf;
use parking_lot::Mutex;

use crate::committee::Scheme;

/// The votes of one seat while somebody listens; shared with the network that carries them.
#[derive(Clone, Default)]
pub(crate) struct Spoken(Arc<Mutex<Votes>>);

#[derive(Default)]
struct Votes {
    listening: bool,
    notarized: BTreeSet<(Round, Proposal<Digest>)>,
    finalized: BTreeSet<(Round, Proposal<Digest>)>,
    nullified: BTreeSet<Round>,
}

impl Spoken {
    /// From here on votes count, or do not.
    pub(crate) fn listen(&self, listening: bool) {
        self.0.lock().listening = listening;
    }

    /// Notes a message of the channel of votes.
    pub(crate) fn hear(&self, message: &IoBuf) {
        if !self.0.lock().listening {
            return;
        }
        let (_, message) = mux::parse(message.clone()).expect("an engine says which epoch it means");
        self.note(Vote::decode(message).expect("an engine sends votes there"));
    }

    /// Notes a vote that all are told.
    pub(crate) fn note(&self, vote: Vote<Scheme, Digest>) {
        let mut votes = self.0.lock();
        if !votes.listening {
            return;
        }
        match vote {
            Vote::Notarize(vote) => drop(votes.notarized.insert((vote.round(), vote.proposal))),
            Vote::Finalize(vote) => drop(votes.finalized.insert((vote.round(), vote.proposal))),
            Vote::Nullify(vote) => drop(votes.nullified.insert(vote.round)),
        }
    }

    /// Whether it said in some view what nobody honest says.
    pub(crate) fn contradicts(&self) -> bool {
        let votes = self.0.lock();
        let twice = |said: &BTreeSet<(Round, Proposal<Digest>)>| {
            said.iter().zip(said.iter().skip(1)).any(|((first, _), (second, _))| first == second)
        };
        twice(&votes.notarized)
            || twice(&votes.finalized)
            || votes.finalized.iter().any(|(round, _)| votes.nullified.contains(round))
    }
}
