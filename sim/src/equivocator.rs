//! A leader that sends two blocks to two halves of the others, and in the end votes for both before all.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use alloy_primitives::{Address, B256};
use bytes::Bytes;
use commonware_codec::{Decode as _, DecodeExt as _, Encode as _};
use commonware_consensus::{
    Viewable as _,
    simplex::types::{Certificate, Finalize, Proposal, Vote},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{certificate::Verifier as _, ed25519::PublicKey, sha256::Digest};
use commonware_p2p::{Receiver as _, Recipients, Sender as _};
use commonware_runtime::{Clock as _, deterministic::Context};
use sluice_types::{Height, L1Number, OrderedBlock};

use crate::{
    Lie,
    committee::Scheme,
    network::{Lane, Plain},
    spoken::Spoken,
};

/// How long each half believes that its block is the only one.
const SECRET: Duration = Duration::from_millis(80);

/// Who it is.
pub(crate) struct Equivocator {
    pub(crate) scheme: Scheme,
    pub(crate) members: Vec<PublicKey>,
    /// Its place among them.
    pub(crate) index: usize,
    pub(crate) epoch: Epoch,
    /// Hears what it says before all.
    pub(crate) spoken: Spoken,
    /// What a block on nothing says of L1.
    pub(crate) l1_origin: (u64, B256),
}

/// What it knows.
#[derive(Default)]
struct Seen {
    blocks: BTreeMap<B256, OrderedBlock>,
    /// The newest block with two thirds of the votes, and its view.
    parent: (View, B256),
    /// The newest view that is over.
    over: View,
    /// In which views it has proposed, and what.
    proposed: BTreeMap<View, [Proposal<Digest>; 2]>,
    finalized: BTreeSet<(View, Digest)>,
    /// When all get both votes.
    reveal: Option<(SystemTime, [Proposal<Digest>; 2])>,
}

impl Equivocator {
    /// Works until the network is gone. Takes the channels of votes, certificates and blocks.
    pub(crate) async fn run(self, clock: Context, [mut votes, mut certificates]: [Lane; 2], mut blocks: Plain) {
        let mut seen = Seen::default();
        loop {
            self.propose(&mut seen, clock.current(), &mut votes, &mut blocks);
            let due =
                seen.reveal.as_ref().map_or_else(|| clock.current() + Duration::from_secs(3_600), |(due, _)| *due);
            tokio::select! {
                biased;
                message = votes.1.recv() => {
                    let Ok((_, bytes)) = message else { return };
                    if let Ok(Vote::<Scheme, Digest>::Notarize(vote)) = Vote::decode(bytes) {
                        self.finalize(&mut seen, &vote.proposal, &mut votes);
                    }
                }
                message = certificates.1.recv() => {
                    let Ok((_, bytes)) = message else { return };
                    self.note(&mut seen, bytes);
                }
                message = blocks.1.recv() => {
                    let Ok((_, bytes)) = message else { return };
                    if let Some(block) = decode(bytes) {
                        seen.blocks.insert(block.hash(), block);
                    }
                }
                () = clock.sleep_until(due) => {
                    for vote in seen.reveal.take().into_iter().flat_map(|(_, both)| self.notarize(both)) {
                        self.spoken.note(vote.clone());
                        votes.0.send(Recipients::All, vote.encode(), true);
                    }
                }
            }
        }
    }

    /// Looks at a certificate: is there a new parent, is a view over?
    fn note(&self, seen: &mut Seen, bytes: impl commonware_codec::Buf) {
        let config = Scheme::certificate_codec_config(&self.scheme);
        let Ok(certificate) = Certificate::<Scheme, Digest>::decode_cfg(bytes, &config) else { return };
        let parent = match &certificate {
            Certificate::Notarization(two_thirds) => Some(two_thirds.proposal.payload),
            Certificate::Finalization(two_thirds) => Some(two_thirds.proposal.payload),
            Certificate::Nullification(_) => None,
        };
        let view = certificate.view();
        if let Some(payload) = parent.filter(|_| view > seen.parent.0) {
            seen.parent = (view, B256::new(payload.0));
        }
        seen.over = seen.over.max(view);
    }

    /// Proposes two blocks if it is the leader and knows what to build on.
    fn propose(&self, seen: &mut Seen, now: SystemTime, votes: &mut Lane, blocks: &mut Plain) {
        let view = seen.over.next();
        let leads = (self.epoch.get().wrapping_add(view.get()) % self.members.len() as u64) == self.index as u64;
        if !leads || seen.proposed.contains_key(&view) {
            return;
        }
        let (parent_view, parent_hash) = seen.parent;
        let parent = seen.blocks.get(&parent_hash);
        if parent.is_none() && parent_hash != B256::ZERO {
            return;
        }
        let block = |name: u8| OrderedBlock {
            height: parent.map_or(Height(1), |parent| parent.height.next()),
            epoch: self.epoch.get(),
            view: view.get(),
            parent: parent_hash,
            timestamp_ms: parent.map_or(0, |parent| parent.timestamp_ms),
            l1_origin: L1Number(parent.map_or(self.l1_origin.0, |parent| parent.l1_origin.0)),
            l1_origin_hash: parent.map_or(self.l1_origin.1, |parent| parent.l1_origin_hash),
            beneficiary: Address::repeat_byte(name),
            next_epoch: 0,
            sections: Vec::new(),
        };
        let both = [block(0xa), block(0xb)];
        let round = Round::new(self.epoch, view);
        let proposals = both.clone().map(|block| Proposal::new(round, parent_view, Digest(block.hash().0)));
        let others: Vec<PublicKey> = self
            .members
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != self.index)
            .map(|(_, key)| key.clone())
            .collect();
        let halves = others.split_at(others.len() / 2);
        for ((block, vote), half) in both.iter().zip(self.notarize(proposals.clone())).zip([halves.0, halves.1]) {
            blocks.0.send(Recipients::All, Bytes::from(alloy_rlp::encode(block)).encode(), true);
            votes.0.send(Recipients::Some(half.to_vec()), vote.encode(), true);
        }
        seen.reveal = Some((now + SECRET, proposals.clone()));
        for block in both {
            seen.blocks.insert(block.hash(), block);
        }
        seen.proposed.insert(view, proposals);
    }

    /// Votes for both.
    fn notarize(&self, both: [Proposal<Digest>; 2]) -> [Vote<Scheme, Digest>; 2] {
        Lie::Notarize.votes(&self.scheme, both).expect("it has a key")
    }

    /// Votes to finalize whatever of its own others vote for.
    fn finalize(&self, seen: &mut Seen, proposal: &Proposal<Digest>, votes: &mut Lane) {
        let view = proposal.view();
        let own = seen.proposed.get(&view).is_some_and(|both| both.contains(proposal));
        if own && seen.finalized.insert((view, proposal.payload)) {
            let vote = Finalize::sign(&self.scheme, proposal.clone()).expect("it has a key");
            votes.0.send(Recipients::All, Vote::Finalize(vote).encode(), true);
        }
    }
}

/// A block as it is spread.
fn decode(bytes: impl commonware_codec::Buf) -> Option<OrderedBlock> {
    let encoded = Bytes::decode_cfg(bytes, &(..=sluice_simplex::BLOCK_BYTES_MAX).into()).ok()?;
    alloy_rlp::decode_exact(encoded).ok()
}
