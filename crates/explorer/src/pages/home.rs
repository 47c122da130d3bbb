//! The front page: the ladder, the latest blocks, the latest batches.

use maud::{Markup, html};
use sluice_types::{BatchIndex, FinalityRung, L2Number};

use super::{Answer, address_link, block_link, range, recipient_link, status, tx_link};
use crate::{
    app::{App, Page, now},
    format,
};

/// Rows of each list.
const ROWS: u64 = 12;
/// Rows of the latest transactions.
const TRANSACTIONS: usize = 12;
/// Blocks that are searched for the latest transactions, so that a quiet chain costs a watcher little.
const SEARCH_BLOCKS: u64 = 64;

pub(crate) fn home(app: &App) -> Answer<Page> {
    let body = html! {
        h1 { "From inclusion to Ethereum's finality" }
        section #ladder { (ladder(app)?) }
        div.columns {
            section {
                h2 { "Latest blocks" }
                div.scroll {
                    table {
                        thead { tr { th { "Block" } th { "Age" } th.num { "Txs" } th.num { "Gas" } th { "Rung" } } }
                        tbody #blocks { (block_rows(app)?) }
                    }
                }
            }
            section {
                h2 { a href="/batches" { "Latest batches" } }
                div.scroll {
                    table {
                        thead { tr { th { "Batch" } th { "Blocks" } th { "Age" } th.wide { "L1 block" } th { "Rung" } } }
                        tbody #batches { (batch_rows(app, None, ROWS)?) }
                    }
                }
            }
        }
        section {
            h2 { "Latest transactions" }
            div.scroll {
                table.stack {
                    thead {
                        tr { th { "Hash" } th { "Block" } th { "Age" } th { "From" } th { "To" } th.num { "Value" } th { "Status" } }
                    }
                    tbody #transactions { (transaction_rows(app)?) }
                }
            }
        }
    };
    Ok(Page::found("Home", body))
}

/// The five heads, highest first.
pub(crate) fn ladder(app: &App) -> Answer<Markup> {
    let heads = app.store.heads();
    let rungs = [
        (FinalityRung::Executed, heads.executed, "ordered, executed, receipts served"),
        (FinalityRung::Posted, heads.posted, "its batch is in an L1 block"),
        (FinalityRung::Derived, heads.derived, "derived back from L1 and equal"),
        (FinalityRung::Proven, heads.proven, "L1 holds its state for final; withdrawals open"),
        (FinalityRung::Finalized, heads.finalized, "its L1 data cannot be undone"),
    ];
    let now = now();
    let mut timestamps = Vec::with_capacity(rungs.len());
    for (_, head, _) in &rungs {
        timestamps.push(app.store.block(*head)?.map(|sealed| sealed.block.header.timestamp));
    }
    Ok(html! {
        ol.ladder {
            @for ((rung, head, meaning), timestamp) in rungs.iter().zip(timestamps) {
                li.(rung.to_string()) {
                    span.name { (rung) }
                    span.head { (block_link(head.0)) }
                    span.age { @if let Some(timestamp) = timestamp { (format::age(timestamp, now)) } }
                    span.lag {
                        @match heads.executed.0 - head.0 {
                            0 => "at the head",
                            1 => "1 block behind",
                            lag => (format!("{} blocks behind", format::number(lag))),
                        }
                    }
                    span.meaning { (meaning) }
                }
            }
        }
    })
}

pub(crate) fn block_rows(app: &App) -> Answer<Markup> {
    let head = app.store.heads().executed.0;
    let now = now();
    let mut blocks = Vec::new();
    for number in (head.saturating_sub(ROWS - 1)..=head).rev() {
        blocks.extend(app.store.block(L2Number(number))?);
    }
    Ok(html! {
        @for sealed in &blocks {
            tr {
                td { (block_link(sealed.number().0)) }
                td { (format::age(sealed.block.header.timestamp, now)) }
                td.num { (format::number(sealed.block.transactions.len() as u64)) }
                td.num { (format::number(sealed.block.header.gas_used)) }
                td { (app.rung(sealed.number())) }
            }
        }
    })
}

/// Newest first, from the latest blocks only.
pub(crate) fn transaction_rows(app: &App) -> Answer<Markup> {
    let head = app.store.heads().executed.0;
    let now = now();
    let mut rows = Vec::new();
    for number in (head.saturating_sub(SEARCH_BLOCKS - 1)..=head).rev() {
        let missing = TRANSACTIONS - rows.len();
        if missing == 0 {
            break;
        }
        let number = L2Number(number);
        let Some(sealed) = app.store.block(number)?.filter(|sealed| !sealed.block.transactions.is_empty()) else {
            continue;
        };
        let receipts = app.store.receipts(number)?.unwrap_or_default();
        for (index, tx) in sealed.block.transactions.iter().enumerate().rev().take(missing) {
            rows.push(html! {
                tr {
                    td { (tx_link(tx.hash())) }
                    td data-name="block" { (block_link(number.0)) }
                    td { (format::age(sealed.block.header.timestamp, now)) }
                    td data-name="from" { (address_link(sealed.block.senders[index])) }
                    td data-name="to" { (recipient_link(tx.kind().to())) }
                    td.num { (format::eth(tx.value())) }
                    td { (status(receipts.get(index))) }
                }
            });
        }
    }
    Ok(html! {
        @if rows.is_empty() { tr { td colspan="7" { "None in the last " (SEARCH_BLOCKS) " blocks." } } }
        @for row in rows { (row) }
    })
}

/// Batches from this index down; from the newest where none is given.
pub(crate) fn batch_rows(app: &App, from: Option<u64>, rows: u64) -> Answer<Markup> {
    let count = app.store.batch_count().0;
    let end = from.map_or(count, |from| count.min(from.saturating_add(1)));
    let now = now();
    let mut batches = Vec::new();
    for index in (end.saturating_sub(rows)..end).rev() {
        batches.extend(app.store.batch(BatchIndex(index))?);
    }
    Ok(html! {
        @if batches.is_empty() { tr { td colspan="6" { "No batch on L1 yet." } } }
        @for batch in &batches {
            tr {
                td { a href=(format!("/batch/{}", batch.header.index)) { (format::number(batch.header.index.0)) } }
                td { (range(batch.header.first_block, batch.header.last_block)) }
                td { (format::age(batch.l1_timestamp, now)) }
                td.wide { (format::number(batch.l1_number.0)) }
                td { (app.rung(batch.header.last_block)) }
                @if from.is_some() { td.wide { (address_link(batch.poster)) } }
            }
        }
    })
}
