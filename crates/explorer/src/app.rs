//! What every page works with, where its work runs, and the frame around it.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::{DOCTYPE, Markup, html};
use sluice_store::Store;
use sluice_types::{FinalityRung, L2Number};
use tokio::sync::Semaphore;

use crate::{Config, format};

/// Pages that are rendered at a time; the others wait.
const PAGES_PARALLEL: usize = 16;
/// Pages that wait at most; more are turned away.
const PAGES_WAITING_MAX: usize = 256;
/// Browsers that watch the front page at a time.
const WATCHERS_MAX: usize = 256;

/// What every page works with.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) watchers: Arc<Semaphore>,
    rendering: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// What a page is, before its frame.
pub(crate) enum Page {
    Found {
        title: String,
        body: Markup,
    },
    /// Says what was looked for and what can be done.
    Missing(String),
    /// The request makes no sense.
    Bad(String),
    Elsewhere(String),
}

impl Page {
    pub(crate) fn found(title: impl Into<String>, body: Markup) -> Self {
        Self::Found { title: title.into(), body }
    }

    pub(crate) fn missing(what: impl Into<String>) -> Self {
        Self::Missing(what.into())
    }
}

impl App {
    pub(crate) fn new(config: Config, store: Store) -> Self {
        Self {
            config,
            store,
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
            rendering: Arc::new(Semaphore::new(PAGES_PARALLEL)),
            waiting: Arc::new(Semaphore::new(PAGES_WAITING_MAX)),
        }
    }

    /// Renders on a thread where it may block, when there is room.
    pub(crate) async fn page(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> Result<Page, sluice_store::Error> + Send + 'static,
    ) -> Response {
        let Ok(_waiting) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return (StatusCode::SERVICE_UNAVAILABLE, "The explorer is busy; try again in a moment.").into_response();
        };
        let permit = Arc::clone(&self.rendering).acquire_owned().await.expect("the semaphore is never closed");
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let page = work(&self);
            self.respond(page)
        });
        task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a page ended its thread");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        })
    }

    fn respond(&self, page: Result<Page, sluice_store::Error>) -> Response {
        let message = |status, title: &str, text: &str| {
            let body = html! { h1 { (title) } p { (text) } };
            (status, self.frame(title, &body)).into_response()
        };
        match page {
            Ok(Page::Found { title, body }) => self.frame(&title, &body).into_response(),
            Ok(Page::Missing(text)) => message(StatusCode::NOT_FOUND, "Not found", &text),
            Ok(Page::Bad(text)) => message(StatusCode::BAD_REQUEST, "That does not work", &text),
            Ok(Page::Elsewhere(path)) => Redirect::to(&path).into_response(),
            Err(sluice_store::Error::StatePruned { oldest, .. }) => {
                let text = format!("That state is pruned here; the oldest kept is that of block {oldest}.");
                message(StatusCode::NOT_FOUND, "Not kept", &text)
            }
            Err(error) => {
                tracing::warn!(%error, "the store cannot answer a page");
                let text = "The node cannot read its store; its operator finds the reason in the log.";
                message(StatusCode::INTERNAL_SERVER_ERROR, "Something is wrong here", text)
            }
        }
    }

    fn frame(&self, title: &str, body: &Markup) -> Html<String> {
        let chain = self.store.config();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " · " (chain.name) }
                    link rel="stylesheet" href="/style.css";
                    script src="/live.js" defer {}
                }
                body data-now=(now()) {
                    header {
                        a.brand href="/" { (chain.name) }
                        span.chain { "chain " (chain.chain_id) }
                        nav { a href="/" { "Home" } a href="/batches" { "Batches" } }
                        form action="/search" {
                            input type="search" name="q" maxlength="100" required
                                aria-label="Search" placeholder="Block, transaction, address or batch 7";
                            button { "Search" }
                        }
                    }
                    div #health role="status" { (self.health()) }
                    main { (body) }
                    footer { "Sluice " (env!("CARGO_PKG_VERSION")) " · read from this node's own store" }
                }
            }
        };
        Html(page.into_string())
    }

    /// What is wrong with the chain, if anything is.
    pub(crate) fn health(&self) -> Markup {
        let now = now();
        let head = self.store.head_block().block.header.timestamp;
        let stands_still = now.saturating_sub(head) > self.config.block_age_s_max;
        let l1 = self.store.l1_head().map(|block| block.origin.timestamp);
        let l1_lost = l1.is_none_or(|seen| now.saturating_sub(seen) > self.config.l1_age_s_max);
        html! {
            @if stands_still {
                p.banner.bad {
                    "The chain stands still since " (format::date(head)) " (" (format::age(head, now)) "): no new block is coming."
                }
            }
            @if l1_lost {
                p.banner.warn {
                    @match l1 {
                        Some(seen) => {
                            "This node hears nothing of L1 since " (format::date(seen)) " (" (format::age(seen, now)) "): posted and later rungs are not up to date."
                        },
                        None => { "This node has seen no L1 block yet: only executed blocks are shown." },
                    }
                }
            }
        }
    }

    /// The rung of a block, as a coloured mark.
    pub(crate) fn rung(&self, number: L2Number) -> Markup {
        match self.store.heads().rung(number) {
            Some(rung) => rung_mark(rung),
            None => html! {},
        }
    }

    /// An L1 transaction, as a link where an L1 explorer is known.
    pub(crate) fn l1_tx(&self, hash: &str) -> Markup {
        match &self.config.l1_explorer_url {
            Some(url) => html! {
                a.hash href=(format!("{}/tx/{hash}", url.trim_end_matches('/'))) rel="noopener noreferrer" { (hash) }
            },
            None => html! { span.hash { (hash) } },
        }
    }
}

pub(crate) fn rung_mark(rung: FinalityRung) -> Markup {
    let name = rung.to_string();
    html! { span.rung.(name) { (name) } }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
