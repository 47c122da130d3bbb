//! Who visits the children of a branch: this thread, or several.

use alloy_trie::Nibbles;

use crate::{
    NodeRead,
    change::{Change, Groups},
    output::Output,
    read::Read,
    walk::{Siblings, Walk},
};

/// How the work below a branch is shared out. The result is the same whatever does it.
pub(crate) trait Spread<R: NodeRead>: Copy {
    /// Applies the changes to the children of the branch at `path`, and adds those that are new to the output's children.
    fn visit_children<C: Change>(
        walk: &Walk<'_, R, Self>,
        path: &Nibbles,
        siblings: &Siblings,
        changes: &[C],
        out: &mut Output,
    ) -> Read<(), R>;
}

/// One child after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alone;

impl<R: NodeRead> Spread<R> for Alone {
    fn visit_children<C: Change>(
        walk: &Walk<'_, R, Self>,
        path: &Nibbles,
        siblings: &Siblings,
        changes: &[C],
        out: &mut Output,
    ) -> Read<(), R> {
        one_by_one(walk, path, siblings, changes, out)
    }
}

fn one_by_one<R: NodeRead, S: Spread<R>, C: Change>(
    walk: &Walk<'_, R, S>,
    path: &Nibbles,
    siblings: &Siblings,
    changes: &[C],
    out: &mut Output,
) -> Read<(), R> {
    for group in Groups::new(changes, path.len(), siblings.moving()) {
        let mark = out.mark();
        walk.visit_child(path, group, siblings, out)?;
        if C::weight(group.1) >= HASH_KEYS_MIN {
            out.hash_from(mark);
        }
    }
    Ok(())
}

/// Fewest changed accounts and slots below a branch that are worth hashing on their own: enough to fill the lanes, and few
/// enough that the nodes are still in the processor's cache.
const HASH_KEYS_MIN: usize = 64;

/// Fewest changed accounts and slots below a branch whose children [`crate::update_parallel`] shares out: with fewer, threads
/// cost more than they save, and too few nodes are hashed at once.
#[cfg(feature = "std")]
pub const PARALLEL_KEYS_MIN: usize = 256;

/// Parts that a thread should find, so that none waits long for the last one. More would be more to put together.
#[cfg(feature = "std")]
const PARTS_PER_THREAD: usize = 4;

/// Many children at once, on the threads of rayon's pool, at every branch with enough work below: the account trie's, or those
/// of a large storage trie.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads {
    /// Fewest keys below a branch whose children are shared out.
    keys_min: usize,
}

#[cfg(feature = "std")]
impl Threads {
    /// For all of the changes.
    pub(crate) fn new<C: Change>(changes: &[C]) -> Self {
        let parts = rayon::current_num_threads() * PARTS_PER_THREAD;
        Self { keys_min: (C::weight(changes) / parts).max(PARALLEL_KEYS_MIN) }
    }
}

#[cfg(feature = "std")]
impl<R: NodeRead + Sync> Spread<R> for Threads {
    fn visit_children<C: Change>(
        walk: &Walk<'_, R, Self>,
        path: &Nibbles,
        siblings: &Siblings,
        changes: &[C],
        out: &mut Output,
    ) -> Read<(), R> {
        use alloc::vec::Vec;

        use rayon::iter::{IntoParallelIterator, ParallelIterator};

        if C::weight(changes) < walk.spread.keys_min {
            return one_by_one(walk, path, siblings, changes, out);
        }
        let groups: Vec<_> = Groups::new(changes, path.len(), siblings.moving()).collect();
        if groups.len() < 2 {
            return one_by_one(walk, path, siblings, changes, out);
        }
        let visit = |group| {
            let mut part = Output::new(walk.keccak);
            walk.visit_child(path, group, siblings, &mut part)?;
            Ok(part.into_part())
        };
        let parts: Vec<_> = groups.into_par_iter().map(visit).collect::<Read<_, R>>()?;
        out.append(walk.trie.owner, parts);
        Ok(())
    }
}
