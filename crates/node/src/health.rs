//! Metrics for Prometheus, and two questions for load balancers: is the process alive, and is the chain moving.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use sluice_store::Store;

use crate::{Error, supervise::Shutdown};

/// What makes a node ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The newest block may be this old.
    pub(crate) block_age_max: Duration,
    /// The L1 view may be this old.
    pub(crate) l1_age_max: Duration,
}

struct Health {
    store: Store,
    limits: Limits,
    prometheus: PrometheusHandle,
}

/// The process's metrics recorder, installed when it is first asked for. Nodes in one process share it.
pub(crate) fn install_metrics() -> Result<PrometheusHandle, Error> {
    static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut recorder = RECORDER.lock().expect("nothing panics while it holds this");
    if let Some(recorder) = &*recorder {
        return Ok(recorder.clone());
    }
    let installed = PrometheusBuilder::new().install_recorder().map_err(|error| Error::Metrics(error.to_string()))?;
    Ok(recorder.insert(installed).clone())
}

/// Binds the port; the answer serves `/metrics`, `/healthz` and `/readyz` until shutdown.
pub(crate) async fn bind(address: SocketAddr) -> Result<tokio::net::TcpListener, Error> {
    crate::config::listen("metrics", address).await
}

/// Serves until shutdown.
pub(crate) async fn serve(
    listener: tokio::net::TcpListener,
    store: Store,
    limits: Limits,
    prometheus: PrometheusHandle,
    shutdown: Shutdown,
) -> Result<(), Error> {
    let state = Arc::new(Health { store, limits, prometheus });
    let router = Router::new()
        .route("/metrics", get(|State(health): State<Arc<Health>>| async move { health.prometheus.render() }))
        .route("/healthz", get(|| async { "alive" }))
        .route("/readyz", get(ready))
        .with_state(state);
    axum::serve(listener, router).with_graceful_shutdown(shutdown.requested()).await.map_err(Error::Io)
}

async fn ready(State(health): State<Arc<Health>>) -> (StatusCode, Json<Value>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let l1_timestamp = health.store.l1_head().map(|block| block.origin.timestamp);
    let (ready, body) = judge(&health.store, now, l1_timestamp, health.limits);
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

/// Ready means: the newest block and the newest L1 block seen are both young enough.
fn judge(store: &Store, now: Duration, l1_timestamp: Option<u64>, limits: Limits) -> (bool, Value) {
    let age = |timestamp: u64| now.saturating_sub(Duration::from_secs(timestamp)).as_secs();
    let block_age_s = age(store.head_block().block.header.timestamp);
    let l1_age_s = l1_timestamp.map(age);
    let mut reasons = Vec::new();
    if block_age_s > limits.block_age_max.as_secs() {
        reasons.push(format!("newest block is {block_age_s} s old; at most {} s", limits.block_age_max.as_secs()));
    }
    match l1_age_s {
        None => reasons.push("no L1 block seen yet".to_owned()),
        Some(seconds) if seconds > limits.l1_age_max.as_secs() => {
            reasons.push(format!("newest L1 block seen is {seconds} s old; at most {} s", limits.l1_age_max.as_secs()));
        }
        Some(_) => {}
    }
    let ready = reasons.is_empty();
    (
        ready,
        json!({ "ready": ready, "reasons": reasons, "blockAgeSeconds": block_age_s, "l1AgeSeconds": l1_age_s, "heads": store.heads() }),
    )
}
