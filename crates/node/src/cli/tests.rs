//! The documented command line is the real one.

use std::{fmt::Write, fs, path::Path};

use clap::CommandFactory;

use super::Cli;

/// Writes the help of a command and of those below it.
fn render(command: &mut clap::Command, name: &str, out: &mut String) {
    let help = command.render_long_help().to_string();
    writeln!(out, "## {name}\n\n```text\n{}\n```\n", help.trim_end()).unwrap();
    for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
        let name = format!("{name} {}", sub.get_name());
        render(sub, &name, out);
    }
}

/// `SLUICE_BLESS=1 cargo test -p sluice-node documented` writes the file anew.
#[test]
fn the_documented_command_line_is_the_real_one() {
    let mut text = "# Command line\n\nWritten from the binary's own help; a test compares the two.\n\n".to_owned();
    let mut command = Cli::command().term_width(100);
    // Names the parents in the usage lines.
    command.build();
    render(&mut command, "sluice", &mut text);
    let text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    if std::env::var_os("SLUICE_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(fs::read_to_string(path).unwrap() == text, "docs/cli.md is not what the binary says; bless it");
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}
