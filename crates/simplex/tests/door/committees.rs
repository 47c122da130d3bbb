//! Who may be a committee, and who is in it.

use alloy_primitives::B256;
use sluice_simplex::{Committee, Error, Member, SEATS_MAX, SeatKeys};

use crate::seats::{CHAIN_ID, SEQUENCERS, committee, member, seats};

fn reason(members: &[Member]) -> String {
    match Committee::new(5, CHAIN_ID, SEQUENCERS, members) {
        Err(Error::Committee { epoch: 5, reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn seats_stand_in_the_order_of_their_network_keys_however_they_are_given() {
    let seats = seats(7);
    let sorted: Vec<B256> = seats.iter().map(SeatKeys::network_key).collect();
    assert!(sorted.is_sorted());
    let mut members: Vec<Member> = seats.iter().map(member).collect();
    members.reverse();
    members.swap(1, 4);
    let committee = Committee::new(3, CHAIN_ID, SEQUENCERS, &members).unwrap();
    assert_eq!((committee.epoch(), committee.len(), committee.is_empty()), (3, 7, false));
    assert_eq!(committee.network_keys(), sorted);
    for (index, key) in sorted.iter().enumerate() {
        assert_eq!(committee.index(key), Some(index));
    }
    assert_eq!(committee.index(&B256::ZERO), None);
}

#[test]
fn rejects_committees_that_cannot_work_and_says_why() {
    let seats = seats(3);
    let members: Vec<Member> = seats.iter().map(member).collect();
    assert!(reason(&[]).starts_with("0 seats"));
    let crowd = vec![members[0]; SEATS_MAX + 1];
    assert!(reason(&crowd).contains("125 seats"));
    let twice = Member { network_key: members[0].network_key, ..members[1] };
    assert!(reason(&[members[0], twice]).contains("twice"));
    let same_vote = Member { vote_key: members[0].vote_key, ..members[1] };
    assert!(reason(&[members[0], same_vote]).contains("twice"));

    let mut off_curve = members[1];
    off_curve.vote_key[95] ^= 1;
    assert!(reason(&[members[0], off_curve]).contains("G2"));
    // The point at infinity, which would add nothing to any sum.
    let mut infinity = Member { vote_key: [0; 96], ..members[1] };
    infinity.vote_key[0] = 0xc0;
    assert!(reason(&[members[0], infinity]).contains("G2"));
    // y = 2 belongs to no point of ed25519.
    let mut bad = B256::ZERO;
    bad.0[0] = 2;
    assert!(reason(&[Member { network_key: bad, ..members[0] }]).contains("ed25519"));
}

#[test]
fn secrets_come_back_as_they_were_given_and_are_not_printed() {
    let made = SeatKeys::generate();
    let (network, vote) = made.to_secrets();
    let again = SeatKeys::from_secrets(&network, &vote).unwrap();
    assert_eq!((again.network_key(), again.vote_key()), (made.network_key(), made.vote_key()));
    assert_ne!(SeatKeys::generate().to_secrets(), made.to_secrets());
    let printed = format!("{made:?}");
    assert!(printed.contains(&format!("{:x}", made.network_key())[..]), "{printed}");
    for secret in [network, vote] {
        assert!(!printed.contains(&alloy_primitives::hex::encode(secret)));
    }
    assert_eq!(SeatKeys::from_secrets(&network, &[0xff; 32]).unwrap_err(), Error::Secret("voting"));
    assert_eq!(SeatKeys::from_secrets(&network, &[0; 32]).unwrap_err(), Error::Secret("voting"));
    // All of one committee.
    assert_eq!(committee(0, &[made]).len(), 1);
}
