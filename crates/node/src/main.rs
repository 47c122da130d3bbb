//! The one binary.

use std::process::ExitCode;

use clap::Parser;
use sluice_node::cli::Cli;

/// Blocks are made of small things that one thread allocates and another frees, which this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
