//! Where the node's time went, from its metrics.

use std::time::Duration;

use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use url::Url;

/// Stages of a block's way, in order.
const STAGES: [&str; 7] = ["propose", "recover", "execute", "pool", "root", "seal", "commit"];
/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 4 << 20;
/// How long the answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// How often a stage ran, and for how long in all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stage {
    /// Its name in `sequencer_*_seconds`.
    pub(crate) name: &'static str,
    /// How often it ran.
    pub(crate) count: u64,
    /// Seconds in all.
    pub(crate) seconds: f64,
}

/// All stages since the node started. `Err` says why the metrics do not tell.
pub(super) async fn read(url: &Url) -> Result<Vec<Stage>, String> {
    let answer = timeout(ANSWER_TIME_MAX, get(url)).await;
    let answer = answer.map_err(|_| format!("{url} did not answer in time"))?;
    let text = answer.map_err(|error| format!("{url}: {error}"))?;
    if !text.lines().next().is_some_and(|status| status.contains(" 200")) {
        return Err(format!("{url} answered {:?}", text.lines().next().unwrap_or_default()));
    }
    let stages = parse(&text);
    if stages.is_empty() { Err(format!("{url} tells of no sequencer_*_seconds")) } else { Ok(stages) }
}

/// What ran between two readings.
pub(super) fn between(before: &[Stage], after: Vec<Stage>) -> Vec<Stage> {
    let since = |stage: Stage| match before.iter().find(|before| before.name == stage.name) {
        Some(before) => Stage {
            name: stage.name,
            count: stage.count.saturating_sub(before.count),
            seconds: (stage.seconds - before.seconds).max(0.0),
        },
        None => stage,
    };
    after.into_iter().map(since).filter(|stage| stage.count > 0).collect()
}

async fn get(url: &Url) -> std::io::Result<String> {
    let host = url.host_str().unwrap_or("127.0.0.1");
    let mut stream = TcpStream::connect((host, url.port_or_known_default().unwrap_or(80))).await?;
    let request = format!("GET {} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n", url.path());
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Sums and counts in the text format of Prometheus.
fn parse(text: &str) -> Vec<Stage> {
    let value = |name: String| {
        let line = text.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse::<f64>().ok())
    };
    let stage = |name: &'static str| {
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("sequencer_{name}_seconds_count "))?.trim().parse().ok())?;
        Some(Stage { name, count, seconds: value(format!("sequencer_{name}_seconds_sum"))? })
    };
    STAGES.into_iter().filter_map(stage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "HTTP/1.1 200 OK\r\n\r\n# TYPE sequencer_execute_seconds summary\n\
        sequencer_execute_seconds{quantile=\"0.5\"} 0.01\nsequencer_execute_seconds_sum 1.5\nsequencer_execute_seconds_count 30\n\
        sequencer_root_seconds_sum 0.25\nsequencer_root_seconds_count 29\nsequencer_seal_seconds_sum broken\nsequencer_seal_seconds_count 3\n";

    #[test]
    fn reads_sums_and_counts_in_the_order_of_the_stages() {
        let stage = |name, count, seconds| Stage { name, count, seconds };
        assert_eq!(parse(TEXT), [stage("execute", 30, 1.5), stage("root", 29, 0.25)]);
        let before = [stage("execute", 10, 0.5), stage("root", 29, 0.25)];
        assert_eq!(between(&before, parse(TEXT)), [stage("execute", 20, 1.0)]);
    }

    #[tokio::test]
    async fn says_why_metrics_do_not_tell() {
        let error = read(&"http://127.0.0.1:1/metrics".parse().unwrap()).await.unwrap_err();
        assert!(error.starts_with("http://127.0.0.1:1/metrics: "), "{error}");
    }
}
