//! News for browsers that watch the front page or a block's finality, as fragments of HTML over server-sent events.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream::{self, Stream, StreamExt};
use maud::Markup;
use serde::Deserialize;
use sluice_types::{Heads, L2Number};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::{
    app::App,
    pages::{batch_of, batch_rows, block_rows, climb, ladder, transaction_rows},
};

/// The page changes no faster than this, however fast the chain is.
const UPDATE_INTERVAL: Duration = Duration::from_millis(500);
/// The page is told this often that nothing has changed, so that it notices a chain that stands still.
const QUIET_INTERVAL: Duration = Duration::from_secs(5);
/// Rows of batches, as on the front page.
const BATCH_ROWS: u64 = 12;

/// What is watched: the rungs of one block, or the front page.
#[derive(Deserialize)]
pub(crate) struct Watched {
    block: Option<u64>,
}

pub(crate) async fn live(State(app): State<Arc<App>>, Query(watched): Query<Watched>) -> Response {
    let Ok(permit) = Arc::clone(&app.watchers).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "Too many are watching; reload the page instead.").into_response();
    };
    let heads = app.store.watch_heads();
    Sse::new(news(Watcher { app, block: watched.block.map(L2Number), heads, _permit: permit }))
        .keep_alive(KeepAlive::default())
        .into_response()
}

struct Watcher {
    app: Arc<App>,
    block: Option<L2Number>,
    heads: watch::Receiver<Heads>,
    _permit: OwnedSemaphorePermit,
}

/// Ends when the node stops or the store fails; the browser then asks again by itself.
fn news(watcher: Watcher) -> impl Stream<Item = Result<Event, Infallible>> {
    let updates = stream::unfold(watcher, |mut watcher| async move {
        tokio::time::sleep(UPDATE_INTERVAL).await;
        // A quiet chain is news too.
        if let Ok(Err(_)) = tokio::time::timeout(QUIET_INTERVAL, watcher.heads.changed()).await {
            return None;
        }
        watcher.heads.borrow_and_update();
        let app = Arc::clone(&watcher.app);
        let block = watcher.block;
        let rendered = tokio::task::spawn_blocking(move || fragments(&app, block)).await.ok()?;
        match rendered {
            Ok(fragments) => Some((fragments, watcher)),
            Err(error) => {
                tracing::warn!(%error, "the store cannot answer a watcher");
                None
            }
        }
    });
    updates.flat_map(|fragments| {
        stream::iter(
            fragments.into_iter().map(|(name, markup)| Ok(Event::default().event(name).data(markup.into_string()))),
        )
    })
}

fn fragments(app: &App, block: Option<L2Number>) -> Result<Vec<(&'static str, Markup)>, sluice_store::Error> {
    let mut fragments = vec![("health", app.health())];
    match block {
        Some(number) => fragments.extend([("climb", climb(app, number)), ("batch", batch_of(app, number)?)]),
        None => fragments.extend([
            ("ladder", ladder(app)?),
            ("blocks", block_rows(app)?),
            ("batches", batch_rows(app, None, BATCH_ROWS)?),
            ("transactions", transaction_rows(app)?),
        ]),
    }
    Ok(fragments)
}
