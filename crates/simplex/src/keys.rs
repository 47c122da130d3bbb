//! The two keys of a seat: one that proves who talks on the network, one that votes.

use std::fmt;

use alloy_primitives::{Address, B256, hex};
use bytes::Bytes;
use commonware_codec::{DecodeExt, Encode};
use commonware_cryptography::{
    Signer as _,
    bls12381::primitives::{group::Private, ops},
    ed25519,
};

use crate::{Error, committee::Vote, points};

/// What a proof of possession signs, before chain, contract and operator. Source: `docs/spec/sequencers.md`.
const POSSESSION: &[u8] = b"SLUICE_POP";
/// Bytes of randomness that a key is made of.
const SEED_BYTES: usize = 32;

/// The secrets of a seat. Printed, they show only the public halves.
#[derive(Clone)]
pub struct SeatKeys {
    network: ed25519::PrivateKey,
    vote: Private,
}

/// What registering a seat on L1 needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// ed25519 key.
    pub network_key: B256,
    /// BLS12-381 key in G2, as L1 takes it.
    pub vote_key: [u8; 256],
    /// Proof that the voting key's secret is known, in G1, as L1 takes it. It holds for one operator at one contract.
    pub possession: [u8; 128],
}

impl SeatKeys {
    /// Makes new ones of the system's randomness.
    pub fn generate() -> Self {
        let mut rng = commonware_utils::sys_rng();
        let mut seed = || {
            let mut seed = [0; SEED_BYTES];
            rand_core::Rng::fill_bytes(&mut rng, &mut seed);
            seed
        };
        let vote = blst::min_sig::SecretKey::key_gen(&seed(), &[]).expect("32 bytes are enough to make a key of");
        Self::from_secrets(&seed(), &vote.to_bytes())
            .expect("any 32 bytes are an ed25519 secret, and the other was just made")
    }

    /// Takes the secrets: an ed25519 seed, and a BLS12-381 scalar, big-endian. Errors: [`Error::Secret`].
    pub fn from_secrets(network: &[u8; 32], vote: &[u8; 32]) -> Result<Self, Error> {
        let network =
            ed25519::PrivateKey::decode(Bytes::copy_from_slice(network)).map_err(|_| Error::Secret("network"))?;
        let vote = Private::decode(Bytes::copy_from_slice(vote)).map_err(|_| Error::Secret("voting"))?;
        Ok(Self { network, vote })
    }

    /// The secrets, as [`Self::from_secrets`] takes them: network, vote.
    pub fn to_secrets(&self) -> ([u8; 32], [u8; 32]) {
        let bytes = |encoded: Bytes| encoded.as_ref().try_into().expect("both secrets have 32 bytes");
        (bytes(self.network.encode()), bytes(self.vote.encode()))
    }

    /// The public half of the network key.
    pub fn network_key(&self) -> B256 {
        B256::from_slice(&self.network.public_key())
    }

    /// The public half of the voting key, compressed.
    pub fn vote_key(&self) -> [u8; 96] {
        let key = ops::compute_public::<Vote>(&self.vote).encode();
        key.as_ref().try_into().expect("a compressed point in G2 has 96 bytes")
    }

    /// What registering this seat needs. `chain_id` is that of L1, `sequencers` the contract there.
    pub fn registration(&self, chain_id: u64, sequencers: Address, operator: Address) -> Registration {
        let namespace = [POSSESSION, &chain_id.to_be_bytes(), sequencers.as_slice(), operator.as_slice()].concat();
        let possession = ops::sign_proof_of_possession::<Vote>(&self.vote, &namespace).encode();
        let possession = possession.as_ref().try_into().expect("a compressed point in G1 has 48 bytes");
        let valid = "our own key and signature are points of the curve";
        Registration {
            network_key: self.network_key(),
            vote_key: points::key_to_l1(&self.vote_key()).expect(valid),
            possession: points::signature_to_l1(possession).expect(valid),
        }
    }

    pub(crate) fn network(&self) -> &ed25519::PrivateKey {
        &self.network
    }

    pub(crate) fn vote(&self) -> &Private {
        &self.vote
    }
}

impl fmt::Debug for SeatKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeatKeys({})", hex::encode_prefixed(self.network_key()))
    }
}
