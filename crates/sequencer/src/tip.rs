//! The newest executed block, and what is executed but not stored yet.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use sluice_executor::{Ahead, ExecutedBlock};
use sluice_store::{Snapshot, Store};
use sluice_types::{
    BlockInput, Header, Height, L1Origin, L2Number, MessageIndex, OrderedBlock, Outcome, unsealed_header,
};

use crate::{Error, epochs::Term, pool::PoolHead};

/// An ordered block on which the next one builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) height: Height,
    /// `None` when it was derived from L1, which does not tell: then the next one may be on any parent.
    pub(crate) hash: Option<B256>,
    pub(crate) timestamp_ms: u64,
    pub(crate) term: Term,
}

impl Last {
    /// With one more block, whose hash is known.
    pub(crate) const fn after(&self, block: &OrderedBlock, hash: B256) -> Self {
        let OrderedBlock { height, timestamp_ms, .. } = *block;
        Self { height, hash: Some(hash), timestamp_ms, term: self.term.after(block) }
    }
}

/// Where execution stands. Never changed: each executed block makes a new one.
#[derive(Clone, Debug)]
pub(crate) struct Tip {
    /// Of the block, without what depends on its state root or its parent's hash.
    pub(crate) header: Header,
    pub(crate) l1_origin: L1Origin,
    pub(crate) inbox_count: MessageIndex,
    /// The ordered block it came from.
    pub(crate) ordered: Last,
    /// Executed blocks, in order, of which the last may not be stored yet.
    blocks: Vec<Arc<ExecutedBlock>>,
}

impl Tip {
    /// Of a store on which nothing is executed yet.
    pub(crate) fn of(store: &Store) -> Result<Self, Error> {
        let head = store.head_block();
        let (height, hash) = crate::start(store);
        let ordered = store.ordered_head().filter(|ordered| ordered.0 == height);
        let timestamp_ms = ordered.map_or(0, |(_, _, timestamp_ms)| timestamp_ms);
        Ok(Self {
            header: head.block.header.clone(),
            l1_origin: head.block.l1_origin.clone(),
            inbox_count: head.block.inbox_count,
            ordered: Last { height, hash, timestamp_ms, term: Term::stored(store)? },
            blocks: Vec::new(),
        })
    }

    /// After the next block: the ordered block it comes from, what was executed, and what that did.
    pub(crate) fn after(
        &self,
        store: &Store,
        ordered: Last,
        (input, outcome): (&BlockInput, &Outcome),
        block: ExecutedBlock,
    ) -> Self {
        let stored = store.heads().executed.0;
        let kept = self.blocks.iter().filter(|block| block.number() > stored).cloned();
        Self {
            header: unsealed_header(store.config(), input, outcome),
            l1_origin: input.l1_origin.clone(),
            inbox_count: input.inbox_count,
            ordered,
            blocks: kept.chain([Arc::new(block)]).collect(),
        }
    }

    /// What the pool must know of it.
    pub(crate) fn pool_head(&self, store: &Store) -> PoolHead {
        PoolHead {
            number: self.number(),
            base_fee_wei: store.config().next_base_fee_wei(&self.header),
            l1_origin: self.l1_origin.clone(),
        }
    }

    /// Number of the block.
    pub(crate) fn number(&self) -> L2Number {
        L2Number(self.header.number)
    }

    /// The state that it left.
    pub(crate) fn state(&self, store: &Store) -> Result<Ahead<Snapshot>, Error> {
        // Whoever holds an old tip asks for its state even when newer blocks are stored.
        let stored = store.heads().executed.min(self.number());
        Ok(Ahead::new(store.state(stored)?, stored.0, &self.blocks))
    }

    /// The nonce that a block which is not stored yet left the account.
    pub(crate) fn unstored_nonce(&self, store: &Store, address: Address) -> Option<u64> {
        let stored = store.heads().executed.0;
        let unstored = self.blocks.iter().rev().take_while(|block| block.number() > stored);
        let account = unstored.filter_map(|block| block.account(address)).next()?;
        Some(account.unwrap_or_default().nonce)
    }
}
