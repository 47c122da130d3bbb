//! Blobs from a beacon node, or from a development node that speaks like one.

use std::time::Duration;

use alloy::rpc::types::beacon::sidecar::GetBlobsResponse;
use alloy_primitives::B256;
use serde::Deserialize;
use tokio::sync::OnceCell;
use url::Url;

use crate::{
    Blob, Error,
    endpoint::{RETRIES_MAX, endpoint_name, http_client, parse_url, with_causes},
};

/// Largest answer that is read: 128 blobs in hexadecimal.
const BODY_SIZE_MAX: usize = 40 << 20;
/// Time before the first retry; doubled each time.
const BACKOFF: Duration = Duration::from_millis(200);

/// A beacon endpoint.
#[derive(Debug)]
pub(crate) struct Beacon {
    client: reqwest::Client,
    url: Url,
    name: String,
    /// Found out with the first blob, so that a beacon node that is down does not keep the rest from starting.
    clock: OnceCell<Clock>,
}

/// How the endpoint names blocks.
#[derive(Clone, Copy, Debug)]
enum Clock {
    /// By slot, as the beacon API has it.
    Slots { genesis_time: u64, seconds_per_slot: u64 },
    /// By execution block number: anvil, which has no slots and says so by having no `config/spec`.
    ExecutionNumbers,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "SECONDS_PER_SLOT")]
    seconds_per_slot: String,
}

#[derive(Deserialize)]
struct Genesis {
    genesis_time: String,
}

/// What the endpoint answered.
enum Answer {
    Found(Vec<u8>),
    /// Status 404 or 410: it does not have it, and will not.
    Missing(String),
}

impl Beacon {
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        let url = parse_url(url)?;
        let name = endpoint_name(&url);
        Ok(Self { client: http_client(&name)?, url, name, clock: OnceCell::new() })
    }

    /// Scheme, host and port.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The blobs that the endpoint gives for a block, unchecked, in any order. Errors: the reason, when it has none.
    pub(crate) async fn blobs(
        &self,
        number: u64,
        timestamp: u64,
        hashes: &[B256],
    ) -> Result<Result<Vec<Box<Blob>>, String>, Error> {
        let clock = self.clock.get_or_try_init(|| self.find_clock()).await?;
        let id = match *clock {
            Clock::Slots { genesis_time, seconds_per_slot } => {
                timestamp.saturating_sub(genesis_time) / seconds_per_slot
            }
            Clock::ExecutionNumbers => number,
        };
        let list = hashes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        // One comma-separated parameter, because not every server takes repeated ones.
        let body = match self.get(&format!("eth/v1/beacon/blobs/{id}?versioned_hashes={list}"), "blobs").await? {
            Answer::Found(body) => body,
            Answer::Missing(reason) => return Ok(Err(reason)),
        };
        let parsed = tokio::task::spawn_blocking(move || {
            let response: GetBlobsResponse = serde_json::from_slice(&body)?;
            Ok::<_, serde_json::Error>(response.data.into_iter().map(|blob| Box::new(blob.0)).collect())
        });
        Ok(Ok(parsed
            .await
            .map_err(|_| Error::Thread("parsing blobs"))?
            .map_err(|error| self.failed("blobs", &error))?))
    }

    async fn find_clock(&self) -> Result<Clock, Error> {
        let body = match self.get("eth/v1/config/spec", "config/spec").await? {
            Answer::Found(body) => body,
            Answer::Missing(_) => return Ok(Clock::ExecutionNumbers),
        };
        let spec: Data<Spec> = self.parse("config/spec", &body)?;
        let genesis: Data<Genesis> = match self.get("eth/v1/beacon/genesis", "genesis").await? {
            Answer::Found(body) => self.parse("genesis", &body)?,
            Answer::Missing(reason) => return Err(self.failed("genesis", &reason)),
        };
        let number = |what: &'static str, text: &str| text.parse::<u64>().map_err(|error| self.failed(what, &error));
        let seconds_per_slot = number("config/spec", &spec.data.seconds_per_slot)?;
        if seconds_per_slot == 0 {
            return Err(self.failed("config/spec", &"SECONDS_PER_SLOT is 0"));
        }
        Ok(Clock::Slots { genesis_time: number("genesis", &genesis.data.genesis_time)?, seconds_per_slot })
    }

    fn parse<'a, T: Deserialize<'a>>(&self, what: &'static str, body: &'a [u8]) -> Result<T, Error> {
        serde_json::from_slice(body).map_err(|error| self.failed(what, &error))
    }

    async fn get(&self, path: &str, what: &'static str) -> Result<Answer, Error> {
        let mut backoff = BACKOFF;
        for retry in 0.. {
            match self.get_once(path).await {
                Ok(answer) => return Ok(answer),
                Err(_) if retry < RETRIES_MAX => {
                    metrics::counter!("l1_request_retries_total").increment(1);
                    tokio::time::sleep(backoff).await;
                    backoff *= 2;
                }
                Err(reason) => return Err(self.failed(what, &reason)),
            }
        }
        unreachable!("the last arm ends the loop")
    }

    async fn get_once(&self, path: &str) -> Result<Answer, String> {
        // By hand, because `Url::join` would cut a path that does not end in a slash.
        let mut url = self.url.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}/{path}", self.url.path().trim_end_matches('/')));
        if let Some(query) = query {
            let with_key = self.url.query().map_or_else(|| query.to_owned(), |key| format!("{key}&{query}"));
            url.set_query(Some(&with_key));
        }
        // Errors of the client would show the URL, which may hold a secret.
        let mut response = self.client.get(url).send().await.map_err(|error| with_causes(&error.without_url()))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| with_causes(&error.without_url()))? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_SIZE_MAX {
                return Err(format!("an answer of more than {BODY_SIZE_MAX} bytes"));
            }
        }
        match status.as_u16() {
            200 => Ok(Answer::Found(body)),
            404 | 410 => Ok(Answer::Missing(excerpt(status.as_u16(), &body))),
            other => Err(excerpt(other, &body)),
        }
    }

    fn failed(&self, what: &'static str, reason: &impl ToString) -> Error {
        metrics::counter!("l1_request_failures_total").increment(1);
        Error::Endpoint { endpoint: self.name.clone(), what, reason: reason.to_string() }
    }
}

/// Status and the beginning of the body.
fn excerpt(status: u16, body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
    format!("status {status}: {}", text.trim())
}
