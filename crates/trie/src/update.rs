//! Applying a block's changes: the doors.

use alloy_primitives::B256;
use sluice_types::{Keccak, StateChanges};

use crate::{
    HashedChanges, NodeRead, TrieChanges,
    output::Output,
    read::{Read, Trie},
    spread::{Alone, Spread},
    walk::{Root, Walk},
};

/// Applies a block's changes to the state with this root; gives the new root and what to write.
///
/// Storage roots come from the accounts' old leaves. An account that is `Some` afterwards is in the trie, even an empty one;
/// one that is `None` takes its storage along.
///
/// Errors: [`crate::Error::Read`], [`crate::Error::Missing`], [`crate::Error::Corrupt`]; then nothing must be written.
pub fn update<R: NodeRead>(reader: &R, root: B256, changes: &StateChanges) -> Read<(B256, TrieChanges), R> {
    update_hashed(reader, root, &HashedChanges::new(changes))
}

/// The same as [`update`], from keys that are hashed and sorted already.
pub fn update_hashed<R: NodeRead>(reader: &R, root: B256, changes: &HashedChanges) -> Read<(B256, TrieChanges), R> {
    run(reader, root, changes, Alone)
}

/// The same as [`update`], with the subtries below branches on all threads of rayon's pool, in storage tries too.
///
/// The result is the same whatever the number of threads.
#[cfg(feature = "std")]
pub fn update_parallel<R: NodeRead + Sync>(
    reader: &R,
    root: B256,
    changes: &StateChanges,
) -> Read<(B256, TrieChanges), R> {
    update_hashed_parallel(reader, root, &HashedChanges::new(changes))
}

/// The same as [`update_parallel`], from keys that are hashed and sorted already.
#[cfg(feature = "std")]
pub fn update_hashed_parallel<R: NodeRead + Sync>(
    reader: &R,
    root: B256,
    changes: &HashedChanges,
) -> Read<(B256, TrieChanges), R> {
    run(reader, root, changes, crate::spread::Threads::new(changes.accounts()))
}

fn run<R: NodeRead>(
    reader: &R,
    root: B256,
    changes: &HashedChanges,
    spread: impl Spread<R>,
) -> Read<(B256, TrieChanges), R> {
    let keccak = Keccak::detect();
    let walk = Walk { trie: Trie { reader, owner: None }, slots: changes.slots(), keccak, spread };
    let mut out = Output::new(keccak);
    let root = walk.run(root, changes.accounts(), &mut out)?;
    Ok(finish(root, out))
}

fn finish(root: Root, out: Output) -> (B256, TrieChanges) {
    match root {
        Root::Known(root) => (root, out.finish(None).1),
        Root::Node(id) => {
            let (root, changes) = out.finish(Some(id));
            (root.expect("the root that was asked for"), changes)
        }
    }
}

/// [`update`] of one storage trie with whole keys instead of hashed ones, so that tests can choose where keys part.
#[cfg(test)]
pub(crate) fn update_slots<R: NodeRead>(
    reader: &R,
    owner: B256,
    root: B256,
    slots: &alloc::collections::BTreeMap<B256, alloy_primitives::U256>,
) -> Read<(B256, TrieChanges), R> {
    let slots: alloc::vec::Vec<_> = slots.iter().map(|(key, value)| (*key, *value)).collect();
    let keccak = Keccak::detect();
    let walk = Walk { trie: Trie { reader, owner: Some(owner) }, slots: &[], keccak, spread: Alone };
    let mut out = Output::new(keccak);
    let root = walk.run(root, &slots, &mut out)?;
    Ok(finish(root, out))
}
