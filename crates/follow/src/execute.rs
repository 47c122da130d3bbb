//! Executes the blocks of a batch that this node does not have. They overlap: while one is executed, the senders of the next are
//! recovered, and the one before is hashed and stored.

use std::{
    iter,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use sluice_derive::DerivedBlock;
use sluice_executor::{Ahead, ExecutedBlock, Executor, HashSender, Lender, Loan, hash_promise, recover_all};
use sluice_store::{BlockCommit, Snapshot, Store, ordered_root};
use sluice_types::{BlockInput, CommittedBatch, Outcome, SealedBlock, StateChanges, sender_of, unsealed_header};

use crate::{
    Error,
    check::{check_claims, invalid, outbox_root},
};

/// Blocks that wait between two stages.
const WAITING_MAX: usize = 1;

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
    /// For who seals it, if it waits.
    core: Option<Loan>,
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
    let (executed, outcomes) = sync_channel(WAITING_MAX);
    let lender = executor.lender();
    thread::scope(|scope| {
        let recovering = scope.spawn(|| recover_senders(batch, blocks, recovered));
        // The queue goes with the stage, so that whoever fills it sees when it is gone.
        let committing = scope.spawn(move || {
            let mut outcomes = iter::from_fn(|| lender.waiting(|| outcomes.recv()).ok());
            outcomes.try_for_each(|block| commit((store, &lender), batch, block))
        });
        let executing = execute(store, executor, inputs, executed);
        // A stage that finds the next one gone ends without an error. Later stages are at lower blocks.
        committing.join().expect("sealing does not panic")?;
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
    next: SyncSender<Executed>,
) -> Result<(), Error> {
    let config = store.config();
    let mut header = store.head_block().block.header.clone();
    let mut blocks: Vec<Arc<ExecutedBlock>> = Vec::new();
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
        let core = executor.lender().lend_to_waiting();
        if next.send(Executed { input, outcome, changes, before, hash, core }).is_err() {
            break;
        }
    }
    Ok(())
}

fn commit((store, lender): (&Store, &Lender), batch: &CommittedBatch, block: Executed) -> Result<(), Error> {
    let Executed { input, mut outcome, changes, before, hash, core } = block;
    let core = core.unwrap_or_else(|| lender.lend());
    let (number, parent) = (input.number, store.head_block());
    let failed = |reason: String| Error::Execute { block: number, reason };
    outcome.changes = StateChanges::clone(&changes);
    before.write_parent_hash(&mut outcome).map_err(|error| failed(error.to_string()))?;
    let (state_root, trie) = store.state_root(&outcome.changes)?;
    let sealed = SealedBlock::seal_with(store.config(), parent.hash, input, &outcome, (state_root, ordered_root));
    drop(core);
    if number == batch.header.last_block {
        let after = ExecutedBlock::new(number.0, changes, Default::default());
        let after = Ahead::new(store.state(parent.number())?, parent.number().0, &[Arc::new(after)]);
        let outbox = outbox_root(&after).map_err(|error| failed(error.to_string()))?;
        check_claims(batch, &sealed, outbox)?;
    }
    hash.send(sealed.hash);
    let Outcome { receipts, changes, access_list, .. } = outcome;
    let (changes, trie) = (changes.into(), trie.into());
    store.commit_block(BlockCommit { sealed, receipts, changes, trie, access_list, ordered: None })?;
    Ok(())
}
