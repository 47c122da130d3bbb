//! Finding logs.

use std::time::Instant;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_rpc_types_eth::{Filter, FilterBlockOption, Log};
use sluice_types::{L2Number, Receipt, SealedBlock};

use crate::{arguments::Arguments, backend::Backend, failure::Failure, view};

type Answer<T> = Result<T, Failure>;

pub(crate) fn logs(backend: &Backend, arguments: &mut Arguments) -> Answer<Vec<Log>> {
    let filter: Filter = arguments.required()?;
    find(backend, &filter)
}

/// All logs that a filter selects; an error when there are more than the limit, never a part.
pub(crate) fn find(backend: &Backend, filter: &Filter) -> Answer<Vec<Log>> {
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = backend.block_with_receipts(BlockId::from(hash))?;
            let (sealed, receipts) = block.ok_or_else(|| Failure::server("unknown block"))?;
            let mut found = Vec::new();
            append_matching(filter, &sealed, &receipts, &mut found);
            within_limit(backend, &found)?;
            Ok(found)
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let from = backend.number(from_block.unwrap_or(BlockNumberOrTag::Latest));
            let to = backend.number(to_block.unwrap_or(BlockNumberOrTag::Latest));
            in_range(backend, filter, from, to)
        }
    }
}

/// Logs of the blocks `from` to `to`, both included; blocks that do not exist yet have none.
pub(crate) fn in_range(backend: &Backend, filter: &Filter, from: L2Number, to: L2Number) -> Answer<Vec<Log>> {
    let limits = &backend.config.limits;
    if from > to {
        return Err(Failure::params(format!("invalid block range params: fromBlock {from} is after toBlock {to}")));
    }
    let to = to.0.min(backend.store.heads().executed.0);
    let blocks = (to + 1).saturating_sub(from.0);
    if blocks > limits.logs_blocks_max {
        return Err(Failure::limit(format!(
            "exceed maximum block range: {blocks} blocks asked for, at most {}; ask in several requests",
            limits.logs_blocks_max
        )));
    }
    let deadline = Instant::now() + limits.request_time_max();
    let mut found = Vec::new();
    for number in from.0..=to {
        if Instant::now() >= deadline {
            return Err(Failure::timeout(limits.request_ms_max));
        }
        let Some(sealed) = backend.store.block(L2Number(number))? else { continue };
        if filter.matches_bloom(sealed.block.header.logs_bloom) {
            let receipts = backend.receipts_of(&sealed)?;
            append_matching(filter, &sealed, &receipts, &mut found);
            within_limit(backend, &found)?;
        }
    }
    Ok(found)
}

fn within_limit(backend: &Backend, found: &[Log]) -> Answer<()> {
    let max = backend.config.limits.logs_max;
    if found.len() > max {
        return Err(Failure::limit(format!(
            "query returned more than {max} results; ask for fewer blocks, or with an address or topics"
        )));
    }
    Ok(())
}

/// Adds the logs of a block that match.
pub(crate) fn append_matching(filter: &Filter, sealed: &SealedBlock, receipts: &[Receipt], found: &mut Vec<Log>) {
    let mut log_index = 0;
    for (transaction_index, receipt) in receipts.iter().enumerate() {
        for log in &receipt.logs {
            if filter.matches(log) {
                found.push(view::log(sealed, transaction_index, log, log_index));
            }
            log_index += 1;
        }
    }
}
