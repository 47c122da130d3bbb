//! The root of a list: of a block's transactions, or of its receipts.

use alloc::vec::Vec;

use alloy_primitives::B256;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use sluice_types::Keccak;

use crate::arena::{Arena, LeafValue, Reference};

/// Root of the trie that maps the RLP of each index to the value there.
///
/// All of the trie is new, so it is encoded in one walk and hashed level by level, on vector units where the machine has them.
pub fn ordered_root<V: AsRef<[u8]>>(values: &[V]) -> B256 {
    ordered_root_with(values, Keccak::detect())
}

fn ordered_root_with<V: AsRef<[u8]>>(values: &[V], keccak: Keccak) -> B256 {
    if values.is_empty() {
        return EMPTY_ROOT_HASH;
    }
    let key = |index: usize| Nibbles::unpack(alloy_rlp::encode(index));
    let mut leaves: Vec<(Nibbles, &[u8])> =
        values.iter().enumerate().map(|(index, value)| (key(index), value.as_ref())).collect();
    leaves.sort_unstable_by_key(|leaf| leaf.0);
    let mut arena = Arena::new(keccak);
    match build(&mut arena, &leaves, 0, true) {
        Reference::Node(id) => arena.hash_now(id, 0),
        Reference::Known(_) => unreachable!("a root is a node of its own"),
    }
}

/// The node over these leaves, whose keys share their first `depth` nibbles. No key is the beginning of another, as no RLP is.
fn build(arena: &mut Arena, leaves: &[(Nibbles, &[u8])], depth: usize, is_root: bool) -> Reference {
    if let [(key, bytes)] = leaves {
        return arena.leaf(&key.slice(depth..), LeafValue { bytes, hole: None }, is_root);
    }
    let (first, last) = (&leaves[0].0, &leaves[leaves.len() - 1].0);
    // Sorted, so what the first and the last share, all share.
    let parting = first.common_prefix_length(last);
    let mut children = [const { None }; 16];
    for run in leaves.chunk_by(|(a, _), (b, _)| a.get(parting) == b.get(parting)) {
        let nibble = run[0].0.get(parting).expect("keys go on where they part");
        children[usize::from(nibble)] = Some(build(arena, run, parting + 1, false));
    }
    let branch = arena.branch(None, &children, is_root && parting == depth);
    if parting == depth { branch } else { arena.extension(&first.slice(depth..parting), &branch, is_root) }
}

#[cfg(test)]
mod tests {
    use alloy_trie::root::ordered_trie_root_with_encoder;
    use proptest::prelude::*;

    use super::*;

    fn reference(values: &[Vec<u8>]) -> B256 {
        ordered_trie_root_with_encoder(values, |value, out| out.extend_from_slice(value))
    }

    #[test]
    fn every_count_has_the_reference_s_root() {
        for count in (0..300).chain([1_000, 5_000, 70_000]) {
            let values: Vec<Vec<u8>> = (0..count).map(|index: usize| index.to_be_bytes().to_vec()).collect();
            assert_eq!(ordered_root(&values), reference(&values), "{count} values");
        }
    }

    proptest! {
        #[test]
        fn values_of_any_length_have_the_reference_s_root(
            values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..700), 0..200)
        ) {
            for keccak in Keccak::all() {
                prop_assert_eq!(ordered_root_with(&values, keccak), reference(&values));
            }
        }
    }
}
