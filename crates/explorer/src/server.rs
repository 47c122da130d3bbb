//! Listening, and which path is which page.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{MatchedPath, Path, Query, Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use sluice_store::Store;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    Config, Error,
    app::{App, Page},
    live::live,
    pages::{self, QUERY_CHARS_MAX},
};

/// Longest path and query together, bytes.
const URI_BYTES_MAX: usize = 1_024;

/// A running explorer.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Where it listens; with the real port when 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Tells it to end. Pages that are being watched end too.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until it has ended. Errors: what the system said about the port.
    pub async fn stopped(self) -> io::Result<()> {
        self.task.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// Starts the explorer of a store.
pub async fn start(config: Config, store: Store) -> Result<Server, Error> {
    let address = config.listen;
    if let Some(url) =
        config.l1_explorer_url.as_ref().filter(|url| !url.starts_with("http://") && !url.starts_with("https://"))
    {
        return Err(Error::L1ExplorerUrl(url.clone()));
    }
    let listen_error = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortBusy(address),
        _ => Error::Listen { address, source },
    };
    let listener = TcpListener::bind(address).await.map_err(listen_error)?;
    let addr = listener.local_addr().map_err(listen_error)?;
    let (stop, mut stopping) = watch::channel(false);
    let app = router(Arc::new(App::new(config, store)));
    let task = tokio::spawn(async move {
        let stopped = stopping.wait_for(|stop| *stop);
        tokio::select! {
            served = axum::serve(listener, app).into_future() => served,
            // The server ends with its sender too.
            _ = stopped => Ok(()),
        }
    });
    tracing::info!(%addr, "the explorer listens");
    Ok(Server { addr, stop, task })
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(|State(app): State<Arc<App>>| app.page(pages::home)))
        .route("/block/{id}", get(block))
        .route("/tx/{hash}", get(|app, path| one(app, path, pages::transaction)))
        .route("/address/{address}", get(|app, path| one(app, path, pages::address)))
        .route("/batch/{index}", get(|app, path| one(app, path, pages::batch)))
        .route("/batches", get(batches))
        .route("/search", get(search))
        .route("/live", get(live))
        .route(
            "/style.css",
            get(|| async { ([(CONTENT_TYPE, "text/css; charset=utf-8"), CACHED], include_str!("style.css")) }),
        )
        .route(
            "/live.js",
            get(|| async { ([(CONTENT_TYPE, "text/javascript; charset=utf-8"), CACHED], include_str!("live.js")) }),
        )
        .fallback(|State(app): State<Arc<App>>| {
            app.page(|_| {
                Ok(Page::missing("There is no such page. Search for a block, a transaction, an address or a batch."))
            })
        })
        .layer(middleware::from_fn(guard))
        .with_state(app)
}

const CACHED: (axum::http::HeaderName, &str) = (CACHE_CONTROL, "max-age=3600");

/// Turns away what is too long, counts, and says to browsers that nothing but this server may speak on these pages.
async fn guard(request: Request, next: Next) -> Response {
    let length = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if length > URI_BYTES_MAX {
        return (StatusCode::URI_TOO_LONG, "This address is too long.").into_response();
    }
    // Routes, not paths, so that nobody can make more labels.
    let page = request.extensions().get::<MatchedPath>().map_or("unknown".to_owned(), |path| path.as_str().to_owned());
    metrics::counter!("explorer_requests_total", "page" => page).increment(1);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A page of one thing, named in the path.
async fn one(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    page: fn(&App, &str) -> Result<Page, sluice_store::Error>,
) -> Response {
    app.page(move |app| if name.len() > QUERY_CHARS_MAX { Ok(too_long()) } else { page(app, &name) }).await
}

fn too_long() -> Page {
    Page::Bad(format!("Nothing on this chain has a name of more than {QUERY_CHARS_MAX} characters."))
}

#[derive(Deserialize)]
struct From<T> {
    from: Option<T>,
}

async fn block(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(From { from }): Query<From<usize>>,
) -> Response {
    app.page(
        move |app| if id.len() > QUERY_CHARS_MAX { Ok(too_long()) } else { pages::block(app, &id, from.unwrap_or(0)) },
    )
    .await
}

async fn batches(State(app): State<Arc<App>>, Query(From { from }): Query<From<u64>>) -> Response {
    app.page(move |app| pages::batches(app, from)).await
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

async fn search(State(app): State<Arc<App>>, Query(Search { q }): Query<Search>) -> Response {
    app.page(move |app| pages::search(app, &q)).await
}
