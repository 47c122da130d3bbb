//! What a seat that runs twice said, to know whether it contradicted itself.

use std::{collections::BTreeSet, sync::Arc};

use commonware_codec::DecodeExt as _;
use commonware_consensus::{
    Viewable as _,
    simplex::types::{Proposal, Vote},
    types::View,
};
use commonware_cryptography::sha256::Digest;
use commonware_runtime::IoBuf;
use parking_lot::Mutex;

use crate::committee::Scheme;

/// The votes of one seat while somebody listens; shared with the network that carries them.
#[derive(Clone, Default)]
pub(crate) struct Spoken(Arc<Mutex<Votes>>);

#[derive(Default)]
struct Votes {
    listening: bool,
    notarized: BTreeSet<(View, Proposal<Digest>)>,
    finalized: BTreeSet<(View, Proposal<Digest>)>,
    nullified: BTreeSet<View>,
}

impl Spoken {
    /// From here on votes count, or do not.
    pub(crate) fn listen(&self, listening: bool) {
        self.0.lock().listening = listening;
    }

    /// Notes a message of the channel of votes.
    pub(crate) fn hear(&self, message: &IoBuf) {
        let mut votes = self.0.lock();
        if !votes.listening {
            return;
        }
        match Vote::<Scheme, Digest>::decode(message.clone()).expect("an engine sends votes there") {
            Vote::Notarize(vote) => drop(votes.notarized.insert((vote.view(), vote.proposal))),
            Vote::Finalize(vote) => drop(votes.finalized.insert((vote.view(), vote.proposal))),
            Vote::Nullify(vote) => drop(votes.nullified.insert(vote.view())),
        }
    }

    /// Whether it said in some view what nobody honest says.
    pub(crate) fn contradicts(&self) -> bool {
        let votes = self.0.lock();
        let twice = |said: &BTreeSet<(View, Proposal<Digest>)>| {
            said.iter().zip(said.iter().skip(1)).any(|((first, _), (second, _))| first == second)
        };
        twice(&votes.notarized)
            || twice(&votes.finalized)
            || votes.finalized.iter().any(|(view, _)| votes.nullified.contains(view))
    }
}
