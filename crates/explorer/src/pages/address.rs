//! One account.

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, U256};
use maud::{Markup, html};
use sluice_types::{EMPTY_CODE_HASH, L2Number, StateRead};

use super::{Answer, address_link, block_link, fact, recipient_link, tx_link};
use crate::{
    app::{App, Page, now},
    format,
};

/// Blocks that are searched for transactions.
const SEARCH_BLOCKS: u64 = 2_000;
/// Longest that the search may take.
const SEARCH_TIME_MAX: Duration = Duration::from_millis(500);
/// Transactions that are shown.
const ROWS: usize = 50;

pub(crate) fn address(app: &App, text: &str) -> Answer<Page> {
    let Ok(address) = text.parse::<Address>() else {
        return Ok(Page::Bad("An address is 0x and 40 hex digits.".into()));
    };
    let head = app.store.heads().executed;
    let state = app.store.state(head)?;
    let account = state.account(address)?;
    let code_bytes = match account {
        Some(account) if account.code_hash != EMPTY_CODE_HASH => state.code(account.code_hash)?.len(),
        _ => 0,
    };
    let account = account.unwrap_or_default();
    let found = search(app, address, head)?;
    let body = html! {
        h1 { @if code_bytes > 0 { "Contract" } @else { "Account" } }
        dl {
            (fact("Address", html! { span.hash { (address) } }))
            (fact("Balance", html! { (format::eth(account.balance)) }))
            (fact("Nonce", html! { (format::number(account.nonce)) }))
            (fact("Code", html! { @if code_bytes > 0 { (format::number(code_bytes as u64)) " bytes" } @else { "none" } }))
        }
        h2 { "Recent transactions" }
        p.note {
            "Sent by or to this address in blocks " (block_link(found.oldest.0)) " to " (block_link(head.0)) ", at most " (ROWS)
            ". Older ones are not searched here; ask the RPC or an indexer."
        }
        (rows(&found, address))
    };
    Ok(Page::found(format!("Address {}", format::short(&address.to_string())), body))
}

struct Found {
    rows: Vec<Row>,
    /// Oldest block that was searched.
    oldest: L2Number,
}

struct Row {
    hash: B256,
    number: L2Number,
    timestamp: u64,
    from: Address,
    to: Option<Address>,
    value: U256,
}

/// Newest first, until there are enough, or the blocks or the time are over.
fn search(app: &App, address: Address, head: L2Number) -> Answer<Found> {
    let deadline = Instant::now() + SEARCH_TIME_MAX;
    let mut found = Found { rows: Vec::new(), oldest: head };
    for number in (head.0.saturating_sub(SEARCH_BLOCKS - 1)..=head.0).rev() {
        if found.rows.len() >= ROWS || Instant::now() >= deadline {
            break;
        }
        let Some(sealed) = app.store.block(L2Number(number))? else { break };
        found.oldest = L2Number(number);
        for (tx, sender) in sealed.block.transactions.iter().zip(&sealed.block.senders).rev() {
            let to = tx.kind().to().copied();
            if *sender == address || to == Some(address) {
                found.rows.push(Row {
                    hash: tx.hash(),
                    number: sealed.number(),
                    timestamp: sealed.block.header.timestamp,
                    from: *sender,
                    to,
                    value: tx.value(),
                });
            }
        }
    }
    found.rows.truncate(ROWS);
    Ok(found)
}

fn rows(found: &Found, address: Address) -> Markup {
    let now = now();
    html! {
        @if found.rows.is_empty() { p { "None." } } @else {
            div.scroll {
                table.stack {
                    thead { tr { th { "Hash" } th { "Block" } th { "Age" } th { "From" } th { "To" } th.num { "Value" } } }
                    tbody {
                        @for row in &found.rows {
                            tr {
                                td { (tx_link(row.hash)) }
                                td data-name="block" { (block_link(row.number.0)) }
                                td { (format::age(row.timestamp, now)) }
                                td data-name="from" {
                                    @if row.from == address { "this address" } @else { (address_link(row.from)) }
                                }
                                td data-name="to" {
                                    @if row.to == Some(address) { "this address" } @else { (recipient_link(row.to.as_ref())) }
                                }
                                td.num { (format::eth(row.value)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
