//! How accounts and slots have changed in a block, for its access list.
//!
//! Most things change once. Of those, nothing is kept beside the thing itself, which knows what it is now: only what it was between two
//! changes is put into a log, one for all things of a kind.

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes, U256};
use sluice_types::Change;

use crate::table::NONE;

/// What a thing was from one change to the next.
#[derive(Clone)]
struct Noted<T> {
    value: T,
    at: u32,
    /// What it was before that, or [`NONE`].
    previous: u32,
}

/// When a thing has changed. What it is since the last time, it knows itself.
#[derive(Clone, Copy)]
pub(crate) struct History {
    count: u32,
    /// EIP-7928 index of the last change.
    at: u32,
    /// What it was before that, in a [`Log`], or [`NONE`] for what it was before the block.
    previous: u32,
}

impl History {
    pub(crate) const EMPTY: Self = Self { count: 0, at: 0, previous: NONE };

    pub(crate) fn is_empty(self) -> bool {
        self.count == 0
    }
}

/// What things of a kind were between two changes, of all accounts or slots, in the order in which they were that.
pub(crate) struct Log<T> {
    noted: Vec<Noted<T>>,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { noted: Vec::new() }
    }
}

impl<T: PartialEq + Clone> Log<T> {
    /// Notes that something becomes `next`, which is `now` something else. Several changes at one index are one; a change back is none.
    pub(crate) fn note(&mut self, history: &mut History, at: u64, before_block: &T, (now, next): (&T, &T)) {
        let at = u32::try_from(at).expect("a block has fewer than 2^32 transactions");
        if history.count > 0 && history.at == at {
            let before = self.noted.get(history.previous as usize);
            if before.map_or(before_block, |before| &before.value) == next {
                let before =
                    before.map(|before| History { count: history.count - 1, at: before.at, previous: before.previous });
                *history = before.unwrap_or(History::EMPTY);
            }
            return;
        }
        if history.count > 0 {
            let previous = u32::try_from(self.noted.len()).expect("a block changes fewer than 2^32 things");
            self.noted.push(Noted { value: now.clone(), at: history.at, previous: history.previous });
            history.previous = previous;
        }
        (history.count, history.at) = (history.count + 1, at);
    }

    /// Adds the changes of one thing, in order, which is `now` so.
    pub(crate) fn add_to<V: From<T>>(&self, changes: &mut Vec<Change<V>>, history: History, now: impl FnOnce() -> T) {
        if history.is_empty() {
            return;
        }
        let first = changes.len();
        changes.push(Change { index: history.at.into(), value: now().into() });
        let mut previous = history.previous;
        while let Some(noted) = self.noted.get(previous as usize) {
            changes.push(Change { index: noted.at.into(), value: noted.value.clone().into() });
            previous = noted.previous;
        }
        changes[first..].reverse();
    }

    /// How much is kept.
    pub(crate) fn len(&self) -> usize {
        self.noted.len()
    }
}

/// What was before in a block, and when.
#[derive(Default)]
pub(crate) struct Logs {
    /// Balances, and values of slots.
    pub(crate) words: Log<U256>,
    pub(crate) nonces: Log<u64>,
    pub(crate) codes: Log<Code>,
}

impl Logs {
    pub(crate) fn clear(&mut self) {
        self.words.noted.clear();
        self.nonces.noted.clear();
        self.codes.noted.clear();
    }
}

/// A code that an account was given. The same code has the same hash.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) hash: B256,
    pub(crate) bytes: Bytes,
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl From<Code> for Bytes {
    fn from(code: Code) -> Self {
        code.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn changes_are_the_last_of_each_index_that_differ_from_what_was_before(
            before: [u8; 4],
            steps in prop::collection::vec((0..4_usize, 0..3_u64, 0..3_u8), 0..60),
        ) {
            let before = before.map(|value| value % 3);
            let (mut log, mut histories, mut now) = (Log::default(), [History::EMPTY; 4], before);
            let (mut index, mut last_of) = (0, [const { BTreeMap::new() }; 4]);
            for (thing, later, next) in steps {
                index += later / 2;
                if next != now[thing] {
                    log.note(&mut histories[thing], index, &before[thing], (&now[thing], &next));
                    now[thing] = next;
                }
                last_of[thing].insert(index, next);
            }
            for thing in 0..4 {
                let (mut expected, mut value) = (Vec::new(), before[thing]);
                for (&index, &next) in &last_of[thing] {
                    if next != value {
                        expected.push(Change { index, value: next });
                        value = next;
                    }
                }
                let mut changes = vec![Change { index: 77, value: 7 }];
                log.add_to(&mut changes, histories[thing], || now[thing]);
                prop_assert_eq!(changes.remove(0), Change { index: 77, value: 7 });
                prop_assert_eq!(changes.is_empty(), histories[thing].is_empty());
                prop_assert_eq!(changes, expected);
            }
        }
    }
}
