//! One block.

use alloy_primitives::{B256, U256};
use maud::{Markup, html};
use sluice_types::{L2Number, Receipt, SealedBlock};

use super::{Answer, address_full, address_link, batch_fact, climb_section, fact, recipient_link, status, tx_link};
use crate::{
    app::{App, Page, now},
    format,
};

/// Transactions on one page.
const ROWS: usize = 100;

/// By number or hash; its transactions from this index on.
pub(crate) fn block(app: &App, id: &str, from: usize) -> Answer<Page> {
    let sealed = if let Ok(number) = id.parse() {
        app.store.block(L2Number(number))?
    } else if let Ok(hash) = id.parse::<B256>() {
        app.store.block_by_hash(hash)?
    } else {
        return Ok(Page::Bad("A block is named by its number or by its hash (0x and 64 hex digits).".into()));
    };
    let Some(sealed) = sealed else {
        let head = app.store.heads().executed;
        return Ok(Page::missing(format!("There is no such block; the newest is block {head}.")));
    };
    let receipts = app.store.receipts(sealed.number())?.unwrap_or_default();
    let (number, header) = (sealed.number().0, &sealed.block.header);
    let head = app.store.heads().executed.0;
    let body = html! {
        h1 { "Block " (format::number(number)) }
        (climb_section(app, sealed.number()))
        p.pager {
            @if let Some(before) = number.checked_sub(1) { a href=(format!("/block/{before}")) { "← " (format::number(before)) } }
            @if number < head { a href=(format!("/block/{}", number + 1)) { (format::number(number + 1)) " →" } }
        }
        dl {
            (fact("Hash", html! { span.hash { (sealed.hash) } }))
            (fact("Parent", html! {
                @if number > 0 { a.hash href=(format!("/block/{}", header.parent_hash)) { (header.parent_hash) } }
                @else { span.hash { (header.parent_hash) } }
            }))
            (fact("Time", html! { (format::date(header.timestamp)) " (" (format::age(header.timestamp, now())) ")" }))
            (fact("Transactions", html! {
                (format::number(sealed.block.transactions.len() as u64)) ", of which "
                (format::number(sealed.block.inbox_transactions as u64)) " from L1"
            }))
            (fact("Gas used", html! { (format::number(header.gas_used)) " of " (format::number(header.gas_limit)) }))
            (fact("Base fee", html! { (format::gwei(U256::from(header.base_fee_per_gas.unwrap_or_default()))) }))
            (fact("Fee recipient", address_full(header.beneficiary)))
            (fact("L1 origin", html! {
                "L1 block " (format::number(sealed.block.l1_origin.number.0)) " "
                span.hash { (sealed.block.l1_origin.hash) }
            }))
            (fact("L1 messages so far", html! { (format::number(sealed.block.inbox_count.0)) }))
            (fact("Batch", batch_fact(app, sealed.number())?))
            (fact("State root", html! { span.hash { (header.state_root) } }))
        }
        h2 { "Transactions" }
        (transactions(&sealed, &receipts, from))
    };
    Ok(Page::found(format!("Block {number}"), body))
}

fn transactions(sealed: &SealedBlock, receipts: &[Receipt], from: usize) -> Markup {
    let all = &sealed.block.transactions;
    let until = from.saturating_add(ROWS).min(all.len());
    let path = format!("/block/{}", sealed.number());
    html! {
        @if all.is_empty() { p { "None." } } @else {
            div.scroll {
                table.stack {
                    thead { tr { th.num { "#" } th { "Hash" } th { "From" } th { "To" } th.num { "Value" } th { "Status" } } }
                    tbody {
                        @for index in from..until {
                            tr {
                                td.num data-name="#" { (index) }
                                td { (tx_link(all[index].hash())) }
                                td data-name="from" { (address_link(sealed.block.senders[index])) }
                                td data-name="to" { (recipient_link(all[index].kind().to())) }
                                td.num { (format::eth(all[index].value())) }
                                td { (status(receipts.get(index))) }
                            }
                        }
                    }
                }
            }
            p.pager {
                @if from > 0 { a href=(format!("{path}?from={}", from.saturating_sub(ROWS))) { "← earlier" } }
                @if until < all.len() { a href=(format!("{path}?from={until}")) { "later →" } }
            }
        }
    }
}
