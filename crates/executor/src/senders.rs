//! Recovering senders, which costs forty times as much as a transfer.

use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

/// Fewer than this are recovered on one thread; waking another costs more than it saves.
const CHUNK_MIN: usize = 16;

/// Recovers the senders of many transactions on all cores, in order. What a transaction is, and what becomes of one that has no
/// sender, is the caller's.
pub fn recover_all<T: Sync, R: Send>(transactions: &[T], recover: impl Fn(&T) -> R + Send + Sync) -> Vec<R> {
    transactions.par_iter().with_min_len(CHUNK_MIN).map(recover).collect()
}
