//! What a committee certifies about its epoch, so that L1 pays its seats. Source: `docs/spec/sequencers.md`, "Rewards".

use alloc::vec::Vec;

use alloy_primitives::{B256, U256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

use crate::keccak256;

/// What one seat did in an epoch: a leaf of the record's tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RewardEntry {
    /// The seat.
    pub seat: u32,
    /// Blocks it produced.
    pub produced_count: u64,
    /// Blocks it should have produced and did not.
    pub missed_count: u64,
    /// Its fees.
    pub fees_wei: U256,
}

impl RewardEntry {
    /// `keccak(keccak(abi.encode(entry)))`: hashed twice, so that no leaf is a node of the tree.
    pub fn leaf(&self) -> B256 {
        let Self { seat, produced_count, missed_count, fees_wei } = *self;
        keccak256(hash_words([U256::from(seat), U256::from(produced_count), U256::from(missed_count), fees_wei]))
    }
}

/// What a committee certifies about its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochRecord {
    /// The epoch.
    pub epoch: u32,
    /// Blocks of all seats together.
    pub block_count: u64,
    /// Fees of all seats together.
    pub fees_wei: U256,
    /// Root of the tree of entries; zero without entries.
    pub root: B256,
}

impl EpochRecord {
    /// Adds the entries up.
    pub fn of(epoch: u32, entries: &[RewardEntry]) -> Self {
        let mut level: Vec<B256> = entries.iter().map(RewardEntry::leaf).collect();
        while level.len() > 1 {
            level = parents(&level);
        }
        Self {
            epoch,
            block_count: entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.produced_count)),
            fees_wei: entries.iter().fold(U256::ZERO, |sum, entry| sum.saturating_add(entry.fees_wei)),
            root: level.first().copied().unwrap_or_default(),
        }
    }

    /// `keccak(abi.encode(record))`, which the committee signs.
    pub fn hash(&self) -> B256 {
        let Self { epoch, block_count, fees_wei, root } = *self;
        hash_words([U256::from(epoch), U256::from(block_count), fees_wei, root.into()])
    }
}

/// Siblings of the entry at a place, lowest first: what L1 asks for to believe it. `None` beyond the entries.
pub fn reward_proof(entries: &[RewardEntry], place: usize) -> Option<Vec<B256>> {
    entries.get(place)?;
    let (mut level, mut place): (Vec<B256>, _) = (entries.iter().map(RewardEntry::leaf).collect(), place);
    let mut proof = Vec::new();
    while level.len() > 1 {
        proof.extend(level.get(place ^ 1));
        level = parents(&level);
        place /= 2;
    }
    Some(proof)
}

/// The next level of the tree: of two children the smaller first; one without a sibling goes up as it is.
fn parents(level: &[B256]) -> Vec<B256> {
    let parent = |children: &[B256]| match *children {
        [left, right] => keccak256([left.min(right), left.max(right)].concat()),
        _ => children[0],
    };
    level.chunks(2).map(parent).collect()
}

fn hash_words(words: [U256; 4]) -> B256 {
    keccak256(words.map(|word| word.to_be_bytes::<32>()).concat())
}
