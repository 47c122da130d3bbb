//! What a model application knows of the chain: the blocks handed over to it, and what they made of its state.

use std::{collections::BTreeSet, sync::Arc};

use alloy_primitives::{B256, keccak256};
use sluice_types::OrderedBlock;

/// The transactions of a block, which are numbers here.
pub(crate) fn transactions(block: &OrderedBlock) -> impl Iterator<Item = u64> + '_ {
    let all = block.sections.iter().flat_map(|section| &section.transactions);
    all.filter_map(|tx| Some(u64::from_be_bytes(tx.as_ref().try_into().ok()?)))
}

/// Blocks from height 1 on without a gap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    blocks: Vec<Arc<OrderedBlock>>,
    states: Vec<B256>,
    included: BTreeSet<u64>,
    /// From this height on states are wrong.
    wrong_from: Option<u64>,
}

impl Chain {
    /// An empty one that executes blocks from a height on to something else than everybody else's.
    pub(crate) fn diverging(height: u64) -> Self {
        Self { wrong_from: Some(height), ..Self::default() }
    }

    /// How many blocks there are, and the height of the last.
    pub(crate) fn height(&self) -> u64 {
        self.blocks.len() as u64
    }

    /// The block at a height.
    pub(crate) fn block(&self, height: u64) -> Option<&Arc<OrderedBlock>> {
        self.blocks.get(usize::try_from(height.checked_sub(1)?).ok()?)
    }

    /// The state after a block, which stands for the hash of an executed block; zero before any.
    pub(crate) fn state(&self, height: u64) -> Option<B256> {
        match height.checked_sub(1) {
            None => Some(B256::ZERO),
            Some(index) => self.states.get(usize::try_from(index).ok()?).copied(),
        }
    }

    /// The hash of the last block.
    pub(crate) fn tip(&self) -> B256 {
        self.blocks.last().map_or(B256::ZERO, |block| block.hash())
    }

    /// Whether a transaction is in it.
    pub(crate) fn includes(&self, tx: u64) -> bool {
        self.included.contains(&tx)
    }

    /// All blocks in order.
    pub(crate) fn blocks(&self) -> &[Arc<OrderedBlock>] {
        &self.blocks
    }

    /// Puts a block on top. The error says why it does not fit there.
    pub(crate) fn push(&mut self, block: Arc<OrderedBlock>) -> Result<(), String> {
        let (expected, tip) = (self.height() + 1, self.tip());
        if block.height.0 != expected || block.parent != tip {
            return Err(format!("height {} on {}, where {expected} on {tip} is next", block.height, block.parent));
        }
        let before = self.state(expected - 1).expect("a state for every block");
        let mut state = keccak256([before, block.hash()].concat());
        if self.wrong_from.is_some_and(|from| expected >= from) {
            state.0[0] ^= 1;
        }
        self.states.push(state);
        self.included.extend(transactions(&block));
        self.blocks.push(block);
        Ok(())
    }
}
