//! Running commands and finding the repository.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use eyre::{Context, bail};

/// The repository's root: where the workspace manifest lies.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies one folder below the root").to_path_buf()
}

/// Runs a command in a folder of the repository, prints it first, and fails when it fails.
pub(crate) fn run(folder: &str, program: &str, args: &[&str]) -> eyre::Result<()> {
    let shown = format!("{program} {}", args.join(" "));
    println!("==> {folder}: {shown}");
    let start = Instant::now();
    let status = Command::new(program)
        .args(args)
        .current_dir(root().join(folder))
        .status()
        .wrap_err_with(|| format!("cannot start `{program}`; is it installed and on PATH?"))?;
    if !status.success() {
        bail!("`{shown}` in {folder} failed: {status}");
    }
    println!("<== {shown}: {:.0?}", start.elapsed());
    Ok(())
}
