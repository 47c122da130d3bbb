//! Who may sign a certificate of a chain, as its L1 says.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Address, U256};
use parking_lot::Mutex;
use sluice_feed::{Doubt, Verifier};
use sluice_l1::{At, Registry, RpcL1};
use sluice_simplex::Committee;
use sluice_types::{Certificate, OrderedBlock};

use crate::Error;

/// Committees that are kept. A feed is in one epoch at a time, or between two.
const COMMITTEES_KEPT: usize = 8;

/// Who may sign: one sequencer, or the committee of each epoch, which is read from L1 at its newest final block when it is first asked
/// for. Cheap to clone.
///
/// ```no_run
/// # async fn example(chain: sluice_types::ChainConfig, answer: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use sluice_feed::Proof;
/// use sluice_l1::RpcL1;
/// use sluice_node::Signers;
///
/// let l1 = RpcL1::connect("http://127.0.0.1:8545", None, chain.l1).await?;
/// let signers = Signers::of(&l1, None).await?;
/// // What any node answers to `rollup_getCertificate`.
/// let proof: Proof = serde_json::from_str(answer)?;
/// proof.verify(&signers).await?;
/// println!("{} is ordered at height {}", proof.block().hash(), proof.block().height);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Signers(Arc<Who>);

#[derive(Debug)]
enum Who {
    One(Address),
    Committees { registry: Box<Registry>, known: Mutex<BTreeMap<u64, Arc<Seats>>> },
}

/// A committee as the registry has it.
#[derive(Debug)]
struct Seats {
    committee: Committee,
    ejected: U256,
}

/// Who signed a certificate that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// The one sequencer.
    One(Address),
    /// Seats of a committee, a quorum of it.
    Committee {
        /// Whose epoch.
        epoch: u64,
        /// Indexes of those that signed, ascending.
        signers: Vec<u32>,
        /// How many seats there are.
        seats: usize,
        /// How many of the signers had been slashed when the committee was read from L1.
        slashed: usize,
    },
}

impl Signers {
    /// Of the chain that the L1 client was connected for. `sequencer` is the address of the one that orders alone, which L1 does not
    /// name.
    ///
    /// Errors: [`Error::Config`] when it is not given where one orders, or given where a committee does; [`Error::L1`].
    pub async fn of(l1: &RpcL1, sequencer: Option<Address>) -> Result<Self, Error> {
        let who = match (l1.contracts().sequencers, sequencer) {
            (None, Some(sequencer)) => Who::One(sequencer),
            (Some(_), None) => {
                Who::Committees { registry: Box::new(Registry::connect(l1.clone()).await?), known: Mutex::default() }
            }
            (None, None) => {
                return Err(Error::Config("one sequencer orders this chain; give its address as `sequencer`".into()));
            }
            (Some(contracts), Some(_)) => {
                let registry = contracts.registry;
                let reason =
                    format!("committees order this chain, which {registry} on L1 names; leave out `sequencer`");
                return Err(Error::Config(reason));
            }
        };
        Ok(Self(Arc::new(who)))
    }

    /// Who signed, if the certificate holds and decides the block.
    pub async fn check(&self, block: &OrderedBlock, certificate: &Certificate) -> Result<SignedBy, Doubt> {
        let wrong = |reason: String| Doubt::Wrong(reason);
        match &*self.0 {
            Who::One(sequencer) => {
                sluice_ordering::verify_certificate(certificate, &[*sequencer])
                    .map_err(|error| wrong(error.to_string()))?;
                Ok(SignedBy::One(*sequencer))
            }
            Who::Committees { registry, known } => {
                let epoch = sluice_simplex::epoch(certificate).map_err(|error| wrong(error.to_string()))?;
                if epoch != block.epoch {
                    return Err(wrong(format!("it is of epoch {epoch}, its block of {}", block.epoch)));
                }
                let seats = seats(registry, known, epoch).await?;
                sluice_simplex::verify_certificate(certificate, &seats.committee)
                    .map_err(|error| wrong(error.to_string()))?;
                let signers = sluice_simplex::signers(certificate).map_err(|error| wrong(error.to_string()))?;
                let slashed = signers.iter().filter(|&&seat| is_set(seats.ejected, seat)).count();
                Ok(SignedBy::Committee { epoch, signers, seats: seats.committee.len(), slashed })
            }
        }
    }
}

impl Verifier for Signers {
    async fn verify(&self, block: &OrderedBlock, certificate: &Certificate) -> Result<(), Doubt> {
        self.check(block, certificate).await.map(drop)
    }
}

/// The committee of an epoch, from L1 when it is not known.
async fn seats(registry: &Registry, known: &Mutex<BTreeMap<u64, Arc<Seats>>>, epoch: u64) -> Result<Arc<Seats>, Doubt> {
    if let Some(seats) = known.lock().get(&epoch) {
        return Ok(seats.clone());
    }
    let number = u32::try_from(epoch).map_err(|_| Doubt::Wrong(format!("L1 has no epoch {epoch}")))?;
    let found = registry.committee(number, At::Finalized).await;
    let found = found.map_err(|error| Doubt::Unknown(error.to_string()))?;
    let found =
        found.ok_or_else(|| Doubt::Unknown(format!("no final block of L1 has a committee of epoch {epoch} yet")))?;
    let committee = committee(registry, &found).map_err(|error| Doubt::Unknown(error.to_string()))?;
    let seats = Arc::new(Seats { committee, ejected: found.ejected });
    let mut known = known.lock();
    known.insert(epoch, seats.clone());
    while known.len() > COMMITTEES_KEPT {
        known.pop_first();
    }
    Ok(seats)
}

/// The committee that L1 has stored, as the engine knows it.
pub(crate) fn committee(registry: &Registry, found: &sluice_l1::Committee) -> Result<Committee, Error> {
    let member = |seat: &sluice_l1::Seat| sluice_simplex::Member {
        network_key: seat.p2p_key,
        vote_key: seat.bls_key_compressed,
    };
    let members: Vec<_> = found.seats.iter().map(member).collect();
    let (chain_id, sequencers) = (registry.l1().contracts().chain_id, registry.contracts().sequencers);
    Committee::new(u64::from(found.epoch), chain_id, sequencers, &members)
        .map_err(|error| Error::Config(error.to_string()))
}

fn is_set(bits: U256, index: u32) -> bool {
    usize::try_from(index).is_ok_and(|index| index < 256 && bits.bit(index))
}
