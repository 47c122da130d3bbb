//! What `devnet` prints: the table, then the heads as they move.

use std::io::{IsTerminal, Write};

use sluice_store::Store;
use sluice_types::Heads;

use crate::supervise::Shutdown;

/// How the heads are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// One line for people, rewritten in place on a terminal.
    Line,
    /// One JSON object per change.
    Json,
}

/// Prints the heads whenever they change, until shutdown.
pub(crate) async fn heads(store: Store, style: Style, shutdown: Shutdown) -> Result<(), std::io::Error> {
    let mut watch = store.watch_heads();
    let stop = shutdown.requested();
    tokio::pin!(stop);
    let mut shown = None;
    loop {
        let heads = *watch.borrow_and_update();
        if shown != Some(heads) {
            print(&heads, style)?;
            shown = Some(heads);
        }
        tokio::select! {
            () = &mut stop => break,
            changed = watch.changed() => if changed.is_err() { break },
        }
    }
    if style == Style::Line {
        println!();
    }
    Ok(())
}

fn print(heads: &Heads, style: Style) -> Result<(), std::io::Error> {
    let mut out = std::io::stdout().lock();
    match style {
        Style::Json => writeln!(out, "{}", serde_json::json!({ "heads": heads }))?,
        Style::Line => {
            let end = if out.is_terminal() { "\r" } else { "\n" };
            write!(
                out,
                "executed {:<8} posted {:<8} derived {:<8} proven {:<8} finalized {:<8}{end}",
                heads.executed, heads.posted, heads.derived, heads.proven, heads.finalized
            )?;
        }
    }
    out.flush()
}
