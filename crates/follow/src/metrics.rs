//! What an operator can watch.

use std::time::Duration;

use sluice_types::{Heads, L1Number};

/// Numbers are far below 2^53 on any chain.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
const fn float(number: u64) -> f64 {
    number as f64
}

pub(crate) fn l1_head(number: L1Number) {
    metrics::gauge!("follow_l1_head_number").set(float(number.0));
}

pub(crate) fn heads(heads: &Heads) {
    metrics::gauge!("follow_posted_block_number").set(float(heads.posted.0));
    metrics::gauge!("follow_derived_block_number").set(float(heads.derived.0));
    metrics::gauge!("follow_proven_block_number").set(float(heads.proven.0));
    metrics::gauge!("follow_finalized_block_number").set(float(heads.finalized.0));
}

pub(crate) fn reorg(depth: u64) {
    metrics::counter!("follow_l1_reorgs_total").increment(1);
    metrics::histogram!("follow_l1_reorg_depth_blocks").record(float(depth));
}

pub(crate) fn derived_batch(time: Duration) {
    metrics::counter!("follow_batches_derived_total").increment(1);
    metrics::histogram!("follow_derive_seconds").record(time.as_secs_f64());
}

pub(crate) fn retry() {
    metrics::counter!("follow_retries_total").increment(1);
}
