//! Seats whose keys everybody may know, as `contracts/test/vectors/README.md` makes them.

use alloy_primitives::Address;
use bytes::Bytes;
use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256, Signer as _, ed25519};
use sluice_simplex::{Committee, Member, SeatKeys};

pub(crate) const CHAIN_ID: u64 = 31_337;
pub(crate) const SEQUENCERS: Address = Address::repeat_byte(0x5e);

/// Keys of so many seats, in the order of their network keys.
pub(crate) fn seats(count: u64) -> Vec<SeatKeys> {
    let mut seats: Vec<SeatKeys> = (0..count).map(seat).collect();
    seats.sort_by_key(SeatKeys::network_key);
    seats
}

fn seat(number: u64) -> SeatKeys {
    let mut vote = Sha256::hash(&[format!("sluice test key {number}").as_bytes()]).0;
    vote[0] = 0;
    let network: Bytes = ed25519::PrivateKey::from_seed(number).encode();
    SeatKeys::from_secrets(network.as_ref().try_into().unwrap(), &vote).unwrap()
}

pub(crate) fn member(keys: &SeatKeys) -> Member {
    Member { network_key: keys.network_key(), vote_key: keys.vote_key() }
}

/// The committee of these seats.
pub(crate) fn committee(epoch: u64, seats: &[SeatKeys]) -> Committee {
    let members: Vec<Member> = seats.iter().map(member).collect();
    Committee::new(epoch, CHAIN_ID, SEQUENCERS, &members).unwrap()
}
