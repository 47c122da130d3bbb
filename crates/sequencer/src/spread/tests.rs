//! Whatever is known of the items: all of them, and every order that must hold.

use proptest::prelude::*;

use super::*;

/// One run of the executor.
fn run_ns() -> u64 {
    u64::try_from(RUN_TIME.as_nanos()).unwrap()
}

fn location(n: u8) -> Location {
    (Address::repeat_byte(n), U256::from(n))
}

fn item(sender: u64, hot: Option<(u8, u64)>) -> Item {
    Item { sender: Address::left_padding_from(&sender.to_be_bytes()), hot: hot.map(|(n, ns)| (location(n), ns)) }
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let hot = prop::option::of((0u8..4, 0u64..2 * run_ns()));
    prop::collection::vec((0u64..40, hot).prop_map(|(sender, hot)| item(sender, hot)), 0..200)
}

/// The places in the order of what satisfies this.
fn places(order: &[usize], of: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..order.len()).filter(|place| of(order[*place])).collect()
}

proptest! {
    #[test]
    fn all_are_there_and_the_same_items_give_the_same_order(items in items()) {
        let order = spread(&items);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..items.len()).collect::<Vec<_>>());
        prop_assert_eq!(order, spread(&items));
    }

    #[test]
    fn senders_and_those_of_one_location_keep_their_order(items in items()) {
        let order = spread(&items);
        for one in &items {
            let of_sender: Vec<_> = order.iter().filter(|index| items[**index].sender == one.sender).collect();
            prop_assert!(of_sender.is_sorted());
            let key = |item: &Item| item.hot.map(|(location, _)| location);
            let of_location: Vec<_> = order.iter().filter(|index| key(&items[**index]) == key(one)).collect();
            prop_assert!(of_location.is_sorted());
        }
    }
}

#[test]
fn those_that_fill_a_run_stand_alone_among_others() {
    let hot = (0..50).map(|n| item(n, Some((1, run_ns()))));
    let items: Vec<_> = hot.chain((50..200).map(|n| item(n, None))).collect();
    let order = spread(&items);
    let hot = places(&order, |index| index < 50);
    assert!(hot.windows(2).all(|pair| pair[1] - pair[0] >= 3), "{hot:?}");
}

#[test]
fn short_ones_go_together_as_far_as_one_run_reaches() {
    let hot = (0..60).map(|n| item(n, Some((1, run_ns() / 6))));
    let items: Vec<_> = hot.chain((60..240).map(|n| item(n, None))).collect();
    let hot = places(&spread(&items), |index| index < 60);
    for group in hot.chunks(6) {
        assert_eq!(group[5] - group[0], 5, "{hot:?}");
    }
    assert!(hot.chunks(6).zip(hot.chunks(6).skip(1)).all(|(one, next)| next[0] - one[5] > 12), "{hot:?}");
}

#[test]
fn several_locations_take_turns() {
    let items: Vec<_> = (0u8..80).map(|n| item(n.into(), Some((n / 20, run_ns())))).collect();
    let order = spread(&items);
    assert!(order.chunks(4).all(|four| {
        let mut locations: Vec<_> = four.iter().map(|index| index / 20).collect();
        locations.sort_unstable();
        locations == [0, 1, 2, 3]
    }));
}

#[test]
fn one_location_alone_changes_nothing() {
    let items: Vec<_> = (0..20).map(|n| item(n, Some((1, 1_000 * n)))).collect();
    assert_eq!(spread(&items), (0..20).collect::<Vec<_>>());
}
