//! The front page: the ladder, the latest blocks, the latest batches.

use maud::{Markup, html};
use sluice_types::{BatchIndex, FinalityRung, L2Number};

use super::{Answer, address_link, block_link};
use crate::{
    app::{App, Page, now},
    format,
};

/// Rows of each list.
const ROWS: u64 = 12;

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
                        thead { tr { th { "Batch" } th { "Blocks" } th { "Age" } th { "L1 block" } th { "Rung" } } }
                        tbody #batches { (batch_rows(app, None, ROWS)?) }
                    }
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
                td { (block_link(batch.header.first_block.0)) " – " (block_link(batch.header.last_block.0)) }
                td { (format::age(batch.l1_timestamp, now)) }
                td { (format::number(batch.l1_number.0)) }
                td { (app.rung(batch.header.last_block)) }
                @if from.is_some() { td { (address_link(batch.poster)) } }
            }
        }
    })
}
