//! `sluice bridge`: ETH and ERC-20 tokens in and out.

use std::{str::FromStr, time::Duration};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, B256, Bytes, U256, utils::parse_ether},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_l1::{RpcL1, Sender, SenderConfig, TxRequest};
use sluice_types::{
    BatchIndex, ChainConfig,
    predeploys::{self, OUTBOX_DEPTH},
};

use crate::Error;

alloy::sol! {
    /// The calls on L2 that moving money takes.
    #[sol(rpc)]
    interface L2Bridge {
        function tokenOf(address l1Token) external view returns (address l2Token);
        function withdraw(address l2Token, address to, uint256 amount) external returns (uint64 messageIndex);
    }
    #[sol(rpc)]
    interface Outbox {
        function withdraw(address to) external payable returns (uint64 index);
    }
}

/// How long to wait for a receipt.
const RECEIPT_TIME_MAX: Duration = Duration::from_secs(120);
/// How often to ask L2 for a receipt.
const L2_POLL: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Send ETH or a token from L1 to L2.
    Deposit(Transfer),
    /// Start taking ETH or a token from L2 to L1; claim it once its batch is final.
    Withdraw(Transfer),
    /// Carry out on L1 what a withdrawal started, once its batch is final.
    Claim(Claim),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Endpoints {
    /// JSON-RPC endpoint of the rollup.
    #[arg(long, default_value = "http://127.0.0.1:9545")]
    rollup_rpc: String,
    /// JSON-RPC endpoint of L1.
    #[arg(long, env = "SLUICE_L1_RPC", default_value = "http://127.0.0.1:8545")]
    l1_rpc: String,
    /// Private key that pays.
    #[arg(long, env = "SLUICE_KEY", hide_env_values = true, value_parser = super::key)]
    key: PrivateKeySigner,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Transfer {
    #[command(flatten)]
    endpoints: Endpoints,
    /// Recipient on the other side. The key's own address when left out.
    #[arg(long)]
    to: Option<Address>,
    /// Token: its L1 address to deposit, its L2 address to withdraw. ETH when left out.
    #[arg(long)]
    token: Option<Address>,
    /// How much: wei, or the token's smallest unit; `1.5ether` for ETH.
    #[arg(long)]
    amount: Amount,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Claim {
    #[command(flatten)]
    endpoints: Endpoints,
    /// L2 transaction that withdrew.
    #[arg(long)]
    tx: B256,
}

/// An amount in the smallest unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount(U256);

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = match text.strip_suffix("ether") {
            Some(ether) => parse_ether(ether.trim()).map_err(|error| error.to_string()),
            None => U256::from_str(text).map_err(|error| error.to_string()),
        };
        parsed
            .map(Self)
            .map_err(|error| format!("{text:?} is not an amount ({error}); give wei, or for example 1.5ether"))
    }
}

/// What `rollup_getWithdrawalProof` answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WithdrawalProof {
    batch_index: U256,
    withdrawal: Withdrawal,
    leaf_index: U256,
    proof: Vec<B256>,
    #[serde(rename = "final")]
    is_final: bool,
}

#[derive(Debug, Deserialize)]
struct Withdrawal {
    sender: Address,
    target: Address,
    value: U256,
    data: Bytes,
}

/// Both sides, and the config that joins them.
struct Session {
    l1: RpcL1,
    l1_sender: Sender,
    l2: DynProvider,
    from: Address,
    json: bool,
}

impl Session {
    async fn open(endpoints: &Endpoints) -> Result<Self, Error> {
        let url = endpoints
            .rollup_rpc
            .parse()
            .map_err(|error| Error::Config(format!("--rollup-rpc {}: {error}", endpoints.rollup_rpc)))?;
        let client = sluice_l1::http_client(&endpoints.rollup_rpc)?;
        let wallet = EthereumWallet::from(endpoints.key.clone());
        let l2 = ProviderBuilder::new().wallet(wallet).connect_reqwest(client, url);
        l2.client().set_poll_interval(L2_POLL);
        let chain: ChainConfig = l2.raw_request("rollup_config".into(), ()).await.map_err(remote)?;
        let l1 = RpcL1::connect(&endpoints.l1_rpc, None, chain.l1).await?;
        let key = endpoints.key.clone();
        let l1_sender = Sender::connect(&endpoints.l1_rpc, chain.l1.chain_id, key, SenderConfig::default()).await?;
        Ok(Self { l1, l1_sender, l2: l2.erased(), from: endpoints.key.address(), json: endpoints.json })
    }

    /// Sends on L1 and waits for the receipt.
    async fn send_l1(&self, request: TxRequest) -> Result<B256, Error> {
        Ok(self.l1_sender.send_and_wait(request, RECEIPT_TIME_MAX).await?.transaction_hash)
    }

    #[allow(clippy::print_stdout, reason = "the command's output")]
    fn print(&self, facts: &Value) {
        if self.json {
            println!("{facts}");
        } else if let Some(facts) = facts.as_object() {
            for (name, value) in facts {
                println!("{name:12} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
        }
    }
}

fn remote(error: impl std::fmt::Display) -> Error {
    Error::Config(error.to_string())
}

/// Waits for a receipt and fails when the transaction did.
async fn done(
    pending: Result<alloy::providers::PendingTransactionBuilder<alloy::network::Ethereum>, impl std::fmt::Display>,
) -> Result<TransactionReceipt, Error> {
    let receipt = pending.map_err(remote)?.with_timeout(Some(RECEIPT_TIME_MAX)).get_receipt().await.map_err(remote)?;
    if receipt.status() {
        Ok(receipt)
    } else {
        Err(Error::Config(format!("transaction {} reverted", receipt.transaction_hash)))
    }
}

pub(crate) async fn run(command: Command) -> Result<(), Error> {
    super::init_logs("warn");
    match command {
        Command::Deposit(transfer) => deposit(transfer).await,
        Command::Withdraw(transfer) => withdraw(transfer).await,
        Command::Claim(options) => claim(options).await,
    }
}

async fn deposit(options: Transfer) -> Result<(), Error> {
    let session = Session::open(&options.endpoints).await?;
    let (to, amount) = (options.to.unwrap_or(session.from), options.amount.0);
    let Some(token) = options.token else {
        let l1_tx = session.send_l1(session.l1.deposit_eth(to, amount).await?).await?;
        session.print(&json!({ "l1_tx": l1_tx, "to": to, "amount": amount.to_string() }));
        return Ok(());
    };
    session.send_l1(session.l1.approve_erc20(token, amount)).await?;
    let l1_tx = session.send_l1(session.l1.deposit_erc20(token, to, amount).await?).await?;
    let bridge = L2Bridge::new(predeploys::L2_BRIDGE, &session.l2);
    let l2_token = bridge.tokenOf(token).call().await.map_err(remote)?;
    session.print(&json!({
        "l1_tx": l1_tx, "to": to, "amount": amount.to_string(), "l1_token": token, "l2_token": l2_token,
    }));
    Ok(())
}

async fn withdraw(options: Transfer) -> Result<(), Error> {
    let session = Session::open(&options.endpoints).await?;
    let (to, amount) = (options.to.unwrap_or(session.from), options.amount.0);
    let receipt = match options.token {
        None => done(Outbox::new(predeploys::OUTBOX, &session.l2).withdraw(to).value(amount).send().await).await?,
        Some(token) => {
            let bridge = L2Bridge::new(predeploys::L2_BRIDGE, &session.l2);
            done(bridge.withdraw(token, to, amount).send().await).await?
        }
    };
    session.print(&json!({
        "l2_tx": receipt.transaction_hash, "block": receipt.block_number, "to": to, "amount": amount.to_string(),
    }));
    Ok(())
}

async fn claim(options: Claim) -> Result<(), Error> {
    let session = Session::open(&options.endpoints).await?;
    let proof: WithdrawalProof =
        session.l2.raw_request("rollup_getWithdrawalProof".into(), (options.tx,)).await.map_err(remote)?;
    if !proof.is_final {
        return Err(Error::Config(format!(
            "batch {} of this withdrawal is not final on L1 yet; ask `rollup_getFinality` when it will be",
            proof.batch_index
        )));
    }
    let proof_length = proof.proof.len();
    let siblings = proof.proof.try_into().map_err(|_| {
        Error::Config(format!(
            "the proof has {proof_length} siblings instead of {OUTBOX_DEPTH}; is --rollup-rpc right?"
        ))
    })?;
    let leaf_index = proof.leaf_index.saturating_to();
    if session.l1.is_claimed(leaf_index).await? {
        return Err(Error::Config(format!("message {leaf_index} is already claimed")));
    }
    let Withdrawal { sender, target, value, data } = proof.withdrawal;
    let claim = sluice_l1::Claim {
        batch: BatchIndex(proof.batch_index.saturating_to()),
        sender,
        target,
        value_wei: value,
        data,
        leaf_index,
        proof: siblings,
    };
    let l1_tx = session.send_l1(session.l1.claim(&claim)).await?;
    session.print(&json!({ "l1_tx": l1_tx, "target": target, "value": value.to_string() }));
    Ok(())
}
