//! Batches.

use maud::html;
use sluice_types::BatchIndex;

use super::{Answer, address_full, batch_rows, climb_section, fact, range};
use crate::{
    app::{App, Page, now},
    format,
};

/// Batches on one page.
const ROWS: u64 = 50;

/// From this index down; from the newest where none is given.
pub(crate) fn batches(app: &App, from: Option<u64>) -> Answer<Page> {
    let newest = app.store.batch_count().0.saturating_sub(1);
    let from = from.unwrap_or(newest).min(newest);
    let body = html! {
        h1 { "Batches" }
        p { "Each is a run of blocks that one L1 transaction carries in its blobs." }
        div.scroll {
            table {
                thead { tr { th { "Batch" } th { "Blocks" } th { "Age" } th.wide { "L1 block" } th { "Rung" } th.wide { "Poster" } } }
                tbody { (batch_rows(app, Some(from), ROWS)?) }
            }
        }
        p.pager {
            @if from < newest { a href=(format!("/batches?from={}", from.saturating_add(ROWS))) { "← newer" } }
            @if let Some(older) = from.checked_sub(ROWS) { a href=(format!("/batches?from={older}")) { "older →" } }
        }
    };
    Ok(Page::found("Batches", body))
}

pub(crate) fn batch(app: &App, index: &str) -> Answer<Page> {
    let Ok(index) = index.parse() else {
        return Ok(Page::Bad("A batch is named by its index, a number from 0.".into()));
    };
    let Some(batch) = app.store.batch(BatchIndex(index))? else {
        let count = app.store.batch_count();
        return Ok(Page::missing(format!("There is no such batch; {count} are on L1 so far, counted from 0.")));
    };
    let header = &batch.header;
    let body = html! {
        h1 { "Batch " (format::number(header.index.0)) }
        (climb_section(app, header.last_block))
        p.pager {
            @if let Some(before) = header.index.0.checked_sub(1) { a href=(format!("/batch/{before}")) { "← " (format::number(before)) } }
            @if header.index.next() < app.store.batch_count() {
                a href=(format!("/batch/{}", header.index.next())) { (format::number(header.index.next().0)) " →" }
            }
        }
        dl {
            (fact("Hash", html! { span.hash { (batch.hash()) } }))
            (fact("Parent", html! { span.hash { (header.parent_hash) } }))
            (fact("Blocks", html! {
                (range(header.first_block, header.last_block))
                @match header.last_block.0 - header.first_block.0 + 1 {
                    1 => " (1 block)",
                    count => { " (" (format::number(count)) " blocks)" },
                }
            }))
            (fact("L1 transaction", app.l1_tx(&batch.l1_tx_hash.to_string())))
            (fact("L1 block", html! { (format::number(batch.l1_number.0)) " " span.hash { (batch.l1_hash) } }))
            (fact("Posted", html! { (format::date(batch.l1_timestamp)) " (" (format::age(batch.l1_timestamp, now())) ")" }))
            (fact("Poster", address_full(batch.poster)))
            (fact("Last block", html! { span.hash { (header.last_block_hash) } " of " (format::date(header.last_timestamp)) }))
            (fact("L1 origin of it", html! { (format::number(header.l1_origin_number.0)) " " span.hash { (header.l1_origin_hash) } }))
            (fact("State root", html! { span.hash { (header.state_root) } }))
            (fact("Outbox root", html! { span.hash { (header.outbox_root) } }))
            (fact("L1 messages consumed", html! { (format::number(header.inbox_count.0)) " " span.hash { (header.inbox_hash) } }))
            (fact("Blobs", html! { @for hash in &batch.blob_hashes { p.hash { (hash) } } }))
        }
    };
    Ok(Page::found(format!("Batch {index}"), body))
}
