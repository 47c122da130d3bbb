//! A server and its clients.

use jsonrpsee::{
    core::client::{ClientT, Error as ClientError},
    http_client::{HttpClient, HttpClientBuilder},
    ws_client::{WsClient, WsClientBuilder},
};
use serde_json::{Value, json};
use sluice_rpc::{Config, Limits, Server, start};
use sluice_sequencer::PoolHandle;

use crate::chain::Chain;

pub(crate) struct Rig {
    pub(crate) chain: Chain,
    pub(crate) server: Server,
    pub(crate) http: HttpClient,
}

/// Small limits, so that they can be reached; enough time for a busy machine.
pub(crate) fn config() -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        limits: Limits {
            request_bytes_max: 100_000,
            batch_calls_max: 3,
            logs_blocks_max: 20,
            logs_max: 3,
            filters_max: 3,
            subscriptions_per_connection_max: 2,
            request_ms_max: 60_000,
            ..Limits::default()
        },
        ..Config::default()
    }
}

impl Rig {
    pub(crate) async fn new(chain: Chain) -> Self {
        Self::with(chain, config(), None).await
    }

    pub(crate) async fn with(chain: Chain, config: Config, pool: Option<PoolHandle>) -> Self {
        let server = start(config, chain.store.clone(), pool).await.unwrap();
        let http = HttpClientBuilder::default().build(format!("http://{}", server.addr())).unwrap();
        Self { chain, server, http }
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        self.try_ask(method, params).await.unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    /// The result, or code, message and data of the error.
    pub(crate) async fn try_ask(&self, method: &str, params: Value) -> Result<Value, (i32, String, Option<Value>)> {
        let mut arguments = jsonrpsee::core::params::ArrayParams::new();
        for param in params.as_array().unwrap() {
            arguments.insert(param).unwrap();
        }
        match self.http.request(method, arguments).await {
            Ok(value) => Ok(value),
            Err(ClientError::Call(error)) => {
                let data = error.data().map(|data| serde_json::from_str(data.get()).unwrap());
                Err((error.code(), error.message().to_owned(), data))
            }
            Err(error) => panic!("{method}: {error}"),
        }
    }

    pub(crate) async fn ws(&self) -> WsClient {
        WsClientBuilder::default().build(format!("ws://{}", self.server.addr())).await.unwrap()
    }
}

pub(crate) fn hex(number: u64) -> Value {
    json!(format!("{number:#x}"))
}
