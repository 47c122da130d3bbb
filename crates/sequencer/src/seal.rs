//! The third and the fourth stage: the state root and with it the block, then the store.

use std::{
    collections::VecDeque,
    panic::resume_unwind,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Instant,
};

use alloy_primitives::B256;
use sluice_store::{BlockCommit, Cores, Roots, Store, TrieChanges, ordered_root};
use sluice_types::{L2Number, OrderedBlock, Outcome, SealedBlock, StateChanges};

use crate::{
    Error,
    execute::Executed,
    handle::Shared,
    pipeline::{Decided, timed},
};

/// A block that is ready to be stored.
pub(crate) struct Sealed {
    commit: BlockCommit,
    started: Instant,
}

/// Seals blocks in order.
pub(crate) struct Sealer {
    shared: Arc<Shared>,
    roots: Roots,
    /// Hash of each block that may not be stored yet, and of the last one that is.
    sealed: VecDeque<(L2Number, B256)>,
}

impl Sealer {
    /// On a store on which nothing is executed yet.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let head = shared.store.head_block();
        let sealed = VecDeque::from([(head.number(), head.hash)]);
        Self { roots: shared.store.roots(), shared, sealed }
    }

    /// Seals the next block, which may be followed by one that is executed meanwhile.
    pub(crate) fn seal(&mut self, block: Executed, is_followed: bool) -> Result<Sealed, Error> {
        let Executed { decided, input, mut outcome, changes, before, hash, started } = block;
        let shared = self.shared.clone();
        let (store, number) = (&shared.store, input.number);
        self.check_agreement(store, &decided.block)?;
        outcome.changes = StateChanges::clone(&changes);
        before.write_parent_hash(&mut outcome).map_err(|error| Error::Execute { number, reason: error.to_string() })?;
        let is_executing = is_followed || shared.executing.load(Ordering::Relaxed);
        let (state_root, trie) = timed("sequencer_root_seconds", || self.root(&outcome.changes, is_executing))?;
        let (parent_number, parent_hash) = *self.sealed.back().expect("the last block stays");
        debug_assert_eq!(parent_number.next(), number, "blocks are sealed in order");
        let sealed = timed("sequencer_seal_seconds", || {
            SealedBlock::seal_with(store.config(), parent_hash, input, &outcome, (state_root, ordered_root))
        });
        hash.send(sealed.hash);
        report(&outcome, &sealed);

        let stored = store.heads().executed;
        while self.sealed.front().is_some_and(|(number, _)| *number < stored) {
            self.sealed.pop_front();
        }
        self.sealed.push_back((number, sealed.hash));
        *shared.sealed.lock() = (number, sealed.hash);
        let Outcome { receipts, changes, access_list, .. } = outcome;
        let Decided { block, certificate, .. } = decided;
        let ordered = Some((block, certificate));
        let commit = BlockCommit { sealed, receipts, changes: changes.into(), trie, access_list, ordered };
        Ok(Sealed { commit, started })
    }

    /// The next state root. Measured: two that each want all cores are slower together than one of them alone.
    fn root(&mut self, changes: &StateChanges, is_executing: bool) -> Result<(B256, Arc<TrieChanges>), Error> {
        if is_executing {
            return Ok(self.roots.after(changes, Cores::One)?);
        }
        // From a thread that belongs to no pool, and so with all of the process's: a worker of the executor's would stay in its own.
        thread::scope(|scope| {
            let all = || self.roots.after(changes, Cores::All);
            let all = thread::Builder::new().name("sluice-root".into()).spawn_scoped(scope, all);
            let computed = all.map_err(Error::Thread)?.join();
            Ok(computed.unwrap_or_else(|panic| resume_unwind(panic))?)
        })
    }

    /// The result that the proposer names must be ours.
    fn check_agreement(&self, store: &Store, ordered: &OrderedBlock) -> Result<(), Error> {
        let (height, rollup) = (ordered.height, store.config().rollup_id());
        let section = ordered.sections.iter().find(|section| section.rollup == rollup);
        let section = section.ok_or(Error::NoSection { height, rollup })?;
        let (number, theirs) = (section.executed_number, section.executed_hash);
        let ours = match self.sealed.iter().find(|(sealed, _)| *sealed == number) {
            Some((_, hash)) => *hash,
            None => store.block(number)?.map_or(B256::ZERO, |block| block.hash),
        };
        if ours == theirs { Ok(()) } else { Err(Error::Diverged { height, number, theirs, ours }) }
    }
}

/// Makes a block durable, and everybody see it.
pub(crate) fn store(shared: &Shared, block: Sealed) -> Result<(), Error> {
    let Sealed { commit, started } = block;
    let hashes: Vec<_> = commit.sealed.block.transactions.iter().map(|tx| tx.hash()).collect();
    timed("sequencer_commit_seconds", || shared.store.commit_block(commit))?;
    {
        let mut leaving = shared.leaving.lock();
        hashes.iter().for_each(|hash| drop(leaving.remove(hash)));
    }
    metrics::histogram!("sequencer_block_seconds").record(started.elapsed().as_secs_f64());
    Ok(())
}

fn report(outcome: &Outcome, sealed: &SealedBlock) {
    metrics::counter!("sequencer_gas_total").increment(outcome.gas_used);
    metrics::counter!("sequencer_transactions_total").increment(outcome.executed.len() as u64);
    metrics::counter!("sequencer_skipped_total").increment(outcome.skipped.len() as u64);
    let transactions = outcome.executed.len();
    tracing::debug!(number = %sealed.number(), hash = %sealed.hash, transactions, gas = outcome.gas_used, "executed");
}
