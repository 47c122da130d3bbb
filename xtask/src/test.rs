//! The test run: everything a clean machine lacks, then everything there is to test.

use std::path::PathBuf;

use eyre::bail;

use crate::run::{root, run};

/// Folders whose `package-lock.json` lists npm packages.
const NPM_FOLDERS: [&str; 2] = ["contracts", "e2e"];

/// Installs the npm packages; nothing of theirs is run.
pub(crate) fn tools() -> eyre::Result<()> {
    for folder in NPM_FOLDERS {
        run(folder, "npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])?;
    }
    Ok(())
}

/// Builds the contracts and writes, or compares, their artifacts.
pub(crate) fn artifacts(check: bool) -> eyre::Result<()> {
    let mut args = vec!["gen-artifacts.mjs"];
    if check {
        args.push("--check");
    }
    run("contracts", "node", &args)
}

/// Format, lints and documentation.
pub(crate) fn lint() -> eyre::Result<()> {
    run(".", "cargo", &["fmt", "--all", "--check"])?;
    run(".", "cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    run(".", "env", &["RUSTDOCFLAGS=-D warnings", "cargo", "doc", "--workspace", "--no-deps"])
}

/// Everything.
pub(crate) fn all(without_node: bool) -> eyre::Result<()> {
    if without_node {
        println!("without Node: contract tests and client tests are left out");
        return run(".", "cargo", &["test", "--workspace"]);
    }
    tools()?;
    artifacts(true)?;
    let forge = foundry("forge")?;
    run("contracts", &forge.to_string_lossy(), &["test"])?;
    let (anvil, cast) = (foundry("anvil")?, foundry("cast")?);
    run(".", "env", &[&format!("SLUICE_ANVIL={}", anvil.display()), "cargo", "test", "--workspace"])?;
    // The binary is the one that the tests above have built: built alone, it would be compiled again with other features.
    run(
        "e2e",
        "env",
        &[
            &format!("SLUICE_ANVIL={}", anvil.display()),
            &format!("SLUICE_CAST={}", cast.display()),
            "node",
            "--test",
            "--test-concurrency=1",
            "tests/",
        ],
    )
}

/// The binary of a Foundry tool inside its npm package, so that no shim starts Node first.
fn foundry(tool: &str) -> eyre::Result<PathBuf> {
    let (os, arch) = (
        match std::env::consts::OS {
            "macos" => "darwin",
            os => os,
        },
        match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            arch => arch,
        },
    );
    let path = root().join(format!("contracts/node_modules/@foundry-rs/{tool}-{os}-{arch}/bin/{tool}"));
    if !path.exists() {
        bail!("{} is missing; run `cargo xtask tools`", path.display());
    }
    Ok(path)
}
