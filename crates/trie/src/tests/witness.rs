//! A witness does for one block what the database does, and anything less than it is refused.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use proptest::prelude::*;
use sluice_types::{Header, StateChanges, StateRead};

use super::{TrieError, a_block, address, after, all_slots, play};
use crate::{EMPTY_ROOT_HASH, Error, PartialTrie, TrieChanges, WITNESS_HEADERS_MAX, Witness, update, witness_nodes};

type Reads = BTreeMap<Address, BTreeSet<U256>>;

/// Reads everything and updates, from the witness alone.
fn replay(
    root: B256,
    witness: Witness,
    reads: &Reads,
    changes: &StateChanges,
) -> Result<(B256, TrieChanges, Vec<U256>), TrieError> {
    let state = PartialTrie::new(root, B256::ZERO, witness)?;
    let mut values = Vec::new();
    for (address, slots) in reads {
        values.push(state.account(*address)?.map_or(U256::MAX, |account| account.balance));
        for slot in slots {
            values.push(state.storage(*address, *slot)?);
        }
    }
    let (root, nodes) = update(&state, root, changes)?;
    Ok((root, nodes, values))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_partial_trie_equals_the_whole_one_and_needs_every_node(
        blocks in proptest::collection::vec(a_block(16), 1..4),
        last in a_block(16),
        read in proptest::collection::btree_set(0..20u8, 0..4),
        flip in any::<proptest::sample::Index>(),
    ) {
        let (store, root, mut state) = after(&blocks);
        let reads: Reads = read.into_iter().map(|index| (address(index), all_slots())).collect();
        let mut expected = Vec::new();
        for (address, slots) in &reads {
            let account = state.accounts.get(address);
            expected.push(account.map_or(U256::MAX, |(account, _)| account.balance));
            let value = |slot| account.and_then(|(_, storage)| storage.get(slot)).copied().unwrap_or_default();
            expected.extend(slots.iter().map(value));
        }
        let changes = play(&mut state, &last);
        let nodes = witness_nodes(&store, root, &reads, &changes).unwrap();
        let witness = Witness { nodes, ..Default::default() };
        prop_assert_eq!(&Witness::decode(&witness.encode()).unwrap(), &witness);

        let (new_root, new_nodes, values) = replay(root, witness.clone(), &reads, &changes).unwrap();
        prop_assert_eq!((new_root, new_nodes), update(&store, root, &changes).unwrap());
        prop_assert_eq!(values, expected);

        for index in 0..witness.nodes.len() {
            let mut less = witness.clone();
            let mut node = less.nodes.remove(index).to_vec();
            let missing = |result| matches!(result, Err(Error::Missing { hash, .. }) if hash == keccak256(&witness.nodes[index]));
            prop_assert!(missing(replay(root, less.clone(), &reads, &changes)));
            let at = flip.index(node.len());
            node[at] ^= 1;
            less.nodes.push(node.into());
            prop_assert!(missing(replay(root, less, &reads, &changes)));
        }
    }

    #[test]
    fn no_bytes_make_the_codec_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(witness) = Witness::decode(&bytes) {
            prop_assert_eq!(witness.encode(), bytes);
        }
    }

    #[test]
    fn the_codec_is_canonical(
        lists in proptest::array::uniform3(proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..70), 0..5)),
        cut in any::<proptest::sample::Index>(),
    ) {
        let [nodes, codes, headers] = lists.map(|list| list.into_iter().map(Bytes::from).collect());
        let witness = Witness { nodes, codes, headers };
        let mut bytes = witness.encode();
        prop_assert_eq!(&Witness::decode(&bytes).unwrap(), &witness);
        prop_assert!(Witness::decode(&bytes[..cut.index(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert!(Witness::decode(&bytes).is_err());
    }
}

#[test]
fn rejects_lists_and_nodes_past_their_bounds() {
    let at_most = Witness { headers: vec![Bytes::new(); WITNESS_HEADERS_MAX], ..Default::default() };
    assert_eq!(Witness::decode(&at_most.encode()), Ok(at_most.clone()));
    let more = Witness { headers: vec![Bytes::new(); WITNESS_HEADERS_MAX + 1], ..Default::default() };
    assert!(matches!(Witness::decode(&more.encode()), Err(Error::Witness(_))));
    let large = Witness { nodes: vec![vec![1; crate::NODE_SIZE_BYTES_MAX + 1].into()], ..Default::default() };
    assert!(matches!(Witness::decode(&large.encode()), Err(Error::Witness(_))));
}

#[test]
fn codes_are_found_by_the_hash_they_have() {
    let code = Bytes::from_static(&[0x60, 0]);
    let witness = Witness { codes: vec![code.clone()], ..Default::default() };
    let state = PartialTrie::new(EMPTY_ROOT_HASH, B256::ZERO, witness).unwrap();
    assert_eq!(state.code(keccak256(&code)), Ok(code));
    assert_eq!(state.code(keccak256("other")), Err(Error::MissingCode(keccak256("other"))));
    assert_eq!(state.code(keccak256("")), Ok(Bytes::new()));
    assert_eq!(state.block_hash(7), Err(Error::MissingHeader(7)));
    assert_eq!(state.account(address(1)), Ok(None));
}

#[test]
fn headers_must_chain_back_from_the_parent() {
    let mut parent_hash = keccak256("before");
    let (mut headers, mut hashes) = (Vec::new(), Vec::new());
    for number in 300..310 {
        let header = Header { number, parent_hash, ..Default::default() };
        let mut rlp = Vec::new();
        header.encode(&mut rlp);
        parent_hash = header.hash_slow();
        headers.insert(0, Bytes::from(rlp));
        hashes.push(parent_hash);
    }
    let witness = |headers: &[Bytes]| Witness { headers: headers.to_vec(), ..Default::default() };
    let state = PartialTrie::new(EMPTY_ROOT_HASH, parent_hash, witness(&headers)).unwrap();
    assert_eq!(state.block_hash(309), Ok(parent_hash));
    assert_eq!(state.block_hash(300), Ok(hashes[0]));
    assert_eq!(state.block_hash(299), Err(Error::MissingHeader(299)));
    assert_eq!(state.block_hash(310), Ok(B256::ZERO));
    assert_eq!(state.block_hash(54), Err(Error::MissingHeader(54)));
    assert_eq!(state.block_hash(53), Ok(B256::ZERO));

    let refused = |headers: &[Bytes]| PartialTrie::new(EMPTY_ROOT_HASH, parent_hash, witness(headers)).is_err();
    assert!(refused(&headers[1..]));
    headers.swap(3, 4);
    assert!(refused(&headers));
    headers.swap(3, 4);
    headers.remove(5);
    assert!(refused(&headers));
}

#[test]
fn a_witness_without_the_root_is_refused() {
    let root = keccak256("root");
    let refused = PartialTrie::new(root, B256::ZERO, Witness::default());
    assert!(matches!(refused, Err(Error::Missing { hash, .. }) if hash == root));
}
