//! The first stage: who sent what.

use std::sync::Arc;

use alloy_primitives::Bytes;
use sluice_types::{InputTransaction, Transaction};

use crate::{handle::Shared, pipeline::Decided, pool::PoolTransaction};

/// A decided block, whose transactions have senders.
pub(crate) struct Recovered {
    pub(crate) decided: Decided,
    /// Those of our rollup's section, without those from the inbox.
    pub(crate) transactions: Vec<InputTransaction>,
}

/// Decodes the transactions of our section and gives each its sender: from our own proposal where it is the same, else recovered on
/// all cores. What does not decode or recover is left out, as if it had been skipped.
pub(crate) fn recover(shared: &Shared, decided: Decided) -> Recovered {
    let rollup = shared.store.config().rollup_id();
    let section = decided.block.sections.iter().find(|section| section.rollup == rollup);
    let proposed = std::mem::take(&mut *shared.proposed.lock());
    let transactions = section.map_or_else(Vec::new, |section| with_senders(&section.transactions, &proposed));
    Recovered { decided, transactions }
}

fn with_senders(raw: &[Bytes], proposed: &[Arc<PoolTransaction>]) -> Vec<InputTransaction> {
    let known = raw.iter().zip(proposed).take_while(|(raw, known)| known.raw == **raw);
    let mut transactions: Vec<_> = known
        .map(|(_, known)| InputTransaction {
            transaction: Transaction::Signed(known.transaction.clone()),
            sender: known.sender,
        })
        .collect();
    let unknown = &raw[transactions.len()..];
    let recovered = sluice_executor::recover_all(unknown, |raw| {
        let transaction = Transaction::Signed(Transaction::decode_signed(raw).ok()?);
        let sender = transaction.recover().ok()?;
        Some(InputTransaction { transaction, sender })
    });
    transactions.extend(recovered.into_iter().flatten());
    transactions
}
