//! The embedded node: block timer, JSON-RPC and beacon REST on one port.

use std::{collections::HashSet, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use ethrex_rpc::{RpcRequestWrapper, map_http_requests, rpc_response, utils::RpcRequest};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{Config, Error, chain::Chain, receipts};

/// Largest request: a transaction with six blobs is 1.7 MB of JSON.
const BODY_SIZE_MAX: usize = 32 << 20;
/// Most requests in one JSON-RPC batch.
const BATCH_MAX: usize = 1_000;
/// Most blocks that one `dev_mine` builds.
const MINE_MAX: u64 = 10_000;
/// How long open connections may take to end when the node stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(1);

/// The running node.
#[derive(Debug)]
pub(crate) struct Embedded {
    chain: Arc<Chain>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    /// Block timer; ends only with an error.
    tasks: JoinSet<Error>,
}

impl Embedded {
    /// Starts it; the port is open when this returns.
    pub(crate) async fn start(config: &Config) -> Result<Self, Error> {
        // The first blob would wait seconds for the set-up.
        warm_kzg();
        let listener = TcpListener::bind(config.listen).await.map_err(|reason| match reason.kind() {
            std::io::ErrorKind::AddrInUse => Error::PortBusy(config.listen),
            _ => Error::Listen { address: config.listen, reason },
        })?;
        let address = listener.local_addr().map_err(|reason| Error::Listen { address: config.listen, reason })?;
        let chain = Arc::new(Chain::open(config).await?);
        let (stop, stopped) = watch::channel(false);
        let router = router(Arc::clone(&chain));
        let server = tokio::spawn(async move {
            let mut stopped = stopped;
            // Only accepting can fail, and axum retries that itself.
            let _ = axum::serve(listener, router)
                .with_graceful_shutdown(async move {
                    let _ = stopped.wait_for(|stop| *stop).await;
                })
                .await;
        });
        let mut tasks = JoinSet::new();
        if !config.block_time.is_zero() {
            tasks.spawn(produce(Arc::clone(&chain), config.block_time));
        }
        Ok(Self { chain, address, stop, server, tasks })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    pub(crate) async fn failed(&mut self) -> Error {
        match self.tasks.join_next().await {
            Some(Ok(error)) => error,
            Some(Err(error)) => Error::Node { what: "building blocks", reason: error.to_string() },
            // Without a timer nothing runs that could fail.
            None => std::future::pending().await,
        }
    }

    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_TIME_MAX, &mut self.server).await.is_err() {
            self.server.abort();
            let _ = (&mut self.server).await;
        }
        self.chain.close().await;
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Loads the KZG set-up in a thread of its own; returns at once.
fn warm_kzg() {
    std::thread::spawn(|| {
        c_kzg::ethereum_kzg_settings(KZG_PRECOMPUTE);
    });
}

/// The value that the execution client asks for, so that both share one set-up.
const KZG_PRECOMPUTE: u64 = 8;

async fn produce(chain: Arc<Chain>, block_time: Duration) -> Error {
    let mut timer = tokio::time::interval(block_time);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        if let Err(error) = chain.mine(1).await {
            return error;
        }
    }
}

fn router(chain: Arc<Chain>) -> Router {
    let genesis = json!({ "data": {
        "genesis_time": chain.genesis_time().to_string(),
        "genesis_validators_root": format!("0x{}", "00".repeat(32)),
        "genesis_fork_version": "0x00000000",
    }});
    // Every block has a second of its own, however often blocks come: so a slot is a second.
    let spec = json!({ "data": { "SECONDS_PER_SLOT": "1" } });
    Router::new()
        .route("/", post(rpc))
        .route("/eth/v1/beacon/blobs/{id}", get(blobs))
        .route("/eth/v1/beacon/genesis", get(move || async move { Json(genesis) }))
        .route("/eth/v1/config/spec", get(move || async move { Json(spec) }))
        .layer(DefaultBodyLimit::max(BODY_SIZE_MAX))
        .with_state(chain)
}

async fn rpc(State(chain): State<Arc<Chain>>, body: String) -> Response {
    match serde_json::from_str(&body) {
        Ok(RpcRequestWrapper::Single(request)) => Json(answer(&chain, request).await).into_response(),
        Ok(RpcRequestWrapper::Multiple(requests)) if (1..=BATCH_MAX).contains(&requests.len()) => {
            let mut answers = Vec::with_capacity(requests.len());
            for request in requests {
                answers.push(answer(&chain, request).await);
            }
            Json(Value::Array(answers)).into_response()
        }
        Ok(RpcRequestWrapper::Multiple(_)) => {
            error_answer(Value::Null, -32600, &format!("give 1 to {BATCH_MAX} requests in a batch")).into_response()
        }
        Err(error) => error_answer(Value::Null, -32700, &error.to_string()).into_response(),
    }
}

fn error_answer(id: Value, code: i64, message: &str) -> Json<Value> {
    Json(json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }))
}

async fn answer(chain: &Chain, request: RpcRequest) -> Value {
    let id = serde_json::to_value(&request.id).unwrap_or(Value::Null);
    let number = || request.params.as_deref().and_then(|params| params.first()).map_or(Some(1), integer);
    let done = match request.method.as_str() {
        "dev_mine" => match number() {
            Some(blocks) if blocks <= MINE_MAX => chain.mine(blocks).await,
            _ => Err(Error::Config(format!("give dev_mine a count of at most {MINE_MAX}"))),
        },
        "dev_reorg" => match number() {
            Some(depth) => chain.reorg(depth).await,
            None => Err(Error::Config("give dev_reorg a depth".to_owned())),
        },
        "dev_advanceTime" => match number() {
            Some(seconds) => chain.advance_time(seconds).await,
            None => Err(Error::Config("give dev_advanceTime a number of seconds".to_owned())),
        },
        _ => {
            if let Some(answered) = receipts::answer(&chain.context().storage, &request).await {
                return match answered {
                    Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
                    Err(error) => error_answer(id, -32000, &error.to_string()).0,
                };
            }
            // Boxed, because it holds every method of the library.
            let result = Box::pin(map_http_requests(&request, chain.context())).await;
            return rpc_response(request.id, result)
                .unwrap_or_else(|error| error_answer(id, -32603, &error.to_string()).0);
        }
    };
    match done {
        Ok(()) => json!({ "jsonrpc": "2.0", "id": id, "result": true }),
        Err(error) => error_answer(id, -32000, &error.to_string()).0,
    }
}

/// A JSON number, or a hexadecimal string as Ethereum's RPC has it.
fn integer(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok())
}

async fn blobs(
    State(chain): State<Arc<Chain>>,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let slot = match (id.as_str(), id.parse()) {
        ("head", _) => None,
        (_, Ok(slot)) => Some(slot),
        _ => return beacon_error(StatusCode::BAD_REQUEST, "give a slot number or head"),
    };
    let wanted: HashSet<String> = query
        .iter()
        .filter(|(name, _)| name == "versioned_hashes")
        .flat_map(|(_, value)| value.split(','))
        .map(str::to_lowercase)
        .collect();
    match chain.blobs_at(slot).await {
        Ok(Some(blobs)) => {
            let data: Vec<String> = blobs
                .into_iter()
                .filter(|(hash, _)| wanted.is_empty() || wanted.contains(&format!("{hash:?}")))
                .map(|(_, blob)| format!("0x{}", hex::encode(blob)))
                .collect();
            Json(json!({ "execution_optimistic": false, "finalized": false, "data": data })).into_response()
        }
        Ok(None) => beacon_error(StatusCode::NOT_FOUND, "no block in this slot"),
        Err(error) => beacon_error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn beacon_error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "code": status.as_u16(), "message": message }))).into_response()
}
