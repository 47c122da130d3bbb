//! Who orders in an epoch.

use alloy_primitives::{Address, B256, hex};
use bytes::Bytes;
use commonware_codec::DecodeExt;
use commonware_consensus::{
    simplex::{
        elector::{Config as _, Elector as _, RoundRobin, RoundRobinElector},
        scheme::bls12381_multisig,
    },
    types::{Epoch, Round, View},
};
use commonware_cryptography::{
    Sha256,
    bls12381::primitives::variant::{MinSig, Variant},
    ed25519,
};
use commonware_utils::{
    TryCollect,
    ordered::{BiMap, Set},
};

use crate::{Error, SeatKeys};

/// Signatures in G1, keys in G2: certificates are short, and cheap to verify on L1.
pub(crate) type Vote = MinSig;
/// One bit and one sum of signatures in a certificate.
pub(crate) type Scheme = bls12381_multisig::Scheme<ed25519::PublicKey, Vote>;

/// Most seats. Source: the contract's limit, so that their keys fit the code of one contract.
pub const SEATS_MAX: usize = 124;
/// What all votes sign, before chain and contract. Source: `docs/spec/sequencers.md`.
const NAMESPACE: &[u8] = b"SLUICE_SIMPLEX";

/// A seat's public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// ed25519 key.
    pub network_key: B256,
    /// BLS12-381 key in G2, compressed. Somebody must have checked its proof of possession; the contract does.
    pub vote_key: [u8; 96],
}

/// Who orders in an epoch. A member's place in the byte order of network keys is its index, here and on L1.
#[derive(Clone, Debug)]
pub struct Committee {
    epoch: u64,
    namespace: Vec<u8>,
    members: BiMap<ed25519::PublicKey, <Vote as Variant>::Public>,
}

impl Committee {
    /// Of an epoch. `chain_id` is that of L1, `sequencers` the contract there.
    ///
    /// Errors: [`Error::Committee`] when there is nobody or there are too many, a key is no key, or one comes twice.
    pub fn new(epoch: u64, chain_id: u64, sequencers: Address, members: &[Member]) -> Result<Self, Error> {
        let bad = |reason: String| Error::Committee { epoch, reason };
        if members.is_empty() || members.len() > SEATS_MAX {
            return Err(bad(format!("{} seats; there must be 1 to {SEATS_MAX}", members.len())));
        }
        let keys = members.iter().map(|member| {
            let name = hex::encode_prefixed(member.network_key);
            let network = network_key(&member.network_key)
                .ok_or_else(|| bad(format!("the network key {name} is no ed25519 key")))?;
            let vote = <Vote as Variant>::Public::decode(Bytes::copy_from_slice(&member.vote_key))
                .map_err(|_| bad(format!("the voting key of {name} is no point of BLS12-381's G2")))?;
            Ok((network, vote))
        });
        let keys = keys.collect::<Result<Vec<_>, Error>>()?;
        let members = keys.into_iter().try_collect().map_err(|_| bad("a key comes twice".into()))?;
        let namespace = [NAMESPACE, &chain_id.to_be_bytes(), sequencers.as_slice()].concat();
        Ok(Self { epoch, namespace, members })
    }

    /// Which epoch, as L1 counts them.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How many seats there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Never: a committee has members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The index of a seat.
    pub fn index(&self, network_key: &B256) -> Option<usize> {
        self.network_keys().iter().position(|key| key == network_key)
    }

    /// The index of the seat that leads a view: they take turns, and each epoch begins with another.
    pub fn leader(&self, view: u64) -> usize {
        let round = Round::new(Epoch::new(self.epoch), View::new(view));
        usize::from(self.leaders().elect(round, ()))
    }

    /// Network keys in order of index.
    pub fn network_keys(&self) -> Vec<B256> {
        self.members.keys().iter().map(|key| B256::from_slice(key)).collect()
    }

    /// The voting key of the seat at an index.
    pub(crate) fn vote_key(&self, seat: u32) -> Option<&<Vote as Variant>::Public> {
        self.members.values().get(usize::try_from(seat).ok()?)
    }

    /// What the votes of one kind sign, before the rest.
    pub(crate) fn namespace(&self, kind: &[u8]) -> Vec<u8> {
        [&self.namespace, kind].concat()
    }

    /// The members as the engine names them.
    pub(crate) fn participants(&self) -> &Set<ed25519::PublicKey> {
        self.members.keys()
    }

    fn leaders(&self) -> RoundRobinElector<Scheme> {
        turns().build(self.participants())
    }

    pub(crate) fn verifier(&self) -> Scheme {
        Scheme::verifier(&self.namespace, self.members.clone())
    }

    /// A signer, if the keys are those of a member. Errors: [`Error::NotAMember`].
    pub(crate) fn signer(&self, keys: &SeatKeys) -> Result<Scheme, Error> {
        let network_key = keys.network_key();
        let missing = || Error::NotAMember { network_key: hex::encode_prefixed(network_key), epoch: self.epoch };
        let index = self.index(&network_key).ok_or_else(missing)?;
        let scheme = Scheme::signer(&self.namespace, self.members.clone(), keys.vote().clone()).ok_or_else(missing)?;
        let signs_as = commonware_cryptography::certificate::Scheme::me(&scheme);
        // Both keys must be of the same seat.
        if signs_as.is_some_and(|me| usize::from(me.index()) == index) { Ok(scheme) } else { Err(missing()) }
    }
}

/// How leaders take turns. All nodes must have the same.
pub(crate) fn turns() -> RoundRobin<Sha256> {
    RoundRobin::default()
}

/// A network key as the engine has it.
pub(crate) fn network_key(key: &B256) -> Option<ed25519::PublicKey> {
    ed25519::PublicKey::decode(Bytes::copy_from_slice(key.as_slice())).ok()
}
