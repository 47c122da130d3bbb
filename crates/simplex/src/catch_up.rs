//! Asks the others for decided blocks when none come by themselves: because the epoch that this node votes in is long over, or because
//! it has no seat.

use std::{sync::Arc, time::Duration};

use commonware_consensus::{
    marshal::{core::Mailbox, standard::Standard},
    types::Height,
};
use commonware_cryptography::ed25519::PublicKey;
use commonware_runtime::Clock;
use commonware_utils::vec::NonEmptyVec;

use crate::{block::Block, committee::Scheme, committees::Committees, epoch::Epochs, link::Link};

/// Looks in which nothing is new before the others are asked.
const LOOKS: u32 = 8;
/// Parts of a leader's timeout from one look to the next.
const LOOKS_PER_TIMEOUT: u32 = 4;

/// What asking needs.
pub(crate) struct CatchUp {
    pub(crate) marshal: Mailbox<Scheme, Standard<Block>>,
    pub(crate) epochs: Epochs,
    pub(crate) committees: Committees,
    pub(crate) me: PublicKey,
    pub(crate) link: Arc<Link>,
    pub(crate) leader_timeout: Duration,
}

impl CatchUp {
    /// Works as long as the engine.
    pub(crate) async fn run<E: Clock>(self, clock: E) {
        let now = self.epochs.now();
        let (mut before, mut asked, mut idle) = (now.borrow().height, false, 0);
        loop {
            clock.sleep(self.leader_timeout / LOOKS_PER_TIMEOUT).await;
            let height = now.borrow().height;
            let news = height - before;
            before = height;
            idle = if news > 0 { 0 } else { idle + 1 };
            // Many at once are an answer, and there may be more. Without a seat there is no other way.
            let more = asked && news >= self.epochs.tail() / 2;
            let due = more || idle >= LOOKS || !self.has_seat();
            // What is known to be decided is being fetched already.
            asked = due && self.link.decided() <= height && self.ask();
            if asked {
                idle = 0;
            }
        }
    }

    fn has_seat(&self) -> bool {
        self.committees.current().participants().position(&self.me).is_some()
    }

    /// Asks for what may be above. Whether there is anybody to ask.
    fn ask(&self) -> bool {
        let others = self.committees.others(&self.me);
        if others.is_empty() {
            return false;
        }
        metrics::counter!("ordering_catch_up_total").increment(1);
        let others = NonEmptyVec::from_unchecked(others);
        for height in self.epochs.certain() {
            self.marshal.hint_finalized(Height::new(height), others.clone());
        }
        true
    }
}
