//! Calls as blocks show them, and a bounded memory of what was seen of them lately.

use std::{array, hash::Hash};

use alloy_primitives::{
    Address, B256, TxKind,
    map::{Entry, HashMap},
};

/// Functions that are remembered, and as many words among arguments. What comes while memory is full is not learnt.
pub const CALLS_KNOWN_MAX: usize = 4_096;
/// Blocks after which what was not seen again is forgotten.
pub const CALLS_BLOCKS_MAX: u64 = 64;
/// Of a block with more than twice as many transactions, only every n-th is looked at.
pub const CALLS_SAMPLE: usize = 1_024;
/// Words of a call's arguments that are looked at, the first.
pub const CALL_WORDS_MAX: usize = 4;

/// A contract's function.
pub(crate) type Function = (Address, [u8; 4]);
/// A word among the arguments of a function: which one, and its value.
pub(crate) type Word = (Function, usize, B256);

/// A call as its sender wrote it.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) function: Function,
    arguments: &'a [u8],
}

impl<'a> Call<'a> {
    /// `None` for what creates a contract.
    pub(crate) fn of(kind: TxKind, input: &'a [u8]) -> Option<Self> {
        let selector = input.first_chunk().copied().unwrap_or_default();
        Some(Self { function: (*kind.to()?, selector), arguments: input.get(4..).unwrap_or_default() })
    }

    pub(crate) fn words(self) -> [Option<Word>; CALL_WORDS_MAX] {
        let mut words = self.arguments.chunks_exact(32).map(B256::from_slice);
        array::from_fn(|at| Some((self.function, at, words.next()?)))
    }
}

/// Every how many transactions of so many one is looked at.
pub(crate) fn step(executed: usize) -> usize {
    (executed / CALLS_SAMPLE).max(1)
}

/// What was seen of things, [`CALLS_KNOWN_MAX`] at most, each for [`CALLS_BLOCKS_MAX`] blocks.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    /// Blocks learnt from.
    pub(crate) blocks: u64,
    known: HashMap<K, Seen<V>>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { blocks: 0, known: HashMap::default() }
    }
}

/// What was seen of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<V> {
    /// The block in which it was seen last.
    pub(crate) block: u64,
    pub(crate) value: V,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Begins another block, and forgets what is old now and then.
    pub(crate) fn begin_block(&mut self) {
        self.blocks += 1;
        let blocks = self.blocks;
        if blocks.is_multiple_of(CALLS_BLOCKS_MAX) {
            self.known.retain(|_, seen| is_fresh(seen, blocks));
        }
    }

    /// What was seen lately.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.last(key).filter(|seen| is_fresh(seen, self.blocks)).map(|seen| &seen.value)
    }

    /// What was seen last, if it is not forgotten.
    pub(crate) fn last(&self, key: &K) -> Option<&Seen<V>> {
        self.known.get(key)
    }

    /// Notes what is seen in this block, unless memory is full.
    pub(crate) fn note(&mut self, key: K, value: V) {
        let (seen, is_full) = (Seen { block: self.blocks, value }, self.known.len() >= CALLS_KNOWN_MAX);
        match self.known.entry(key) {
            Entry::Occupied(mut known) => *known.get_mut() = seen,
            Entry::Vacant(place) if !is_full => {
                place.insert(seen);
            }
            Entry::Vacant(_) => {}
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Nothing is.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

fn is_fresh<V>(seen: &Seen<V>, blocks: u64) -> bool {
    blocks - seen.block <= CALLS_BLOCKS_MAX
}

#[cfg(test)]
pub(crate) mod tests {
    //! What rooms' tests need: a block of transactions, whatever they are.

    use sluice_types::{
        BlockInput, InputTransaction, L1Origin, L2Number, MessageIndex, SignedTransaction, Transaction,
    };

    use super::*;

    pub(crate) fn block<'a>(transactions: impl IntoIterator<Item = (Address, &'a SignedTransaction)>) -> BlockInput {
        let signed = |(sender, tx): (Address, &SignedTransaction)| InputTransaction {
            sender,
            transaction: Transaction::Signed(tx.clone()),
        };
        BlockInput {
            number: L2Number(1),
            timestamp: 0,
            l1_origin: L1Origin::default(),
            beneficiary: Address::ZERO,
            inbox_count: MessageIndex(0),
            transactions: transactions.into_iter().map(signed).collect(),
            inbox_transactions: 0,
        }
    }
}
