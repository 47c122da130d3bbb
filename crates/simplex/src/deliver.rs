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
/// Pause before a proof is looked for again.
const SEARCH_PAUSE: Duration = Duration::from_millis(5);

/// What the application is told without being asked.
pub(crate) struct Deliver {
    pub(crate) link: Arc<Link>,
    pub(crate) marshal: Mailbox<Scheme, Standard<Block>>,
    pub(crate) deliveries: mpsc::Receiver<Delivery>,
    pub(crate) evidence: mpsc::Receiver<Evidence>,
    /// Up to this height the archive has handed everything over in an earlier life.
    pub(crate) processed: u64,
}

impl Deliver {
    /// Works until the engine ends.
    pub(crate) async fn run<E: Clock>(mut self, clock: E) {
        let mut in_flight: FuturesOrdered<_> = FuturesOrdered::new();
        let mut last_proof = None;
        // An application that was set back, to a backup say, lacks blocks that the archive takes for done.
        for height in self.link.handed_over() + 1..=self.processed {
            let Some(block) = self.marshal.get_block(types::Height::new(height)).await else {
                return self.link.fail(Error::BlockMissing(Height(height)));
            };
            last_proof = Some(self.proof(&clock, Height(height), last_proof).await);
            let durable = self.hand_over(&block.inner_shared(), last_proof.clone().expect("just found")).await;
            if durable.await.is_err() {
                return self.link.fail(Error::ApplicationGone("storing a decided block again"));
            }
        }
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
                    let certificate = self.proof(&clock, block.ordered.height, last_proof).await;
                    last_proof = Some(certificate.clone());
                    let durable = self.hand_over(&block, certificate).await;
                    in_flight.push_back(async move { (durable.await, acknowledgement) });
                }
            }
        }
    }

    /// Hands a block over. What it returns resolves when the block is durable.
    async fn hand_over(&self, block: &Block, certificate: Certificate) -> oneshot::Receiver<()> {
        let (done, durable) = oneshot::channel();
        let (height, block) = (block.ordered.height.0, block.ordered.clone());
        let event = Event::Finalized { block, certificate, access_list: None, done };
        self.link.send(event, "handing over a decided block").await;
        self.link.set_handed_over(height);
        durable
    }

    /// The proof of the block at `height`, or else of one above: there is one, or the block would not be decided. `last` is what
    /// this returned last, so that a long stretch of blocks without proofs of their own is searched once.
    async fn proof<E: Clock>(&self, clock: &E, height: Height, last: Option<Certificate>) -> Certificate {
        if let Some(own) = self.proof_at(height).await {
            return own;
        }
        if let Some(last) = last.filter(|last| last.height >= height) {
            return last;
        }
        loop {
            for above in height.0..=self.link.decided() {
                if let Some(proof) = self.proof_at(Height(above)).await {
                    return proof;
                }
            }
            clock.sleep(SEARCH_PAUSE).await;
        }
    }

    async fn proof_at(&self, height: Height) -> Option<Certificate> {
        let finalization = self.marshal.get_finalization(types::Height::new(height.0)).await?;
        let (block_hash, proof) = (certificate::block_hash(&finalization), finalization.encode().into());
        Some(Certificate { height, block_hash, scheme: SCHEME_SIMPLEX, proof })
    }
}
