//! What no compiler checks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use eyre::{Context, bail};

use crate::run::root;

/// A README longer than this is not read.
const README_LINES_MAX: usize = 120;
/// A file longer than this needs a reason; reported, not failed.
const FILE_LINES_REPORTED: usize = 800;
/// A dependency that stays in one room, by the prefix of its crate names, and the rooms (`xtask`'s own tests aside).
const KEPT: [(&str, &[&str]); 7] = [
    ("revm", &["stf"]),
    ("redb", &["store"]),
    ("ethrex-", &["devl1"]),
    ("commonware-", &["simplex", "sim"]),
    ("jsonrpsee", &["rpc", "node"]),
    ("mimalloc", &["memory"]),
    ("libmimalloc-sys", &["memory"]),
];
/// A room that lies beside `crates/`, because most of its work is tests.
const BESIDE: &str = "sim";
/// Rooms that decide and never act.
const PURE: [&str; 4] = ["types", "trie", "stf", "derive"];
/// What pure rooms must not depend on.
const EFFECTS: [&str; 4] = ["tokio", "rand", "reqwest", "metrics"];

/// Runs all checks and reports every finding before failing.
pub(crate) fn check() -> eyre::Result<()> {
    let mut findings = Vec::new();
    arrows(&mut findings)?;
    kept_dependencies(&mut findings)?;
    first_sentences(&mut findings)?;
    documents(&mut findings)?;
    sources(&mut findings)?;
    if findings.is_empty() {
        println!("tidy: clean");
        return Ok(());
    }
    for finding in &findings {
        println!("tidy: {finding}");
    }
    bail!("{} findings", findings.len())
}

/// Where a room is.
fn folder(room: &str) -> PathBuf {
    if room == BESIDE { root().join(room) } else { root().join("crates").join(room) }
}

/// One crate's manifest.
fn manifest(room: &str) -> eyre::Result<toml::Table> {
    let path = folder(room).join("Cargo.toml");
    let text = fs::read_to_string(&path).wrap_err_with(|| path.display().to_string())?;
    Ok(text.parse()?)
}

fn rooms() -> eyre::Result<Vec<String>> {
    let mut rooms: Vec<String> = fs::read_dir(root().join("crates"))?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    rooms.push(BESIDE.into());
    rooms.sort();
    Ok(rooms)
}

fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    manifest
        .get("dependencies")
        .and_then(toml::Value::as_table)
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

/// The arrows in the table of docs/ARCHITECTURE.md are the arrows in the manifests.
fn arrows(findings: &mut Vec<String>) -> eyre::Result<()> {
    let table = arrow_table(&fs::read_to_string(root().join("docs/ARCHITECTURE.md"))?);
    let all: BTreeSet<String> = rooms()?.into_iter().collect();
    for room in &all {
        let real: BTreeSet<String> = dependencies(&manifest(room)?)
            .iter()
            .filter_map(|name| name.strip_prefix("sluice-").map(str::to_owned))
            .collect();
        let Some(allowed) = table.get(room) else {
            findings.push(format!("docs/ARCHITECTURE.md: room `{room}` is not in the arrow table"));
            continue;
        };
        let allowed: BTreeSet<String> = if allowed.contains("all") {
            all.iter().filter(|other| *other != room).cloned().collect()
        } else {
            allowed.clone()
        };
        for extra in real.difference(&allowed) {
            findings.push(format!("crates/{room}: depends on `{extra}`, which the arrow table does not allow"));
        }
        for missing in allowed.difference(&real) {
            findings.push(format!(
                "docs/ARCHITECTURE.md: `{room}` may depend on `{missing}`, but does not; remove the arrow"
            ));
        }
    }
    for room in table.keys().filter(|room| !all.contains(*room)) {
        findings.push(format!("docs/ARCHITECTURE.md: the arrow table names `{room}`, which does not exist"));
    }
    Ok(())
}

/// Rows of the form ``| `room` | sentence | a, b |``; a dash for none.
fn arrow_table(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    text.lines()
        .filter_map(|line| {
            let cells: Vec<&str> =
                line.trim().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
            let &[room, _, arrows] = cells.as_slice() else { return None };
            let room = room.strip_prefix('`')?.strip_suffix('`')?;
            let arrows = arrows
                .split(',')
                .map(|name| name.trim().trim_matches('`').to_owned())
                .filter(|name| name != "–" && !name.is_empty());
            Some((room.to_owned(), arrows.collect()))
        })
        .collect()
}

fn kept_dependencies(findings: &mut Vec<String>) -> eyre::Result<()> {
    for room in rooms()? {
        let names = dependencies(&manifest(&room)?);
        for (prefix, homes) in KEPT {
            if !homes.contains(&room.as_str()) && names.iter().any(|name| name.starts_with(prefix)) {
                findings.push(format!("crates/{room}: names `{prefix}`, which stays in {homes:?}"));
            }
        }
        if PURE.contains(&room.as_str()) {
            for effect in EFFECTS.iter().filter(|effect| names.contains(**effect)) {
                findings.push(format!("crates/{room}: is pure, but depends on `{effect}`"));
            }
        }
    }
    Ok(())
}

/// A crate's first doc sentence is its description.
fn first_sentences(findings: &mut Vec<String>) -> eyre::Result<()> {
    for room in rooms()? {
        let description = manifest(&room)?["package"]["description"].as_str().unwrap_or_default().to_owned();
        let text = fs::read_to_string(folder(&room).join("src/lib.rs"))?;
        let first = text.lines().next().unwrap_or_default().trim_start_matches("//!").trim();
        if first != description {
            findings.push(format!("crates/{room}/src/lib.rs: first doc line is not the description: {first:?}"));
        }
    }
    Ok(())
}

/// Paths that documents name exist; the README is short.
fn documents(findings: &mut Vec<String>) -> eyre::Result<()> {
    for path in files(&root(), &["md"])? {
        let text = fs::read_to_string(&path)?;
        let shown = path.strip_prefix(root())?.display().to_string();
        if shown == "README.md" && text.lines().count() > README_LINES_MAX {
            findings.push(format!("README.md: {} lines; at most {README_LINES_MAX}", text.lines().count()));
        }
        let folder = path.parent().expect("a file lies in a folder").to_path_buf();
        for named in links(&text).into_iter().chain(code_paths(&text)) {
            if !folder.join(&named).exists() && !root().join(&named).exists() {
                findings.push(format!("{shown}: names `{named}`, which does not exist"));
            }
        }
    }
    Ok(())
}

/// Targets of relative Markdown links.
fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.split('#').next().unwrap_or_default().to_owned())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

/// Paths in backticks that start with a folder of the repository.
fn code_paths(text: &str) -> Vec<String> {
    const FOLDERS: [&str; 8] = ["crates/", "docs/", "contracts/", "xtask/", "sim/", "e2e/", "fuzz/", "testdata/"];
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| FOLDERS.iter().any(|folder| code.starts_with(folder)))
        .filter(|code| !code.contains([' ', '*', '<', '{', '\n']))
        // Installed and built things are named but not committed.
        .filter(|code| !code.contains("node_modules") && !code.starts_with("contracts/out"))
        .map(|code| code.split(':').next().unwrap_or_default().to_owned())
        .collect()
}

/// Leftovers in sources.
fn sources(findings: &mut Vec<String>) -> eyre::Result<()> {
    // Split so that this file does not find itself.
    let leftovers = [
        concat!("FIX", "ME"),
        concat!("db", "g!("),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("XX", "X"),
    ];
    for path in files(&root(), &["rs", "sol", "mjs"])? {
        let text = fs::read_to_string(&path)?;
        let shown = path.strip_prefix(root())?.display().to_string();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            for leftover in leftovers.iter().filter(|leftover| line.contains(**leftover)) {
                findings.push(format!("{shown}:{number}: `{leftover}`"));
            }
            if line.contains(concat!("TO", "DO")) && !line.contains(concat!("TO", "DO(#")) {
                findings.push(format!("{shown}:{number}: a to-do without the issue it waits for"));
            }
            if line.contains(concat!("```", "ignore")) || line.contains(concat!("rust,", "ignore")) {
                findings.push(format!("{shown}:{number}: an example that does not compile"));
            }
        }
        if text.lines().count() > FILE_LINES_REPORTED {
            println!("tidy: note: {shown} has {} lines", text.lines().count());
        }
    }
    Ok(())
}

/// All files below a folder with one of the extensions, built and installed things left out.
fn files(folder: &Path, extensions: &[&str]) -> eyre::Result<Vec<PathBuf>> {
    const SKIPPED: [&str; 7] = ["target", "node_modules", ".git", "out", "cache", "testdata", "broadcast"];
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    folders.push(entry.path());
                }
            } else if extensions.iter().any(|extension| name.ends_with(&format!(".{extension}"))) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rows_of_the_arrow_table_and_nothing_else() {
        let table =
            arrow_table("| room | does | may |\n|---|---|---|\n| `a` | x. | b, c |\n| `b` | y. | – |\n| x | z |\n");
        assert_eq!(table.len(), 2);
        assert_eq!(table["a"], ["b", "c"].map(str::to_owned).into());
        assert!(table["b"].is_empty());
    }

    #[test]
    fn finds_links_and_code_paths() {
        assert_eq!(links("see [x](docs/a.md#part) and [y](https://example.org)"), ["docs/a.md"]);
        assert_eq!(code_paths("`crates/a/src/b.rs:12` and `cargo run` and `docs/*.md`"), ["crates/a/src/b.rs"]);
    }
}
