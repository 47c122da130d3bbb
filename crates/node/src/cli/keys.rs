//! `sluice keys`: the secrets of a seat.

use std::path::PathBuf;

use alloy_primitives::{Address, hex};
use serde_json::json;
use sluice_simplex::SeatKeys;

use crate::{Error, keys};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make the two keys of a seat and write them, encrypted, into a new file.
    New {
        /// The file.
        #[arg(long)]
        out: PathBuf,
        /// File with the password. The environment's SLUICE_KEYS_PASSWORD when left out.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// Print what registering the seat on L1 needs, as JSON: its public keys, and the proof that the voting key's secret is known.
    Register {
        /// File with the keys.
        #[arg(long)]
        keys: PathBuf,
        /// File with the password. The environment's SLUICE_KEYS_PASSWORD when left out.
        #[arg(long)]
        password_file: Option<PathBuf>,
        /// Chain id of L1.
        #[arg(long)]
        l1_chain_id: u64,
        /// The `Sequencers` contract on L1.
        #[arg(long)]
        sequencers: Address,
        /// The account that will hold the seat. The proof holds for no other.
        #[arg(long)]
        operator: Address,
    },
}

#[allow(clippy::print_stdout, reason = "the command's output")]
pub(crate) fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::New { out, password_file } => {
            let made = SeatKeys::generate();
            keys::write(&out, &made, &keys::password(password_file.as_ref())?)?;
            println!("network key  {}", made.network_key());
            println!("voting key   {}", hex::encode_prefixed(made.vote_key()));
            println!("written to   {}; keep a copy of it and of the password", out.display());
        }
        Command::Register { keys: file, password_file, l1_chain_id, sequencers, operator } => {
            let made = keys::read(&file, &keys::password(password_file.as_ref())?)?;
            let registration = made.registration(l1_chain_id, sequencers, operator);
            let registration = json!({
                "p2pKey": registration.network_key,
                "blsKey": hex::encode_prefixed(registration.vote_key),
                "possession": hex::encode_prefixed(registration.possession),
            });
            println!("{registration:#}");
        }
    }
    Ok(())
}
