//! Blocks that the application has and that are not durable.

use std::{collections::VecDeque, time::Duration};

use alloy_primitives::Bytes;
use sluice_ordering::Event;
use sluice_types::{Certificate, Height, OrderedBlock};
use tokio::{
    sync::{
        mpsc,
        oneshot::{self, error::TryRecvError},
    },
    time,
};

use crate::Error;

/// Most blocks that the application has and that are not durable. Enough for its stages and the queues between them, so that catching
/// up is as fast as execution.
pub const IN_FLIGHT_MAX: usize = 64;
/// How often to warn while the oldest of them does not become durable.
const DONE_WARNING: Duration = Duration::from_secs(10);

const STORING: &str = "storing a certified block";

/// They, in order.
#[derive(Debug)]
pub(crate) struct Flight {
    events: mpsc::Sender<Event>,
    blocks: VecDeque<(Height, oneshot::Receiver<()>)>,
}

impl Flight {
    pub(crate) const fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, blocks: VecDeque::new() }
    }

    /// Hands a block over, when there is room.
    pub(crate) async fn finalize(
        &mut self,
        (block, access_list): (OrderedBlock, Option<Bytes>),
        certificate: Certificate,
    ) -> Result<(), Error> {
        self.make_room().await?;
        let (done, durable) = oneshot::channel();
        let height = block.height;
        self.tell(Event::Finalized { block, certificate, access_list, done }).await?;
        self.blocks.push_back((height, durable));
        Ok(())
    }

    pub(crate) async fn tell(&self, event: Event) -> Result<(), Error> {
        self.events.send(event).await.map_err(|_| Error::ApplicationGone(STORING))
    }

    /// Resolves when the application is gone.
    pub(crate) async fn application_gone(&self) -> Error {
        self.events.closed().await;
        Error::ApplicationGone(STORING)
    }

    /// Waits until all are durable.
    pub(crate) async fn land(&mut self) -> Result<(), Error> {
        while let Some((height, durable)) = self.blocks.front_mut() {
            wait_for(*height, durable).await?;
            self.blocks.pop_front();
        }
        Ok(())
    }

    /// Waits until another block may be handed over.
    pub(crate) async fn make_room(&mut self) -> Result<(), Error> {
        loop {
            let is_full = self.blocks.len() >= IN_FLIGHT_MAX;
            let Some((height, durable)) = self.blocks.front_mut() else { return Ok(()) };
            match durable.try_recv() {
                Ok(()) => {}
                Err(TryRecvError::Closed) => return Err(Error::ApplicationGone(STORING)),
                Err(TryRecvError::Empty) if !is_full => return Ok(()),
                Err(TryRecvError::Empty) => wait_for(*height, durable).await?,
            }
            self.blocks.pop_front();
        }
    }
}

async fn wait_for(height: Height, durable: &mut oneshot::Receiver<()>) -> Result<(), Error> {
    loop {
        match time::timeout(DONE_WARNING, &mut *durable).await {
            Ok(done) => return done.map_err(|_| Error::ApplicationGone(STORING)),
            Err(_) => tracing::warn!(%height, "a certified block is not durable yet; the feed waits for it"),
        }
    }
}
