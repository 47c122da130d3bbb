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
pub(crate) use home::{batch_rows, block_rows, home, ladder};
pub(crate) use search::search;
pub(crate) use transaction::transaction;

use alloy_primitives::{Address, B256};
use maud::{Markup, html};

use crate::format;

type Answer<T> = Result<T, sluice_store::Error>;

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

/// One line of a table of facts.
fn fact(name: &str, value: Markup) -> Markup {
    html! { dt { (name) } dd { (value) } }
}
