//! Executes the blocks of a batch that this node does not have. They overlap: while one is executed, the senders of the next are
//! recovered, the one before is hashed, and the one before that is stored.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use alloy_primitives::B256;
use sluice_derive::DerivedBlock;
use sluice_executor::{Ahead, ExecutedBlock, Executor, HashSender, hash_promise, recover_all};
use sluice_store::{BlockCommit, Cores, Roots, Snapshot, Store, TrieChanges, ordered_root};
use sluice_types::{BlockInput, CommittedBatch, Outcome, SealedBlock, StateChanges, sender_of, unsealed_header};

use crate::{
    Error,
    check::{check_claims, invalid, outbox_root},
};

/// Blocks that wait to be executed.
const WAITING_MAX: usize = 1;
/// Blocks that wait to be stored: some, so that no worker waits for the disk.
const STORING_MAX: usize = 4;

/// A block whose parent may not be sealed yet.
struct Executed {
    input: BlockInput,
    /// Without the changes.
    outcome: Outcome,
    changes: Arc<StateChanges>,
    /// The state on which it was executed.
    before: Ahead<Snapshot>,
    /// Where its hash is wanted.
    hash: HashSender,
}

/// A block whose parent may not be stored yet.
struct Sealed {
    block: SealedBlock,
    outcome: Outcome,
    /// Without the parent's hash.
    changes: Arc<StateChanges>,
    trie: Arc<TrieChanges>,
}

/// What hashes blocks, one after another.
struct Sealer<'a> {
    store: &'a Store,
    roots: Roots,
    parent_hash: B256,
}

/// Executes and commits the blocks, which follow the executed head. The last block of a batch is committed only when the batch's
/// claims hold.
///
/// The first error of the lowest block counts; blocks below it are committed.
pub(crate) fn execute_all(
    store: &Store,
    executor: &Executor,
    batch: &CommittedBatch,
    blocks: Vec<DerivedBlock>,
) -> Result<(), Error> {
    let (recovered, inputs) = sync_channel(WAITING_MAX);
    let (sealed, storing) = sync_channel(STORING_MAX);
    thread::scope(|scope| {
        let recovering = scope.spawn(|| recover_senders(batch, blocks, recovered));
        // The queue goes with the stage, so that whoever fills it sees when it is gone.
        let committing = scope.spawn(move || storing.into_iter().try_for_each(|block| commit(store, batch, block?)));
        let executing = execute(store, executor, inputs, sealed);
        // A stage that finds the next one gone ends without an error. Later stages are at lower blocks.
        committing.join().expect("committing does not panic")?;
        executing?;
        recovering.join().expect("recovering does not panic")
    })
}

fn recover_senders(
    batch: &CommittedBatch,
    blocks: Vec<DerivedBlock>,
    next: SyncSender<(BlockInput, usize)>,
) -> Result<(), Error> {
    for block in blocks {
        let senders = recover_all(&block.transactions, |signed| sender_of(signed).ok());
        let inbox = block.inbox.len();
        let input = block.with_senders(senders).map_err(|source| invalid(batch, source))?;
        if next.send((input, inbox)).is_err() {
            break;
        }
    }
    Ok(())
}

fn execute(
    store: &Store,
    executor: &Executor,
    inputs: Receiver<(BlockInput, usize)>,
    next: SyncSender<Result<Sealed, Error>>,
) -> Result<(), Error> {
    let config = store.config();
    let head = store.head_block();
    let sealer = Mutex::new(Sealer { store, roots: store.roots(), parent_hash: head.hash });
    let (sealer, next) = (&sealer, &next);
    let mut header = head.block.header.clone();
    let mut blocks: Vec<Arc<ExecutedBlock>> = Vec::new();
    executor.beside(|beside| {
        for (input, inbox) in inputs {
            let (number, stored) = (input.number, store.heads().executed);
            blocks.retain(|block| block.number() > stored.0);
            let before = Ahead::new(store.state(stored)?, stored.0, &blocks);
            let mut outcome = executor
                .execute_ahead(config, &header, &input, &before)
                .map_err(|error| Error::Execute { block: number, reason: error.to_string() })?;
            // A batch holds executed transactions only; one that does not execute would make a block that nobody had.
            if let Some(skipped) = outcome.skipped.iter().find(|skipped| skipped.index >= inbox) {
                let of = input.transactions.len();
                tracing::warn!(block = %number, index = skipped.index, of, reason = %skipped.reason, "batch holds a transaction that does not execute");
            }
            header = unsealed_header(config, &input, &outcome);
            let changes = Arc::new(std::mem::take(&mut outcome.changes));
            let (hash, promise) = hash_promise();
            blocks.push(Arc::new(ExecutedBlock::new(number.0, changes.clone(), promise)));
            let block = Executed { input, outcome, changes, before, hash };
            let is_given = beside.spawn(move || {
                let sealed = sealer.lock().unwrap_or_else(PoisonError::into_inner).seal(block);
                let is_sealed = sealed.is_ok();
                next.send(sealed).is_ok() && is_sealed
            });
            if !is_given {
                break;
            }
        }
        Ok(())
    })
}

impl Sealer<'_> {
    fn seal(&mut self, block: Executed) -> Result<Sealed, Error> {
        let Executed { input, mut outcome, changes, before, hash } = block;
        let number = input.number;
        outcome.changes = StateChanges::clone(&changes);
        let failed = |reason: String| Error::Execute { block: number, reason };
        before.write_parent_hash(&mut outcome).map_err(|error| failed(error.to_string()))?;
        // The next block is being executed.
        let (state_root, trie) = self.roots.after(&outcome.changes, Cores::One)?;
        let block =
            SealedBlock::seal_with(self.store.config(), self.parent_hash, input, &outcome, (state_root, ordered_root));
        self.parent_hash = block.hash;
        hash.send(block.hash);
        Ok(Sealed { block, outcome, changes, trie })
    }
}

fn commit(store: &Store, batch: &CommittedBatch, sealed: Sealed) -> Result<(), Error> {
    let Sealed { block, outcome, changes, trie } = sealed;
    let number = block.number();
    if number == batch.header.last_block {
        let failed = |reason: String| Error::Execute { block: number, reason };
        let parent = store.heads().executed;
        let after = ExecutedBlock::new(number.0, changes, Default::default());
        let after = Ahead::new(store.state(parent)?, parent.0, &[Arc::new(after)]);
        let outbox = outbox_root(&after).map_err(|error| failed(error.to_string()))?;
        check_claims(batch, &block, outbox)?;
    }
    let Outcome { receipts, changes, access_list, .. } = outcome;
    let changes = changes.into();
    store.commit_block(BlockCommit { sealed: block, receipts, changes, trie, access_list, ordered: None })?;
    Ok(())
}
