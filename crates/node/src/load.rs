//! `sluice load`: signs transfers ahead, sends them over RPC at a rate, and reports what the chain did with them.

mod stages;
mod token;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::{Encodable2718, eip2930::AccessList},
    network::TxSignerSync,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    signers::local::PrivateKeySigner,
};
use futures::{StreamExt, stream::FuturesUnordered};
use indicatif::{ProgressBar, ProgressStyle};
use jsonrpsee::{
    core::{
        ClientError,
        client::{BatchResponse, ClientT},
        params::BatchRequestBuilder,
    },
    http_client::{HttpClient, HttpClientBuilder},
    rpc_params,
};
use serde::Serialize;
use serde_json::Value;
use stages::Stage;
use url::Url;

use crate::Error;

/// Most transactions in one JSON-RPC batch.
const BATCH_MAX: usize = 100;
/// Most batches waiting for an answer.
const IN_FLIGHT_MAX: usize = 16;
/// How long to wait for the last transactions to be included.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(60);
/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;

/// What to send.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// JSON-RPC endpoint of the rollup.
    #[arg(long, default_value = "http://127.0.0.1:9545")]
    pub(crate) rpc: String,
    /// Private key that funds the senders. The devnet's first account when left out.
    #[arg(long, env = "SLUICE_KEY", default_value = crate::devnet::FIRST_KEY, hide_default_value = true, hide_env_values = true, value_parser = crate::cli::key)]
    pub(crate) key: PrivateKeySigner,
    /// How many transfers to send.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) count: usize,
    /// How many accounts send.
    #[arg(long, default_value_t = 200)]
    pub(crate) senders: usize,
    /// Transactions per second; 0 sends as fast as the node takes them.
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u64,
    /// Send tokens of a new ERC-20 instead of ETH.
    #[arg(long)]
    pub(crate) erc20: bool,
    /// Metrics of the node, to tell where its time went; left out of the report where they cannot be read.
    #[arg(long, default_value = "http://127.0.0.1:9590/metrics")]
    pub(crate) metrics: Url,
    /// Print one line of JSON instead of a report.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What happened.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Transactions sent and accepted.
    pub(crate) accepted: usize,
    /// Transactions refused or failed on the way, and the first reasons.
    pub(crate) errors: usize,
    /// First reasons of `errors`.
    pub(crate) error_examples: Vec<String>,
    /// Transactions seen in blocks.
    pub(crate) included: usize,
    /// Seconds from the first transaction sent to the last included.
    pub(crate) seconds: f64,
    /// Included transactions per second.
    pub(crate) tx_per_second: f64,
    /// Millions of gas per second.
    pub(crate) mgas_per_second: f64,
    /// From sending to inclusion in a block that RPC serves, milliseconds: median.
    pub(crate) inclusion_ms_p50: u64,
    /// The same, 99th percentile.
    pub(crate) inclusion_ms_p99: u64,
    /// Blocks that held them.
    pub(crate) blocks: u64,
    /// Where the node's time went meanwhile; nothing where its metrics cannot be read.
    pub(crate) stages: Vec<Stage>,
    /// Why `stages` are not known.
    pub(crate) stages_unknown: Option<String>,
}

/// Sends and reports.
pub(crate) async fn run(options: Options) -> Result<Report, Error> {
    if options.senders == 0 || options.count == 0 {
        return Err(Error::Config("--senders and --count must be at least 1".into()));
    }
    if options.metrics.scheme() != "http" {
        return Err(Error::Config(format!("--metrics {}: only http:// can be read", options.metrics)));
    }
    let client = HttpClientBuilder::default()
        .max_request_size(64 << 20)
        .max_response_size(64 << 20)
        .request_timeout(Duration::from_secs(60))
        .build(&options.rpc)
        .map_err(|error| Error::Config(format!("--rpc {}: {error}", options.rpc)))?;
    let chain_id = quantity(&client, "eth_chainId", rpc_params![]).await?;
    let senders = senders(&options);
    fund(&client, chain_id, &options, &senders).await?;
    let token = match options.erc20 {
        true => Some(token::create(&client, chain_id, &options, &senders).await?),
        false => None,
    };
    let signed = sign(chain_id, &client, (&options, token), &senders).await?;
    let stages_before = stages::read(&options.metrics).await;
    let first_block = quantity(&client, "eth_blockNumber", rpc_params![]).await?;
    let bar = progress(options.json, options.count as u64);
    let start = Instant::now();
    let sent = Arc::new(Sent::default());
    let watcher = tokio::spawn(watch(client.clone(), first_block + 1, sent.clone(), bar.clone()));
    let tally = send(&client, &options, signed, &sent, start).await;
    sent.expected.store(tally.accepted, Ordering::Release);
    let seen = tokio::time::timeout(DRAIN_TIME_MAX + Duration::from_secs(1), watcher)
        .await
        .map_err(|_| Error::Config("the node stopped answering".into()))?
        .map_err(|error| Error::Config(error.to_string()))??;
    bar.finish_and_clear();
    let (stages, stages_unknown) = match (stages_before, stages::read(&options.metrics).await) {
        (Ok(before), Ok(after)) => (stages::between(&before, after), None),
        (Err(reason), _) | (_, Err(reason)) => (Vec::new(), Some(reason)),
    };
    Ok(Report { stages, stages_unknown, ..report(tally, seen, start) })
}

/// What the watcher saw.
#[derive(Debug, Default)]
struct Seen {
    latencies_ms: Vec<u64>,
    gas: u64,
    blocks: u64,
    last: Option<Instant>,
}

fn report(tally: Tally, mut seen: Seen, start: Instant) -> Report {
    seen.latencies_ms.sort_unstable();
    let at = |percent: usize| {
        let index = (seen.latencies_ms.len() * percent / 100).min(seen.latencies_ms.len().saturating_sub(1));
        seen.latencies_ms.get(index).copied().unwrap_or_default()
    };
    let seconds = seen.last.map_or(0.0, |last| (last - start).as_secs_f64());
    let per_second = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
    let included = seen.latencies_ms.len();
    Report {
        accepted: tally.accepted,
        errors: tally.errors,
        error_examples: tally.examples,
        included,
        seconds,
        tx_per_second: per_second(included as f64),
        mgas_per_second: per_second(seen.gas as f64 / 1e6),
        inclusion_ms_p50: at(50),
        inclusion_ms_p99: at(99),
        blocks: seen.blocks,
        ..Report::default()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "accepted   {}", self.accepted)?;
        writeln!(f, "errors     {}", self.errors)?;
        for example in &self.error_examples {
            writeln!(f, "           {example}")?;
        }
        writeln!(f, "included   {} in {} blocks, {:.2} s", self.included, self.blocks, self.seconds)?;
        writeln!(f, "rate       {:.0} tx/s, {:.1} Mgas/s", self.tx_per_second, self.mgas_per_second)?;
        write!(f, "inclusion  p50 {} ms, p99 {} ms", self.inclusion_ms_p50, self.inclusion_ms_p99)?;
        if let Some(reason) = &self.stages_unknown {
            write!(f, "\nstages     not known: {reason}")?;
        }
        for Stage { name, count, seconds } in &self.stages {
            let each_ms = seconds * 1e3 / *count as f64;
            write!(f, "\nstage      {name:<8} {seconds:>8.3} s in {count:>5} runs, {each_ms:>7.2} ms each")?;
        }
        Ok(())
    }
}

/// What a node says, without the frame around it.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Call(error) => error.message().to_owned(),
        error => error.to_string(),
    }
}

/// Deterministic sender keys derived from the funding key, so that a second run finds them funded.
fn senders(options: &Options) -> Vec<PrivateKeySigner> {
    let seed = keccak256(options.key.to_bytes());
    (0..options.senders as u64)
        .map(|index| {
            let key = keccak256([seed.as_slice(), &index.to_be_bytes()].concat());
            PrivateKeySigner::from_bytes(&key).expect("a hash is a valid key except with negligible chance")
        })
        .collect()
}

async fn quantity(
    client: &HttpClient,
    method: &str,
    params: impl jsonrpsee::core::traits::ToRpcParams + Send,
) -> Result<u64, Error> {
    let answer: U256 =
        client.request(method, params).await.map_err(|error| Error::Config(format!("{method}: {error}")))?;
    Ok(answer.saturating_to())
}

/// What a transaction does.
struct Call {
    to: TxKind,
    value: U256,
    input: Bytes,
    gas_limit: u64,
}

impl Call {
    fn payment(to: Address, value: U256) -> Self {
        Self { to: TxKind::Call(to), value, input: Bytes::new(), gas_limit: TRANSFER_GAS }
    }
}

fn sign_call(chain_id: u64, key: &PrivateKeySigner, nonce: u64, call: Call, fee_wei: u128) -> (B256, Bytes) {
    let Call { to, value, input, gas_limit } = call;
    let mut tx = TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: fee_wei,
        max_priority_fee_per_gas: (fee_wei / 100).max(1),
        to,
        value,
        access_list: AccessList::default(),
        input,
    };
    let signature = key.sign_transaction_sync(&mut tx).expect("a local key signs");
    let tx = TxEnvelope::from(tx.into_signed(signature));
    (*tx.tx_hash(), tx.encoded_2718().into())
}

/// A signed transfer of nothing to its own sender: its hash, and its bytes as they are sent.
pub(crate) fn transfer(chain_id: u64, key: &PrivateKeySigner, nonce: u64, fee_wei: u128) -> (B256, Bytes) {
    sign_call(chain_id, key, nonce, Call::payment(key.address(), U256::ZERO), fee_wei)
}

/// A fee cap that the base fee will not reach during the run.
async fn fee_cap_wei(client: &HttpClient) -> Result<u128, Error> {
    Ok(u128::from(quantity(client, "eth_gasPrice", rpc_params![]).await?) * 100 + 1_000_000_000)
}

/// Gives every sender enough for its transfers, in one go, and waits until the last has it.
async fn fund(
    client: &HttpClient,
    chain_id: u64,
    options: &Options,
    senders: &[PrivateKeySigner],
) -> Result<(), Error> {
    let fee = fee_cap_wei(client).await?;
    let each = options.count.div_ceil(options.senders) as u128;
    let gas = if options.erc20 { token::TRANSFER_GAS } else { TRANSFER_GAS };
    // Ten times the cap also covers the L1 data fee.
    let need =
        U256::from(each) * (U256::from(fee) * U256::from(gas) * U256::from(2) + U256::from(1_000_000_000_000u64));
    let mut nonce = quantity(client, "eth_getTransactionCount", rpc_params![options.key.address(), "pending"]).await?;
    let mut waiting = VecDeque::new();
    for sender in senders {
        let balance: U256 = client
            .request("eth_getBalance", rpc_params![sender.address(), "latest"])
            .await
            .map_err(|error| Error::Config(reason(&error)))?;
        if balance >= need {
            continue;
        }
        let payment = Call::payment(sender.address(), need - balance);
        let (_, raw) = sign_call(chain_id, &options.key, nonce, payment, fee);
        let _: B256 = client.request("eth_sendRawTransaction", rpc_params![raw]).await.map_err(|error| {
            Error::Config(format!(
                "cannot fund the senders from {}: {}; give a funded --key, and the --rpc of a node that takes transactions",
                options.key.address(),
                reason(&error)
            ))
        })?;
        nonce += 1;
        waiting.push_back(sender.address());
    }
    let deadline = Instant::now() + DRAIN_TIME_MAX;
    while let Some(&address) = waiting.front() {
        let balance: U256 = client
            .request("eth_getBalance", rpc_params![address, "latest"])
            .await
            .map_err(|error| Error::Config(error.to_string()))?;
        if balance >= need {
            waiting.pop_front();
        } else if Instant::now() > deadline {
            return Err(Error::Config("the senders were not funded in time; is the chain moving?".into()));
        } else {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

/// Signs everything before the clock starts, round robin over the senders, on all cores.
async fn sign(
    chain_id: u64,
    client: &HttpClient,
    (options, token): (&Options, Option<Address>),
    senders: &[PrivateKeySigner],
) -> Result<Vec<(B256, Bytes)>, Error> {
    let fee = fee_cap_wei(client).await?;
    let mut nonces = Vec::with_capacity(senders.len());
    for sender in senders {
        nonces.push(quantity(client, "eth_getTransactionCount", rpc_params![sender.address(), "pending"]).await?);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let count = options.count;
    let senders: Arc<[PrivateKeySigner]> = senders.into();
    let nonces: Arc<[u64]> = nonces.into();
    let tasks: Vec<_> = (0..cores)
        .map(|core| {
            let (senders, nonces) = (senders.clone(), nonces.clone());
            tokio::task::spawn_blocking(move || {
                (count * core / cores..count * (core + 1) / cores)
                    .map(|index| {
                        let (sender, round) = (index % senders.len(), (index / senders.len()) as u64);
                        let to = Address::from_word(keccak256((index as u64).to_be_bytes()));
                        let call = match token {
                            Some(token) => token::transfer(token, to),
                            None => Call::payment(to, U256::ONE),
                        };
                        sign_call(chain_id, &senders[sender], nonces[sender] + round, call, fee)
                    })
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    let mut signed = Vec::with_capacity(count);
    for task in tasks {
        signed.extend(task.await.map_err(|error| Error::Config(error.to_string()))?);
    }
    Ok(signed)
}

/// Sends all, in order, in batches.
async fn send(
    client: &HttpClient,
    options: &Options,
    signed: Vec<(B256, Bytes)>,
    sent: &Sent,
    start: Instant,
) -> Tally {
    let mut tally = Tally::default();
    let mut in_flight = FuturesUnordered::new();
    let size = batch_size(options.rate);
    for (index, chunk) in signed.chunks(size).enumerate() {
        if let Some(due_us) = ((index * size) as u64 * 1_000_000).checked_div(options.rate) {
            let due = tokio::time::sleep_until((start + Duration::from_micros(due_us)).into());
            tokio::pin!(due);
            // Requests go on only while somebody asks for their answers.
            loop {
                tokio::select! {
                    () = &mut due => break,
                    Some(answer) = in_flight.next(), if !in_flight.is_empty() => tally.add(answer),
                }
            }
        }
        while in_flight.len() >= IN_FLIGHT_MAX {
            if let Some(answer) = in_flight.next().await {
                tally.add(answer);
            }
        }
        let mut batch = BatchRequestBuilder::new();
        for (hash, raw) in chunk {
            batch.insert("eth_sendRawTransaction", rpc_params![raw]).expect("bytes are JSON");
            sent.mark(*hash);
        }
        let size = chunk.len();
        in_flight.push(async move {
            let answer: Result<BatchResponse<'_, Value>, _> = client.batch_request(batch).await;
            match answer {
                Ok(answer) => {
                    let errors: Vec<String> =
                        answer.iter().filter_map(|one| Some(one.as_ref().err()?.message().to_owned())).collect();
                    (size - errors.len(), errors)
                }
                Err(error) => (0, vec![reason(&error); size]),
            }
        });
    }
    while let Some(answer) = in_flight.next().await {
        tally.add(answer);
    }
    tally
}

/// Transactions in one request: as many as may be, or what comes in a twentieth of a second.
fn batch_size(rate: u64) -> usize {
    if rate == 0 { BATCH_MAX } else { usize::try_from(rate / 20).unwrap_or(BATCH_MAX).clamp(1, BATCH_MAX) }
}

/// Most reasons kept as examples.
const EXAMPLES_MAX: usize = 5;

/// Answers to what was sent.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    errors: usize,
    examples: Vec<String>,
}

impl Tally {
    fn add(&mut self, (accepted, errors): (usize, Vec<String>)) {
        self.accepted += accepted;
        self.errors += errors.len();
        for error in errors {
            if self.examples.len() < EXAMPLES_MAX && !self.examples.contains(&error) {
                self.examples.push(error);
            }
        }
    }
}

/// When each transaction was sent, and how many were accepted once that is known.
#[derive(Debug)]
struct Sent {
    times: Mutex<HashMap<B256, Instant>>,
    expected: AtomicUsize,
}

impl Default for Sent {
    fn default() -> Self {
        Self { times: Mutex::default(), expected: AtomicUsize::new(usize::MAX) }
    }
}

impl Sent {
    fn mark(&self, hash: B256) {
        self.times.lock().expect("no holder panics").insert(hash, Instant::now());
    }

    fn take(&self, hash: &B256) -> Option<Instant> {
        self.times.lock().expect("no holder panics").remove(hash)
    }
}

/// Follows the chain block by block until all accepted transactions are in, or nothing comes for a while.
async fn watch(client: HttpClient, mut next: u64, sent: Arc<Sent>, bar: ProgressBar) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    let mut last_progress = Instant::now();
    while seen.latencies_ms.len() < sent.expected.load(Ordering::Acquire) && last_progress.elapsed() < DRAIN_TIME_MAX {
        let block: Value = client
            .request("eth_getBlockByNumber", rpc_params![format!("{next:#x}"), false])
            .await
            .map_err(|error| Error::Config(format!("eth_getBlockByNumber: {error}")))?;
        let Some(hashes) = block["transactions"].as_array() else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let now = Instant::now();
        let mut ours = 0u64;
        for hash in hashes.iter().filter_map(|hash| hash.as_str()?.parse::<B256>().ok()) {
            if let Some(at) = sent.take(&hash) {
                seen.latencies_ms.push(u64::try_from((now - at).as_millis()).unwrap_or(u64::MAX));
                ours += 1;
            }
        }
        if ours > 0 {
            // Others' transactions in the block are taken to use as much each.
            let gas_used = block["gasUsed"].as_str().and_then(|gas| gas.parse::<U256>().ok()).unwrap_or_default();
            seen.gas += gas_used.saturating_to::<u64>() / hashes.len().max(1) as u64 * ours;
            seen.blocks += 1;
            seen.last = Some(now);
            last_progress = now;
            bar.inc(ours);
        }
        next += 1;
    }
    Ok(seen)
}

fn progress(hidden: bool, count: u64) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:40} {pos}/{len} included, {per_sec}").expect("the template is well formed");
    ProgressBar::new(count).with_style(style)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    async fn refusal(arguments: &[&str]) -> String {
        let line = Line::try_parse_from([&["load"], arguments].concat()).expect("the arguments parse");
        run(line.options).await.expect_err("it is refused before anything is sent").to_string()
    }

    #[tokio::test]
    async fn refuses_arguments_that_send_nothing_or_cannot_be_read() {
        assert!(refusal(&["--erc20", "--count", "0"]).await.contains("--count must be at least 1"));
        assert!(refusal(&["--erc20", "--senders", "0"]).await.contains("--senders and --count"));
        assert!(refusal(&["--metrics", "https://127.0.0.1:9590"]).await.contains("only http://"));
        assert!(Line::try_parse_from(["load", "--metrics", "nowhere"]).is_err());
        assert!(Line::try_parse_from(["load", "--erc20", "yes"]).is_err());
    }
}
