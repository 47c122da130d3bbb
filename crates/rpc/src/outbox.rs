//! The tree of messages to L1, rebuilt from the outbox's logs, to prove that a message is in it.
//!
//! A leaf is what the contract logged; a node is `keccak(left ‖ right)`; an absent leaf is zero; depth 32. The tree keeps every
//! node whose subtree is full, so that a proof against the tree as it was after any number of leaves hashes only its right edge.

use std::time::Instant;

use alloy_primitives::{Address, B256, BloomInput, Bytes, U256, keccak256};
use alloy_sol_types::SolEvent;
use sluice_types::{
    L2Number,
    predeploys::{MessageSent, OUTBOX, OUTBOX_DEPTH},
};

use crate::{backend::Backend, failure::Failure};

/// Most messages that are kept in memory (about 130 bytes each); a chain with more needs an index of its own.
const MESSAGES_MAX: usize = 1 << 23;

/// An append-only Merkle tree of depth 32.
#[derive(Debug, Default)]
struct Tree {
    /// By height: the nodes whose subtree is full, from the left.
    full: [Vec<B256>; OUTBOX_DEPTH],
}

impl Tree {
    fn count(&self) -> usize {
        self.full[0].len()
    }

    fn push(&mut self, leaf: B256) {
        let mut node = leaf;
        for level in &mut self.full {
            level.push(node);
            let [.., left, right] = level[..] else { return };
            if level.len() % 2 == 1 {
                return;
            }
            node = join(left, right);
        }
    }

    /// The node at this height and position in the tree of the first `count` leaves.
    fn node(&self, height: usize, position: usize, count: usize) -> B256 {
        if ((position + 1) << height) <= count {
            self.full[height][position]
        } else if (position << height) >= count {
            empty(height)
        } else {
            // Partly filled: one of the two is full or empty, so this goes down one path.
            join(self.node(height - 1, 2 * position, count), self.node(height - 1, 2 * position + 1, count))
        }
    }

    /// The siblings of a leaf in the tree of the first `count` leaves, lowest first.
    fn proof(&self, index: usize, count: usize) -> Vec<B256> {
        (0..OUTBOX_DEPTH).map(|height| self.node(height, (index >> height) ^ 1, count)).collect()
    }
}

fn join(left: B256, right: B256) -> B256 {
    keccak256([left, right].concat())
}

/// The empty subtree of this height.
fn empty(height: usize) -> B256 {
    (0..height).fold(B256::ZERO, |node, _| join(node, node))
}

/// The root that a leaf has with these siblings.
fn root_from(leaf: B256, index: usize, proof: &[B256]) -> B256 {
    proof.iter().enumerate().fold(leaf, |node, (height, sibling)| {
        if (index >> height) & 1 == 1 { join(*sibling, node) } else { join(node, *sibling) }
    })
}

/// A message in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) index: u64,
    pub(crate) sender: Address,
    pub(crate) target: Address,
    pub(crate) value: U256,
    pub(crate) data: Bytes,
}

impl Message {
    /// Reads a log of the outbox; `None` for any other.
    pub(crate) fn from_log(log: &alloy_primitives::Log) -> Option<(Self, B256)> {
        if log.address != OUTBOX {
            return None;
        }
        let sent = MessageSent::decode_log(log).ok()?.data;
        let message =
            Self { index: sent.index, sender: sent.sender, target: sent.target, value: sent.value, data: sent.data };
        Some((message, sent.leaf))
    }
}

/// A leaf with its siblings and the root that they give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeafProof {
    pub(crate) leaf: B256,
    pub(crate) siblings: Vec<B256>,
    pub(crate) root: B256,
}

/// The outbox up to some block, as far as it has been asked for. Executed blocks never change, so it only grows.
#[derive(Debug, Default)]
pub(crate) struct OutboxIndex {
    tree: Tree,
    /// Block of each message, ascending.
    blocks: Vec<L2Number>,
    next: L2Number,
}

impl OutboxIndex {
    /// Reads on up to this block. Keeps what it has read when the time is over, so that asking again goes on.
    pub(crate) fn read_to(&mut self, backend: &Backend, last: L2Number) -> Result<(), Failure> {
        let deadline = Instant::now() + backend.config.limits.request_time_max() / 2;
        while self.next <= last {
            if Instant::now() >= deadline {
                return Err(Failure::server(format!(
                    "the outbox is being indexed: block {} of {last} is reached; ask again",
                    self.next
                )));
            }
            self.read_block(backend, self.next)?;
            self.next = self.next.next();
        }
        Ok(())
    }

    fn read_block(&mut self, backend: &Backend, number: L2Number) -> Result<(), Failure> {
        let sealed = backend.store.block(number)?.ok_or_else(Failure::header_not_found)?;
        if !sealed.block.header.logs_bloom.contains_input(BloomInput::Raw(OUTBOX.as_slice())) {
            return Ok(());
        }
        let receipts = backend.receipts_of(&sealed)?;
        let logs = receipts.iter().flat_map(|receipt| &receipt.logs);
        let found: Vec<(Message, B256)> = logs.filter_map(Message::from_log).collect();
        if self.tree.count() + found.len() > MESSAGES_MAX {
            return Err(Failure::server(format!(
                "this node proves withdrawals among the first {MESSAGES_MAX} messages only"
            )));
        }
        for (message, leaf) in found {
            if message.index != self.tree.count() as u64 {
                return Err(Failure::internal(format!(
                    "outbox message {} out of order in block {number}",
                    message.index
                )));
            }
            self.tree.push(leaf);
            self.blocks.push(number);
        }
        Ok(())
    }

    /// Block of a message, if it has been read.
    pub(crate) fn block_of(&self, index: u64) -> Option<L2Number> {
        self.blocks.get(usize::try_from(index).ok()?).copied()
    }

    /// The proof of a message against the tree as it was after a block that has been read.
    pub(crate) fn proof_at(&self, index: u64, last: L2Number) -> Option<LeafProof> {
        let count = self.blocks.partition_point(|block| *block <= last);
        let index = usize::try_from(index).ok().filter(|index| *index < count)?;
        let leaf = self.tree.full[0][index];
        let siblings = self.tree.proof(index, count);
        let root = root_from(leaf, index, &siblings);
        Some(LeafProof { leaf, siblings, root })
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{address, b256, bytes};
    use alloy_sol_types::SolValue;

    use super::*;

    /// The tree as the contract defines it: 2^32 leaves, of which all but the first few are zero.
    fn naive_root(leaves: &[B256]) -> B256 {
        let mut level = leaves.to_vec();
        for height in 0..OUTBOX_DEPTH {
            if level.len() % 2 == 1 || level.is_empty() {
                level.push(empty(height));
            }
            level = level.chunks(2).map(|pair| join(pair[0], *pair.get(1).unwrap_or(&empty(height)))).collect();
        }
        level[0]
    }

    #[test]
    fn empty_root_is_the_contracts() {
        // Source: `Outbox.EMPTY_ROOT`.
        assert_eq!(empty(OUTBOX_DEPTH), b256!("27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757"));
    }

    /// Source: `test_RootsAreTheDocumentedOnes` in `contracts/test/l2/Outbox.t.sol`; a leaf as in `OutboxTree.leafHash`.
    #[test]
    fn roots_are_the_contracts() {
        let (alice, bob) = (
            address!("00000000000000000000000000000000000a11ce"),
            address!("0000000000000000000000000000000000000b0b"),
        );
        let mut tree = Tree::default();
        for (index, (sender, target, value, data, root)) in [
            (bob, alice, 0, bytes!(""), b256!("7199e2d624c2e32ad2a6aca356f051c5e6ab3a8fdc306510d63c18c338dc354a")),
            (
                alice,
                bob,
                7,
                bytes!("deadbeef"),
                b256!("90e9402ff99e8c7bf25319b33eabc89545ed0efbfe3bdbaeff08d4b586352187"),
            ),
            (alice, alice, 1, bytes!(""), b256!("fc5b9a935b63531f895f0551a26eea678f6362b21a9c679996787dbdbe5670bb")),
        ]
        .into_iter()
        .enumerate()
        {
            let leaf = keccak256((U256::from(index), sender, target, U256::from(value), keccak256(data)).abi_encode());
            tree.push(leaf);
            assert_eq!(root_from(leaf, index, &tree.proof(index, index + 1)), root, "after message {index}");
        }
    }

    #[test]
    fn every_leaf_proves_against_the_tree_at_every_later_count() {
        let leaves: Vec<B256> = (0..21u8).map(|i| keccak256([i])).collect();
        let mut tree = Tree::default();
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        for count in 1..=leaves.len() {
            let root = naive_root(&leaves[..count]);
            for (index, leaf) in leaves[..count].iter().enumerate() {
                assert_eq!(root_from(*leaf, index, &tree.proof(index, count)), root, "leaf {index} of {count}");
            }
        }
    }
}
