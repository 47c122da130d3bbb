//! Seats with keys that everybody may know, and the engine's own view of them, made without the room under test.

use std::collections::BTreeSet;

use alloy_primitives::Address;
use commonware_codec::DecodeExt as _;
use commonware_consensus::simplex::scheme::bls12381_multisig;
use commonware_cryptography::{
    Signer as _,
    bls12381::primitives::{
        group::Private,
        variant::{MinSig, Variant},
    },
    ed25519,
};
use commonware_utils::{TryCollect as _, ordered::BiMap};
use sluice_simplex::{Committee, Member, SeatKeys};

/// What signs, as `docs/spec/sequencers.md` has it.
pub type Scheme = bls12381_multisig::Scheme<ed25519::PublicKey, MinSig>;

const CHAIN_ID: u64 = 31_337;
const CONTRACT: Address = Address::repeat_byte(0x5e);

/// All seats with their secrets, in order of their network keys, and which of them make up the committee of each epoch.
#[derive(Debug)]
pub(crate) struct Seats {
    pub(crate) keys: Vec<SeatKeys>,
    pub(crate) members: Vec<ed25519::PublicKey>,
    /// Ascending, so that their order in the committee is the same.
    epochs: Vec<(u64, Vec<usize>)>,
}

impl Seats {
    pub(crate) fn new(count: usize, epochs: Vec<(u64, Vec<usize>)>) -> Self {
        let secret = |seat: usize, kind: u8| {
            // Below the order of the curve, and not zero.
            let mut secret = [0; 32];
            (secret[30], secret[31]) = (kind, u8::try_from(seat).expect("seats are few"));
            secret
        };
        let key = |seat| SeatKeys::from_secrets(&secret(seat, 1), &secret(seat, 2)).expect("good secrets");
        let mut keys: Vec<SeatKeys> = (0..count).map(key).collect();
        keys.sort_by_key(SeatKeys::network_key);
        let members = keys.iter().map(|keys| network(keys).public_key()).collect();
        Self { keys, members, epochs }
    }

    /// Who is in the committee of an epoch.
    pub(crate) fn of(&self, epoch: u64) -> Option<&[usize]> {
        self.epochs.iter().find(|(of, _)| *of == epoch).map(|(_, seats)| seats.as_slice())
    }

    /// The epochs, and who is in the committee of each.
    pub(crate) fn epochs(&self) -> &[(u64, Vec<usize>)] {
        &self.epochs
    }

    /// Settles who is in the committee of an epoch: the planned members without these.
    pub(crate) fn leave_out(&mut self, epoch: u64, out: &BTreeSet<usize>) {
        for (_, seats) in self.epochs.iter_mut().filter(|(of, _)| *of == epoch) {
            seats.retain(|seat| !out.contains(seat));
        }
    }

    /// The committee of an epoch as the room under test has it.
    pub(crate) fn committee(&self, epoch: u64) -> Option<Committee> {
        let members: Vec<Member> = self.of(epoch)?.iter().map(|seat| member(&self.keys[*seat])).collect();
        Some(Committee::new(epoch, CHAIN_ID, CONTRACT, &members).expect("a good committee"))
    }

    /// Which seat has an index in an epoch.
    pub(crate) fn seat(&self, epoch: u64, index: u32) -> Option<usize> {
        self.of(epoch)?.get(usize::try_from(index).ok()?).copied()
    }

    /// The epochs in which a seat is.
    pub(crate) fn epochs_of(&self, seat: usize) -> Vec<u64> {
        self.epochs.iter().filter(|(_, seats)| seats.contains(&seat)).map(|(epoch, _)| *epoch).collect()
    }

    /// What a seat signs with in an epoch, or what checks all signatures of it.
    pub(crate) fn scheme(&self, epoch: u64, seat: Option<usize>) -> Scheme {
        let members: Vec<Member> =
            self.of(epoch).expect("an epoch of the plan").iter().map(|seat| member(&self.keys[*seat])).collect();
        let keys = seat.map(|seat| &self.keys[seat]);
        scheme((CHAIN_ID, CONTRACT), &members, keys).expect("good keys, each once, and a member's")
    }
}

/// What a seat signs with, or, without keys, what checks signatures of all. `None` when keys are no keys, come twice, or are nobody's among
/// the members. The contract is `Sequencers`, the chain id that of its L1.
pub fn scheme((chain_id, contract): (u64, Address), members: &[Member], keys: Option<&SeatKeys>) -> Option<Scheme> {
    let namespace = [b"SLUICE_SIMPLEX".as_slice(), &chain_id.to_be_bytes(), contract.as_slice()].concat();
    let member = |member: &Member| {
        let network = ed25519::PublicKey::decode(bytes(member.network_key.as_slice())).ok()?;
        Some((network, <MinSig as Variant>::Public::decode(bytes(&member.vote_key)).ok()?))
    };
    let members: Option<Vec<_>> = members.iter().map(member).collect();
    let members: BiMap<_, _> = members?.into_iter().try_collect().ok()?;
    match keys {
        None => Some(Scheme::verifier(&namespace, members)),
        Some(keys) => Scheme::signer(&namespace, members, Private::decode(bytes(&keys.to_secrets().1)).ok()?),
    }
}

fn member(keys: &SeatKeys) -> Member {
    Member { network_key: keys.network_key(), vote_key: keys.vote_key() }
}

/// As the engine decodes from.
pub(crate) fn bytes(bytes: &[u8]) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(bytes)
}

fn network(keys: &SeatKeys) -> ed25519::PrivateKey {
    ed25519::PrivateKey::decode(bytes(&keys.to_secrets().0)).expect("an ed25519 seed")
}
