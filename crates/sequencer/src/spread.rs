//! Puts transactions that write the same location far apart, so that lanes which execute ahead of each other do not meet there.
//!
//! The fee policy comes first, and this is why the order stays fair:
//! - Nobody is moved in or out of the block.
//! - A transaction moves only among its neighbours in fee order that pay the same tip: whoever pays more stays in front.
//! - Transactions that write one hot location keep the order in which they came, as do those that write none, and as do those of one
//!   sender. So nobody is overtaken where it would matter to him: at the pool that he trades with.
//!
//! Measured (`docs/benchmarks.md`): alone among others is best for a transaction that fills one of the executor's runs; shorter ones go
//! together as far as one run reaches, because two runs with the same location in them are what costs.

use std::cmp::Reverse;

use alloy_primitives::{Address, U256, map::HashMap};
use sluice_executor::{RUN_TIME, RUN_TRANSACTIONS_MAX};

/// An account's slot.
pub(crate) type Location = (Address, U256);

/// What is known of a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) sender: Address,
    /// The hot location that it is expected to write, and nanoseconds that it is expected to take.
    pub(crate) hot: Option<(Location, u64)>,
}

/// Scale of the places at which something is due: a fraction of the whole.
const PLACES: u64 = 1 << 32;

/// An order in which to take the items, which pay the same. Pure: the same items, the same order.
pub(crate) fn spread(items: &[Item]) -> Vec<usize> {
    let (queue_of, queues) = queues(items);
    let earlier = earlier_of_sender(items);
    let mut heads = vec![0; queues.len()];
    let mut taken = vec![false; items.len()];
    let mut first_left = 0;
    let mut order = Vec::with_capacity(items.len());
    for (queue, count) in turns(items, &queues) {
        for _ in 0..count {
            let head = queues[queue].get(heads[queue]).copied();
            let free = head.filter(|head| earlier[*head].is_none_or(|earlier| taken[earlier]));
            // The first that is left is at the head of its queue, and nothing of its sender's is left before it.
            let next = free.unwrap_or_else(|| {
                first_left += taken[first_left..].iter().take_while(|taken| **taken).count();
                first_left
            });
            heads[queue_of[next]] += 1;
            taken[next] = true;
            order.push(next);
        }
    }
    order
}

/// The items by hot location, in order; those without one come last. Also says which queue each is in.
fn queues(items: &[Item]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut known: HashMap<Location, usize> = HashMap::default();
    let mut queues: Vec<Vec<usize>> = Vec::new();
    let mut cold = Vec::new();
    let mut queue_of = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let queue = item.hot.map(|(location, _)| {
            let queue = *known.entry(location).or_insert(queues.len());
            if queue == queues.len() {
                queues.push(Vec::new());
            }
            queue
        });
        queue.map_or(&mut cold, |queue| &mut queues[queue]).push(index);
        queue_of.push(queue);
    }
    let last = queues.len();
    queues.push(cold);
    (queue_of.into_iter().map(|queue| queue.unwrap_or(last)).collect(), queues)
}

/// The item before each one that has the same sender.
fn earlier_of_sender(items: &[Item]) -> Vec<Option<usize>> {
    let mut last: HashMap<Address, usize> = HashMap::default();
    last.reserve(items.len());
    items.iter().enumerate().map(|(index, item)| last.insert(item.sender, index)).collect()
}

/// Which queue gives how many, one turn after the other: each queue's turns are evenly spread over the whole.
fn turns(items: &[Item], queues: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut turns = Vec::with_capacity(items.len());
    for (queue, members) in queues.iter().enumerate() {
        let groups = groups(items, members);
        let count = groups.len() as u64;
        let due = |group: u64| (2 * group + 1) * PLACES / (2 * count);
        turns.extend((0..).zip(groups).map(|(group, size)| (due(group), queue, size)));
    }
    turns.sort_unstable_by_key(|(due, queue, size)| (*due, *queue, Reverse(*size)));
    turns.into_iter().map(|(_, queue, size)| (queue, size)).collect()
}

/// Sizes of groups that take about one run each. What is not hot goes one by one.
fn groups(items: &[Item], members: &[usize]) -> Vec<usize> {
    let run_ns = u64::try_from(RUN_TIME.as_nanos()).expect("a run is short");
    let mut sizes = Vec::new();
    let (mut size, mut left_ns) = (0, 0);
    for member in members {
        let ns = items[*member].hot.map_or(run_ns, |(_, ns)| ns);
        if size > 0 && (ns > left_ns || size == RUN_TRANSACTIONS_MAX) {
            sizes.push(size);
            size = 0;
        }
        if size == 0 {
            left_ns = run_ns;
        }
        size += 1;
        left_ns = left_ns.saturating_sub(ns);
    }
    sizes.extend((size > 0).then_some(size));
    sizes
}

#[cfg(test)]
mod tests;
