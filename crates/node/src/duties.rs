//! The seat as `duties` sees it: its keys and the committees.

use alloy::primitives::B256;
use sluice_duties::{Place, Seat};
use sluice_l1::{SequencersContracts, contracts::L1Certificate};
use sluice_ordering::ConflictingVotes;
use sluice_simplex::{Chain, Committee, Committees, RecordId, SeatKeys, certify, is_quorum, verify_votes};
use sluice_types::L1Contracts;

/// A seat, and who else has one.
pub(crate) struct Bench {
    keys: SeatKeys,
    committees: Committees,
    l1: L1Contracts,
    contracts: SequencersContracts,
}

impl Bench {
    pub(crate) const fn new(
        keys: SeatKeys,
        committees: Committees,
        l1: L1Contracts,
        contracts: SequencersContracts,
    ) -> Self {
        Self { keys, committees, l1, contracts }
    }

    fn record(&self, epoch: u64, record_hash: B256) -> RecordId {
        RecordId { chain_id: self.l1.chain_id, rewards: self.contracts.rewards, epoch, record_hash }
    }
}

impl Seat for Bench {
    fn epoch(&self) -> u64 {
        self.committees.current().epoch()
    }

    fn place(&self, epoch: u64) -> Option<Place> {
        let committee = self.committees.get(epoch)?;
        let seats = u32::try_from(committee.len()).ok()?;
        Some(Place { index: index(&committee, &self.keys.network_key()), seats })
    }

    fn leader(&self, epoch: u64, view: u64) -> Option<u32> {
        u32::try_from(self.committees.get(epoch)?.leader(view)).ok()
    }

    fn index_of(&self, epoch: u64, network_key: &B256) -> Option<u32> {
        index(&*self.committees.get(epoch)?, network_key)
    }

    fn sign(&self, epoch: u64, record_hash: B256) -> [u8; 48] {
        self.record(epoch, record_hash).sign(&self.keys)
    }

    fn has_signed(&self, epoch: u64, index: u32, record_hash: B256, signature: &[u8; 48]) -> bool {
        let committee = self.committees.get(epoch);
        committee.is_some_and(|committee| self.record(epoch, record_hash).verify(&committee, index, signature))
    }

    fn certify(&self, epoch: u64, signatures: &[(u32, [u8; 48])]) -> Option<L1Certificate> {
        let committee = self.committees.get(epoch)?;
        let certificate = certify(signatures).filter(|_| is_quorum(&committee, signatures.len()))?;
        Some(L1Certificate { signers: certificate.signers, signature: certificate.signature })
    }

    fn convicts(&self, votes: &ConflictingVotes) -> bool {
        let chain = Chain { chain_id: self.l1.chain_id, rollup: self.l1.rollup };
        self.committees.get(votes.epoch).is_some_and(|committee| verify_votes(votes, &committee, chain))
    }
}

fn index(committee: &Committee, network_key: &B256) -> Option<u32> {
    committee.index(network_key).and_then(|index| u32::try_from(index).ok())
}
