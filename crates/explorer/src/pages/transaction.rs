//! One transaction.

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U256, hex};
use maud::{Markup, html};
use sluice_types::{Receipt, Transaction};

use super::{Answer, address_full, batch_fact, block_link, climb_section, fact, status};
use crate::{
    app::{App, Page, now},
    format,
};

/// Logs that are shown.
const LOGS_MAX: usize = 100;
/// Bytes of input or log data that are shown.
const DATA_BYTES_MAX: usize = 1_024;

pub(crate) fn transaction(app: &App, hash: &str) -> Answer<Page> {
    let Ok(hash) = hash.parse::<B256>() else {
        return Ok(Page::Bad("A transaction is named by its hash: 0x and 64 hex digits.".into()));
    };
    let Some((number, index)) = app.store.transaction(hash)? else {
        return Ok(Page::missing(
            "No block holds this transaction. It may still be waiting, or it was never sent to this chain.",
        ));
    };
    let (Some(sealed), Some(receipts)) = (app.store.block(number)?, app.store.receipts(number)?) else {
        return Ok(Page::missing("Its block is not kept here."));
    };
    let (Some(tx), Some(receipt)) = (sealed.block.transactions.get(index), receipts.get(index)) else {
        return Ok(Page::missing("Its block is not kept here."));
    };
    let timestamp = sealed.block.header.timestamp;
    let body = html! {
        h1 { "Transaction" }
        (climb_section(app, number))
        dl {
            (fact("Hash", html! { span.hash { (hash) } }))
            (fact("Status", status(Some(receipt))))
            (fact("Block", html! { (block_link(number.0)) ", place " (index) }))
            (fact("Time", html! { (format::date(timestamp)) " (" (format::age(timestamp, now())) ")" }))
            (fact("From", address_full(sealed.block.senders[index])))
            (fact("To", html! {
                @match tx.kind().to() {
                    Some(to) => (address_full(*to)),
                    None => "a new contract",
                }
                @if receipt.contract_address != Address::ZERO { ", created at " (address_full(receipt.contract_address)) }
            }))
            (fact("Value", html! { (format::eth(tx.value())) }))
            (kind(tx))
            (fees(tx, receipt))
            (fact("L1", batch_fact(app, number)?))
            (fact("Input", input(tx)))
        }
        h2 { "Logs (" (format::number(receipt.logs.len() as u64)) ")" }
        (logs(receipt))
    };
    Ok(Page::found("Transaction", body))
}

fn kind(tx: &Transaction) -> Markup {
    match tx {
        Transaction::Deposit(deposit) => html! {
            (fact("Type", html! { "deposit from L1 (0x7e)" }))
            (fact("Minted", html! { (format::eth(deposit.mint)) }))
            (fact("Source", html! { span.hash { (deposit.source_hash) } }))
        },
        Transaction::Signed(signed) => {
            let name = match tx.ty() {
                0 => "legacy",
                1 => "with access list",
                2 => "dynamic fee",
                _ => "sets code of accounts",
            };
            html! {
                (fact("Type", html! { (tx.ty()) " (" (name) ")" }))
                (fact("Nonce", html! { (signed.nonce()) }))
            }
        }
    }
}

fn fees(tx: &Transaction, receipt: &Receipt) -> Markup {
    let gas = html! { (format::number(receipt.gas_used)) " of " (format::number(tx.gas_limit())) };
    let execution = receipt.effective_gas_price.saturating_mul(U256::from(receipt.gas_used));
    html! {
        (fact("Gas used", gas))
        @if matches!(tx, Transaction::Signed(_)) {
            (fact("Gas price", html! { (format::gwei(receipt.effective_gas_price)) }))
            (fact("Fee", html! {
                strong { (format::eth(execution.saturating_add(receipt.l1_fee_wei))) }
                " = " (format::eth(execution)) " for gas + " (format::eth(receipt.l1_fee_wei)) " for L1 data"
            }))
        } @else {
            (fact("Fee", html! { "paid on L1" }))
        }
    }
}

fn input(tx: &Transaction) -> Markup {
    let input = tx.input();
    html! {
        @if input.is_empty() { "none" } @else {
            (format::number(input.len() as u64)) " bytes"
            @if let (Some(_), Some(selector)) = (tx.kind().to(), input.get(..4)) {
                ", selector " code { "0x" (hex::encode(selector)) }
            }
            (data(input))
        }
    }
}

/// Bytes as hex, as many as are shown, and how many are not.
fn data(bytes: &[u8]) -> Markup {
    let shown = &bytes[..bytes.len().min(DATA_BYTES_MAX)];
    html! {
        pre { "0x" (hex::encode(shown)) }
        @if shown.len() < bytes.len() { p.note { "The first " (format::number(shown.len() as u64)) " bytes are shown." } }
    }
}

fn logs(receipt: &Receipt) -> Markup {
    html! {
        @if receipt.logs.is_empty() { p { "None." } }
        @for (index, log) in receipt.logs.iter().take(LOGS_MAX).enumerate() {
            article {
                p { "#" (index) " of " (address_full(log.address)) }
                @for topic in log.topics() { p.hash { (topic) } }
                @if !log.data.data.is_empty() { (data(&log.data.data)) }
            }
        }
        @if receipt.logs.len() > LOGS_MAX { p.note { "The first " (LOGS_MAX) " are shown." } }
    }
}
