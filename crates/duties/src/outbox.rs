//! Proofs that a message is in the outbox, from what the contract itself keeps and the messages since. Pure.

use alloy_primitives::{B256, keccak256};
use sluice_types::predeploys::OUTBOX_DEPTH;

/// Storage slot of the first node of [`Frontier::nodes`]. Source: `contracts/snapshots/Outbox.storage.json`.
pub(crate) const FRONTIER_SLOT: u64 = 2;

/// The right edge of the tree after some messages, as the contract keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frontier {
    /// How many messages.
    pub(crate) count: u64,
    /// At each height the last left node whose subtree is full; of a height where there is none, anything.
    pub(crate) nodes: [B256; OUTBOX_DEPTH],
}

/// A leaf's siblings, lowest first, and the root that they give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) siblings: [B256; OUTBOX_DEPTH],
    pub(crate) root: B256,
}

/// Proves the leaf at a place among `leaves`, which follow the frontier, in the tree that ends with the last of them.
///
/// Panics: when there is no leaf at that place.
pub(crate) fn prove(frontier: &Frontier, leaves: &[B256], place: usize) -> Proof {
    // Of each level, the nodes from position `start` on that are not empty.
    let (mut level, mut start, mut place) = (leaves.to_vec(), frontier.count, place);
    let mut siblings = [B256::ZERO; OUTBOX_DEPTH];
    let mut empty = B256::ZERO;
    for (sibling, left) in siblings.iter_mut().zip(frontier.nodes) {
        if start % 2 == 1 {
            level.insert(0, left);
            place += 1;
        }
        if level.len() % 2 == 1 {
            level.push(empty);
        }
        *sibling = level[place ^ 1];
        level = level.chunks_exact(2).map(|pair| join(pair[0], pair[1])).collect();
        (start, place) = (start / 2, place / 2);
        empty = join(empty, empty);
    }
    Proof { siblings, root: level[0] }
}

fn join(left: B256, right: B256) -> B256 {
    keccak256([left, right].concat())
}
