//! The other development L1: anvil, spawned and spoken to over JSON-RPC.

use std::{
    ffi::OsString,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::{
    Config, Error,
    genesis::{ACCOUNT_BALANCE_ETH, MNEMONIC},
};

/// How long anvil may take to answer after its start.
const START_TIME_MAX: Duration = Duration::from_secs(20);
/// How long it may take to write its state and end.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);
/// Time between questions while it starts.
const POLL_TIME: Duration = Duration::from_millis(50);
/// How long one request may take.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
/// Most of its error output that is shown, bytes.
const OUTPUT_SIZE_MAX: u64 = 4_096;
/// Where the package manager of JavaScript puts the binary, below a working directory. The middle part names the platform.
const NODE_MODULES: [&str; 2] = ["node_modules/@foundry-rs", "contracts/node_modules/@foundry-rs"];
/// Name of the state file in the data folder.
const STATE_FILE: &str = "anvil.json";

/// A running anvil; killed on drop.
#[derive(Debug)]
pub(crate) struct Anvil {
    child: Child,
    address: SocketAddr,
    path: PathBuf,
    client: reqwest::Client,
}

impl Anvil {
    /// Spawns it and waits until it answers.
    pub(crate) async fn start(config: &Config, path: Option<&Path>) -> Result<Self, Error> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => find().ok_or(Error::NoAnvil)?,
        };
        let address = free_address(config.listen)?;
        let mut command = Command::new(&path);
        command
            .args(arguments(config, address))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(dir) = &config.data_dir {
            std::fs::create_dir_all(dir)
                .map_err(|reason| Error::File { path: dir.clone(), reason: reason.to_string() })?;
        }
        let failed = |reason: String| Error::Anvil { path: path.clone(), reason };
        let child = command.spawn().map_err(|reason| failed(reason.to_string()))?;
        // It speaks plain HTTP to its own child only, but no client is made without a cryptography; trusting no root, it has no use.
        let no_tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|reason| failed(reason.to_string()))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .timeout(REQUEST_TIME_MAX)
            .tls_backend_preconfigured(no_tls)
            .build()
            .map_err(|reason| failed(reason.to_string()))?;
        let mut anvil = Self { child, address, path: path.clone(), client };
        let deadline = Instant::now() + START_TIME_MAX;
        while anvil.call("eth_chainId", json!([])).await.is_err() {
            if anvil.child.try_wait().is_ok_and(|status| status.is_some()) {
                return Err(anvil.failed().await);
            }
            if Instant::now() > deadline {
                return Err(failed(format!("no answer within {} s", START_TIME_MAX.as_secs())));
            }
            sleep(POLL_TIME).await;
        }
        Ok(anvil)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn mine(&self, blocks: u64) -> Result<(), Error> {
        // One by one, so that waiting transactions go into the first and each block has a timestamp of its own.
        for _ in 0..blocks {
            self.call("evm_mine", json!([])).await?;
        }
        Ok(())
    }

    pub(crate) async fn reorg(&self, depth: u64) -> Result<(), Error> {
        self.call("anvil_reorg", json!([depth, []])).await?;
        self.mine(1).await
    }

    pub(crate) async fn advance_time(&self, seconds: u64) -> Result<(), Error> {
        self.call("evm_increaseTime", json!([seconds])).await.map(drop)
    }

    /// Waits until it ends by itself.
    pub(crate) async fn failed(&mut self) -> Error {
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let mut output = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            // What it said is a help, not a must.
            let _ = stderr.take(OUTPUT_SIZE_MAX).read_to_string(&mut output).await;
        }
        Error::Anvil { path: self.path.clone(), reason: format!("{status}; {}", output.trim()) }
    }

    /// Asks it to end, as Ctrl-C does, so that it writes its state; kills it when it does not.
    pub(crate) async fn stop(mut self) {
        if let Some(id) = self.child.id() {
            let asked = Command::new("kill").args(["-INT", &id.to_string()]).status().await;
            if asked.is_ok_and(|status| status.success())
                && timeout(STOP_TIME_MAX, self.child.wait()).await.is_ok_and(|ended| ended.is_ok())
            {
                return;
            }
        }
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "anvil could not be killed");
        }
    }

    async fn call(&self, method: &'static str, params: Value) -> Result<Value, Error> {
        let failed = |reason: String| Error::Node { what: method, reason };
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let url = format!("http://{}", self.address);
        let response = self.client.post(url).json(&request).send().await.map_err(|error| failed(error.to_string()))?;
        let mut answer: Value = response.json().await.map_err(|error| failed(error.to_string()))?;
        match answer.get_mut("result").map(Value::take) {
            Some(result) => Ok(result),
            None => Err(failed(answer["error"]["message"].as_str().unwrap_or("no result").to_owned())),
        }
    }
}

fn arguments(config: &Config, address: SocketAddr) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut push = |name: &str, value: OsString| {
        arguments.push(name.into());
        arguments.push(value);
    };
    push("--host", address.ip().to_string().into());
    push("--port", address.port().to_string().into());
    push("--chain-id", config.chain_id.to_string().into());
    // The same forks and blob schedule as the embedded node.
    push("--hardfork", "bpo2".into());
    push("--gas-limit", crate::genesis::GAS_LIMIT.to_string().into());
    push("--mnemonic", MNEMONIC.into());
    push("--balance", ACCOUNT_BALANCE_ETH.to_string().into());
    // Final is two epochs below the head.
    push("--slots-in-an-epoch", config.finality_blocks.div_ceil(2).to_string().into());
    if let Some(dir) = &config.data_dir {
        push("--state", dir.join(STATE_FILE).into());
        push("--state-interval", "5".into());
    }
    if config.block_time.is_zero() {
        arguments.push("--no-mining".into());
    } else {
        push("--block-time", config.block_time.as_secs_f64().to_string().into());
    }
    arguments
}

/// The address to listen on: as given, or with a port that is free now.
///
/// Anvil would choose a free port itself, but tells it only in its banner.
fn free_address(listen: SocketAddr) -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind(listen).map_err(|reason| match reason.kind() {
        std::io::ErrorKind::AddrInUse => Error::PortBusy(listen),
        _ => Error::Listen { address: listen, reason },
    })?;
    listener.local_addr().map_err(|reason| Error::Listen { address: listen, reason })
}

/// Looks in `PATH`, then in `node_modules`.
fn find() -> Option<PathBuf> {
    let in_path = std::env::var_os("PATH")?;
    let in_path = std::env::split_paths(&in_path).map(|dir| dir.join("anvil"));
    let platform = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let in_modules = NODE_MODULES.iter().map(|dir| Path::new(dir).join(format!("anvil-{os}-{platform}/bin/anvil")));
    in_path.chain(in_modules).find(|path| path.is_file())
}
