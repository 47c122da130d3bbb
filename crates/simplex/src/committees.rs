//! The committees that are known, by epoch: of the past as far as they are needed, and of the next epoch as soon as L1 is final about it.

use std::{collections::BTreeMap, sync::Arc};

use commonware_consensus::types::Epoch;
use commonware_cryptography::{
    certificate::{Provider, Scoped},
    ed25519::PublicKey,
};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{Committee, Error, SeatKeys, committee::Scheme};

/// Epochs below the newest known one of which the committee is kept: a node that was away for longer follows from L1 first.
pub const EPOCHS_KEPT: usize = 512;

/// The committees that are known. Cheap to clone; all clones know the same.
#[derive(Clone, Debug)]
pub struct Committees(Arc<watch::Sender<Known>>);

#[derive(Debug)]
struct Known {
    by_epoch: BTreeMap<u64, Arc<Committee>>,
    first: u64,
    current: u64,
}

impl Committees {
    /// Knows the one that orders the first blocks of the chain.
    pub fn new(committee: Committee) -> Self {
        let first = committee.epoch();
        let by_epoch = BTreeMap::from([(first, Arc::new(committee))]);
        Self(Arc::new(watch::Sender::new(Known { by_epoch, first, current: first })))
    }

    /// The epoch of the first blocks.
    pub(crate) fn first(&self) -> u64 {
        self.0.borrow().first
    }

    /// Learns another. What is known of an epoch stays.
    pub fn insert(&self, committee: Committee) {
        self.0.send_modify(|known| {
            known.by_epoch.entry(committee.epoch()).or_insert_with(|| Arc::new(committee));
            while known.by_epoch.len() > EPOCHS_KEPT {
                known.by_epoch.pop_first();
            }
        });
    }

    /// That of an epoch.
    pub fn get(&self, epoch: u64) -> Option<Arc<Committee>> {
        self.0.borrow().by_epoch.get(&epoch).cloned()
    }

    /// The one that orders now, as far as this node knows the chain.
    pub fn current(&self) -> Arc<Committee> {
        let known = self.0.borrow();
        known.by_epoch.get(&known.current).or(known.by_epoch.values().next()).expect("there is always one").clone()
    }

    /// Numbers of the known epochs, ascending.
    pub fn epochs(&self) -> Vec<u64> {
        self.0.borrow().by_epoch.keys().copied().collect()
    }

    /// Says that another committee orders now.
    pub(crate) fn set_current(&self, epoch: u64) {
        self.0.send_modify(|known| known.current = epoch);
    }

    /// Waits for a change on the receiver to look again.
    pub(crate) fn changes(&self) -> Changes {
        Changes(self.0.subscribe())
    }

    /// All members of the newest two committees, without one of them.
    pub(crate) fn others(&self, me: &PublicKey) -> Vec<PublicKey> {
        let known = self.0.borrow();
        let mut others: Vec<PublicKey> = Vec::new();
        for committee in known.by_epoch.values().rev().take(2) {
            for member in committee.participants() {
                if member != me && !others.contains(member) {
                    others.push(member.clone());
                }
            }
        }
        others
    }
}

/// Tells when more is known.
pub(crate) struct Changes(watch::Receiver<Known>);

impl Changes {
    /// Returns when something changed since the last time. The sender is as old as the engine.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What the engine signs and verifies with, by epoch.
#[derive(Clone)]
pub(crate) struct Schemes {
    committees: Committees,
    keys: SeatKeys,
    made: Arc<Mutex<BTreeMap<u64, Scoped<Scheme>>>>,
}

impl Schemes {
    pub(crate) fn new(committees: Committees, keys: SeatKeys) -> Self {
        Self { committees, keys, made: Arc::default() }
    }

    /// To sign with. `None` while the committee is not known. Errors: [`Error::NotAMember`].
    pub(crate) fn signer(&self, epoch: u64) -> Option<Result<Scheme, Error>> {
        self.committees.get(epoch).map(|committee| committee.signer(&self.keys))
    }
}

impl Provider for Schemes {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        let mut made = self.made.lock();
        if let Some(scheme) = made.get(&epoch.get()) {
            return Some(scheme.clone());
        }
        let committee = self.committees.get(epoch.get())?;
        let scheme = match committee.signer(&self.keys) {
            Ok(signer) => Scoped::scheme(Arc::new(signer)),
            Err(_) => Scoped::verifier(Arc::new(committee.verifier())),
        };
        made.insert(epoch.get(), scheme.clone());
        while made.len() > EPOCHS_KEPT {
            made.pop_first();
        }
        Some(scheme)
    }
}
