//! Checks and set-up tasks of the repository: tests, tidiness, artifacts.
//!
//! `cargo xtask test` is the whole test run, `cargo xtask tidy` the checks no compiler makes. Both are what CI calls.

mod run;
mod test;
mod tidy;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "xtask", about = "Repository tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check what no compiler checks: the arrow table, paths in documents, rooms that keep a dependency to themselves.
    Tidy,
    /// Install the npm packages that the contract and client tests need.
    Tools,
    /// Build the contracts and write their artifacts.
    Artifacts {
        /// Only compare with what is committed; fail when they differ.
        #[arg(long)]
        check: bool,
    },
    /// Do all set-up, then run every test: Rust, contracts, real clients.
    Test {
        /// Leave out what needs Node.
        #[arg(long)]
        without_node: bool,
    },
    /// Format, lints and documentation, all warnings denied.
    Lint,
}

fn main() -> eyre::Result<()> {
    match Cli::parse().task {
        Task::Tidy => tidy::check(),
        Task::Tools => test::tools(),
        Task::Artifacts { check } => test::artifacts(check),
        Task::Test { without_node } => test::all(without_node),
        Task::Lint => test::lint(),
    }
}
