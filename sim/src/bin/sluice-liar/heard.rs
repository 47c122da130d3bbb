//! What was heard of the others, and when it is time to lie.

use std::collections::BTreeSet;

use commonware_consensus::{
    Viewable as _,
    simplex::types::{Proposal, Vote},
    types::View,
};
use commonware_cryptography::{ed25519::PublicKey, sha256::Digest};
use sluice_sim::Scheme;

/// Whom we heard, and the newest view that somebody votes in.
#[derive(Debug)]
pub(crate) struct Heard {
    others: BTreeSet<PublicKey>,
    silent: BTreeSet<PublicKey>,
    newest: View,
}

impl Heard {
    pub(crate) fn new(others: BTreeSet<PublicKey>) -> Self {
        Self { silent: others.clone(), others, newest: View::zero() }
    }

    /// How many talk to us, and how many should.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.others.len() - self.silent.len(), self.others.len())
    }

    /// Takes in a vote. Answers what it is for, once all are connected and it is the first of its view, which is still open then.
    pub(crate) fn hear(&mut self, from: &PublicKey, vote: Vote<Scheme, Digest>) -> Option<Proposal<Digest>> {
        self.silent.remove(from);
        let is_new = vote.view() > self.newest;
        self.newest = self.newest.max(vote.view());
        match vote {
            Vote::Notarize(vote) if is_new && self.silent.is_empty() => Some(vote.proposal),
            _ => None,
        }
    }
}

/// Another proposal of the same view, on the same parent.
pub(crate) fn other(proposal: &Proposal<Digest>) -> Proposal<Digest> {
    let Digest(mut payload) = proposal.payload;
    payload[0] ^= 1;
    Proposal::new(proposal.round, proposal.parent, Digest(payload))
}

#[cfg(test)]
mod tests {
    use commonware_codec::DecodeExt as _;
    use commonware_consensus::{
        simplex::types::{Notarize, Nullify},
        types::{Epoch, Round},
    };
    use sluice_simplex::{Member, SeatKeys};

    use super::*;

    #[test]
    fn lies_about_the_first_vote_of_a_view_once_all_are_heard() {
        let keys = [(); 3].map(|()| SeatKeys::generate());
        let members = keys.each_ref().map(|keys| Member { network_key: keys.network_key(), vote_key: keys.vote_key() });
        let [a, b, _] =
            members.map(|member| PublicKey::decode(bytes::Bytes::copy_from_slice(&member.network_key.0)).unwrap());
        let scheme = sluice_sim::scheme((1, alloy_primitives::Address::ZERO), &members, Some(&keys[0])).unwrap();
        let round = |view| Round::new(Epoch::zero(), View::new(view));
        let proposal = |view| Proposal::new(round(view), View::zero(), Digest([5; 32]));
        let notarize = |view| Vote::Notarize(Notarize::sign(&scheme, proposal(view)).unwrap());
        let nullify = |view| Vote::Nullify(Nullify::sign::<Digest>(&scheme, round(view)).unwrap());

        let mut heard = Heard::new(BTreeSet::from([a.clone(), b.clone()]));
        assert_eq!(heard.hear(&a, notarize(3)), None, "b is not connected yet");
        assert_eq!(heard.counts(), (1, 2));
        assert_eq!(heard.hear(&b, notarize(3)), None, "the view may be over");
        assert_eq!(heard.hear(&b, notarize(2)), None, "that view is over");
        assert_eq!(heard.hear(&a, nullify(4)), None, "there is no proposal to contradict");
        assert_eq!(heard.hear(&b, notarize(4)), None, "the view is being given up");
        assert_eq!(heard.hear(&b, notarize(5)), Some(proposal(5)));
        assert_eq!(heard.counts(), (2, 2));
        assert_ne!(other(&proposal(5)), proposal(5));
        assert_eq!((other(&proposal(5)).round, other(&proposal(5)).parent), (proposal(5).round, proposal(5).parent));
    }
}
