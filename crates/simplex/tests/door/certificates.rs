//! What a certificate proves, and what it does not.

use alloy_primitives::{Address, B256, Bytes};
use commonware_codec::DecodeExt as _;
use commonware_codec::Encode as _;
use commonware_consensus::{
    simplex::{
        scheme::bls12381_multisig,
        types::{Finalization, Finalize, Proposal},
    },
    types::{Epoch, Round, View},
};
use commonware_cryptography::{
    Signer as _,
    bls12381::primitives::{
        group::Private,
        ops,
        variant::{MinSig, Variant},
    },
    ed25519,
    sha256::Digest,
};
use commonware_parallel::Sequential;
use commonware_utils::{TryCollect as _, non_empty, ordered::BiMap};
use sluice_simplex::{Committee, Error, Member, SCHEME_SIMPLEX, SeatKeys, epoch, signers, verify_certificate};
use sluice_types::{Certificate, Height};

use crate::seats::{CHAIN_ID, SEQUENCERS, committee, member, seats};

pub(crate) type Scheme = bls12381_multisig::Scheme<ed25519::PublicKey, MinSig>;

/// What a seat signs with, made without the room.
pub(crate) fn signer(seats: &[SeatKeys], index: usize) -> Scheme {
    let namespace = [b"SLUICE_SIMPLEX".as_slice(), &CHAIN_ID.to_be_bytes(), SEQUENCERS.as_slice()].concat();
    let member = |keys: &SeatKeys| {
        let network = ed25519::PrivateKey::decode(bytes::Bytes::copy_from_slice(&keys.to_secrets().0)).unwrap();
        (network.public_key(), ops::compute_public::<MinSig>(&secret(keys)))
    };
    let members: BiMap<ed25519::PublicKey, <MinSig as Variant>::Public> =
        seats.iter().map(member).try_collect().unwrap();
    Scheme::signer(&namespace, members, secret(&seats[index])).unwrap()
}

pub(crate) fn secret(keys: &SeatKeys) -> Private {
    Private::decode(bytes::Bytes::copy_from_slice(&keys.to_secrets().1)).unwrap()
}

pub(crate) fn proposal(epoch: u64, view: u64, parent: u64, payload: B256) -> Proposal<Digest> {
    Proposal::new(Round::new(Epoch::new(epoch), View::new(view)), View::new(parent), Digest(payload.0))
}

/// What the last `count` of the seats sign to finalize a proposal.
pub(crate) fn finalization(
    seats: &[SeatKeys],
    count: usize,
    proposal: &Proposal<Digest>,
) -> Finalization<Scheme, Digest> {
    let signers = seats.len() - count..seats.len();
    let votes: Vec<Finalize<Scheme, Digest>> =
        signers.map(|index| Finalize::sign(&signer(seats, index), proposal.clone()).unwrap()).collect();
    Finalization::from_finalizes(&signer(seats, 0), non_empty![@votes.iter()], &Sequential).unwrap()
}

fn certificate(seats: &[SeatKeys], block_hash: B256) -> Certificate {
    let finalization = finalization(seats, seats.len() - (seats.len() - 1) / 3, &proposal(3, 9, 8, block_hash));
    Certificate { height: Height(5), block_hash, scheme: SCHEME_SIMPLEX, proof: finalization.encode().into() }
}

fn reason(certificate: &Certificate, committee: &Committee) -> String {
    match verify_certificate(certificate, committee) {
        Err(Error::Certificate { height: Height(5), reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn holds_only_for_its_block_committee_and_epoch() {
    let seats = seats(4);
    let block = B256::repeat_byte(7);
    let good = certificate(&seats, block);
    assert_eq!(verify_certificate(&good, &committee(3, &seats)), Ok(()));
    assert_eq!(epoch(&good), Ok(3));
    assert_eq!(signers(&good), Ok(vec![1, 2, 3]), "the last three, as they stand in the order of keys");

    assert!(reason(&good, &committee(2, &seats)).contains("epoch 3"));
    let other_block = Certificate { block_hash: B256::repeat_byte(8), ..good.clone() };
    assert!(reason(&other_block, &committee(3, &seats)).contains("another block"));
    let solo = Certificate { scheme: 0, ..good.clone() };
    assert_eq!(verify_certificate(&solo, &committee(3, &seats)), Err(Error::Scheme(0)));
    assert_eq!(epoch(&solo), Err(Error::Scheme(0)));
    assert_eq!(signers(&solo), Err(Error::Scheme(0)));

    let mut strangers = crate::seats::seats(5);
    strangers.retain(|keys| keys.network_key() != seats[1].network_key());
    assert!(reason(&good, &committee(3, &strangers)).contains("two thirds"));
    let members: Vec<Member> = seats.iter().map(member).collect();
    for (chain_id, sequencers) in [(1, SEQUENCERS), (CHAIN_ID, Address::ZERO)] {
        let elsewhere = Committee::new(3, chain_id, sequencers, &members).unwrap();
        assert!(reason(&good, &elsewhere).contains("two thirds"), "chain {chain_id}, contract {sequencers}");
    }
}

#[test]
fn no_changed_byte_of_a_proof_is_accepted() {
    let seats = seats(4);
    let committee = committee(3, &seats);
    let good = certificate(&seats, B256::repeat_byte(7));
    for index in 0..good.proof.len() {
        let mut proof = good.proof.to_vec();
        proof[index] ^= 1;
        let bad = Certificate { proof: proof.into(), ..good.clone() };
        assert!(verify_certificate(&bad, &committee).is_err(), "byte {index}");
    }
    for length in [0, 1, good.proof.len() - 1] {
        let cut = Certificate { proof: Bytes::copy_from_slice(&good.proof[..length]), ..good.clone() };
        assert!(verify_certificate(&cut, &committee).is_err(), "{length} bytes");
    }
    let longer = Certificate { proof: [good.proof.as_ref(), &[0]].concat().into(), ..good };
    assert!(verify_certificate(&longer, &committee).is_err(), "a byte more");
}

#[test]
fn two_thirds_are_not_enough_without_one_more() {
    // Of six seats five must sign, and the engine itself makes no certificate of four; so its bits are widened by hand.
    let seats = seats(6);
    let committee = committee(3, &seats);
    let hash = B256::repeat_byte(7);
    let good = certificate(&seats, hash);
    assert_eq!(verify_certificate(&good, &committee), Ok(()));
    let bits = good.proof.len() - 49;
    assert_eq!(good.proof[bits], 0b11_1110, "the last five");
    for signers in [0b11_1111, 0b11_1100, 0b01_1110, 0] {
        let mut proof = good.proof.to_vec();
        proof[bits] = signers;
        let bad = Certificate { proof: proof.into(), ..good.clone() };
        assert!(verify_certificate(&bad, &committee).is_err(), "{signers:b}");
    }
}
