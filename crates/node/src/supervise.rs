//! Keeps the rooms running together: when one ends, for whatever reason, all end, and the process says why.

use std::{fmt::Display, future::Future, time::Duration};

use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};
use tracing::{error, info};

use crate::Error;

/// How long rooms may take to stop before the process ends anyway.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);

/// Tells rooms to stop.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Resolves when the process is to stop, also when the supervisor is gone.
    pub async fn requested(mut self) {
        // An error means that the sender is gone, which is a request too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Whether the process is to stop, also when the supervisor is gone.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

/// The running rooms.
#[derive(Debug)]
pub struct Supervisor {
    rooms: JoinSet<Ended>,
    stop: watch::Sender<bool>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self { rooms: JoinSet::new(), stop: watch::Sender::new(false) }
    }
}

impl Supervisor {
    /// A handle that rooms wait on.
    pub fn shutdown(&self) -> Shutdown {
        Shutdown(self.stop.subscribe())
    }

    /// Starts a room. Its future ends only when asked to stop, or with an error.
    pub fn spawn<E: Display + Send + 'static>(
        &mut self,
        room: &'static str,
        future: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.rooms.spawn(async move { (room, future.await.map_err(|error| error.to_string())) });
    }

    /// Waits for Ctrl-C, SIGTERM or the end of a room; then stops all rooms.
    ///
    /// Errors: [`Error::Room`] when a room ended by itself, with its reason.
    pub async fn run(mut self) -> Result<(), Error> {
        let reason = tokio::select! {
            ended = self.rooms.join_next() => Some(ended_room(ended)),
            () = signal() => None,
        };
        if reason.is_none() {
            info!("stopping");
        }
        self.stop.send_replace(true);
        let mut first = reason;
        let drained = tokio::time::timeout(STOP_TIME_MAX, async {
            while let Some(ended) = self.rooms.join_next().await {
                if let Ok((room, Err(reason))) = ended {
                    error!(room, %reason, "room failed while stopping");
                    first.get_or_insert(Error::Room { room, reason });
                }
            }
        })
        .await;
        if drained.is_err() {
            error!(seconds = STOP_TIME_MAX.as_secs(), "some rooms did not stop in time");
        }
        first.map_or(Ok(()), Err)
    }
}

/// What a room leaves behind: its name, and why it ended.
type Ended = (&'static str, Result<(), String>);

fn ended_room(ended: Option<Result<Ended, JoinError>>) -> Error {
    match ended {
        None => Error::Room { room: "none", reason: "no room was started".into() },
        Some(Ok((room, Ok(())))) => Error::Room { room, reason: "ended although nobody asked it to".into() },
        Some(Ok((room, Err(reason)))) => Error::Room { room, reason },
        Some(Err(error)) => Error::Room { room: "unknown", reason: error.to_string() },
    }
}

/// Resolves on Ctrl-C or SIGTERM.
pub(crate) async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("the runtime can listen for SIGTERM");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_room_that_fails_stops_the_others_and_names_its_reason() {
        let mut supervisor = Supervisor::default();
        let shutdown = supervisor.shutdown();
        supervisor.spawn("patient", async move {
            shutdown.requested().await;
            Ok::<(), String>(())
        });
        supervisor.spawn("broken", async { Err("disk is full".to_owned()) });
        let error = supervisor.run().await.unwrap_err().to_string();
        assert!(error.contains("broken") && error.contains("disk is full"), "{error}");
    }

    #[tokio::test]
    async fn a_room_that_ends_quietly_is_a_failure() {
        let mut supervisor = Supervisor::default();
        supervisor.spawn("quiet", async { Ok::<(), String>(()) });
        assert!(supervisor.run().await.unwrap_err().to_string().contains("quiet"));
    }
}
