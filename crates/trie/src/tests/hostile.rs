//! Whatever bytes a source gives for nodes, the answer is a value or an error.

use std::{cell::Cell, convert::Infallible, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Header;
use proptest::prelude::*;
use sluice_types::{Account, AccountChange, StateChanges};

use super::{MapStore, a_block, address, after, play};
use crate::{AccountLeaf, Error, Nibbles, NodeRead, PartialTrie, Witness, account::slot_to_value, node, prove, update};

/// Gives the same few nodes for everything, in turn.
#[derive(Debug)]
struct Liar {
    nodes: Vec<Bytes>,
    turn: Cell<usize>,
}

impl NodeRead for Liar {
    type Error = Infallible;

    fn node(&self, _: Option<B256>, _: &Nibbles, _: B256) -> Result<Option<Bytes>, Infallible> {
        self.turn.set(self.turn.get() + 1);
        Ok(self.nodes.get(self.turn.get() % self.nodes.len().max(1)).cloned())
    }
}

fn list(items: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let payload: Vec<u8> = items.into_iter().flatten().collect();
    let mut out = Vec::new();
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend(payload);
    out
}

fn string(bytes: Vec<u8>) -> Vec<u8> {
    alloy_rlp::encode(Bytes::from(bytes))
}

/// Something like a node: paths of any length and flag, any values, any children.
fn like_a_node() -> impl Strategy<Value = Vec<u8>> {
    let leaf_value = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..8),
        Just(slot_to_value(&U256::from(7))),
        any::<[u8; 32]>().prop_map(|root| AccountLeaf::new(&Account::default(), root.into()).to_value()),
    ];
    let path = (0..5u8, 0..16u8, proptest::collection::vec(any::<u8>(), 0..34)).prop_map(|(flag, nibble, mut rest)| {
        rest.insert(0, flag << 4 | if flag & 1 == 1 { nibble } else { nibble / 15 });
        rest
    });
    let hash = || any::<[u8; 32]>().prop_map(|hash| string(hash.to_vec()));
    let short =
        (path, prop_oneof![leaf_value.prop_map(string), hash()]).prop_map(|(path, value)| list([string(path), value]));
    let inner = prop_oneof![3 => hash(), 2 => Just(string(Vec::new())), 1 => short.clone()];
    let branch = proptest::collection::vec(inner, 15..18).prop_map(|mut children| {
        children.push(string(Vec::new()));
        list(children)
    });
    prop_oneof![2 => short, 3 => branch, 1 => proptest::collection::vec(any::<u8>(), 0..40)]
}

fn some_changes() -> StateChanges {
    let mut changes = StateChanges::default();
    for index in 0..40u8 {
        let account = (index % 3 != 0).then(Account::default);
        let storage = if account.is_some() {
            (0..8).map(|slot| (U256::from(slot), U256::from(slot % 2))).collect()
        } else {
            Default::default()
        };
        changes.accounts.insert(address(index), AccountChange { account, storage_wiped: index % 7 == 1, storage });
    }
    changes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_node_makes_reading_or_updating_panic(nodes in proptest::collection::vec(like_a_node(), 0..6)) {
        let source = || Liar { nodes: nodes.iter().cloned().map(Bytes::from).collect(), turn: Cell::new(0) };
        let root = keccak256("root");
        let _ = update(&source(), root, &some_changes());
        let _ = prove(&source(), root, Address::ZERO, &[U256::ZERO, U256::from(1)]);
        // The same as a witness, whose nodes are found by their real hashes.
        for node in &nodes {
            let witness = Witness { nodes: nodes.iter().cloned().map(Bytes::from).collect(), ..Default::default() };
            let state = PartialTrie::new(keccak256(node), B256::ZERO, witness).unwrap();
            let _ = update(&state, state.root(), &some_changes());
            let _ = prove(&state, state.root(), Address::ZERO, &[U256::ZERO]);
        }
    }

    #[test]
    fn a_decoded_node_stays_within_a_key(bytes in like_a_node(), depth in 0..=64usize) {
        let path = Nibbles::from_nibbles(vec![3; depth]);
        match node::decode(&path, bytes.into()) {
            Ok(node::Node::Leaf { key, .. }) => prop_assert_eq!(key.len(), 64),
            Ok(node::Node::Extension { target, .. }) => prop_assert!(target.len() > depth && target.len() < 64),
            Ok(node::Node::Branch(_)) => prop_assert!(depth < 64),
            Err(reason) => prop_assert!(!reason.is_empty()),
        }
    }
}

/// A database in which one node is not what was written.
#[derive(Debug)]
struct Damaged {
    nodes: super::Nodes,
}

impl NodeRead for Damaged {
    type Error = Infallible;

    fn node(&self, owner: Option<B256>, path: &Nibbles, _: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(self.nodes.get(&(owner, *path)).cloned())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_damaged_node_makes_nothing_panic(
        blocks in proptest::collection::vec(a_block(16), 1..3),
        last in a_block(16),
        (which, at, mask, cut) in any::<(proptest::sample::Index, proptest::sample::Index, u8, bool)>(),
    ) {
        let (store, root, mut state) = after(&blocks);
        let mut nodes = store.0;
        prop_assume!(!nodes.is_empty());
        let key = *nodes.keys().nth(which.index(nodes.len())).unwrap();
        let mut bytes = nodes[&key].to_vec();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= mask }
        nodes.insert(key, bytes.into());
        let _ = update(&Damaged { nodes }, root, &play(&mut state, &last));
    }
}

#[test]
fn a_hole_is_an_error_and_not_an_absent_account() {
    let state = super::large_state(100);
    let mut store = MapStore::default();
    let (root, nodes) = update(&store, crate::EMPTY_ROOT_HASH, &state.clone().into_changes()).unwrap();
    store.apply(nodes);
    let nodes = Arc::new(store.0);
    for hole in nodes.keys().filter(|(owner, _)| owner.is_none()) {
        let mut nodes = (*nodes).clone();
        nodes.remove(hole);
        let source = Damaged { nodes };
        let path = hole.1;
        let below =
            state.accounts.keys().find(|address| Nibbles::unpack(keccak256(address)).starts_with(&path)).unwrap();
        let changes =
            StateChanges { accounts: [(*below, AccountChange::default())].into_iter().collect(), ..Default::default() };
        let missing = |error: Error| matches!(error, Error::Missing { owner: None, path, .. } if path == hole.1);
        assert!(missing(prove(&source, root, *below, &[]).unwrap_err()));
        assert!(missing(update(&source, root, &changes).unwrap_err()));
    }
}
