//! Fees on L2: how much the vault holds, what is on its way there from L1, and what left it and can be claimed.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, BloomInput, Log, U256};
use alloy_sol_types::SolEvent;
use sluice_l1::{Claim, is_vault_withdrawal};
use sluice_store::Store;
use sluice_types::{
    BatchIndex, CommittedBatch, L2Number, MessageIndex, StateRead,
    predeploys::{FEE_VAULT, MessageSent, OUTBOX, OUTBOX_COUNT_SLOT, OUTBOX_DEPTH},
};

use crate::{
    Error,
    outbox::{FRONTIER_SLOT, Frontier, prove},
};

/// Most blocks, or batches that sent nothing, that one step reads.
const READS_PER_STEP: u32 = 2_048;
/// Withdrawals that wait to be claimed, from which on no further batch is read. Each is asked of L1 at every look.
pub(crate) const CLAIMS_MAX: usize = 8;
/// Most messages on their way from L1 that are looked at. While there are more, nothing is withdrawn.
const QUEUE_MAX: u64 = 1_024;

/// What is known of the vault.
#[derive(Debug, Default)]
pub(crate) struct Vault {
    /// The next batch to read, and the outbox's root after the one before; `None` before the first.
    next: BatchIndex,
    root: Option<B256>,
    reading: Option<Reading>,
    /// By leaf: what the vault sent and L1 is not known to have for ever.
    claims: BTreeMap<u64, Claim>,
    /// We sent a message that the store may not have seen.
    is_asked: bool,
}

impl Vault {
    /// Whether it holds at least `min_wei` and nobody has asked it to send them. `now` is L1's clock.
    pub(crate) fn is_due(&mut self, store: &Store, now: u64, min_wei: U256) -> Result<bool, Error> {
        let seen_at = store.l1_head().map_or(0, |block| block.origin.timestamp);
        self.is_asked = self.is_asked && seen_at < now;
        let head = store.head_block();
        let account = store.state(head.number())?.account(FEE_VAULT)?;
        let balance_wei = account.map_or(U256::ZERO, |account| account.balance);
        Ok(!self.is_asked && balance_wei >= min_wei && !is_withdrawal_queued(store, head.block.inbox_count)?)
    }

    /// Our message is on L1.
    pub(crate) const fn asked(&mut self) {
        self.is_asked = true;
    }

    /// What it sent and can be claimed, oldest first.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.claims.values()
    }

    /// L1 has it for ever.
    pub(crate) fn forget(&mut self, leaf_index: u64) {
        self.claims.remove(&leaf_index);
    }

    /// Reads on in batches that are final on L1 and cannot go any more.
    pub(crate) fn read(&mut self, store: &Store) -> Result<(), Error> {
        for _ in 0..READS_PER_STEP {
            let Some(reading) = &mut self.reading else {
                if self.claims.len() < CLAIMS_MAX && self.open(store)? {
                    continue;
                }
                return Ok(());
            };
            if reading.next <= reading.batch.header.last_block {
                reading.read_block(store)?;
            } else {
                let claims = reading.claims()?;
                self.claims.extend(claims.into_iter().map(|claim| (claim.leaf_index, claim)));
                self.reading = None;
            }
        }
        Ok(())
    }

    /// Takes up the next batch, or passes it when it sent nothing. False when it is not final yet.
    fn open(&mut self, store: &Store) -> Result<bool, Error> {
        let finalized = store.heads().finalized;
        let batch = store.batch(self.next)?.filter(|batch| batch.header.last_block <= finalized);
        let Some(batch) = batch else { return Ok(false) };
        self.next = BatchIndex(self.next.0.saturating_add(1));
        let before = self.root.replace(batch.header.outbox_root);
        self.reading = (before != self.root).then(|| Reading::of(batch));
        Ok(true)
    }
}

/// Whether the vault is asked to send its fees by a message that L2 has not executed, from this one on.
fn is_withdrawal_queued(store: &Store, first: MessageIndex) -> Result<bool, Error> {
    let count = store.message_count();
    if count.0.saturating_sub(first.0) > QUEUE_MAX {
        return Ok(true);
    }
    for index in first.0..count.0 {
        if store.message(MessageIndex(index))?.is_some_and(|(message, _)| is_vault_withdrawal(&message)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A batch that is being read. Its messages count from the first block in which the vault sent something.
#[derive(Debug)]
struct Reading {
    batch: CommittedBatch,
    next: L2Number,
    /// Before that block.
    frontier: Option<Frontier>,
    leaves: Vec<B256>,
    /// Places among the leaves.
    from_vault: Vec<(usize, MessageSent)>,
}

impl Reading {
    const fn of(batch: CommittedBatch) -> Self {
        let next = batch.header.first_block;
        Self { batch, next, frontier: None, leaves: Vec::new(), from_vault: Vec::new() }
    }

    fn read_block(&mut self, store: &Store) -> Result<(), Error> {
        let number = self.next;
        self.next = number.next();
        let sealed = store.block(number)?.ok_or(Error::Missing(number))?;
        let logged =
            |address: Address| sealed.block.header.logs_bloom.contains_input(BloomInput::Raw(address.as_slice()));
        // The vault itself logs, too, when it sends.
        if !logged(OUTBOX) || (self.frontier.is_none() && !logged(FEE_VAULT)) {
            return Ok(());
        }
        if self.frontier.is_none() {
            self.frontier = Some(frontier(store, L2Number(number.0.saturating_sub(1)))?);
        }
        let receipts = store.receipts(number)?.ok_or(Error::Missing(number))?;
        for sent in receipts.iter().flat_map(|receipt| &receipt.logs).filter_map(sent) {
            let place = self.leaves.len();
            self.leaves.push(sent.leaf);
            if sent.sender == FEE_VAULT {
                self.from_vault.push((place, sent));
            }
        }
        Ok(())
    }

    /// Errors: [`Error::Outbox`].
    fn claims(&self) -> Result<Vec<Claim>, Error> {
        let Some(frontier) = &self.frontier else { return Ok(Vec::new()) };
        let header = &self.batch.header;
        let claims = self.from_vault.iter().map(|(place, sent)| {
            let proof = prove(frontier, &self.leaves, *place);
            if proof.root != header.outbox_root {
                return Err(Error::Outbox { batch: header.index, got: proof.root, expected: header.outbox_root });
            }
            Ok(Claim {
                batch: header.index,
                sender: sent.sender,
                target: sent.target,
                value_wei: sent.value,
                data: sent.data.clone(),
                leaf_index: sent.index,
                proof: proof.siblings,
            })
        });
        claims.collect()
    }
}

fn sent(log: &Log) -> Option<MessageSent> {
    (log.address == OUTBOX).then(|| MessageSent::decode_log(log).ok().map(|log| log.data)).flatten()
}

/// The right edge of the outbox's tree after a block.
fn frontier(store: &Store, number: L2Number) -> Result<Frontier, Error> {
    let state = store.state(number)?;
    let slot = |slot: u64| state.storage(OUTBOX, U256::from(slot));
    let mut nodes = [B256::ZERO; OUTBOX_DEPTH];
    for (node, height) in nodes.iter_mut().zip(0..) {
        *node = slot(FRONTIER_SLOT + height)?.into();
    }
    Ok(Frontier { count: slot(OUTBOX_COUNT_SLOT)?.saturating_to(), nodes })
}
