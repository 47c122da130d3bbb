//! What the applications tell each other, over the authenticated network.

use std::sync::Arc;

use alloy_primitives::Bytes;
use commonware_cryptography::{Signer as _, ed25519::PublicKey};
use commonware_p2p::{Receiver, Recipients, Sender};
use sluice_ordering::{Message, PeersEnd, To};

use crate::{Committee, SeatKeys, link::Link};

/// How many of the next leaders a message for leaders goes to: the one that proposes now, and the one after.
const LEADERS: u64 = 2;

/// Carries messages between the application and the other seats.
pub(crate) struct Exchange {
    participants: Vec<PublicKey>,
    committee: Committee,
    me: PublicKey,
    link: Arc<Link>,
}

impl Exchange {
    pub(crate) fn new(committee: &Committee, keys: &SeatKeys, link: Arc<Link>) -> Self {
        Self {
            participants: committee.participants().iter().cloned().collect(),
            committee: committee.clone(),
            me: keys.network().public_key(),
            link,
        }
    }

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
                    let Some(from) = self.participants.iter().position(|key| *key == from) else { continue };
                    let from = u32::try_from(from).expect("a committee is small");
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
        let now = self.link.view();
        let leaders = (now..now + LEADERS).map(|view| self.participants[self.committee.leader(view)].clone());
        leaders.filter(|leader| *leader != self.me).collect()
    }
}
