//! The seam to this node's seat in the committees.

use alloy_primitives::B256;
use sluice_l1::contracts::L1Certificate;
use sluice_ordering::ConflictingVotes;

/// Where this node stands in a committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its index; `None` when it has no seat there.
    pub index: Option<u32>,
    /// How many seats there are.
    pub seats: u32,
}

/// Keys and committees. Real: those of the consensus engine; in tests scripted.
pub trait Seat: Send + Sync + 'static {
    /// The epoch that orders now, as far as this node knows.
    fn epoch(&self) -> u64;

    /// Where this node stands in an epoch's committee; `None` when that is not known.
    fn place(&self, epoch: u64) -> Option<Place>;

    /// Index of the seat that leads a view of an epoch; `None` when its committee is not known.
    fn leader(&self, epoch: u64, view: u64) -> Option<u32>;

    /// Index of the seat with this network key.
    fn index_of(&self, epoch: u64, network_key: &B256) -> Option<u32>;

    /// Our signature on the hash of an epoch's record.
    fn sign(&self, epoch: u64, record_hash: B256) -> [u8; 48];

    /// Whether the seat at an index signed that hash.
    fn has_signed(&self, epoch: u64, index: u32, record_hash: B256, signature: &[u8; 48]) -> bool;

    /// Adds up signatures that hold, each of another seat; `None` when they are too few.
    fn certify(&self, epoch: u64, signatures: &[(u32, [u8; 48])]) -> Option<L1Certificate>;

    /// Whether both signatures are the accused seat's, and contradict each other.
    fn convicts(&self, votes: &ConflictingVotes) -> bool;
}
