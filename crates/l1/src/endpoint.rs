//! One execution endpoint: time limits, a few retries, errors that say who failed at what.

use std::time::Duration;

use alloy::{
    providers::RootProvider,
    rpc::{client::RpcClient, json_rpc::ErrorPayload},
    transports::{RpcError, TransportErrorKind, TransportResult, http::Http},
};
use rustls::RootCertStore;
use url::Url;

use crate::{Error, tls};

/// How long one request may take.
pub(crate) const REQUEST_TIME_MAX: Duration = Duration::from_secs(20);
/// How often a request is tried again after the first time. Longer waits are the caller's business: it sees `Severity::Retry`.
pub(crate) const RETRIES_MAX: u32 = 3;
/// Time before the first retry; doubled each time.
const BACKOFF: Duration = Duration::from_millis(100);

/// An execution client's JSON-RPC.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    provider: RootProvider,
    name: String,
    /// What may hold a secret and is cut out of error texts.
    url: String,
}

impl Execution {
    /// Does not connect yet.
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        let url = parse_url(url)?;
        let client = http_client(&endpoint_name(&url))?;
        Ok(Self::with_client(url, client))
    }

    fn with_client(url: Url, client: reqwest::Client) -> Self {
        let (name, text) = (endpoint_name(&url), url.to_string());
        Self { provider: RootProvider::new(RpcClient::new(Http::with_client(client, url), false)), name, url: text }
    }

    /// Scheme, host and port.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Asks, and asks again when the way to the endpoint failed or it is overloaded.
    pub(crate) async fn ask<T, F>(&self, what: &'static str, question: impl Fn(RootProvider) -> F) -> Result<T, Error>
    where
        F: Future<Output = TransportResult<T>>,
    {
        let mut backoff = BACKOFF;
        for retry in 0.. {
            match question(self.provider.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) if retry < RETRIES_MAX && is_passing(&error) => {
                    metrics::counter!("l1_request_retries_total").increment(1);
                    tokio::time::sleep(backoff).await;
                    backoff *= 2;
                }
                Err(error) => return Err(self.failed(what, &with_causes(&error))),
            }
        }
        unreachable!("the last arm ends the loop")
    }

    /// Asks once and keeps what the endpoint refuses with.
    pub(crate) async fn try_once<T, F>(
        &self,
        what: &'static str,
        question: impl FnOnce(RootProvider) -> F,
    ) -> Result<Result<T, ErrorPayload>, Error>
    where
        F: Future<Output = TransportResult<T>>,
    {
        match question(self.provider.clone()).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(RpcError::ErrorResp(payload)) => Ok(Err(payload)),
            Err(error) => Err(self.failed(what, &with_causes(&error))),
        }
    }

    pub(crate) fn failed(&self, what: &'static str, reason: &impl ToString) -> Error {
        metrics::counter!("l1_request_failures_total").increment(1);
        let reason = reason.to_string().replace(&self.url, &self.name);
        Error::Endpoint { endpoint: self.name.clone(), what, reason }
    }
}

/// An error and what caused it: HTTP clients keep the telling part, like a refused connection, in the cause.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let texts: Vec<String> =
        std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    // Wrappers often repeat the text of what they wrap.
    let (first, rest) = texts.split_first().expect("the error itself");
    rest.iter().fold(first.clone(), |text, cause| if text.contains(cause) { text } else { format!("{text}: {cause}") })
}

/// True when the same question may get an answer a moment later.
fn is_passing(error: &RpcError<TransportErrorKind>) -> bool {
    match error {
        RpcError::Transport(TransportErrorKind::NonRetryable(_)) => false,
        RpcError::Transport(_) => true,
        RpcError::ErrorResp(payload) => payload.is_retry_err(),
        _ => false,
    }
}

/// Errors: [`Error::Url`] for what cannot work, so that a typing error does not look like a dead endpoint.
pub(crate) fn parse_url(url: &str) -> Result<Url, Error> {
    let unusable = |reason: &str| Error::Url { url: url.to_owned(), reason: reason.to_owned() };
    let parsed = Url::parse(url).map_err(|error| unusable(&error.to_string()))?;
    match parsed.scheme() {
        "http" | "https" if parsed.has_host() => Ok(parsed),
        _ => Err(unusable("give an http:// or https:// URL")),
    }
}

/// Scheme, host and port: paths and user names of endpoints often hold secrets.
pub(crate) fn endpoint_name(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// A client for `http` and `https` endpoints that trusts the public roots, which are compiled in. `name` is for the error.
///
/// Errors: [`Error::Url`] when the system gives no client.
pub fn http_client(name: &str) -> Result<reqwest::Client, Error> {
    client_trusting(tls::public_roots(), name)
}

/// A client that takes these roots and no others.
fn client_trusting(roots: RootCertStore, name: &str) -> Result<reqwest::Client, Error> {
    reqwest::Client::builder()
        .timeout(REQUEST_TIME_MAX)
        .tls_backend_preconfigured(tls::client_config(roots))
        .build()
        .map_err(|error| Error::Url { url: name.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use alloy::providers::Provider;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn names_leave_secrets_out() {
        let url = parse_url("http://user:pass@l1.example:8545/v3/secret?key=1").unwrap();
        assert_eq!(endpoint_name(&url), "http://l1.example:8545");
    }

    #[test]
    fn refuses_what_is_no_http_url() {
        for url in ["", "localhost:8545", "ws://127.0.0.1:8546", "http://", "https://"] {
            assert!(matches!(parse_url(url), Err(Error::Url { .. })), "{url}");
        }
    }
    /// An endpoint of chain 5 with this certificate, which serves until its task ends, and its URL.
    async fn tls_endpoint(certificate: rustls::pki_types::CertificateDer<'static>, key: &rcgen::KeyPair) -> String {
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config =
            rustls::ServerConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
                .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that does not trust the certificate hangs up.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await.unwrap();
                let body = r#"{"jsonrpc":"2.0","id":0,"result":"0x5"}"#;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        url
    }

    #[tokio::test]
    async fn an_endpoint_is_trusted_by_its_root_and_by_nothing_else() {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let url = tls_endpoint(own.cert.der().clone(), &own.signing_key).await;
        let stranger = Execution::new(&url).unwrap();
        let error = stranger.ask("the chain id", |p| async move { p.get_chain_id().await }).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("invalid peer certificate") && text.contains(&url), "{text}");

        let mut roots = RootCertStore::empty();
        roots.add(own.cert.der().clone()).unwrap();
        let client = client_trusting(roots, &url).unwrap();
        let friend = Execution::with_client(parse_url(&url).unwrap(), client);
        assert_eq!(friend.ask("the chain id", |p| async move { p.get_chain_id().await }).await.unwrap(), 5);
    }

    #[tokio::test]
    async fn a_certificate_of_another_name_is_refused() {
        let own = rcgen::generate_simple_self_signed(["other.example".to_owned()]).unwrap();
        let url = tls_endpoint(own.cert.der().clone(), &own.signing_key).await;
        let mut roots = RootCertStore::empty();
        roots.add(own.cert.der().clone()).unwrap();
        let client = client_trusting(roots, &url).unwrap();
        let endpoint = Execution::with_client(parse_url(&url).unwrap(), client);
        let error = endpoint.ask("the chain id", |p| async move { p.get_chain_id().await }).await.unwrap_err();
        assert!(error.to_string().contains("not valid for name"), "{error}");
    }
}
