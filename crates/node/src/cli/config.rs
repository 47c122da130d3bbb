//! `sluice config`: shows settings as the node would read them.

use std::path::PathBuf;

use crate::{Config, Error, config};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print the resolved chain config, or the node's own settings, as TOML. Fails on unknown keys and values out of range.
    Show {
        /// Chain config file.
        #[arg(long, conflicts_with = "node", required_unless_present = "node")]
        chain: Option<PathBuf>,
        /// Node config file.
        #[arg(long)]
        node: Option<PathBuf>,
    },
}

#[allow(clippy::print_stdout, reason = "the command's output")]
pub(crate) fn run(command: Command) -> Result<(), Error> {
    let Command::Show { chain, node } = command;
    if let Some(path) = chain {
        println!("{}", config::chain(&path)?.to_toml());
    }
    if let Some(path) = node {
        let text = toml::to_string_pretty(&Config::read(&path)?).map_err(|error| Error::Config(error.to_string()))?;
        println!("{text}");
    }
    Ok(())
}
