//! Tables that answer "what was here after block n".
//!
//! A table of current values, and a history table with the value that each block replaced. The value after block n is the one
//! replaced by the first block after n that touched the key, or the current value when none did.

use std::collections::BTreeMap;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, WriteTransaction};

use crate::{Error, keys, tables::Bytewise};

/// How the history is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// By key, then block: one look-up at any depth, for history that is kept for ever.
    ByKey,
    /// By block, then key: written and pruned in one piece, read with one look-up per block, for a short window.
    ByBlock,
}

/// The two tables of one kind of value.
#[derive(Clone, Copy)]
pub(crate) struct Versioned {
    pub(crate) current: Bytewise,
    pub(crate) history: Bytewise,
    pub(crate) layout: Layout,
}

/// Both tables as one read transaction sees them.
pub(crate) struct VersionedReader {
    current: ReadOnlyTable<&'static [u8], &'static [u8]>,
    history: ReadOnlyTable<&'static [u8], &'static [u8]>,
    layout: Layout,
    /// The block that `current` belongs to.
    current_block: u64,
}

impl Versioned {
    /// Opens both tables; `current_block` is the last block written to them.
    pub(crate) fn read(&self, txn: &ReadTransaction, current_block: u64) -> Result<VersionedReader, Error> {
        Ok(VersionedReader {
            current: txn.open_table(self.current)?,
            history: txn.open_table(self.history)?,
            layout: self.layout,
            current_block,
        })
    }
}

impl VersionedReader {
    /// The value of `key` after `block`, through `decode`.
    pub(crate) fn at<T>(
        &self,
        key: &[u8],
        block: u64,
        decode: impl Fn(&[u8]) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let some = |bytes: &[u8]| if bytes.is_empty() { Ok(None) } else { decode(bytes).map(Some) };
        match self.layout {
            Layout::ByKey if block < self.current_block => {
                let first = keys::key_then_block(key, block + 1);
                let last = keys::key_then_block(key, u64::MAX);
                if let Some(entry) = self.history.range::<&[u8]>(first.as_slice()..=last.as_slice())?.next() {
                    return some(entry?.1.value());
                }
            }
            Layout::ByBlock => {
                for later in block + 1..=self.current_block {
                    if let Some(value) = self.history.get(keys::block_then_key(later, key).as_slice())? {
                        return some(value.value());
                    }
                }
            }
            Layout::ByKey => {}
        }
        match self.current.get(key)? {
            Some(value) => some(value.value()),
            None => Ok(None),
        }
    }
}

/// The values that one key took: after which block, which value.
type KeyVersions = Vec<(u64, Option<Vec<u8>>)>;

/// The values that keys took in a run of blocks, to be written together in the order of the keys.
#[derive(Default)]
pub(crate) struct Versions(BTreeMap<Vec<u8>, KeyVersions>);

impl Versions {
    /// `key` has `value` after `block`. Blocks come in ascending order; within one block the last word counts.
    pub(crate) fn set(&mut self, key: Vec<u8>, block: u64, value: Option<Vec<u8>>) {
        let versions = self.0.entry(key).or_default();
        match versions.last_mut() {
            Some(last) if last.0 == block => last.1 = value,
            _ => versions.push((block, value)),
        }
    }

    /// Every key that starts with `prefix` is gone after `block`.
    pub(crate) fn wipe(
        &mut self,
        prefix: &[u8],
        block: u64,
        current: &impl ReadableTable<&'static [u8], &'static [u8]>,
    ) -> Result<(), Error> {
        let mut living = Vec::new();
        for entry in current.range::<&[u8]>(prefix..)? {
            let (key, _) = entry?;
            if !key.value().starts_with(prefix) {
                break;
            }
            if !self.0.contains_key(key.value()) {
                living.push(key.value().to_vec());
            }
        }
        let touched = self.0.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        living.extend(
            touched
                .filter(|(_, versions)| versions.last().is_some_and(|(_, value)| value.is_some()))
                .map(|(key, _)| key.clone()),
        );
        for key in living {
            self.set(key, block, None);
        }
        Ok(())
    }

    /// Writes the last values and, for every block but genesis, what they replaced.
    pub(crate) fn write(self, txn: &WriteTransaction, tables: Versioned) -> Result<(), Error> {
        let mut current = txn.open_table(tables.current)?;
        let mut replaced = Vec::new();
        for (key, versions) in self.0 {
            let before = current.get(key.as_slice())?.map(|value| value.value().to_vec());
            let mut last = before.clone();
            for (block, value) in versions {
                if value == last {
                    continue;
                }
                let old = std::mem::replace(&mut last, value).unwrap_or_default();
                if block > 0 {
                    let history_key = match tables.layout {
                        Layout::ByKey => keys::key_then_block(&key, block),
                        Layout::ByBlock => keys::block_then_key(block, &key),
                    };
                    replaced.push((history_key, old));
                }
            }
            match last {
                _ if last == before => {}
                Some(value) => drop(current.insert(key.as_slice(), value.as_slice())?),
                None => drop(current.remove(key.as_slice())?),
            }
        }
        drop(current);
        // Sorted, because neighbours share pages.
        replaced.sort_unstable();
        let mut history = txn.open_table(tables.history)?;
        for (key, old) in replaced {
            history.insert(key.as_slice(), old.as_slice())?;
        }
        Ok(())
    }
}
