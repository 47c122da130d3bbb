//! Hands decided blocks over in order, each with a proof, and says when they are durable.

use std::{sync::Arc, time::Duration};

use commonware_codec::Encode;
use commonware_consensus::{
    marshal::{core::Mailbox, standard::Standard},
    types,
};
use commonware_runtime::Clock;
use commonware_utils::{Acknowledgement, acknowledgement::Exact};
use futures::{StreamExt, stream::FuturesOrdered};
use sluice_ordering::{Event, Evidence};
use sluice_types::{Certificate, Height};
use tokio::sync::{
    mpsc,
    oneshot::{self, error::RecvError},
};

use crate::{
    Error,
    application::Delivery,
    block::Block,
    certificate::{self, SCHEME_SIMPLEX},
    committee::Scheme,
    link::Link,
};

/// Most decided blocks that the application has and that are not durable.
pub(crate) const IN_FLIGHT_MAX: usize = 4;
/// How far above a block its proof is looked for: a block without a proof of its own is decided by the next one that has one.
const SEARCH_MAX: u64 = 256;
/// Pause before looking again.
const SEARCH_PAUSE: Duration = Duration::from_millis(5);

/// What the application is told without being asked.
pub(crate) struct Deliver {
    pub(crate) link: Arc<Link>,
    pub(crate) marshal: Mailbox<Scheme, Standard<Block>>,
    pub(crate) deliveries: mpsc::Receiver<Delivery>,
    pub(crate) evidence: mpsc::Receiver<Evidence>,
}

impl Deliver {
    /// Works until the engine ends.
    pub(crate) async fn run<E: Clock>(mut self, clock: E) {
        let mut in_flight: FuturesOrdered<_> = FuturesOrdered::new();
        loop {
            tokio::select! {
                biased;
                Some((durable, acknowledgement)) = in_flight.next(), if !in_flight.is_empty() => {
                    let (durable, acknowledgement): (Result<(), RecvError>, Exact) = (durable, acknowledgement);
                    if durable.is_err() {
                        return self.link.fail(Error::ApplicationGone("storing a decided block"));
                    }
                    acknowledgement.acknowledge();
                }
                Some(evidence) = self.evidence.recv() => {
                    self.link.send(Event::Evidence(evidence), "told of a contradiction").await;
                }
                delivery = self.deliveries.recv() => {
                    let Some((block, acknowledgement)) = delivery else { return };
                    let certificate = proof(&clock, &self.link, &self.marshal, block.ordered.height).await;
                    let (done, durable) = oneshot::channel();
                    let height = block.ordered.height.0;
                    let block = block.ordered.clone();
                    self.link.send(Event::Finalized { block, certificate, done }, "handing over a decided block").await;
                    self.link.set_handed_over(height);
                    in_flight.push_back(async move { (durable.await, acknowledgement) });
                }
            }
        }
    }
}

/// The proof of the lowest block at or above `height` that has one. There is one, or the block would not be decided.
async fn proof<E: Clock>(
    clock: &E,
    link: &Link,
    marshal: &Mailbox<Scheme, Standard<Block>>,
    height: Height,
) -> Certificate {
    loop {
        let last = link.decided().clamp(height.0, height.0 + SEARCH_MAX);
        for above in height.0..=last {
            if let Some(finalization) = marshal.get_finalization(types::Height::new(above)).await {
                let block_hash = certificate::block_hash(&finalization);
                let proof = finalization.encode().into();
                return Certificate { height: Height(above), block_hash, scheme: SCHEME_SIMPLEX, proof };
            }
        }
        clock.sleep(SEARCH_PAUSE).await;
    }
}
