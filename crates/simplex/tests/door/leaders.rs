//! Leaders take turns, and everybody knows whose turn it is.

use sluice_simplex::{Committee, Member};

use crate::seats::{CHAIN_ID, SEQUENCERS, committee, member, seats};

#[test]
fn in_every_stretch_of_views_each_seat_leads_equally_often() {
    for count in [1, 4, 7, 10, 33] {
        let seats = seats(count);
        for epoch in [0, 1, 2, 3, 1_000_003] {
            let committee = committee(epoch, &seats);
            for (from, views) in [(1, 10_000), (1, 9), (777_777, 5_003), (1 << 40, 1_001)] {
                let mut led = vec![0_u64; seats.len()];
                (from..from + views).for_each(|view| led[committee.leader(view)] += 1);
                let (fewest, most) = (led.iter().min().unwrap(), led.iter().max().unwrap());
                assert!(most - fewest <= 1, "{count} seats, epoch {epoch}, from {from}: {led:?}");
            }
        }
    }
}

#[test]
fn no_seat_is_first_in_more_epochs_than_another() {
    let seats = seats(7);
    let mut first = vec![0; seats.len()];
    (0..70).for_each(|epoch| first[committee(epoch, &seats[..]).leader(1)] += 1);
    assert_eq!(first, vec![10; 7]);
}

#[test]
fn all_nodes_know_the_next_leaders_ahead_and_the_same() {
    let seats = seats(10);
    let mut members: Vec<Member> = seats.iter().map(member).collect();
    let one = Committee::new(6, CHAIN_ID, SEQUENCERS, &members).unwrap();
    members.rotate_left(3);
    members.reverse();
    let other = Committee::new(6, CHAIN_ID, SEQUENCERS, &members).unwrap();
    for view in 1..5_000 {
        let key = |committee: &Committee| committee.network_keys()[committee.leader(view)];
        assert_eq!(key(&one), key(&other), "view {view}");
    }
    // Whoever leads now does not lead the next view, so one dead or lying seat costs one view in a round.
    for view in 1..5_000 {
        assert_ne!(one.leader(view), one.leader(view + 1));
    }
}
