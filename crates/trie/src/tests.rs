//! What the tests share: a database in a map, a builder that knows nothing of the engine, and a model of a state.

mod blocks;
mod hostile;
mod proof;
mod vectors;
mod witness;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    vec::Vec,
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use alloy_trie::TrieMask;
use alloy_trie::nodes::{BranchNode, ExtensionNode, LeafNode, RlpNode, TrieNode};
use proptest::prelude::*;
use sluice_types::{Account, AccountChange, GenesisState, StateChanges};

use crate::{
    AccountLeaf, EMPTY_ROOT_HASH, Error, Nibbles, NodeRead, TrieChanges, account::slot_to_value, naive, update,
};

pub(super) type Nodes = BTreeMap<(Option<B256>, Nibbles), Bytes>;

/// A database in a map. Checks that every node it gives has the hash that it is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct MapStore(pub(super) Nodes);

impl NodeRead for MapStore {
    type Error = Infallible;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Infallible> {
        let node = self.0.get(&(owner, *path)).cloned();
        assert_eq!(node.as_ref().map(keccak256), Some(hash), "asked for a node that is not at {path:?}");
        Ok(node)
    }
}

impl MapStore {
    pub(super) fn apply(&mut self, changes: TrieChanges) {
        for owner in changes.wiped {
            let before = self.0.len();
            self.0.retain(|(of, _), _| *of != Some(owner));
            assert!(self.0.len() < before, "wiped storage that was not there");
        }
        for (key, node) in changes.nodes {
            match node {
                Some(node) => {
                    let old = self.0.insert(key, node.clone());
                    assert_ne!(old, Some(node), "wrote what was there");
                }
                None => assert!(self.0.remove(&key).is_some(), "removed what was not there: {key:?}"),
            }
        }
    }
}

/// Every node of the trie of these leaves, by recursion over the sorted keys; gives the root.
pub(super) fn naive_nodes(owner: Option<B256>, leaves: &BTreeMap<B256, Vec<u8>>, nodes: &mut Nodes) -> B256 {
    let leaves: Vec<_> = leaves.iter().map(|(key, value)| (Nibbles::unpack(key), value.clone())).collect();
    if leaves.is_empty() {
        return EMPTY_ROOT_HASH;
    }
    let root = naive_node(owner, 0, &leaves, nodes);
    let root = if root.is_hash() { root.as_hash().unwrap() } else { keccak256(&root) };
    assert_eq!(root, naive::root(leaves.iter().map(|(key, value)| (B256::from_slice(&key.pack()), value.clone()))));
    root
}

fn naive_node(owner: Option<B256>, depth: usize, leaves: &[(Nibbles, Vec<u8>)], nodes: &mut Nodes) -> RlpNode {
    let (first, last) = (&leaves[0].0, &leaves[leaves.len() - 1].0);
    let shared = first.common_prefix_length(last);
    let node = if leaves.len() == 1 {
        TrieNode::Leaf(LeafNode::new(first.slice(depth..), leaves[0].1.clone()))
    } else if shared > depth {
        let child = naive_node(owner, shared, leaves, nodes);
        TrieNode::Extension(ExtensionNode::new(first.slice(depth..shared), child))
    } else {
        let mut branch = BranchNode::new(Vec::new(), TrieMask::default());
        for part in leaves.chunk_by(|a, b| a.0.get(depth) == b.0.get(depth)) {
            branch.stack.push(naive_node(owner, depth + 1, part, nodes));
            branch.state_mask.set_bit(part[0].0.get(depth).unwrap());
        }
        TrieNode::Branch(branch)
    };
    let mut rlp = Vec::new();
    node.encode(&mut rlp);
    if rlp.len() >= 32 || depth == 0 {
        nodes.insert((owner, first.slice(..depth)), rlp.clone().into());
    }
    RlpNode::from_rlp(&rlp)
}

/// Every node of a state; gives the root.
pub(super) fn naive_state_nodes(state: &GenesisState) -> (B256, Nodes) {
    let mut nodes = Nodes::new();
    let mut leaves = BTreeMap::new();
    for (address, (account, storage)) in &state.accounts {
        let owner = keccak256(address);
        let slots = storage.iter().map(|(slot, value)| (keccak256(B256::from(*slot)), slot_to_value(value))).collect();
        let storage_root = naive_nodes(Some(owner), &slots, &mut nodes);
        leaves.insert(owner, AccountLeaf::new(account, storage_root).to_value());
    }
    (naive_nodes(None, &leaves, &mut nodes), nodes)
}

/// What a block may do to an account.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Write { balance: u64, slots: BTreeMap<u8, u8> },
    Destroy,
    DestroyAndWrite { balance: u64, slots: BTreeMap<u8, u8> },
}

/// One block: what it does, by account.
pub(super) type Block = BTreeMap<u8, Action>;

pub(super) fn address(index: u8) -> Address {
    Address::repeat_byte(index)
}

/// A block over `accounts` accounts. Few of them, so that blocks meet each other's accounts and subtries collapse.
pub(super) fn a_block(accounts: u8) -> impl Strategy<Value = Block> {
    let slots = || proptest::collection::btree_map(0..12u8, 0..3u8, 0..8);
    let action = prop_oneof![
        5 => (0..3u64, slots()).prop_map(|(balance, slots)| Action::Write { balance, slots }),
        3 => Just(Action::Destroy),
        1 => (0..3u64, slots()).prop_map(|(balance, slots)| Action::DestroyAndWrite { balance, slots }),
    ];
    proptest::collection::btree_map(0..accounts, action, 0..usize::from(accounts))
}

/// Applies the block to the model; gives the same as changes.
pub(super) fn play(state: &mut GenesisState, block: &Block) -> StateChanges {
    let mut changes = StateChanges::default();
    for (&index, action) in block {
        let address = address(index);
        let (wipes, write) = match action {
            Action::Write { balance, slots } => (false, Some((balance, slots))),
            Action::Destroy => (true, None),
            Action::DestroyAndWrite { balance, slots } => (true, Some((balance, slots))),
        };
        let old = state.accounts.remove(&address);
        let mut change = AccountChange { storage_wiped: wipes, ..Default::default() };
        if let Some((balance, slots)) = write {
            let account = Account { nonce: 1, balance: U256::from(*balance), ..Default::default() };
            let mut storage = old.filter(|_| !wipes).map(|(_, storage)| storage).unwrap_or_default();
            for (&slot, &value) in slots {
                let (slot, value) = (U256::from(slot), U256::from(value));
                change.storage.insert(slot, value);
                storage.insert(slot, value);
            }
            storage.retain(|_, value| !value.is_zero());
            state.accounts.insert(address, (account, storage));
            change.account = Some(account);
        }
        changes.accounts.insert(address, change);
    }
    changes
}

/// The database, root and model after these blocks.
pub(super) fn after(blocks: &[Block]) -> (MapStore, B256, GenesisState) {
    let (mut store, mut root, mut state) = (MapStore::default(), EMPTY_ROOT_HASH, GenesisState::default());
    for block in blocks {
        let changes = play(&mut state, block);
        let (new_root, nodes) = update(&store, root, &changes).unwrap();
        store.apply(nodes);
        root = new_root;
    }
    (store, root, state)
}

/// A state with this many accounts with storage.
pub(super) fn large_state(accounts: u64) -> GenesisState {
    let mut state = GenesisState::default();
    for index in 0..accounts {
        let address = Address::from_slice(&keccak256(index.to_be_bytes())[12..]);
        let storage = (0..index % 5).map(|slot| (U256::from(slot), U256::from(index + 1))).collect();
        state.insert(address, index, U256::from(index) * U256::from(1_000_000_007u64), Bytes::new(), storage);
    }
    state
}

/// The error of reading from a source that never fails.
pub(super) type TrieError = Error<Infallible>;

/// All slots that a test may have written.
pub(super) fn all_slots() -> BTreeSet<U256> {
    (0..12).map(U256::from).collect()
}
