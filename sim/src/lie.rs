//! Two votes of one seat in one view, of which an honest seat signs at most one.

use commonware_consensus::simplex::types::{Finalize, Notarize, Nullify, Proposal, Vote};
use commonware_cryptography::sha256::Digest;

use crate::Scheme;

/// How a seat contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lie {
    /// Votes to notarize two proposals.
    Notarize,
    /// Votes to finalize two proposals.
    Finalize,
    /// Votes to give the view up, and to finalize the first proposal.
    NullifyFinalize,
}

impl Lie {
    /// Signs both votes. Nothing when the scheme only verifies.
    pub fn votes(self, scheme: &Scheme, proposals: [Proposal<Digest>; 2]) -> Option<[Vote<Scheme, Digest>; 2]> {
        let [first, second] = proposals;
        let notarize = |proposal| Notarize::sign(scheme, proposal).map(Vote::Notarize);
        let finalize = |proposal| Finalize::sign(scheme, proposal).map(Vote::Finalize);
        Some(match self {
            Self::Notarize => [notarize(first)?, notarize(second)?],
            Self::Finalize => [finalize(first)?, finalize(second)?],
            Self::NullifyFinalize => [Vote::Nullify(Nullify::sign::<Digest>(scheme, first.round)?), finalize(first)?],
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use commonware_consensus::types::{Epoch, Round, View};
    use commonware_parallel::Sequential;

    use super::*;
    use crate::{committee::Seats, spoken::Spoken};

    #[test]
    fn each_lie_is_two_good_votes_that_only_together_contradict_each_other() {
        let seats = Seats::new(4, vec![(0, (0..4).collect())]);
        let round = Round::new(Epoch::new(0), View::new(7));
        let proposals = [1, 2].map(|byte| Proposal::new(round, View::new(6), Digest([byte; 32])));
        let scheme = seats.scheme(0, Some(2));
        for lie in Lie::value_variants() {
            let votes = lie.votes(&scheme, proposals.clone()).unwrap();
            let said = |votes: &[Vote<Scheme, Digest>]| {
                let spoken = Spoken::default();
                spoken.listen(true);
                votes.iter().for_each(|vote| spoken.note(vote.clone()));
                spoken.contradicts()
            };
            assert!(said(&votes), "{lie:?}");
            assert!(!said(&votes[..1]) && !said(&votes[1..]), "{lie:?}");
            let (mut rng, verifier) = (commonware_utils::sys_rng(), seats.scheme(0, None));
            for vote in votes {
                assert!(match vote {
                    Vote::Notarize(vote) => vote.verify(&mut rng, &verifier, &Sequential),
                    Vote::Nullify(vote) => vote.verify::<_, Digest>(&mut rng, &verifier, &Sequential),
                    Vote::Finalize(vote) => vote.verify(&mut rng, &verifier, &Sequential),
                });
            }
            assert!(lie.votes(&verifier, proposals.clone()).is_none(), "who has no key signs nothing");
        }
    }
}
