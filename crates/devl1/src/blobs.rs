//! The blobs of the embedded chain: the newest in memory, older ones in the journal.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use ethrex_common::H256;
use sha2::{Digest, Sha256};

/// Most blobs kept in memory, 131,072 bytes each. Without a data folder, older ones are gone, as on a beacon node that prunes.
const IN_MEMORY_MAX: usize = 256;

/// Bytes of one blob.
pub(crate) const BLOB_SIZE: usize = 131_072;

/// Where a block's blobs are.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Here.
    Memory(Arc<Vec<Vec<u8>>>),
    /// In the journal record at this place.
    Journal(u64),
}

#[derive(Debug)]
struct Entry {
    hashes: Vec<H256>,
    memory: Option<Arc<Vec<Vec<u8>>>>,
    journal: Option<u64>,
}

/// Blobs by block hash, canonical or not.
#[derive(Debug, Default)]
pub(crate) struct Blobs {
    blocks: HashMap<H256, Entry>,
    /// Blocks whose blobs are in memory, oldest first.
    recent: VecDeque<H256>,
    in_memory: usize,
}

impl Blobs {
    /// Takes in a block's blobs, and forgets or moves out the oldest.
    pub(crate) fn insert(&mut self, block: H256, hashes: Vec<H256>, blobs: Vec<Vec<u8>>, journal: Option<u64>) {
        self.in_memory += blobs.len();
        self.recent.push_back(block);
        self.blocks.insert(block, Entry { hashes, memory: Some(Arc::new(blobs)), journal });
        while self.in_memory > IN_MEMORY_MAX {
            let Some(oldest) = self.recent.pop_front() else { break };
            let Some(entry) = self.blocks.get_mut(&oldest) else { continue };
            self.in_memory -= entry.memory.take().map_or(0, |blobs| blobs.len());
            if entry.journal.is_none() {
                self.blocks.remove(&oldest);
            }
        }
    }

    /// Versioned hashes of a block's blobs, and where the blobs are; `None` when it has none or they are gone.
    pub(crate) fn find(&self, block: &H256) -> Option<(Vec<H256>, Place)> {
        let entry = self.blocks.get(block)?;
        let place = match (&entry.memory, entry.journal) {
            (Some(blobs), _) => Place::Memory(Arc::clone(blobs)),
            (None, Some(place)) => Place::Journal(place),
            (None, None) => return None,
        };
        Some((entry.hashes.clone(), place))
    }
}

/// EIP-4844: `0x01 ‖ sha256(commitment)[1..]`.
pub(crate) fn versioned_hash(commitment: &[u8]) -> H256 {
    let mut hash = <[u8; 32]>::from(Sha256::digest(commitment));
    hash[0] = 1;
    H256(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_only_persisted_blobs_outlive_it() {
        let mut blobs = Blobs::default();
        let block = |n: u64| H256::from_low_u64_be(n);
        let count = IN_MEMORY_MAX as u64 + 2;
        for n in 0..count {
            blobs.insert(block(n), vec![block(n)], vec![vec![1]], (n == 1).then_some(77));
        }
        assert!(blobs.find(&block(0)).is_none());
        assert!(matches!(blobs.find(&block(1)), Some((_, Place::Journal(77)))));
        assert!(matches!(blobs.find(&block(2)), Some((_, Place::Memory(_)))));
        assert_eq!(blobs.in_memory, IN_MEMORY_MAX);
    }
}
