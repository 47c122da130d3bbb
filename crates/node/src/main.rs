//! The one binary.

use std::process::ExitCode;

use clap::Parser;
use sluice_node::cli::Cli;

#[global_allocator]
static ALLOCATOR: sluice_memory::Allocator = sluice_memory::Allocator;

fn main() -> ExitCode {
    sluice_memory::keep_freed();
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One sentence for people; the log has the rest.
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
