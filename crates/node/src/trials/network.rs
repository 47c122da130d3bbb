//! Four processes, and what is seen of them from outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jsonrpsee::{
    core::client::ClientT,
    http_client::{HttpClient, HttpClientBuilder},
    rpc_params,
};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sluice_sim::{
    Trace,
    testnet::{Band, Lines, Plot, Series, TrialReport},
};
use tokio::{process::Child, task::JoinHandle};

use super::milliseconds;
use crate::{
    Error,
    devnet::{Ground, processes},
};

/// How often each node is asked for its height.
const LOOK: Duration = Duration::from_millis(50);
/// How long one that is asked may take: a stopped one never answers.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// How long a killed process may take to be gone.
const END_MAX: Duration = Duration::from_secs(10);

/// One node.
struct Node {
    config: PathBuf,
    rpc: SocketAddr,
    client: HttpClient,
    log: File,
    child: Option<Child>,
}

/// Four processes, and what is seen of them from outside.
pub(super) struct Network {
    nodes: Vec<Node>,
    pub(super) chain_id: u64,
    /// Everything below is of the trial that runs.
    began: Arc<Mutex<Instant>>,
    seen: Arc<Mutex<Trace>>,
    bands: Vec<Band>,
    touched: BTreeSet<usize>,
    looking: Vec<JoinHandle<()>>,
}

impl Network {
    /// Starts all nodes, and begins to look at them. What they say goes to `node-N.log` in `out`.
    pub(super) async fn start(ground: &Ground, out: &Path) -> Result<Self, Error> {
        let mut nodes = Vec::new();
        for (index, (config, rpc)) in ground.nodes.iter().enumerate() {
            let path = out.join(format!("node-{index}.log"));
            let log = OpenOptions::new().create(true).write(true).truncate(true).open(&path);
            let log = log.map_err(|source| Error::Folder { path, source })?;
            let client = HttpClientBuilder::default()
                .request_timeout(ANSWER_MAX)
                .build(format!("http://{rpc}"))
                .map_err(|error| Error::Config(format!("{rpc}: {error}")))?;
            nodes.push(Node { config: config.clone(), rpc: *rpc, client, log, child: None });
        }
        let mut network = Self {
            nodes,
            chain_id: ground.chain_id,
            began: Arc::new(Mutex::new(Instant::now())),
            seen: Arc::default(),
            bands: Vec::new(),
            touched: BTreeSet::new(),
            looking: Vec::new(),
        };
        for seat in 0..network.nodes.len() {
            network.boot(seat)?;
        }
        for node in &network.nodes {
            processes::wait_until_open(node.rpc).await?;
        }
        for (seat, node) in network.nodes.iter().enumerate() {
            let look = look(seat, node.client.clone(), network.began.clone(), network.seen.clone());
            network.looking.push(tokio::spawn(look));
        }
        Ok(network)
    }

    /// Ends all processes.
    pub(super) async fn stop(mut self) {
        self.looking.iter().for_each(JoinHandle::abort);
        for node in &mut self.nodes {
            if let Some(child) = &mut node.child {
                // One that does not end is killed when it is dropped.
                let _ = tokio::time::timeout(END_MAX, child.kill()).await;
            }
        }
    }

    /// A trial begins: times count from now.
    pub(super) fn begin(&mut self) {
        *self.began.lock() = Instant::now();
        *self.seen.lock() = Trace::default();
        self.bands.clear();
        self.touched.clear();
    }

    /// Milliseconds since it began.
    pub(super) fn now_ms(&self) -> u64 {
        milliseconds(self.began.lock().elapsed())
    }

    pub(super) fn clients(&self) -> Vec<HttpClient> {
        self.nodes.iter().map(|node| node.client.clone()).collect()
    }

    /// Notes that something was done to a seat.
    pub(super) fn band(&mut self, what: &str, seat: usize, (from_ms, to_ms): (u64, u64)) {
        let seconds = |at_ms: u64| at_ms as f64 / 1_000.0;
        self.bands.push(Band { label: what.into(), from: seconds(from_ms), to: seconds(to_ms) });
        self.touched.insert(seat);
    }

    pub(super) fn boot(&mut self, seat: usize) -> Result<(), Error> {
        let node = &mut self.nodes[seat];
        let mut command = processes::command(&node.config)?;
        command.stdin(std::process::Stdio::null()).stdout(node.log.try_clone()?).stderr(node.log.try_clone()?);
        node.child = Some(command.spawn()?);
        Ok(())
    }

    /// Kills a process, and sees that it is gone.
    pub(super) async fn kill(&mut self, seat: usize) -> Result<(), Error> {
        let Some(mut child) = self.nodes[seat].child.take() else { return Ok(()) };
        match tokio::time::timeout(END_MAX, child.kill()).await {
            Ok(result) => Ok(result?),
            Err(_) => {
                Err(Error::Room { room: "testnet", reason: format!("seat {seat} does not end when it is killed") })
            }
        }
    }

    /// Stops a process where it is.
    pub(super) fn hold(&self, seat: usize) -> Result<(), Error> {
        self.signal(seat, Signal::STOP)
    }

    /// Lets it go on.
    pub(super) fn release(&self, seat: usize) -> Result<(), Error> {
        self.signal(seat, Signal::CONT)
    }

    fn signal(&self, seat: usize, signal: Signal) -> Result<(), Error> {
        let ended = || Error::Room { room: "testnet", reason: format!("seat {seat} ended although nobody killed it") };
        // Its id is its own until it is waited for, which only `kill` does.
        let id = self.nodes[seat].child.as_ref().and_then(Child::id).and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(Pid::from_raw).ok_or_else(ended)?;
        kill_process(id, signal).map_err(|error| Error::Io(error.into()))
    }

    /// The longest time that any but one seat was without a new block (ms).
    pub(super) fn pause_ms(&self, gone: usize, times: (u64, u64)) -> u64 {
        let seen = self.seen.lock();
        let stayed = (0..self.nodes.len()).filter(|seat| *seat != gone);
        stayed.map(|seat| seen.pause_ms(seat, times)).max().unwrap_or(u64::MAX)
    }

    /// How many blocks the chain grew by.
    pub(super) fn grown(&self, (from_ms, to_ms): (u64, u64)) -> u64 {
        let seen = self.seen.lock();
        let highest = |at_ms| (0..self.nodes.len()).map(|seat| seen.height_at(seat, at_ms)).max().unwrap_or(0);
        highest(to_ms).saturating_sub(highest(from_ms))
    }

    /// The highest block that was seen anywhere.
    pub(super) fn tip(&self) -> u64 {
        let seen = self.seen.lock();
        (0..self.nodes.len()).map(|seat| seen.height_at(seat, u64::MAX)).max().unwrap_or(0)
    }

    /// Waits until all seats are at a height. `None` when they are not in time.
    pub(super) async fn until_height(&self, height: u64, at_most: Duration) -> Option<Duration> {
        self.until(at_most, || (0..self.nodes.len()).all(|seat| self.height(seat) >= height)).await
    }

    /// Waits until a seat has what is the highest now.
    pub(super) async fn until_caught_up(&self, seat: usize, at_most: Duration) -> Option<Duration> {
        let tip = self.tip();
        self.until(at_most, || self.height(seat) >= tip).await
    }

    fn height(&self, seat: usize) -> u64 {
        self.seen.lock().height_at(seat, u64::MAX)
    }

    async fn until(&self, at_most: Duration, is_so: impl Fn() -> bool) -> Option<Duration> {
        let began = Instant::now();
        while !is_so() {
            if began.elapsed() > at_most {
                return None;
            }
            tokio::time::sleep(LOOK).await;
        }
        Some(began.elapsed())
    }

    /// All seats have the same block at the highest that all have; and what the trial looked like.
    pub(super) async fn judge(&self, report: &mut TrialReport) {
        let common = (0..self.nodes.len()).map(|seat| self.height(seat)).min().unwrap_or(0);
        let mut hashes = BTreeSet::new();
        for node in &self.nodes {
            let block: Result<Value, _> =
                node.client.request("eth_getBlockByNumber", rpc_params![format!("{common:#x}"), false]).await;
            hashes.insert(block.map_or_else(|error| error.to_string(), |block| block["hash"].to_string()));
        }
        let one = hashes.len() == 1 && common > 0 && hashes.iter().all(|hash| hash.contains("0x"));
        let measured = if one { format!("one block {common}") } else { format!("block {common}: {hashes:?}") };
        report.must("All seats have one chain", measured, one);
        report.plots.push(self.plot());
    }

    fn plot(&self) -> Plot {
        let came: BTreeMap<usize, Vec<(u64, u64)>> = self.seen.lock().came.clone();
        let lowest = came.values().filter_map(|came| came.first()).map(|(_, height)| *height).min().unwrap_or(0);
        let now = self.now_ms() as f64 / 1_000.0;
        let series = came.into_iter().map(|(seat, came)| {
            let grown =
                came.iter().map(|(at_ms, height)| (*at_ms as f64 / 1_000.0, height.saturating_sub(lowest) as f64));
            let mut points: Vec<(f64, f64)> = grown.collect();
            points.extend(points.last().map(|(_, height)| (now, *height)));
            Series { label: format!("seat {seat}"), points, stressed: self.touched.contains(&seat) }
        });
        let mut series: Vec<Series> = series.collect();
        series.sort_by_key(|series| series.stressed);
        Plot::Lines(Lines {
            title: "Blocks of every seat since the trial began".into(),
            x: "seconds".into(),
            y: "blocks".into(),
            series,
            bands: self.bands.clone(),
            steps: true,
        })
    }
}

/// Looks at a node's height again and again.
async fn look(seat: usize, client: HttpClient, began: Arc<Mutex<Instant>>, seen: Arc<Mutex<Trace>>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Ok(text) = client.request::<String, _>("eth_blockNumber", rpc_params![]).await else { continue };
        let Some(height) = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok()) else {
            continue;
        };
        let at_ms = milliseconds(began.lock().elapsed());
        let mut seen = seen.lock();
        let came = seen.came.entry(seat).or_default();
        if came.last().is_none_or(|(_, before)| *before < height) {
            came.push((at_ms, height));
        }
    }
}
