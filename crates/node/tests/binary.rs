//! The binary as a shell sees it. What it does with a chain is shown by the client tests, which run the same file.

use std::process::{Command, Output};

fn sluice(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluice")).args(arguments).output().expect("the binary was built for this test")
}

#[test]
fn version_is_that_of_the_package() {
    let output = sluice(&["--version"]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), concat!("sluice ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn failure_is_one_sentence_and_exit_code_1() {
    let output = sluice(&["config", "show", "--chain", "/nowhere/chain.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.starts_with("error: ") && error.contains("/nowhere/chain.toml"), "{error}");
}

#[test]
fn unknown_command_is_a_mistake_of_usage() {
    assert_eq!(sluice(&["frobnicate"]).status.code(), Some(2));
}
