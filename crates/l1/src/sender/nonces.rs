//! Which nonces of the key are taken by transactions that this process still holds.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// Nonces in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nonces(Arc<Mutex<BTreeSet<u64>>>);

/// One nonce; free again when dropped, so that a transaction that was prepared and never sent leaves no gap.
#[derive(Debug)]
pub(crate) struct Lease {
    nonces: Nonces,
    nonce: u64,
}

impl Nonces {
    /// The first nonce from `first` on that nobody holds.
    pub(crate) fn take(&self, first: u64) -> Lease {
        let mut held = self.lock();
        let nonce = (first..).find(|nonce| !held.contains(nonce)).expect("fewer than 2^64 nonces are held");
        held.insert(nonce);
        drop(held);
        Lease { nonces: self.clone(), nonce }
    }

    /// Exactly this nonce, which an earlier process chose.
    pub(crate) fn take_again(&self, nonce: u64) -> Lease {
        self.lock().insert(nonce);
        Lease { nonces: self.clone(), nonce }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        // Every change is one insert or remove, so a panic elsewhere leaves the set whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    pub(crate) const fn nonce(&self) -> u64 {
        self.nonce
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.nonces.lock().remove(&self.nonce);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_out_in_order_and_fills_gaps() {
        let nonces = Nonces::default();
        let resumed = nonces.take_again(6);
        let (a, b) = (nonces.take(5), nonces.take(5));
        assert_eq!((a.nonce(), b.nonce(), resumed.nonce()), (5, 7, 6));
        drop(a);
        assert_eq!(nonces.take(5).nonce(), 5);
        assert_eq!(nonces.take(6).nonce(), 8);
    }
}
