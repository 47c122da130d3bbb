//! What survives the crash of a seat: what its application stored, and what the harness wrote down about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy_primitives::B256;
use parking_lot::Mutex;
use sluice_ordering::{Evidence, Handle};
use sluice_types::{Certificate, OrderedBlock};

/// What survives the crash of a seat.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Blocks that the application has durably, from height 1 on.
    pub(crate) durable: Vec<Arc<OrderedBlock>>,
    /// Transactions that the seat knows of.
    pub(crate) pool: BTreeSet<u64>,
    /// Of those, what clients gave to this seat, and when (virtual ms).
    pub(crate) given: BTreeMap<u64, u64>,
    /// Wakes the engine, while the seat runs.
    pub(crate) wake: Option<Handle>,
    /// All that was ever handed over, by height.
    pub(crate) handed_over: BTreeMap<u64, (B256, Certificate)>,
    /// All evidence that was ever told, and when (virtual ms).
    pub(crate) evidence: Vec<(u64, Evidence)>,
    /// Proposals refused for ever.
    pub(crate) refused: usize,
    /// When each height came first (virtual ms).
    pub(crate) came_ms: BTreeMap<u64, u64>,
    /// Laws that were seen broken on the spot.
    pub(crate) broken: Vec<String>,
}

/// A seat's disk, which the harness looks at too.
pub(crate) type SharedDisk = Arc<Mutex<Disk>>;

impl Disk {
    /// Writes down that a block was handed over, and whether it is the one that it always was.
    pub(crate) fn hand_over(&mut self, height: u64, hash: B256, certificate: Certificate, now_ms: u64) {
        self.came_ms.entry(height).or_insert(now_ms);
        match self.handed_over.get(&height) {
            Some((before, _)) if *before != hash => {
                self.broken.push(format!("height {height} was decided as {before} and then as {hash}"));
            }
            _ => {
                self.handed_over.insert(height, (hash, certificate));
            }
        }
    }

    /// The height of the last block that was handed over.
    pub(crate) fn tip(&self) -> u64 {
        self.handed_over.last_key_value().map_or(0, |(height, _)| *height)
    }
}
