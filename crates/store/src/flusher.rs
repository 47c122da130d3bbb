//! The thread that flushes, so that a block waits only for the journal.

use std::{
    sync::{Arc, Weak, mpsc},
    thread::JoinHandle,
};

use crate::{Error, engine::Engine};

/// Owns the thread; ends it when dropped.
#[derive(Debug)]
pub(crate) struct Flusher {
    wake: Option<mpsc::SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    pub(crate) fn start(engine: &Arc<Engine>) -> Result<Self, Error> {
        // One is enough: a wake-up that finds another one waiting says nothing new.
        let (wake, woken) = mpsc::sync_channel(1);
        let weak = Arc::downgrade(engine);
        let thread = std::thread::Builder::new()
            .name("store-flush".into())
            .spawn(move || run(&woken, &weak))
            .map_err(|source| Error::Io { what: "cannot start a thread for", path: "store-flush".into(), source })?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    pub(crate) fn wake(&self) {
        let wake = self.wake.as_ref().expect("taken only on drop");
        // Full: the thread will come by anyway. Gone: its failure has poisoned the store, which the next write reports.
        let _sent = wake.try_send(());
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed; there is nobody left to tell.
            let _joined = thread.join();
        }
    }
}

fn run(woken: &mpsc::Receiver<()>, engine: &Weak<Engine>) {
    while woken.recv().is_ok() {
        let Some(engine) = engine.upgrade() else { return };
        if let Err(error) = engine.flush() {
            tracing::error!(%error, "the store takes no more writes");
            return;
        }
    }
}
