//! A cache with a bound: the oldest entry leaves first.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Remembers values up to a total cost. First in, first out: what is asked for is mostly what was just written.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    values: HashMap<K, (V, usize)>,
    order: VecDeque<K>,
    cost: usize,
    cost_max: usize,
}

impl<K: Copy + Eq + Hash, V: Clone> Cache<K, V> {
    pub(crate) fn new(cost_max: usize) -> Self {
        Self { values: HashMap::new(), order: VecDeque::new(), cost: 0, cost_max }
    }

    pub(crate) fn find(&self, key: &K) -> Option<V> {
        self.values.get(key).map(|(value, _)| value.clone())
    }

    /// Adds a value that costs `cost`; one that is there already, or that alone exceeds the bound, is left out.
    pub(crate) fn insert(&mut self, key: K, value: V, cost: usize) {
        if cost > self.cost_max || self.values.contains_key(&key) {
            return;
        }
        self.cost += cost;
        self.values.insert(key, (value, cost));
        self.order.push_back(key);
        while self.cost > self.cost_max {
            let oldest = self.order.pop_front().expect("a cost above zero comes from an entry");
            let (_, cost) = self.values.remove(&oldest).expect("every key in the order has a value");
            self.cost -= cost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_oldest_past_its_bound() {
        let mut cache = Cache::new(10);
        cache.insert(1, 'a', 4);
        cache.insert(2, 'b', 6);
        assert_eq!((cache.find(&1), cache.find(&2)), (Some('a'), Some('b')));
        cache.insert(3, 'c', 1);
        assert_eq!((cache.find(&1), cache.find(&2), cache.find(&3)), (None, Some('b'), Some('c')));
        cache.insert(4, 'd', 11);
        assert_eq!((cache.find(&4), cache.cost), (None, 7));
    }
}
