//! The pages.

mod address;
mod batch;
mod block;
mod home;
mod search;
mod transaction;

pub(crate) use address::address;
pub(crate) use batch::{batch, batches};
pub(crate) use block::block;
pub(crate) use home::{batch_rows, block_rows, home, ladder, transaction_rows};
pub(crate) use search::search;
pub(crate) use transaction::transaction;

use alloy_primitives::{Address, B256};
use maud::{Markup, html};
use sluice_types::{FinalityRung, L2Number, Receipt};

use crate::{app::App, format};

type Answer<T> = Result<T, sluice_store::Error>;

/// The rungs in the order in which they are climbed.
const RUNGS: [FinalityRung; 5] = [
    FinalityRung::Executed,
    FinalityRung::Posted,
    FinalityRung::Derived,
    FinalityRung::Proven,
    FinalityRung::Finalized,
];

/// Longest thing that anybody may ask for: a hash is 66 characters.
pub(crate) const QUERY_CHARS_MAX: usize = 100;

fn block_link(number: u64) -> Markup {
    html! { a href=(format!("/block/{number}")) { (format::number(number)) } }
}

fn tx_link(hash: B256) -> Markup {
    let hash = hash.to_string();
    html! { a.hash href=(format!("/tx/{hash}")) title=(hash) { (format::short(&hash)) } }
}

fn address_link(address: Address) -> Markup {
    let address = address.to_string();
    html! { a.hash href=(format!("/address/{address}")) title=(address) { (format::short(&address)) } }
}

fn address_full(address: Address) -> Markup {
    html! { a.hash href=(format!("/address/{address}")) { (address) } }
}

/// What a call was sent to.
fn recipient_link(to: Option<&Address>) -> Markup {
    html! { @match to { Some(to) => (address_link(*to)), None => "new contract" } }
}

/// Blocks of a range as links.
fn range(first: L2Number, last: L2Number) -> Markup {
    html! { (block_link(first.0)) @if last > first { " – " (block_link(last.0)) } }
}

fn status(receipt: Option<&Receipt>) -> Markup {
    match receipt {
        Some(receipt) if receipt.success => html! { span.ok { "success" } },
        Some(_) => html! { span.failed { "reverted" } },
        None => html! {},
    }
}

/// The rungs of a block: those it has reached, and those to come. The script keeps it current.
fn climb_section(app: &App, number: L2Number) -> Markup {
    html! { section #climb data-block=(number) aria-label="Finality" { (climb(app, number)) } }
}

pub(crate) fn climb(app: &App, number: L2Number) -> Markup {
    let reached = app.store.heads().rung(number);
    html! {
        ol.climb {
            @for rung in RUNGS {
                @if reached.is_some_and(|reached| rung <= reached) {
                    li.(rung.to_string()) { "✓ " (rung) }
                } @else {
                    li.waiting { (rung) }
                }
            }
        }
    }
}

/// Where L1 holds a block. The script keeps it current.
fn batch_fact(app: &App, number: L2Number) -> Answer<Markup> {
    Ok(html! { span #batch { (batch_of(app, number)?) } })
}

pub(crate) fn batch_of(app: &App, number: L2Number) -> Answer<Markup> {
    let batch = app.store.batch_of(number)?;
    Ok(html! {
        @match &batch {
            Some(batch) => {
                a href=(format!("/batch/{}", batch.header.index)) { "batch " (format::number(batch.header.index.0)) }
                " in L1 transaction " (app.l1_tx(&batch.l1_tx_hash.to_string()))
            },
            None if number.0 == 0 => "genesis is in none",
            None => "not posted to L1 yet",
        }
    })
}

/// One line of a table of facts.
fn fact(name: &str, value: Markup) -> Markup {
    html! { dt { (name) } dd { (value) } }
}
