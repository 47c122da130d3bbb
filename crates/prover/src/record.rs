//! Gathers what a block needs.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_stf::execute_block;
use sluice_store::{Snapshot, Store};
use sluice_trie::{Witness, witness_nodes};
use sluice_types::{Account, BlockInput, Header, InputTransaction, L2Number, SealedBlock, StateRead};

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

/// Builds the witness of an executed block.
///
/// Errors: [`Error::NoBlock`], [`Error::Genesis`], and the store's own, among them that the parent's state is pruned.
pub fn witness_block(store: &Store, number: L2Number) -> Result<GuestInput, Error> {
    let parent_number = L2Number(number.0.checked_sub(1).ok_or(Error::Genesis)?);
    let sealed = store.block(number)?.ok_or(Error::NoBlock(number))?;
    let parent = store.block(parent_number)?.ok_or(Error::NoBlock(parent_number))?;
    let state = Recording::new(store.state(parent_number)?);
    let input = input(&sealed);
    let outcome = execute_block(store.config(), &parent.block.header, &input, &state)?;
    let reads = state.into_reads();
    let nodes =
        witness_nodes(&store.nodes(parent_number)?, parent.block.header.state_root, &reads.slots, &outcome.changes)?;
    let headers = headers(store, parent_number, reads.oldest_hash)?;
    let witness = Witness { nodes, codes: reads.codes.into_values().collect(), headers };
    Ok(GuestInput { parent: parent.block.header.clone(), input, witness })
}

/// The input that a stored block came from: what executed, in order.
fn input(sealed: &SealedBlock) -> BlockInput {
    let block = &sealed.block;
    let transactions = block
        .transactions
        .iter()
        .zip(&block.senders)
        .map(|(transaction, &sender)| InputTransaction { transaction: transaction.clone(), sender })
        .collect();
    BlockInput {
        number: sealed.number(),
        timestamp: block.header.timestamp,
        l1_origin: block.l1_origin.clone(),
        beneficiary: block.header.beneficiary,
        inbox_count: block.inbox_count,
        transactions,
        inbox_transactions: block.inbox_transactions,
    }
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

/// What was read.
#[derive(Debug, Default)]
struct Reads {
    slots: BTreeMap<Address, BTreeSet<U256>>,
    codes: BTreeMap<B256, Bytes>,
    oldest_hash: Option<u64>,
}

/// A state that remembers what was read of it. For one thread.
#[derive(Debug)]
struct Recording {
    state: Snapshot,
    reads: RefCell<Reads>,
}

impl Recording {
    fn new(state: Snapshot) -> Self {
        Self { state, reads: RefCell::default() }
    }

    fn into_reads(self) -> Reads {
        self.reads.into_inner()
    }
}

impl StateRead for Recording {
    type Error = sluice_store::Error;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        self.reads.borrow_mut().slots.entry(address).or_default();
        self.state.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        self.reads.borrow_mut().slots.entry(address).or_default().insert(slot);
        self.state.storage(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Self::Error> {
        let code = self.state.code(hash)?;
        self.reads.borrow_mut().codes.insert(hash, code.clone());
        Ok(code)
    }

    fn block_hash(&self, number: u64) -> Result<B256, Self::Error> {
        let oldest = &mut self.reads.borrow_mut().oldest_hash;
        *oldest = Some(oldest.map_or(number, |oldest| oldest.min(number)));
        self.state.block_hash(number)
    }
}
