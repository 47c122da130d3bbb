//! Listening.

use std::{collections::BTreeSet, io, net::SocketAddr, sync::Arc};

use jsonrpsee::{
    core::middleware::RpcServiceBuilder,
    http_client::{HttpClient, HttpClientBuilder},
    server::{BatchRequestConfig, ServerConfig, ServerHandle},
};
use sluice_sequencer::PoolHandle;
use sluice_store::Store;
use tower_http::cors::{Any, CorsLayer};

use crate::{Config, Error, backend::Backend, methods, middleware::Meter, subscriptions::HexIds};

/// A running server.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    handle: ServerHandle,
}

impl Server {
    /// Where it listens, HTTP and WebSocket alike; with the real port when 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Tells it to end: no new connections, open ones close. Harmless when it has ended.
    pub fn stop(&self) {
        // The only error is that it has stopped already.
        let _ = self.handle.stop();
    }

    /// Waits until it has ended.
    pub async fn stopped(self) {
        self.handle.stopped().await;
    }
}

/// Starts a server on a store.
///
/// With a pool, transactions go into it; without one they go to [`Config::sequencer_url`], or are refused.
pub async fn start(config: Config, store: Store, pool: Option<PoolHandle>) -> Result<Server, Error> {
    let (address, limits) = (config.listen, config.limits.clone());
    let cors = cors(&config.cors_origins)?;
    let sequencer = config.sequencer_url.as_deref().map(|url| sequencer(url, &config)).transpose()?;
    let module = methods::module(Arc::new(Backend::new(config, store, pool, sequencer)));
    let names: Arc<BTreeSet<&'static str>> = Arc::new(module.method_names().collect());
    let response_bytes_max = usize::try_from(limits.response_bytes_max).unwrap_or(usize::MAX);
    let settings = ServerConfig::builder()
        .max_request_body_size(limits.request_bytes_max)
        .max_response_body_size(limits.response_bytes_max)
        .max_connections(limits.connections_max)
        .max_subscriptions_per_connection(limits.subscriptions_per_connection_max)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch_calls_max))
        .set_message_buffer_capacity(limits.subscription_buffer)
        .set_id_provider(HexIds)
        .build();
    let middleware = RpcServiceBuilder::new().layer_fn(move |inner| Meter {
        inner,
        methods: Arc::clone(&names),
        response_bytes_max,
    });
    let listen_error = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortBusy(address),
        _ => Error::Listen { address, source },
    };
    let server = jsonrpsee::server::Server::builder()
        .set_config(settings)
        .set_http_middleware(tower::ServiceBuilder::new().layer(cors))
        .set_rpc_middleware(middleware)
        .build(address)
        .await
        .map_err(listen_error)?;
    let addr = server.local_addr().map_err(listen_error)?;
    tracing::info!(%addr, "JSON-RPC listens");
    Ok(Server { addr, handle: server.start(module) })
}

fn sequencer(url: &str, config: &Config) -> Result<HttpClient, Error> {
    HttpClientBuilder::default()
        .max_request_size(config.limits.request_bytes_max)
        .request_timeout(config.limits.request_time_max())
        .build(url)
        .map_err(|error| Error::SequencerUrl { url: url.to_owned(), reason: error.to_string() })
}

/// An empty list allows no origin.
fn cors(origins: &[String]) -> Result<CorsLayer, Error> {
    let layer = CorsLayer::new().allow_methods([http::Method::POST]).allow_headers([http::header::CONTENT_TYPE]);
    if origins.iter().any(|origin| origin == "*") {
        return Ok(layer.allow_origin(Any));
    }
    let values = origins.iter().map(|origin| {
        let is_origin = origin.split_once("://").is_some_and(|(_, host)| !host.is_empty() && !host.contains('/'));
        let value = http::HeaderValue::from_str(origin).ok().filter(|_| is_origin);
        value.ok_or_else(|| Error::CorsOrigin(origin.clone()))
    });
    Ok(layer.allow_origin(values.collect::<Result<Vec<_>, _>>()?))
}
