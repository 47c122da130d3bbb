//! What gas costs, and what to offer for it.

use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{U64, U256};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_types::{DEPOSIT_TX_TYPE, L2Number, Receipt, SealedBlock};

use crate::{arguments::Arguments, backend::Backend, failure::Failure, view::quantity};

type Answer<T> = Result<T, Failure>;

/// Blocks that a recommended tip looks back on.
const TIP_BLOCKS: u64 = 20;
/// Which of the lowest tips of those blocks is recommended.
const TIP_PERCENTILE: usize = 60;
/// Most percentiles in one `eth_feeHistory`.
const PERCENTILES_MAX: usize = 100;

/// Base fee of the next block and the recommended tip.
pub(crate) fn gas_price(backend: &Backend, _: &mut Arguments) -> Answer<U256> {
    let head = backend.store.head_block();
    let base_fee = backend.store.config().next_base_fee_wei(&head.block.header);
    Ok(tip(backend)?.saturating_add(U256::from(base_fee)))
}

pub(crate) fn max_priority_fee(backend: &Backend, _: &mut Arguments) -> Answer<U256> {
    tip(backend)
}

/// The recommended tip: a high percentile of the lowest tips of recent blocks that had any, and at least the node's minimum.
fn tip(backend: &Backend) -> Answer<U256> {
    let minimum = U256::from(backend.config.priority_fee_min_wei);
    let head = backend.store.heads().executed.0;
    let mut lowest = Vec::new();
    for number in head.saturating_sub(TIP_BLOCKS - 1)..=head {
        let Some((sealed, receipts)) = backend.block_with_receipts(number.into())? else { continue };
        lowest.extend(tips(&sealed, &receipts).into_iter().map(|(tip, _)| tip).min());
    }
    lowest.sort_unstable();
    let at = lowest.len().saturating_sub(1) * TIP_PERCENTILE / 100;
    Ok(lowest.get(at).copied().unwrap_or_default().max(minimum))
}

/// Tip per gas and gas used of every paying transaction of a block.
fn tips(sealed: &SealedBlock, receipts: &[Receipt]) -> Vec<(U256, u64)> {
    let base_fee = U256::from(sealed.block.header.base_fee_per_gas.unwrap_or_default());
    let paying = receipts.iter().filter(|receipt| receipt.tx_type != DEPOSIT_TX_TYPE);
    paying.map(|receipt| (receipt.effective_gas_price.saturating_sub(base_fee), receipt.gas_used)).collect()
}

/// The count of `eth_feeHistory`: a quantity, or a plain number, which some libraries send.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Quantity(U64),
    Plain(u64),
}

pub(crate) fn fee_history(backend: &Backend, arguments: &mut Arguments) -> Answer<Value> {
    let count = match arguments.required()? {
        Count::Quantity(count) => count.to(),
        Count::Plain(count) => count,
    };
    let newest: BlockNumberOrTag = arguments.required()?;
    let percentiles: Vec<f64> = arguments.optional()?.unwrap_or_default();
    check_percentiles(&percentiles)?;
    let head = backend.store.heads().executed;
    let newest = backend.number(newest);
    if newest > head {
        return Err(Failure::server(format!("request beyond head block: requested {newest}, head {head}")));
    }
    let count = count.min(backend.config.limits.fee_history_blocks_max).min(newest.0 + 1);
    if count == 0 {
        return Ok(json!({ "oldestBlock": "0x0", "gasUsedRatio": [] }));
    }
    let oldest = newest.0 + 1 - count;
    let mut base_fees = Vec::new();
    let mut ratios = Vec::new();
    let mut rewards = Vec::new();
    let mut next_base_fee = 0;
    for number in oldest..=newest.0 {
        let sealed = backend.store.block(L2Number(number))?.ok_or_else(Failure::header_not_found)?;
        let header = &sealed.block.header;
        base_fees.push(quantity(header.base_fee_per_gas.unwrap_or_default()));
        ratios.push(ratio(header.gas_used, header.gas_limit));
        next_base_fee = backend.store.config().next_base_fee_wei(header);
        if !percentiles.is_empty() {
            let receipts = backend.receipts_of(&sealed)?;
            rewards.push(block_rewards(tips(&sealed, &receipts), &percentiles));
        }
    }
    base_fees.push(quantity(next_base_fee));
    let mut history = json!({
        "oldestBlock": quantity(oldest),
        "baseFeePerBlobGas": vec![U64::ONE; base_fees.len()],
        "blobGasUsedRatio": vec![0.0; ratios.len()],
        "baseFeePerGas": base_fees,
        "gasUsedRatio": ratios,
    });
    if !percentiles.is_empty() {
        history["reward"] = json!(rewards);
    }
    Ok(history)
}

/// The interface asks for a fraction here, so this is the one place with a float.
#[allow(clippy::cast_precision_loss, reason = "a ratio for people; gas is far below 2^53")]
fn ratio(used: u64, limit: u64) -> f64 {
    used as f64 / limit.max(1) as f64
}

fn check_percentiles(percentiles: &[f64]) -> Answer<()> {
    if percentiles.len() > PERCENTILES_MAX {
        return Err(Failure::params(format!("over the query limit {PERCENTILES_MAX} of reward percentiles")));
    }
    if let Some(bad) = percentiles.iter().find(|percentile| !(0.0..=100.0).contains(*percentile)) {
        return Err(Failure::params(format!("invalid reward percentile: {bad}")));
    }
    if let Some(pair) = percentiles.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(Failure::params(format!("invalid reward percentile: {} comes after {}", pair[1], pair[0])));
    }
    Ok(())
}

/// The tips at these percentiles of the block's gas; zeros for a block where nobody pays.
#[allow(clippy::cast_precision_loss, reason = "a percentile of gas; gas is far below 2^53")]
fn block_rewards(mut tips: Vec<(U256, u64)>, percentiles: &[f64]) -> Vec<U256> {
    tips.sort_unstable();
    let total: u64 = tips.iter().map(|(_, gas)| gas).sum();
    let at = |percentile: &f64| {
        let threshold = total as f64 * percentile / 100.0;
        let mut sum = 0u64;
        let found = tips.iter().find(|(_, gas)| {
            sum += gas;
            sum as f64 >= threshold
        });
        found.or(tips.last()).map(|(tip, _)| *tip).unwrap_or_default()
    };
    percentiles.iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewards_are_weighted_by_gas() {
        let tips = vec![(U256::from(9), 10), (U256::from(1), 80), (U256::from(5), 10)];
        let rewards = block_rewards(tips, &[0.0, 80.0, 81.0, 90.0, 100.0]);
        assert_eq!(rewards, [1, 1, 5, 5, 9].map(U256::from));
        assert_eq!(block_rewards(Vec::new(), &[50.0]), [U256::ZERO]);
    }

    #[test]
    fn percentiles_ascend_within_0_and_100() {
        assert!(check_percentiles(&[0.0, 50.0, 100.0]).is_ok());
        for bad in [&[101.0][..], &[-1.0], &[f64::NAN], &[50.0, 50.0], &[60.0, 50.0]] {
            assert_eq!(check_percentiles(bad).unwrap_err().code, -32602, "{bad:?}");
        }
    }
}
