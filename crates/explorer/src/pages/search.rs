//! Finding what somebody typed.

use alloy_primitives::{Address, B256};
use sluice_types::{BatchIndex, L2Number};

use super::{Answer, QUERY_CHARS_MAX};
use crate::app::{App, Page};

pub(crate) fn search(app: &App, query: &str) -> Answer<Page> {
    let query = query.trim();
    if query.chars().count() > QUERY_CHARS_MAX {
        return Ok(Page::Bad(format!("At most {QUERY_CHARS_MAX} characters can be searched for.")));
    }
    if let Some(number) = read_number(query) {
        let found = app.store.block(L2Number(number))?.is_some();
        let head = app.store.heads().executed;
        return Ok(if found {
            Page::Elsewhere(format!("/block/{number}"))
        } else {
            Page::missing(format!("There is no block {number}; the newest is block {head}."))
        });
    }
    if let Some(index) = query.to_lowercase().strip_prefix("batch").and_then(read_number) {
        let found = app.store.batch(BatchIndex(index))?.is_some();
        return Ok(if found { Page::Elsewhere(format!("/batch/{index}")) } else { no_match(query) });
    }
    if let Some(hash) = read_hex(query).and_then(|hex| hex.parse::<B256>().ok()) {
        return Ok(if app.store.transaction(hash)?.is_some() {
            Page::Elsewhere(format!("/tx/{hash}"))
        } else if app.store.number_of(hash)?.is_some() {
            Page::Elsewhere(format!("/block/{hash}"))
        } else {
            Page::missing(format!(
                "{hash} is neither a transaction nor a block of this chain. A transaction that was just sent appears once a block holds it."
            ))
        });
    }
    if let Some(address) = read_hex(query).and_then(|hex| hex.parse::<Address>().ok()) {
        return Ok(Page::Elsewhere(format!("/address/{address}")));
    }
    Ok(no_match(query))
}

fn no_match(query: &str) -> Page {
    Page::missing(format!(
        "Nothing here is called “{query}”. Search for a block number, a block or transaction hash (64 hex digits), an address (40 hex digits), or “batch 7”."
    ))
}

/// A number, perhaps with its thousands set apart.
fn read_number(text: &str) -> Option<u64> {
    let digits: String = text.trim().chars().filter(|c| !matches!(c, ',' | '_' | '#')).collect();
    digits.chars().all(|c| c.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Hex digits with or without `0x`.
fn read_hex(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    digits.chars().all(|c| c.is_ascii_hexdigit()).then_some(digits)
}
