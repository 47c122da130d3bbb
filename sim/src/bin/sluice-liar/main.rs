//! Takes a seat's place on a real network and contradicts itself once, to see whether the others notice.
//!
//! It has the seat's keys and speaks as its node does, but has no chain: it listens until it has heard all other members of the committee,
//! then signs two votes of the next view that somebody votes in, of which an honest seat signs at most one, and sends both. Then it waits
//! until those whom it told have hung up.
//!
//! What it deliberately does not do: it reads no L1, proposes nothing and answers nobody. It loses the seat's stake; the node does not
//! contain it.
//!
//! Start reading at [`liar::run`].

mod committee;
mod error;
mod heard;
mod liar;

use std::{path::PathBuf, time::Duration};

use alloy_primitives::B256;
use clap::Parser;
use sluice_sim::Lie;

use crate::error::Error;

/// Contradicts itself under a seat's keys. The seat loses its stake. Stop its node first.
#[derive(Debug, Parser)]
struct Arguments {
    /// File with the seat's keys.
    #[arg(long)]
    keys: PathBuf,
    /// File with their password.
    #[arg(long)]
    password_file: PathBuf,
    /// JSON file with the committee: `epoch`, `l1_chain_id`, `sequencers`, and of each of the `members` its `network_key`, its `vote_key`
    /// (compressed) and its `address`.
    #[arg(long)]
    committee: PathBuf,
    /// What it signs.
    #[arg(long, value_enum)]
    lie: Lie,
    /// Tells only the member with this network key. All when left out.
    #[arg(long)]
    only: Option<B256>,
    /// Gives up after so many seconds. 1 to 3,600.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    time_s: u64,
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    match lie(&arguments) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn lie(arguments: &Arguments) -> Result<(), Error> {
    let keys = committee::read_keys(&arguments.keys, &arguments.password_file)?;
    let committee = committee::Committee::read(&arguments.committee)?;
    let plan = liar::Plan { lie: arguments.lie, only: arguments.only, time: Duration::from_secs(arguments.time_s) };
    liar::run(keys, &committee, &plan)
}
