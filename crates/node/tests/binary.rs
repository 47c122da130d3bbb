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

#[test]
fn a_trial_that_fails_is_exit_code_1_and_a_report_that_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_str().expect("a path of letters");
    let trial = |pause_ms: &str| {
        sluice(&["testnet", "--round", "1", "--trial", "leader-dead", "--pause-max-ms", pause_ms, "--out", out])
    };
    let output = trial("1");
    assert_eq!(output.status.code(), Some(1));
    let (text, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("FAIL  leader-dead") && text.contains("again: sluice testnet --round 1"), "{text}");
    assert!(error.contains("error: 1 of 1 trials failed"), "{error}");
    let page = std::fs::read_to_string(folder.path().join("testnet.html")).expect("a report");
    assert!(page.contains("<title>FAIL: ") && page.contains("--pause-max-ms 1"), "{page}");
    let output = trial("2000");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("PASS  1 of 1 trials passed"));
}
