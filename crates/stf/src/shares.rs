//! What a block has touched, divided among those who make its changes and its access list: accounts by address, and by their keys the
//! slots of an account that has very many.

use alloc::{vec, vec::Vec};
use core::cmp::Ordering;

use crate::ledger::{Ledger, SlotKeys};

/// The start of an address or of a slot's key, and the row that it is of.
pub(crate) type Key = (u64, u32);

/// Fewest accounts and slots of a share, so that it is worth handing over.
const SHARE_MIN: usize = 64;
/// How many shares the slots of one account must be for somebody else to help with them.
const LARGE_SHARES: usize = 2;

/// What a first byte can be.
const FIRST_BYTES: usize = 1 << u8::BITS;

/// Accounts between two addresses, or slots between two keys of one account.
#[derive(Debug)]
pub struct Share(pub(crate) Part);

#[derive(Debug)]
pub(crate) enum Part {
    Accounts(Vec<Key>),
    /// Of the account in this row, which is in no other share; the last share of it says so.
    Slots {
        row: u32,
        slots: Vec<Key>,
        is_last: bool,
    },
}

/// Divides all into about so many shares, in order.
pub(crate) fn shares(ledger: &Ledger, slots: &SlotKeys, count: usize) -> Vec<Share> {
    let keys = ledger.keys();
    let size = (keys.len() + ledger.slots.len()).div_ceil(count.max(1)).max(SHARE_MIN);
    let is_large = |key: &Key| ledger.slots_count(key.1) >= LARGE_SHARES * size;
    let weight = |key: &Key| if is_large(key) { 0 } else { 1 + ledger.slots_count(key.1) };
    let groups = divide(keys, size, weight, |a, b| ledger.order(a, b));
    let mut shares = Vec::with_capacity(groups.len());
    for mut group in groups {
        let mut large: Vec<_> = group.iter().copied().filter(is_large).collect();
        ledger.sort(&mut large);
        for key in large {
            let (before, after) = group.into_iter().partition(|other| ledger.order(*other, key).is_lt());
            group = after;
            group.retain(|other| *other != key);
            shares.push(Share(Part::Accounts(before)));
            shares.extend(slot_shares(ledger, slots, key.1, size));
        }
        shares.push(Share(Part::Accounts(group)));
    }
    shares
}

fn slot_shares(ledger: &Ledger, slots: &SlotKeys, row: u32, size: usize) -> impl Iterator<Item = Share> {
    let groups = divide(slots.of(row).to_vec(), size, |_| 1, |a, b| ledger.slot_order(a, b));
    let last = groups.len() - 1;
    groups.into_iter().enumerate().map(move |(index, slots)| Share(Part::Slots { row, slots, is_last: index == last }))
}

/// Divides keys into groups of about this size, in order; at least one.
fn divide(
    keys: Vec<Key>,
    size: usize,
    weight: impl Fn(&Key) -> usize,
    order: impl Fn(Key, Key) -> Ordering + Copy,
) -> Vec<Vec<Key>> {
    // They are hashes, or about as many hashes as there is work, so that their first bytes divide them well.
    let first_byte = |key: &Key| usize::from(key.0.to_be_bytes()[0]);
    let (mut weights, mut counts) = ([0; FIRST_BYTES], [0; FIRST_BYTES]);
    for key in &keys {
        weights[first_byte(key)] += weight(key);
        counts[first_byte(key)] += 1;
    }
    if weights.iter().sum::<usize>() <= size {
        return vec![keys];
    }
    let (mut group_of, mut sizes, mut group_weight) = ([0; FIRST_BYTES], vec![0], 0);
    for ((group, weight), count) in group_of.iter_mut().zip(weights).zip(counts) {
        if group_weight > 0 && group_weight + weight / 2 > size {
            sizes.push(0);
            group_weight = 0;
        }
        group_weight += weight;
        *group = sizes.len() - 1;
        *sizes.last_mut().expect("there is one from the start") += count;
    }
    let mut groups: Vec<_> = sizes.into_iter().map(Vec::with_capacity).collect();
    keys.into_iter().for_each(|key| groups[group_of[first_byte(&key)]].push(key));
    groups.into_iter().flat_map(|keys| split(keys, size, order)).collect()
}

/// Divides keys further that somebody has chosen to start alike.
fn split(mut rest: Vec<Key>, size: usize, order: impl Fn(Key, Key) -> Ordering) -> impl Iterator<Item = Vec<Key>> {
    let mut groups = Vec::with_capacity(1);
    // From the end, so that cutting off moves nothing.
    while rest.len() > 2 * size {
        let start = (rest.len() - 1) / size * size;
        rest.select_nth_unstable_by(start, |a, b| order(*a, *b));
        groups.push(rest.split_off(start));
    }
    groups.push(rest);
    groups.into_iter().rev()
}
