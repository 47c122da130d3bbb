//! The first stage: who sent what.

use std::sync::Arc;

use alloy_primitives::Bytes;
use sluice_types::{InputTransaction, Transaction, keccak256};

use crate::{handle::Shared, pipeline::Decided, pool::PoolTransaction};

/// A decided block, whose transactions have senders.
pub(crate) struct Recovered {
    pub(crate) decided: Decided,
    /// Those of our rollup's section, without those from the inbox.
    pub(crate) transactions: Vec<InputTransaction>,
}

/// Decodes the transactions of our section and gives each its sender: from our own proposal where it is the same, from the pool
/// where it is there, else recovered on all cores. What does not decode or recover is left out, as if it had been skipped.
pub(crate) fn recover(shared: &Shared, decided: Decided) -> Recovered {
    let rollup = shared.store.config().rollup_id();
    let section = decided.block.sections.iter().find(|section| section.rollup == rollup);
    let transactions = section.map_or_else(Vec::new, |section| with_senders(shared, &section.transactions));
    Recovered { decided, transactions }
}

fn with_senders(shared: &Shared, raw: &[Bytes]) -> Vec<InputTransaction> {
    let mut transactions = proposed_here(&mut shared.proposed.lock(), raw);
    let rest = &raw[transactions.len()..];
    let known: Vec<_> = {
        let pool = shared.pool.lock();
        rest.iter().map(|raw| pool.get(keccak256(raw))).collect()
    };
    let rest: Vec<_> = rest.iter().zip(known).collect();
    let recovered = sluice_executor::recover_all(&rest, |(raw, known)| {
        if let Some(known) = known {
            return Some(input(known));
        }
        let transaction = Transaction::Signed(Transaction::decode_signed(raw).ok()?);
        let sender = transaction.recover().ok()?;
        Some(InputTransaction { transaction, sender })
    });
    transactions.extend(recovered.into_iter().flatten());
    transactions
}

/// As many as begin our last proposal in the same order; it is forgotten then. Another's block leaves it for the next.
fn proposed_here(proposed: &mut Vec<Arc<PoolTransaction>>, raw: &[Bytes]) -> Vec<InputTransaction> {
    let same = raw.iter().zip(proposed.iter()).take_while(|(raw, known)| known.raw == **raw).count();
    if same == 0 {
        return Vec::new();
    }
    let known = std::mem::take(proposed);
    known[..same].iter().map(|known| input(known)).collect()
}

fn input(known: &PoolTransaction) -> InputTransaction {
    InputTransaction { transaction: Transaction::Signed(known.transaction.clone()), sender: known.sender }
}
