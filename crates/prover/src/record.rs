//! Gathers what a block needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_executor::Executor;
use sluice_stf::{Plan, engine::Reader};
use sluice_store::{Snapshot, Store};
use sluice_trie::{Witness, witness_nodes};
use sluice_types::{Account, BlockAccessList, BlockInput, Header, L2Number, StateRead};

use crate::Error;

/// Everything that executing one block again depends on. Only `parent` has to be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestInput {
    /// Header of the block before.
    pub parent: Header,
    /// The block's input.
    pub input: BlockInput,
    /// The part of the parent's state that it touches.
    pub witness: Witness,
}

/// Builds the witness of an executed block, executing it from its access list, where nothing has to be guessed.
///
/// The list also says which parts of the state the block touches; code and past hashes, which it does not tell, are noted on the way.
///
/// Errors: [`Error::NoBlock`], [`Error::Genesis`], [`Error::List`], and the store's own, among them that the parent's state is pruned.
pub fn witness_block(store: &Store, executor: &Executor, number: L2Number) -> Result<GuestInput, Error> {
    let parent_number = L2Number(number.0.checked_sub(1).ok_or(Error::Genesis)?);
    let sealed = store.block(number)?.ok_or(Error::NoBlock(number))?;
    let parent = store.block(parent_number)?.ok_or(Error::NoBlock(parent_number))?;
    let state = Recording::new(store.state(parent_number)?);
    let input = sealed.input();
    let list = store.access_list(number)?.ok_or(Error::NoBlock(number))?;
    let committed = B256::try_from(sealed.block.header.extra_data.as_ref()).map_err(|_| Error::NoListHash(number))?;
    let plan = Plan::new(store.config(), &parent.block.header, &input);
    let plan = plan.map_err(|error| Reader::new(&state).explain(error))?;
    let outcome = executor.execute_from_list(&plan, &state, list, committed)?;
    let reads = state.into_reads();
    let (nodes, root) = (store.nodes(parent_number)?, parent.block.header.state_root);
    let nodes = witness_nodes(&nodes, root, &touched(&outcome.access_list), &outcome.changes)?;
    let headers = headers(store, parent_number, reads.oldest_hash)?;
    let witness = Witness { nodes, codes: reads.codes.into_values().collect(), headers };
    Ok(GuestInput { parent: parent.block.header.clone(), input, witness })
}

/// RLP of the headers from the parent back to the oldest whose hash was read, newest first.
fn headers(store: &Store, parent: L2Number, oldest: Option<u64>) -> Result<Vec<Bytes>, Error> {
    let Some(oldest) = oldest else { return Ok(Vec::new()) };
    (oldest..=parent.0)
        .rev()
        .map(|number| {
            let number = L2Number(number);
            let sealed = store.block(number)?.ok_or(Error::NoBlock(number))?;
            Ok(alloy_rlp::encode(&sealed.block.header).into())
        })
        .collect()
}

/// The accounts and slots that a list names.
fn touched(list: &BlockAccessList) -> BTreeMap<Address, BTreeSet<U256>> {
    list.accounts()
        .map(|account| {
            let changed = account.storage_changes().map(|written| written.slot);
            (*account.address(), changed.chain(account.storage_reads().iter().copied()).collect())
        })
        .collect()
}

/// What was read that no list tells.
#[derive(Debug, Default)]
struct Reads {
    codes: BTreeMap<B256, Bytes>,
    oldest_hash: Option<u64>,
}

/// A state that remembers which code and which past hashes were read.
#[derive(Debug)]
struct Recording {
    state: Snapshot,
    reads: Mutex<Reads>,
}

impl Recording {
    fn new(state: Snapshot) -> Self {
        Self { state, reads: Mutex::default() }
    }

    fn into_reads(self) -> Reads {
        self.reads.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each note is whole when its lock is given back, so a panic elsewhere leaves nothing wrong.
    fn reads(&self) -> MutexGuard<'_, Reads> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateRead for Recording {
    type Error = sluice_store::Error;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        self.state.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        self.state.storage(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Self::Error> {
        let code = self.state.code(hash)?;
        self.reads().codes.insert(hash, code.clone());
        Ok(code)
    }

    fn block_hash(&self, number: u64) -> Result<B256, Self::Error> {
        let oldest = &mut self.reads().oldest_hash;
        *oldest = Some(oldest.map_or(number, |oldest| oldest.min(number)));
        self.state.block_hash(number)
    }
}
