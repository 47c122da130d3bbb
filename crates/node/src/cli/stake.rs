//! `sluice stake`: a sequencer's seats and tokens.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::{
    primitives::{
        Address, B256, U256,
        utils::{format_ether, parse_ether},
    },
    signers::local::PrivateKeySigner,
};
use jsonrpsee::{core::client::ClientT, http_client::HttpClientBuilder, rpc_params};
use serde::{Deserialize, de::DeserializeOwned};
use sluice_l1::{
    Contact, Registration, Registry, RpcL1, Sender, SenderConfig, Staker,
    registry::{SeatState, SeatStatus},
    stake::{ClaimTo, RewardEntry},
};

use crate::{Error, config};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lock a seat with its keys. It votes from the next epoch whose members are not fixed yet.
    Register(Register),
    /// Lock tokens in the reserve, from which the next seat is paid.
    Lock(Lock),
    /// Begin to unlock a seat, or tokens of the reserve; take them out with `withdraw` after the delay.
    Unlock(Unlock),
    /// Take out what is unlocked: a seat's stake, or the tokens of the reserve.
    Withdraw(Withdraw),
    /// Take a seat's pay for an epoch.
    Claim(Claim),
    /// Give a seat new keys, which count from the next epoch whose members are not fixed yet.
    RotateKeys(RotateKeys),
    /// Change, at once, how a seat is reached and paid.
    SetContact(SetContact),
    /// Return a seat from jail.
    Readmit(OneSeat),
    /// Store the members of an epoch, so that they can certify. Anybody may do it for all.
    Snapshot(Snapshot),
    /// Show an operator's seats and tokens.
    Status(Status),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Endpoints {
    /// Chain config file.
    #[arg(long)]
    chain: PathBuf,
    /// JSON-RPC endpoint of L1.
    #[arg(long, env = "SLUICE_L1_RPC", default_value = "http://127.0.0.1:8545")]
    l1_rpc: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Account {
    #[command(flatten)]
    endpoints: Endpoints,
    /// Private key on L1 of the operator, who pays, and gets the stake back.
    #[arg(long, env = "SLUICE_KEY", hide_env_values = true, value_parser = super::key)]
    key: PrivateKeySigner,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Register {
    #[command(flatten)]
    account: Account,
    /// File with what `sluice keys register` printed for this operator.
    #[arg(long)]
    registration: PathBuf,
    #[command(flatten)]
    contact: ContactOptions,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ContactOptions {
    /// Where other sequencers reach this one, host:port.
    #[arg(long)]
    network_address: String,
    /// Account that posts batches. The operator's when left out.
    #[arg(long)]
    poster: Option<Address>,
    /// Account that is paid. The operator's when left out.
    #[arg(long)]
    reward_recipient: Option<Address>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Lock {
    #[command(flatten)]
    account: Account,
    /// How many tokens, for example 20000 or 0.5.
    #[arg(long)]
    tokens: Tokens,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Unlock {
    #[command(flatten)]
    account: Account,
    /// A seat.
    #[arg(long, required_unless_present = "tokens", conflicts_with = "tokens")]
    seat: Option<u32>,
    /// So many tokens of the reserve.
    #[arg(long)]
    tokens: Option<Tokens>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Withdraw {
    #[command(flatten)]
    account: Account,
    /// A seat. What is unlocked of the reserve when left out.
    #[arg(long)]
    seat: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Claim {
    #[command(flatten)]
    account: Account,
    /// JSON file with the seat's entry in the epoch's record: `epoch`, `entry` and `proof`. Without it, a node is asked.
    #[arg(long, required_unless_present_all = ["seat", "epoch"], conflicts_with_all = ["seat", "epoch"])]
    entry: Option<PathBuf>,
    /// The seat.
    #[arg(long, requires = "epoch")]
    seat: Option<u32>,
    /// The epoch.
    #[arg(long, requires = "seat")]
    epoch: Option<u32>,
    /// JSON-RPC endpoint of a node with a seat, which counted the epoch. It cannot lie: L1 checks what it says.
    #[arg(long, default_value = "http://127.0.0.1:9545")]
    rollup_rpc: String,
    /// Put the tokens into the reserve instead of sending them to the seat's recipient.
    #[arg(long)]
    relock: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RotateKeys {
    #[command(flatten)]
    account: Account,
    /// The seat.
    #[arg(long)]
    seat: u32,
    /// File with what `sluice keys register` printed for this operator and the new keys.
    #[arg(long)]
    registration: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SetContact {
    #[command(flatten)]
    account: Account,
    /// The seat.
    #[arg(long)]
    seat: u32,
    #[command(flatten)]
    contact: ContactOptions,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneSeat {
    #[command(flatten)]
    account: Account,
    /// The seat.
    #[arg(long)]
    seat: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Snapshot {
    #[command(flatten)]
    account: Account,
    /// The epoch.
    #[arg(long)]
    epoch: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    endpoints: Endpoints,
    /// Whose.
    #[arg(long)]
    operator: Address,
}

/// An amount of the staking token, which has 18 decimals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokens(U256);

impl FromStr for Tokens {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = parse_ether(text).map_err(|error| error.to_string());
        parsed
            .map(Self)
            .map_err(|error| format!("{text:?} is no amount ({error}); give tokens, for example 20000 or 0.5"))
    }
}

/// A leaf of an epoch's record, and how it hangs in the tree.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimFile {
    epoch: u32,
    entry: RewardEntry,
    proof: Vec<B256>,
}

#[allow(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(command: Command) -> Result<(), Error> {
    let text = match command {
        Command::Register(options) => register(options).await?,
        Command::Lock(Lock { account, tokens }) => {
            let staker = account.staker().await?;
            let _ = staker.top_up(staker.operator(), tokens.0).await?;
            format!("{} tokens are locked in the reserve of {}", format_ether(tokens.0), staker.operator())
        }
        Command::Unlock(options) => unlock(options).await?,
        Command::Withdraw(Withdraw { account, seat }) => {
            let staker = account.staker().await?;
            let before = staker.registry().balance_of(staker.operator()).await?;
            let _ = match seat {
                Some(seat) => staker.withdraw_seat(seat).await?,
                None => staker.withdraw_reserve(staker.operator()).await?,
            };
            let after = staker.registry().balance_of(staker.operator()).await?;
            let (got, operator) = (after.saturating_sub(before), staker.operator());
            format!("{} tokens came back; {operator} holds {}", format_ether(got), format_ether(after))
        }
        Command::Claim(Claim { account, entry, seat, epoch, rollup_rpc, relock }) => {
            let ClaimFile { epoch, entry, proof } = match (entry, seat.zip(epoch)) {
                (Some(path), _) => json_file(&path)?,
                (None, seat_and_epoch) => {
                    let (seat, epoch) = seat_and_epoch.expect("clap asks for a file or for seat and epoch");
                    counted(&rollup_rpc, seat, epoch).await?
                }
            };
            let staker = account.staker().await?;
            let to = if relock { ClaimTo::Reserve } else { ClaimTo::Recipient };
            let receipt = staker.claim(epoch, &entry, proof, to).await?;
            format!("seat {} is paid for epoch {epoch}, in L1 transaction {}", entry.seat, receipt.transaction_hash)
        }
        Command::RotateKeys(RotateKeys { account, seat, registration }) => {
            let registration: Registration = json_file(&registration)?;
            let staker = account.staker().await?;
            let epoch = staker.rotate_keys(seat, &registration).await?;
            format!("seat {seat} votes with its new keys from epoch {epoch} on; until then it needs the old ones")
        }
        Command::SetContact(SetContact { account, seat, contact }) => {
            let staker = account.staker().await?;
            let contact = contact.contact(staker.operator());
            let _ = staker.set_contact(seat, &contact).await?;
            let Contact { network_address, poster, reward_recipient } = contact;
            format!("seat {seat} is reached at {network_address}, posts with {poster}, is paid to {reward_recipient}")
        }
        Command::Readmit(OneSeat { account, seat }) => {
            let staker = account.staker().await?;
            let _ = staker.readmit(seat).await?;
            let from = staker.registry().seat_status(seat).await?.active_from;
            format!("seat {seat} is back from jail and votes from epoch {from} on")
        }
        Command::Snapshot(Snapshot { account, epoch }) => {
            let staker = account.staker().await?;
            let _ = staker.snapshot(epoch).await?;
            format!("the committee of epoch {epoch} is stored")
        }
        Command::Status(Status { endpoints, operator }) => status(&endpoints.registry().await?, operator).await?,
    };
    println!("{text}");
    Ok(())
}

/// What a node counted for a seat in an epoch.
async fn counted(rpc: &str, seat: u32, epoch: u32) -> Result<ClaimFile, Error> {
    #[derive(Deserialize)]
    struct Rewards {
        entries: Vec<Proven>,
    }
    #[derive(Deserialize)]
    struct Proven {
        entry: RewardEntry,
        proof: Vec<B256>,
    }
    let failed =
        |error: &dyn std::fmt::Display| Error::Config(format!("{rpc}: {error}; give --rollup-rpc of a node that runs"));
    let client = HttpClientBuilder::default().build(rpc).map_err(|error| failed(&error))?;
    let rewards: Option<Rewards> =
        client.request("rollup_getRewards", rpc_params![epoch]).await.map_err(|error| failed(&error))?;
    let missing = || {
        Error::Config(format!(
            "{rpc} has no entry of seat {seat} in epoch {epoch}; it may go on, or the node or the seat was not there: ask a node with a seat in it"
        ))
    };
    let entries = rewards.ok_or_else(missing)?.entries;
    let Proven { entry, proof } = entries.into_iter().find(|one| one.entry.seat == seat).ok_or_else(missing)?;
    Ok(ClaimFile { epoch, entry, proof })
}

async fn register(options: Register) -> Result<String, Error> {
    let registration: Registration = json_file(&options.registration)?;
    let staker = options.account.staker().await?;
    let seat = staker.lock(&registration, &options.contact.contact(staker.operator())).await?;
    let registry = staker.registry();
    let from = registry.seat_status(seat).await?.active_from;
    Ok(format!(
        "seat {seat} is locked with {} tokens; it votes from epoch {from} on, which starts {}",
        format_ether(registry.params().seat_price_tokens),
        when(registry.params().start_of(from)),
    ))
}

async fn unlock(options: Unlock) -> Result<String, Error> {
    let staker = options.account.staker().await?;
    let registry = staker.registry();
    if let Some(seat) = options.seat {
        let _ = staker.unlock_seat(seat).await?;
        let left = registry.seat_status(seat).await?;
        let until = left.active_until.unwrap_or(left.active_from);
        return Ok(format!(
            "seat {seat} leaves: it must go on voting until epoch {until} starts, {}; its stake can be withdrawn {}",
            when(registry.params().start_of(until)),
            when(left.release_at_seconds),
        ));
    }
    let tokens = options.tokens.expect("clap asks for a seat or for tokens").0;
    let _ = staker.unlock_reserve(tokens).await?;
    let reserve = registry.reserve_of(staker.operator()).await?;
    Ok(format!(
        "{} tokens of the reserve are being unlocked; they can be withdrawn {}",
        format_ether(reserve.unlocking_tokens),
        when(reserve.release_at_seconds),
    ))
}

async fn status(registry: &Registry, operator: Address) -> Result<String, Error> {
    let params = registry.params();
    let epoch = registry.epoch_at(now());
    let mut lines = vec![
        format!("operator {operator}"),
        format!("epoch    {epoch}; the next starts {}", when(params.start_of(epoch.saturating_add(1)))),
    ];
    let seats = registry.seats_of(operator).await?;
    if seats.is_empty() {
        lines.push(format!("seats    none; one locks {} tokens", format_ether(params.seat_price_tokens)));
    }
    lines.extend(seats.iter().map(|seat| format!("seat {:<4} {}", seat.id, describe(seat))));
    let reserve = registry.reserve_of(operator).await?;
    lines.push(format!("reserve  {} tokens", format_ether(reserve.tokens)));
    if !reserve.unlocking_tokens.is_zero() {
        let (tokens, at) = (format_ether(reserve.unlocking_tokens), when(reserve.release_at_seconds));
        lines.push(format!("         {tokens} more can be withdrawn {at}"));
    }
    lines.push(format!("account  {} tokens", format_ether(registry.balance_of(operator).await?)));
    Ok(lines.join("\n"))
}

fn describe(seat: &SeatStatus) -> String {
    let state = match seat.state {
        SeatState::Open => format!("open, votes from epoch {} on", seat.active_from),
        SeatState::Jailed => {
            format!("jailed for being down; `sluice stake readmit` works {}", when(seat.release_at_seconds))
        }
        SeatState::Leaving => format!("leaving; its stake can be withdrawn {}", when(seat.release_at_seconds)),
        SeatState::Slashed => "slashed: its stake is gone".to_owned(),
        SeatState::Closed => "closed: its stake went back".to_owned(),
        other => other.to_string(),
    };
    format!("{state}; reached at {}, posts with {}, pays {}", seat.network_address, seat.poster, seat.reward_recipient)
}

impl Endpoints {
    async fn registry(&self) -> Result<Registry, Error> {
        let chain = config::chain(&self.chain)?;
        let l1 = RpcL1::connect(&self.l1_rpc, None, chain.l1).await?;
        Ok(Registry::connect(l1).await?)
    }
}

impl Account {
    async fn staker(self) -> Result<Staker, Error> {
        let registry = self.endpoints.registry().await?;
        let chain_id = registry.l1().contracts().chain_id;
        let sender = Sender::connect(&self.endpoints.l1_rpc, chain_id, self.key, SenderConfig::default()).await?;
        Ok(Staker::new(registry, sender))
    }
}

impl ContactOptions {
    fn contact(self, operator: Address) -> Contact {
        Contact {
            network_address: self.network_address,
            poster: self.poster.unwrap_or(operator),
            reward_recipient: self.reward_recipient.unwrap_or(operator),
        }
    }
}

fn json_file<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    serde_json::from_str(&text)
        .map_err(|error| Error::Config(format!("{}: {error}; give the JSON file that was printed", path.display())))
}

/// A moment for people: how far off it is, and in seconds since 1970.
fn when(timestamp: u64) -> String {
    let away = |seconds: u64| match seconds {
        0..=119 => format!("{seconds} seconds"),
        120..=7_199 => format!("{} minutes", seconds / 60),
        7_200..=172_799 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    match timestamp.checked_sub(now()) {
        Some(left) => format!("in {} (unix time {timestamp})", away(left)),
        None => format!("now, since {} (unix time {timestamp})", away(now().saturating_sub(timestamp))),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_with_their_decimals() {
        assert_eq!("20000".parse::<Tokens>().unwrap().0, parse_ether("20000").unwrap());
        assert_eq!("0.5".parse::<Tokens>().unwrap().0, U256::from(500_000_000_000_000_000_u64));
        assert!("twenty".parse::<Tokens>().unwrap_err().contains("for example 20000"));
    }

    #[test]
    fn moments_are_told_from_now() {
        assert!(when(now() + 86_400).starts_with("in 2") && when(now() + 86_400).contains("hours"));
        assert!(when(now() - 60).starts_with("now, since 6"), "{}", when(now() - 60));
    }
}
