//! The one binary.

use std::process::ExitCode;

use clap::Parser;
use sluice_node::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One sentence for people; the log has the rest.
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
