//! One execution endpoint: time limits, a few retries, errors that say who failed at what.

use std::time::Duration;

use alloy::{
    providers::RootProvider,
    rpc::{client::RpcClient, json_rpc::ErrorPayload},
    transports::{RpcError, TransportErrorKind, TransportResult, http::Http},
};
use url::Url;

use crate::Error;

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
        let name = endpoint_name(&url);
        let client = http_client(&name)?;
        let text = url.to_string();
        Ok(Self { provider: RootProvider::new(RpcClient::new(Http::with_client(client, url), false)), name, url: text })
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
        "http" if parsed.has_host() => Ok(parsed),
        "https" => Err(unusable(
            "this build speaks no TLS; run a node or a TLS proxy on this machine and give its http:// URL",
        )),
        _ => Err(unusable("give an http:// URL")),
    }
}

/// Scheme, host and port: paths and user names of endpoints often hold secrets.
pub(crate) fn endpoint_name(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

pub(crate) fn http_client(name: &str) -> Result<reqwest::Client, Error> {
    reqwest::Client::builder()
        .timeout(REQUEST_TIME_MAX)
        .build()
        .map_err(|error| Error::Url { url: name.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_secrets_out() {
        let url = parse_url("http://user:pass@l1.example:8545/v3/secret?key=1").unwrap();
        assert_eq!(endpoint_name(&url), "http://l1.example:8545");
    }

    #[test]
    fn refuses_what_is_no_http_url() {
        for url in ["", "localhost:8545", "ws://127.0.0.1:8546", "http://", "https://l1.example"] {
            assert!(matches!(parse_url(url), Err(Error::Url { .. })), "{url}");
        }
    }
}
