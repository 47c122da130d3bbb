//! The state after blocks that are executed and not sealed yet.
//!
//! The next block can execute before its parent has a state root, and so a hash. What asks for the hash waits for it: `BLOCKHASH`, and
//! who reads it in the history contract. Hardly any transaction does.

use std::sync::{Arc, OnceLock};

use alloy_eips::eip2935::HISTORY_STORAGE_CODE;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use sluice_stf::{Error, Plan, engine::Reader, history_slot, without_parent_hash, write_parent_hash};
use sluice_types::{
    Account, BlockAccessList, BlockInput, ChainConfig, EMPTY_CODE_HASH, Header, Outcome, StateChanges, StateRead,
    predeploys::HISTORY,
};

use crate::Executor;

impl Executor {
    /// Executes the block after `parent`, whose header may lack its roots, on the state that it left.
    ///
    /// The outcome lacks what [`Ahead::write_parent_hash`] adds, for which the parent must be sealed.
    ///
    /// Errors: as [`Executor::execute`]; [`AheadError::Unsealed`] when a transaction asks for a hash that does not come.
    pub fn execute_ahead<S: StateRead + Sync>(
        &self,
        config: &ChainConfig,
        parent: &Header,
        input: &BlockInput,
        state: &Ahead<S>,
    ) -> Result<Outcome, Error<AheadError<S::Error>>> {
        self.execute_ahead_told(config, parent, (input, None::<fn() -> _>), state)
    }

    /// As [`Executor::execute_ahead`], but quicker with an access list that is the block's. It is asked for only where that is so.
    ///
    /// Nobody needs to vouch for the list. One that is not what execution makes is not used, and costs time: each transaction is executed
    /// on what it says was before, and if all of them together do all that it says and nothing else, then each was executed on what the
    /// ones before have left.
    pub fn execute_ahead_told<S: StateRead + Sync>(
        &self,
        config: &ChainConfig,
        parent: &Header,
        (input, list): (&BlockInput, Option<impl FnOnce() -> Option<BlockAccessList>>),
        state: &Ahead<S>,
    ) -> Result<Outcome, Error<AheadError<S::Error>>> {
        debug_assert_eq!(parent.number, state.number(), "the state is the parent's");
        if !state.has_history().map_err(Error::State)? {
            let reason = "it has not the code of EIP-2935; the genesis of the chain is broken".into();
            return Err(Error::SystemCall { contract: HISTORY, reason });
        }
        let plan = Plan::ahead(config, parent, input).map_err(|error| Reader::new(state).explain(error))?;
        let mut list = list;
        // The parent's hash is in the list, and is not written by executing.
        let mut bring = || without_parent_hash(&(list.take()?)()?, parent.number);
        self.execute_told(&plan, state, Some(&mut bring))
    }
}

/// How far back contracts may ask for hashes.
///
/// Source: Yellow Paper, `BLOCKHASH`.
const BLOCK_HASHES_MAX: u64 = 256;

/// Brings the hash of a block that is being sealed. Dropped without one, who waits gets [`AheadError::Unsealed`].
#[derive(Debug)]
pub struct HashSender(HashPromise);

/// Where the hash of a block will be.
#[derive(Clone, Debug, Default)]
pub struct HashPromise(Arc<OnceLock<Option<B256>>>);

/// A promise of a hash.
pub fn hash_promise() -> (HashSender, HashPromise) {
    let promise = HashPromise::default();
    (HashSender(promise.clone()), promise)
}

impl HashSender {
    /// The hash is known.
    pub fn send(self, hash: B256) {
        // Set once, since sending takes the sender.
        let _first = self.0.0.set(Some(hash));
    }
}

impl Drop for HashSender {
    fn drop(&mut self) {
        // Refused when the hash was sent.
        let _refused = self.0.0.set(None);
    }
}

impl HashPromise {
    /// The hash, if it is known.
    pub fn known(&self) -> Option<B256> {
        self.0.get().copied().flatten()
    }

    /// Waits for the hash; `None` when it will not come.
    pub fn wait(&self) -> Option<B256> {
        *self.0.wait()
    }
}

/// What an executed block did, as the next one sees it.
#[derive(Debug)]
pub struct ExecutedBlock {
    number: u64,
    changes: Arc<StateChanges>,
    hash: HashPromise,
}

impl ExecutedBlock {
    /// A block that did this. Whether the changes already hold the parent's hash makes no difference.
    pub fn new(number: u64, changes: Arc<StateChanges>, hash: HashPromise) -> Self {
        Self { number, changes, hash }
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The account as it left it; the outer `None` when it did not change it.
    pub fn account(&self, address: Address) -> Option<Option<Account>> {
        self.changes.accounts.get(&address).map(|change| change.account)
    }

    /// Its hash, if it is known.
    pub fn hash(&self) -> Option<B256> {
        self.hash.known()
    }
}

/// A read of such a state failed.
#[derive(Debug, thiserror::Error)]
pub enum AheadError<E> {
    /// The state below did not answer.
    #[error(transparent)]
    State(#[from] E),
    /// Sealing stopped before it came to this block.
    #[error("block {0} was not sealed, so its hash is not known; look for the error that stopped sealing")]
    Unsealed(u64),
}

/// The state after the last of some blocks, over one that holds the blocks before them.
///
/// It also holds what the next block's system call writes, the hash of the last block. Cheap to clone when `S` is.
#[derive(Clone, Debug)]
pub struct Ahead<S> {
    base: S,
    base_number: u64,
    /// Those after the base, in order.
    blocks: Vec<Arc<ExecutedBlock>>,
}

impl<S: StateRead> Ahead<S> {
    /// The state after `blocks`, of which those up to `base_number` are in `base` already. They follow each other and the base.
    pub fn new(base: S, base_number: u64, blocks: &[Arc<ExecutedBlock>]) -> Self {
        let blocks: Vec<_> = blocks.iter().filter(|block| block.number > base_number).cloned().collect();
        debug_assert!(
            (base_number + 1..).zip(&blocks).all(|(number, block)| number == block.number),
            "blocks follow each other"
        );
        Self { base, base_number, blocks }
    }

    /// The number of the last block.
    pub fn number(&self) -> u64 {
        self.blocks.last().map_or(self.base_number, |block| block.number)
    }

    /// Whether the history contract is the one whose writes are known without executing it.
    fn has_history(&self) -> Result<bool, AheadError<S::Error>> {
        let code_hash = self.account(HISTORY)?.map(|account| account.code_hash);
        Ok(code_hash.is_some_and(|hash| hash == keccak256(&HISTORY_STORAGE_CODE)))
    }

    /// Adds to the outcome of the next block that it wrote the last block's hash, once that is known.
    pub fn write_parent_hash(&self, outcome: &mut Outcome) -> Result<(), AheadError<S::Error>> {
        let number = self.number();
        let before = self.written(HISTORY, history_slot(number))?;
        let history = self.account(HISTORY)?.unwrap_or_default();
        write_parent_hash(outcome, (number, self.hash(number)?), history, before);
        Ok(())
    }

    /// The hash of a block that the base does not know as a past one.
    fn hash(&self, number: u64) -> Result<B256, AheadError<S::Error>> {
        match number.checked_sub(self.base_number + 1) {
            Some(index) => {
                let block = usize::try_from(index).ok().and_then(|index| self.blocks.get(index));
                block.map_or(Ok(B256::ZERO), |block| block.hash.wait().ok_or(AheadError::Unsealed(number)))
            }
            None => Ok(self.base.block_hash(number)?),
        }
    }

    /// A slot without the hashes that are not written yet.
    fn written(&self, address: Address, slot: U256) -> Result<U256, AheadError<S::Error>> {
        let change = self.blocks.iter().rev().find_map(|block| {
            let change = block.changes.accounts.get(&address)?;
            change.storage.get(&slot).copied().or(change.storage_wiped.then_some(U256::ZERO))
        });
        match change {
            Some(value) => Ok(value),
            None => Ok(self.base.storage(address, slot)?),
        }
    }
}

impl<S: StateRead> StateRead for Ahead<S> {
    type Error = AheadError<S::Error>;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        let change = self.blocks.iter().rev().find_map(|block| block.changes.accounts.get(&address));
        match change {
            Some(change) => Ok(change.account),
            None => Ok(self.base.account(address)?),
        }
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        if address == HISTORY
            && let Some(number) = (self.base_number..=self.number()).find(|number| history_slot(*number) == slot)
        {
            return Ok(U256::from_be_bytes(self.hash(number)?.0));
        }
        self.written(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Self::Error> {
        if hash == EMPTY_CODE_HASH {
            return Ok(Bytes::new());
        }
        match self.blocks.iter().rev().find_map(|block| block.changes.codes.get(&hash)) {
            Some(code) => Ok(code.clone()),
            None => Ok(self.base.code(hash)?),
        }
    }

    fn block_hash(&self, number: u64) -> Result<B256, Self::Error> {
        if number > self.number() || self.number() - number >= BLOCK_HASHES_MAX {
            return Ok(B256::ZERO);
        }
        self.hash(number)
    }
}
