//! What the applications tell each other, over the authenticated network.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver, Recipients, Sender};
use sluice_ordering::{Message, PeersEnd, To};

use crate::{committees::Committees, link::Link};

/// How many of the next leaders a message for leaders goes to: the one that proposes now, and the one after.
const LEADERS: u64 = 2;

/// Carries messages between the application and the other seats.
pub(crate) struct Exchange {
    pub(crate) committees: Committees,
    pub(crate) me: PublicKey,
    pub(crate) link: Arc<Link>,
}

impl Exchange {
    /// Works until the application or the network goes away.
    pub(crate) async fn run<S, R>(self, (mut sender, mut receiver): (S, R), mut ends: PeersEnd)
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        loop {
            tokio::select! {
                biased;
                message = receiver.recv() => {
                    let Ok((from, bytes)) = message else { return };
                    let from = B256::from_slice(&from);
                    let bytes = Bytes::copy_from_slice(bytes.as_ref());
                    if !ends.incoming.put(Message { from, bytes }) {
                        metrics::counter!("ordering_messages_dropped_total", "way" => "in").increment(1);
                    }
                }
                Some((to, bytes)) = ends.outgoing.recv() => {
                    let recipients = match to {
                        To::All => Recipients::All,
                        To::Leaders => Recipients::Some(self.next_leaders()),
                    };
                    // To whom it went does not matter: delivery is not certain anyway.
                    let _ = sender.send(recipients, bytes.0, false);
                }
            }
        }
    }

    /// Who proposes in this view and in those after it, without this node.
    fn next_leaders(&self) -> Vec<PublicKey> {
        let committee = self.committees.current();
        let round = self.link.round();
        // Before its first view is over, nothing is known of an epoch.
        let now = if round.epoch == committee.epoch() { round.view } else { 1 };
        let members = committee.participants();
        let leaders = (now..now + LEADERS).filter_map(|view| members.get(committee.leader(view)).cloned());
        leaders.filter(|leader| *leader != self.me).collect()
    }
}
